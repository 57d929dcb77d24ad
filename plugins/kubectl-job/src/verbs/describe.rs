//! `describe`: one screen per Job.

use api::Options;
use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::{Event, Pod};
use api::resource::EVENTS;
use jiff::tz::TimeZone;

use super::{Setting, past, select};
use crate::cli::verbs::DescribeArgs;
use crate::exit::{Code, Family, explain};
use crate::output;
use crate::target::{self, Target};
use crate::view::describe::{Description, event_time};
use crate::view::facts;

/// Runs the verb.
///
/// # Errors
/// Refusals of the server.
pub(crate) async fn run(setting: &Setting, args: DescribeArgs) -> anyhow::Result<Code> {
    let names = select::job_names(&args.names)?;
    let target = target::open(&setting.connection, setting.screen).await?;
    let options = Options { label_selector: args.selector, ..Options::default() };
    let (jobs, mut missing) = select::jobs(&target, &names, options, false).await?;
    let mut screens = Vec::new();
    for job in &jobs {
        screens.push(describe(setting, &target, &job.decode()?).await?);
    }
    missing.retain(|error| match past::described(setting, &target.namespace, error) {
        Some(screen) => {
            screens.push(screen);
            false
        }
        None => true,
    });
    let text = screens.join("\n\n");
    // The screen is text for people: colours go with standard output's own terminal.
    output::put(&if setting.screen.stdout_colour { text } else { anstream::adapter::strip_str(&text).to_string() })?;
    for error in &missing {
        let status = error.status().cloned();
        if let Some(status) = status {
            setting.screen.say(explain(&client::Error::Status(status).into(), Family::Plain).1);
        }
    }
    Ok(if missing.is_empty() { Code::Success } else { Code::Failure })
}

async fn describe(setting: &Setting, target: &Target, job: &Job) -> anyhow::Result<String> {
    let pods = select::pods(target, job).await?;
    let events = events(target, job, &pods).await;
    let zone = TimeZone::system();
    let description =
        Description { job, pods: &pods, events: &events, target: target.name(), now: crate::time::now(), zone: &zone };
    Ok(description.text(setting.screen))
}

/// Events about the Job and its pods, oldest first. Events are a help and no part of the Job: none is shown when the
/// server does not give them.
async fn events(target: &Target, job: &Job, pods: &[Pod]) -> Vec<Event> {
    let Ok(list) = target.client.list(&EVENTS, Some(facts::namespace(job)), Options::default()).await else {
        return Vec::new();
    };
    let ours = |event: &Event| {
        let uid = event.involved_object.uid.as_deref().unwrap_or_default();
        uid == facts::uid(job) || pods.iter().any(|pod| pod.metadata.uid.as_deref() == Some(uid))
    };
    let mut events: Vec<Event> = list.items.iter().filter_map(|object| object.decode().ok()).filter(ours).collect();
    events.sort_by_key(event_time);
    events
}
