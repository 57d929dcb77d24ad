//! CronJobs start Jobs when their time comes, finished Jobs go when theirs is over, and events after an hour.

use api::resource::CRON_JOBS;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::common::{JOBS, create, finished, job, start, until, until_none};

fn cron_job(name: &str, schedule: &str) -> Value {
    let job = job("unnamed", "exit 0", json!({}));
    let template = json!({"metadata": {"labels": {"of": name}}, "spec": job["spec"]});
    json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name},
        "spec": {"schedule": schedule, "timeZone": "UTC", "jobTemplate": template},
    })
}

#[tokio::test]
async fn a_cron_job_starts_a_job_each_time_and_takes_its_jobs_along() {
    let own = start().await;
    let client = own.cluster.client();
    client.create(&CRON_JOBS, Some("default"), cron_job("hourly", "0 * * * *")).await.expect("created");
    for _ in 0..2 {
        let before = client.get(&CRON_JOBS, Some("default"), "hourly").await.expect("there").to_value();
        own.clock.skip(SignedDuration::from_hours(1));
        let changed = |now: &Value, name: &str| now["status"][name] != before["status"][name];
        let ran = until(&client, &CRON_JOBS, "hourly", |now| {
            let idle = now["status"].get("active").is_none();
            idle && changed(now, "lastScheduleTime") && changed(now, "lastSuccessfulTime")
        })
        .await;
        let scheduled: jiff::Timestamp =
            ran["status"]["lastScheduleTime"].as_str().expect("a time").parse().expect("one");
        let name = format!("hourly-{}", scheduled.as_second() / 60);
        let job = client.get(&JOBS, Some("default"), &name).await.expect("the Job").to_value();
        assert_eq!(job["metadata"]["ownerReferences"][0]["name"], "hourly");
        let annotation = &job["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"];
        assert_eq!(*annotation, ran["status"]["lastScheduleTime"]);
    }
    client.delete(&CRON_JOBS, Some("default"), "hourly", &Default::default()).await.expect("deleted");
    until_none(&client, &JOBS, "of=hourly").await;
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn a_refused_start_keeps_no_finished_job_active() {
    let own = start().await;
    let client = own.cluster.client();
    let quotas = api::Gvr::known("", "v1", "resourcequotas");
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
        "spec": {"hard": {"count/jobs.batch": "1"}},
    });
    client.create(&quotas, Some("default"), quota).await.expect("created");
    until(&client, &quotas, "q", |quota| quota["status"]["used"]["count/jobs.batch"] == "0").await;
    let mut hourly = cron_job("hourly", "0 * * * *");
    let job_spec = &mut hourly["spec"]["jobTemplate"]["spec"];
    job_spec["template"] = job("unnamed", "exec sleep 1000", json!({}))["spec"]["template"].clone();
    job_spec["activeDeadlineSeconds"] = json!(5_400);
    client.create(&CRON_JOBS, Some("default"), hourly).await.expect("created");
    own.clock.skip(SignedDuration::from_hours(1));
    let first = until(&client, &CRON_JOBS, "hourly", |now| now["status"]["active"].is_array()).await;
    own.clock.skip(SignedDuration::from_hours(2));
    let ended = until(&client, &CRON_JOBS, "hourly", |now| now["status"].get("active").is_none()).await;
    assert_eq!(ended["status"]["lastScheduleTime"], first["status"]["lastScheduleTime"], "nothing could be started");
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn a_finished_job_goes_with_its_pods_when_its_seconds_are_over() {
    let own = start().await;
    let client = own.cluster.client();
    create(&client, job("soon", "exit 0", json!({"ttlSecondsAfterFinished": 0}))).await;
    until_none(&client, &JOBS, "job-name=soon").await;
    create(&client, job("later", "exit 1", json!({"ttlSecondsAfterFinished": 600, "backoffLimit": 0}))).await;
    finished(&client, "later").await;
    own.clock.skip(SignedDuration::from_secs(300));
    assert!(client.get(&JOBS, Some("default"), "later").await.is_ok());
    own.clock.skip(SignedDuration::from_secs(301));
    until_none(&client, &JOBS, "job-name=later").await;
    until_none(&client, &super::common::PODS, "job-name=later").await;
    own.cluster.shutdown().await;
}
