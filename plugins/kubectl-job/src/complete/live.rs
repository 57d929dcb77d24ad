//! What servers and kubeconfigs know: names of Jobs with their state, CronJobs, namespaces, contexts.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use api::k8s::api::batch::v1::{CronJob, Job};
use api::resource::{CRON_JOBS, JOBS, NAMESPACES};
use api::{Gvr, Object, Options};
use clap_complete::CompletionCandidate;
use serde_json::Value;

use crate::cli::connection::Connection;
use crate::screen::{Screen, escape};
use crate::server::start;
use crate::server::state::StateDir;
use crate::target::{self, Target};
use crate::verbs::select::LAST;
use crate::view::facts;

/// How long somebody who types waits for a server.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most names that are offered.
const OFFERED: usize = 500;

/// The servers and files that the flags typed so far name.
#[derive(Clone)]
pub(super) struct Live {
    connection: Arc<Connection>,
}

impl Live {
    pub(super) fn new(connection: Connection) -> Self {
        // Whatever was typed, nothing but choices is printed.
        Self { connection: Arc::new(Connection { show_kubectl: false, ..connection }) }
    }

    /// Jobs, newest first, with state and age.
    pub(super) fn jobs(&self) -> Vec<CompletionCandidate> {
        let jobs = self.list(JOBS, "");
        let mut offered: Vec<_> = jobs.iter().map(|job| named(job, "", &job_state(job))).collect();
        if let Some(newest) = jobs.first() {
            offered
                .push(CompletionCandidate::new(LAST).help(Some(format!("the newest: {}", newest.meta().name).into())));
        }
        offered
    }

    /// CronJobs, with their schedule.
    pub(super) fn cron_jobs(&self) -> Vec<CompletionCandidate> {
        self.list(CRON_JOBS, "").iter().map(|object| named(object, "", &schedule(object))).collect()
    }

    /// What `run --from` takes.
    pub(super) fn originals(&self) -> Vec<CompletionCandidate> {
        let cron_jobs = self.list(CRON_JOBS, "");
        let jobs = self.list(JOBS, "");
        let cron_jobs = cron_jobs.iter().map(|object| named(object, "cronjob/", &schedule(object)));
        cron_jobs.chain(jobs.iter().map(|job| named(job, "job/", &job_state(job)))).collect()
    }

    /// Namespaces.
    pub(super) fn namespaces(&self) -> Vec<CompletionCandidate> {
        self.list(NAMESPACES, "all").iter().map(|object| named(object, "", "")).collect()
    }

    /// Contexts of the kubeconfigs.
    pub(super) fn contexts(&self) -> Vec<CompletionCandidate> {
        let given = self.connection.kubeconfig.clone().map(|path| vec![path]);
        let files = given.or_else(|| Some(std::env::split_paths(&std::env::var_os("KUBECONFIG")?).collect()));
        let home = || std::env::var_os("HOME").map(|home| vec![std::path::Path::new(&home).join(".kube/config")]);
        let mut offered = Vec::new();
        for file in files.or_else(home).unwrap_or_default() {
            let Ok(text) = std::fs::read_to_string(&file) else { continue };
            let Ok(config) = serde_yaml::from_str::<Value>(&text) else { continue };
            for context in config["contexts"].as_array().into_iter().flatten() {
                let cluster = context["context"]["cluster"].as_str().unwrap_or_default();
                let Some(name) = context["name"].as_str() else { continue };
                offered.push(CompletionCandidate::new(name).help(Some(format!("cluster {}", escape(cluster)).into())));
            }
        }
        offered
    }

    /// Objects of the namespace, or with `all` of the cluster, newest first; none when no server answers.
    fn list(&self, resource: Gvr, scope: &str) -> Vec<Arc<Object>> {
        let listed = self.ask(async |target: &Target| {
            let namespace = (scope != "all").then_some(target.namespace.as_str());
            target.client.list(&resource, namespace, Options { limit: Some(OFFERED), ..Options::default() }).await
        });
        let mut items = listed.map(|list| list.items).unwrap_or_default();
        items.sort_by_key(|object| std::cmp::Reverse(object.meta().creation_timestamp));
        items
    }

    fn ask<T>(&self, question: impl AsyncFnOnce(&Target) -> Result<T, client::Error>) -> Option<T> {
        if !self.connection.is_remote() && !self.local_runs() {
            return None;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let answer = runtime.block_on(limited(async {
            let target = target::open(&self.connection, Screen { quiet: true, ..Screen::default() }).await.ok()?;
            question(&target).await.ok()
        }));
        runtime.shutdown_background();
        answer
    }

    /// Whether a local server runs. Nothing is made on disk to find out.
    fn local_runs(&self) -> bool {
        let given = self.connection.state_dir.as_deref();
        let exists =
            given.map_or_else(|| StateDir::default_path().is_some_and(|path| path.exists()), std::path::Path::exists);
        exists && StateDir::open(given).is_ok_and(|state| start::running(&state).is_ok_and(|info| info.is_some()))
    }
}

async fn limited<T>(answer: impl Future<Output = Option<T>>) -> Option<T> {
    tokio::time::timeout(PATIENCE, answer).await.ok().flatten()
}

fn named(object: &Object, prefix: &str, help: &str) -> CompletionCandidate {
    let candidate = CompletionCandidate::new(format!("{prefix}{}", object.meta().name));
    if help.is_empty() { candidate } else { candidate.help(Some(escape(help).into_owned().into())) }
}

/// `Failed 3m ago · BackoffLimitExceeded`, `Running 12s · 3/8`.
fn job_state(object: &Object) -> String {
    let Ok(job) = object.decode::<Job>() else { return String::new() };
    let now = crate::time::now();
    let age = facts::age(job.metadata.creation_timestamp.as_ref().map(|time| &time.0), now);
    let state = facts::state(&job);
    match facts::outcome(&job) {
        Some(outcome) if state == "Failed" => format!("{state} · created {age} ago · {}", outcome.reason),
        Some(_) => format!("{state} · created {age} ago"),
        None => format!("{state} · {} · created {age} ago", facts::completions(&job)),
    }
}

fn schedule(object: &Object) -> String {
    let Ok(cron_job) = object.decode::<CronJob>() else { return String::new() };
    let suspended = if crate::view::cron::is_suspended(&cron_job) { " · suspended" } else { "" };
    format!("{}{suspended}", cron_job.spec.schedule)
}
