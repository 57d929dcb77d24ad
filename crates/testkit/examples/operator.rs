//! How a program that uses `kube` is tested: an operator that retries Jobs which failed with exit code 75 ("try again
//! later", as sendmail ends), tested over a day that takes milliseconds.
//!
//! `cargo run -p testkit --example operator`

use futures::{StreamExt, TryStreamExt};
use serde_json::json;
use testkit::k8s::api::batch::v1::Job;
use testkit::k8s::api::core::v1::Pod;
use testkit::kube::api::{ListParams, PostParams, WatchEvent, WatchParams};
use testkit::kube::{Api, Client, Error, ResourceExt};
use testkit::{Cluster, Run, Verb, job, seconds};

/// What is tested. It knows nothing of tests: a client is all it gets.
async fn operate(client: Client) -> Result<(), Error> {
    let (jobs, pods): (Api<Job>, Api<Pod>) = (Api::default_namespaced(client.clone()), Api::default_namespaced(client));
    let mut events = jobs.watch(&WatchParams::default(), "0").await?.boxed();
    while let Some(event) = events.try_next().await? {
        let WatchEvent::Modified(job) = event else { continue };
        let name = job.name_any();
        if !has_failed(&job) || name.ends_with("-again") || !may_go_later(&pods, &name).await? {
            continue;
        }
        let mut again = Job { spec: job.spec.clone(), ..Job::default() };
        again.metadata.name = Some(format!("{name}-again"));
        if let Some(spec) = &mut again.spec {
            // The server fills these in anew.
            spec.selector = None;
            if let Some(metadata) = &mut spec.template.metadata {
                metadata.labels = None;
            }
        }
        // Busy servers are asked again.
        while let Err(error) = jobs.create(&PostParams::default(), &again).await {
            match &error {
                Error::Api(status) if status.code == 503 => {}
                Error::Api(status) if status.code == 409 => break,
                _ => return Err(error),
            }
        }
    }
    Ok(())
}

fn has_failed(job: &Job) -> bool {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Failed" && condition.status == "True")
}

async fn may_go_later(pods: &Api<Pod>, job: &str) -> Result<bool, Error> {
    let list = pods.list(&ListParams::default().labels(&format!("job-name={job}"))).await?;
    let code = |pod: &Pod| {
        let statuses = pod.status.as_ref()?.container_statuses.as_deref()?;
        statuses.first()?.state.as_ref()?.terminated.as_ref().map(|end| end.exit_code)
    };
    Ok(list.items.iter().filter_map(code).any(|code| code == 75))
}

fn main() {
    // The first Job may go later, the second may not: by the name of the Job, since nothing is executed.
    let script = |attempt: &testkit::Attempt| match attempt.label("job-name") {
        Some("busy") => Run::exits(75, seconds(30)).prints("mailbox full"),
        Some("broken") => Run::exits(1, seconds(30)),
        _ => Run::exits(0, seconds(30)),
    };
    Cluster::builder().script(script).run(async |cluster| {
        let operator = tokio::spawn(operate(cluster.client()));
        cluster.fail_requests(Verb::Create, &testkit::JOBS, 2);
        cluster.never(|now| now.job("broken-again").is_some());
        let once = json!({"backoffLimit": 0});
        for name in ["busy", "broken"] {
            cluster.apply(&job(name, once.clone()).to_string()).await.expect("applied");
        }
        cluster.finished("busy").await.assert_failed("BackoffLimitExceeded").assert_exit_codes([75]);
        cluster.finished("busy-again").await.assert_complete();
        cluster.finished("broken").await.assert_failed("BackoffLimitExceeded");
        cluster.advance(seconds(24 * 60 * 60)).await;
        operator.abort();
    });
}
