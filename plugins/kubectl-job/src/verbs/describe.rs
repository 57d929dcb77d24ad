//! `describe`: one screen per Job, or the same as data.

use api::Options;
use api::resource::JOBS;
use api::{Body, Request, Verb};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Setting, past, select};
use crate::cli::verbs::DescribeArgs;
use crate::exit::{Code, Family, explain};
use crate::target::{self, Target};
use crate::view::describe::Description;
use crate::{output, stories};

/// Runs the verb.
///
/// # Errors
/// Refusals of the server.
pub(crate) async fn run(setting: &Setting, args: DescribeArgs) -> anyhow::Result<Code> {
    let names = select::job_names(&args.names)?;
    let target = target::open(&setting.connection, setting.screen).await?;
    let options = Options { label_selector: args.selector.clone(), ..Options::default() };
    let (jobs, mut missing) = select::jobs(&target, &names, options, false).await?;
    let mut told = Vec::new();
    for job in &jobs {
        let mut job = job.to_value();
        // Items of lists come without their kind.
        (job["apiVersion"], job["kind"]) = ("batch/v1".into(), "Job".into());
        output::hide_managed_fields(&mut job);
        let story = stories::of_job(setting, &target, &job).await?;
        let fidelity = fidelity(&target, &job).await;
        told.push((story, target.name(), fidelity));
    }
    missing.retain(|error| match past::missing(setting, &target.namespace, error) {
        Some((_, _, story)) => {
            told.push((story, "history", None));
            false
        }
        None => true,
    });
    let (mut screens, mut values) = (Vec::new(), Vec::new());
    let zone = TimeZone::system();
    for (story, target, fidelity) in &mut told {
        if args.events == Some(false) {
            story.events.clear();
        }
        let description = Description { story, target, fidelity: fidelity.as_deref(), zone: &zone };
        if args.output.is_some() {
            values.push(description.value());
        } else {
            screens.push(description.text(setting.screen));
        }
    }
    let text = match args.output.as_deref() {
        Some("json") => format!("{}\n", serde_json::to_string_pretty(&whole(values, &names))?),
        Some(_) => output::yaml(&whole(values, &names)),
        None => screens.join("\n\n"),
    };
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

/// One description by itself when one Job was named, else a list.
fn whole(mut values: Vec<Value>, names: &[String]) -> Value {
    if names.len() == 1 && values.len() == 1 { values.remove(0) } else { Value::Array(values) }
}

/// What the local server says of fields that it does not honour: it warns of them when such a Job is created, so it is
/// asked to create one without doing so. A real cluster has other ideas of fidelity, and is not asked.
async fn fidelity(target: &Target, job: &Value) -> Option<Vec<String>> {
    if !target.is_local() {
        return None;
    }
    let options = Options { dry_run: true, ..Options::default() };
    let namespace = job["metadata"]["namespace"].as_str();
    let request =
        Request::new(Verb::Create, JOBS, namespace, None).options(options).body(Body::Object(same_again(job)));
    target.client.call(request).await.ok().map(|reply| reply.warnings)
}

/// The Job as it would be created anew: without what the server filled in.
fn same_again(job: &Value) -> Value {
    const OURS: [&str; 4] =
        ["controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"];
    let mut spec = job["spec"].clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("selector");
        fields.remove("manualSelector");
    }
    if let Some(labels) = spec.pointer_mut("/template/metadata/labels").and_then(Value::as_object_mut) {
        labels.retain(|name, _| !OURS.contains(&name.as_str()));
    }
    let metadata = json!({"generateName": "fidelity-", "annotations": job["metadata"]["annotations"]});
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_asked_about_without_what_the_server_filled_in() {
        let labels = json!({"controller-uid": "u", "app": "mine"});
        let job = json!({"metadata": {"name": "a", "uid": "u"}, "spec": {"selector": {"matchLabels": {"controller-uid": "u"}},
            "template": {"metadata": {"labels": labels}}}, "status": {"active": 1}});
        let again = same_again(&job);
        assert_eq!(again["spec"], json!({"template": {"metadata": {"labels": {"app": "mine"}}}}));
        assert_eq!((&again["metadata"]["name"], &again["status"]), (&Value::Null, &Value::Null));
    }
}
