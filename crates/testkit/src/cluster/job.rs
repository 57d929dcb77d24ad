//! One Job or CronJob of a test's cluster.

use api::conditions;
use api::resource::{CRON_JOBS, JOBS};
use explain::{Record, Story, Style};
use jiff::SignedDuration;
use serde_json::Value;

use super::{Cluster, Outcome, Snapshot, story};

/// How much time of a cluster may pass until a Job has finished.
const FINISHED_HOURS: i64 = 24;
/// How much time of a cluster may pass until a schedule has fired: every leap year has a 29th of February.
const SCHEDULE_HOURS: i64 = 24 * 366 * 4;

/// A Job of a cluster, whether it is there or not.
#[derive(Clone)]
pub struct JobHandle<'c> {
    cluster: &'c Cluster,
    namespace: String,
    name: String,
}

impl<'c> JobHandle<'c> {
    pub(super) fn new(cluster: &'c Cluster, namespace: &str, name: &str) -> Self {
        Self { cluster, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// Lets time pass until the Job is `Complete` or `Failed`: up to a day of the cluster's time.
    ///
    /// # Panics
    /// When it is neither then, or the builder's patience is over: with all that is known of it.
    pub async fn finished(&self) -> Outcome {
        self.finished_within(SignedDuration::from_hours(FINISHED_HOURS)).await
    }

    /// The same within a time of your own.
    ///
    /// # Panics
    /// When it has not finished then.
    pub async fn finished_within(&self, within: SignedDuration) -> Outcome {
        let (namespace, name) = (self.namespace.clone(), self.name.clone());
        let begin = self.cluster.now();
        let held = self.cluster.try_run_until(within, move |now| {
            let job = now.get(&JOBS, Some(&namespace), &name);
            job.is_some_and(|job| conditions::is_true(&job, "Complete") || conditions::is_true(&job, "Failed"))
        });
        if !held.await {
            let after = self.cluster.now().duration_since(begin);
            let there = self.cluster.look(|now| now.get(&JOBS, Some(&self.namespace), &self.name).is_some()).await;
            let what = if there { "has not finished" } else { "is not there" };
            self.cluster.fail(&format!("Job {}/{} {what} after {after:#}", self.namespace, self.name)).await;
        }
        self.cluster.quiet().await;
        Outcome::new(&self.cluster.core, self.story().await)
    }

    /// All that is known of the Job: what `kubectl job why`, `timeline` and failures are made of.
    ///
    /// # Panics
    /// When there never was such a Job.
    pub async fn story(&self) -> Story {
        match story::of_job(&self.cluster.core, &self.namespace, &self.name).await {
            Some(story) => story,
            None => self.cluster.fail(&format!("there never was a Job {}/{}", self.namespace, self.name)).await,
        }
    }

    /// The controller's decisions about the Job, oldest first.
    ///
    /// # Panics
    /// When there never was such a Job.
    pub async fn decisions(&self) -> Vec<Record> {
        self.story().await.records.unwrap_or_default()
    }

    /// Why the Job is as it is.
    ///
    /// # Panics
    /// When there never was such a Job.
    pub async fn why(&self) -> String {
        explain::why(&self.story().await, &Style::default())
    }

    /// What happened to the Job, moment by moment.
    ///
    /// # Panics
    /// When there never was such a Job.
    pub async fn timeline(&self) -> String {
        explain::timeline(&self.story().await, &Style::default())
    }
}

/// A CronJob of a cluster.
#[derive(Clone)]
pub struct CronJobHandle<'c> {
    cluster: &'c Cluster,
    namespace: String,
    name: String,
}

impl<'c> CronJobHandle<'c> {
    pub(super) fn new(cluster: &'c Cluster, namespace: &str, name: &str) -> Self {
        Self { cluster, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// Lets time pass until the schedule starts its next Job, and answers with that Job.
    ///
    /// # Panics
    /// When it is suspended or not there, or starts none within four years.
    pub async fn fire_next(&self) -> JobHandle<'c> {
        let cron_job = self.cluster.look(|now| now.get(&CRON_JOBS, Some(&self.namespace), &self.name)).await;
        let wrong = match &cron_job {
            None => Some("is not there"),
            Some(cron_job) if cron_job["spec"]["suspend"] == true => Some("is suspended and starts no Job"),
            Some(_) => None,
        };
        if let Some(wrong) = wrong {
            self.cluster.fail(&format!("CronJob {}/{} {wrong}", self.namespace, self.name)).await;
        }
        let uid = cron_job.as_ref().and_then(|it| it["metadata"]["uid"].as_str()).unwrap_or_default().to_owned();
        let before = self.cluster.look(|now| jobs_of(now, &self.namespace, &uid)).await;
        let (namespace, known) = (self.namespace.clone(), before.clone());
        let started = {
            let uid = uid.clone();
            move |now: &Snapshot<'_>| jobs_of(now, &namespace, &uid).iter().any(|job| !known.contains(job))
        };
        let what = format!("CronJob {}/{} starts a Job", self.namespace, self.name);
        self.cluster.run_until(SignedDuration::from_hours(SCHEDULE_HOURS), &what, started).await;
        let jobs = self.cluster.look(|now| jobs_of(now, &self.namespace, &uid)).await;
        let name = jobs.iter().find(|job| !before.contains(job)).cloned().unwrap_or_default();
        JobHandle::new(self.cluster, &self.namespace, &name)
    }
}

impl JobHandle<'_> {
    /// The Job's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The names of the Jobs that a CronJob has started and that are there.
fn jobs_of(now: &Snapshot<'_>, namespace: &str, uid: &str) -> Vec<String> {
    let owned = |job: &Value| {
        let owners = job["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
        owners.iter().any(|owner| owner["uid"] == *uid)
    };
    let jobs = now.list(&JOBS, Some(namespace)).into_iter().filter(owned);
    jobs.filter_map(|job| job["metadata"]["name"].as_str().map(str::to_owned)).collect()
}
