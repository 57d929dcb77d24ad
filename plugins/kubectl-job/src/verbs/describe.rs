//! `describe`: one screen per Job, or the same as data.

use api::Options;
use api::k8s::api::batch::v1::Job;
use api::resource::{JOBS, PODS};
use api::{Body, Gvr, Request, Verb};
use explain::Story;
use explain::manifest::Document;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Setting, past, select};
use crate::cli::verbs::DescribeArgs;
use crate::duration;
use crate::exit::{Code, Failure, Family, explain};
use crate::lint::{self, Fate, Field};
use crate::screen::escape;
use crate::target::{self, Target};
use crate::view::describe::Description;
use crate::view::facts;
use crate::{output, stories};

/// Runs the verb.
///
/// # Errors
/// Refusals of the server.
pub(crate) async fn run(setting: &Setting, args: DescribeArgs) -> anyhow::Result<Code> {
    let names = select::job_names(&args.names)?;
    if args.at.is_some() && setting.connection.is_remote() {
        let text = "error: --at looks into the history, which is that of local servers: leave out --context, --kubeconfig and --server";
        return Err(Failure::usage(text).into());
    }
    let target = target::open(&setting.connection, setting.screen).await?;
    let options = Options { label_selector: args.selector.clone(), ..Options::default() };
    let (jobs, mut missing) = select::jobs(&target, &names, options, false).await?;
    let mut told = Vec::new();
    for job in &jobs {
        let mut job = job.to_value();
        // Items of lists come without their kind.
        (job["apiVersion"], job["kind"]) = ("batch/v1".into(), "Job".into());
        output::hide_managed_fields(&mut job);
        if args.at.is_some() {
            told.push((recorded(setting, &job)?, "history", None));
            continue;
        }
        let story = stories::of_job(setting, &target, &job).await?;
        let fidelity = fidelity(&target, &story).await;
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
        if let Some(at) = args.at {
            *story = as_of(setting, story, at.0)?;
        }
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

/// What the history has of a Job that is there.
fn recorded(setting: &Setting, job: &Value) -> anyhow::Result<Story> {
    let typed: Job = serde_json::from_value(job.clone())?;
    let none = || {
        let text = format!(
            "error: the history has nothing of Job {} yet: --at is for Jobs that have ended",
            escape(facts::name(&typed))
        );
        Failure::new(Code::Failure, text)
    };
    let (_, _, mut story) = past::of_job(setting, &typed).ok_or_else(none)?;
    stories::add_manifest(setting, &mut story);
    Ok(story)
}

/// The Job as it was so long after its start.
fn as_of(setting: &Setting, story: &Story, since: SignedDuration) -> Result<Story, Failure> {
    let job = &story.job;
    let name = escape(job["metadata"]["name"].as_str().unwrap_or_default());
    let time = |pointer: &str| job.pointer(pointer).and_then(Value::as_str)?.parse::<Timestamp>().ok();
    let started = time("/status/startTime").or_else(|| time("/metadata/creationTimestamp"));
    let at = started.and_then(|start| start.checked_add(since).ok());
    let at = at
        .filter(|_| !since.is_negative())
        .ok_or_else(|| Failure::usage(format!("error: --at is a time after the start of Job {name}, such as +35s")))?;
    let passed = started.map(|start| duration::show(since_start(start))).unwrap_or_default();
    if at > crate::time::now() {
        return Err(Failure::usage(format!(
            "error: --at {}: Job {name} started only {passed} ago",
            duration::show(since)
        )));
    }
    let shown = at.to_zoned(TimeZone::system()).strftime("%H:%M:%S");
    setting.screen.note(format!("Job {name} as it was at {shown}, {} after its start", duration::show(since)));
    Ok(story.as_of(at))
}

/// How long ago that was, in whole seconds.
fn since_start(start: Timestamp) -> SignedDuration {
    SignedDuration::from_secs(crate::time::now().duration_since(start).as_secs())
}

/// One description by itself when one Job was named, else a list.
fn whole(mut values: Vec<Value>, names: &[String]) -> Value {
    if names.len() == 1 && values.len() == 1 { values.remove(0) } else { Value::Array(values) }
}

/// What becomes of the Job's fields on the local server, as `lint` says it. The server warns of what it does not honour
/// when such a Job is created, so it is asked to create one without doing so, and a pod with a volume, for what the
/// machine gives. A real cluster has other ideas of fidelity, and is not asked.
async fn fidelity(target: &Target, story: &Story) -> Option<Vec<Field>> {
    if !target.is_local() {
        return None;
    }
    let job = &story.job;
    let namespace = job["metadata"]["namespace"].as_str();
    let told = warnings(target, JOBS, namespace, same_again(job)).await?;
    let volume = json!({"containers": [{"name": "c", "image": "c"}], "volumes": [{"name": "v", "emptyDir": {}}]});
    let probe = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "fidelity-"}, "spec": volume});
    // A pod may be refused for reasons of its own, such as a quota: most machines give sandboxes.
    let of_probe = warnings(target, PODS, namespace, probe).await.unwrap_or_default();
    let (sandboxes, are_acted) = (of_probe.is_empty(), of_probe.iter().any(|text| text.ends_with(ACTED)));
    let document = Document { value: lint::without_defaults(job), source: story.source() };
    let mut fields = lint::fields(&document, sandboxes, &told);
    fields.retain(|field| field.fate != Fate::Honoured);
    if are_acted {
        fields.iter_mut().for_each(acted);
    }
    Some(fields)
}

/// What a server whose pods are acted out says of fields, after their paths.
const ACTED: &str = "pods are acted out";

/// Nothing keeps such a pod from starting, and no program is looked for.
fn acted(field: &mut Field) {
    (field.fate, field.text) = (Fate::Simulated, ACTED.to_owned());
}

/// What the server warns of when it is asked to create an object, which it does not do.
async fn warnings(target: &Target, resource: Gvr, namespace: Option<&str>, object: Value) -> Option<Vec<String>> {
    let options = Options { dry_run: true, ..Options::default() };
    let request = Request::new(Verb::Create, resource, namespace, None).options(options).body(Body::Object(object));
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
    fn no_field_keeps_a_pod_that_is_acted_out_from_starting() {
        let (place, field) = (lint::Place::default(), "spec.template.spec.volumes[0].persistentVolumeClaim".to_owned());
        let mut claim = Field { place, field, fate: Fate::NeverStarts, text: "there are no claims here".to_owned() };
        acted(&mut claim);
        assert_eq!((claim.fate, claim.text.as_str()), (Fate::Simulated, "pods are acted out"));
    }

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
