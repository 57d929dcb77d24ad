//! Compares what happened with what was expected. Every difference says what was wanted, what came, and where.

mod cron;
mod history;
mod jobs;

use explain::Story;
use explain::manifest::Document;
use serde_json::Value;

use crate::cel::Answer;
use crate::format::{EventExpect, Said, Test};
use crate::kinds;
use crate::machine::{Logs, Machine};
use crate::perform::Refused;
use crate::report::Failure;
use crate::words;
use crate::world::{Asked, Asking, World, part_of, text};

/// All that a test is judged by.
pub(crate) struct Evidence<'a> {
    pub(crate) test: &'a Test,
    pub(crate) world: &'a World,
    /// Of each Job, in the order of [`World::jobs`].
    pub(crate) stories: &'a [Story],
    pub(crate) logs: &'a Logs,
    pub(crate) machine: &'a Machine,
    /// The place and words of a manifest's refusal.
    pub(crate) refusal: Option<&'a (String, Refused)>,
    pub(crate) timed_out: bool,
    pub(crate) update: bool,
}

/// What came of it.
pub(crate) struct Judged {
    pub(crate) failures: Vec<Failure>,
    pub(crate) notes: Vec<String>,
    pub(crate) history: String,
}

/// Judges a test.
pub(crate) fn judge(evidence: &Evidence<'_>) -> Judged {
    let history = history::text(evidence);
    let (mut failures, mut notes) = (Vec::new(), Vec::new());
    failures.extend(refusal(evidence));
    if evidence.timed_out {
        let limit = words::show_real(evidence.test.wall_timeout);
        let got = format!("it still ran after {limit} of real time (wallTimeout)");
        failures.push(Failure::at(evidence.test.line, "wallTimeout", format!("done within {limit}"), got));
    }
    if evidence.refusal.is_none() {
        failures.extend(jobs::judge(evidence));
        failures.extend(evidence.world.asked.iter().filter_map(|asked| expression(evidence.world, asked)));
        failures.extend(finally(evidence));
        failures.extend(events(evidence));
        failures.extend(objects(evidence));
        failures.extend(absent(evidence));
        failures.extend(cron::judge(evidence));
    }
    if let Some(said) = evidence.test.expect.snapshot.as_ref().filter(|said| said.value) {
        match history::compare(&evidence.test.snapshot, &history, evidence.update) {
            Ok(note) => notes.extend(note),
            Err((want, got)) => failures.push(Failure::at(said.line, &said.field, want, got)),
        }
    }
    Judged { failures, notes, history }
}

fn refusal(evidence: &Evidence<'_>) -> Option<Failure> {
    let wanted = evidence.test.expect.refused.as_ref();
    match (wanted, evidence.refusal) {
        (None, None) => None,
        (Some(said), None) => Some(Failure::at(said.line, &said.field, format!("refused: {}", said.value), "created")),
        (Some(said), Some((_, refused))) if refused.message.contains(&said.value) => None,
        (Some(said), Some((_, refused))) => {
            Some(Failure::at(said.line, &said.field, format!("refused: {}", said.value), refused.message.clone()))
        }
        (None, Some((place, refused))) => {
            let got = format!("{place}: {}{}", refused.message, refused.hint.as_deref().unwrap_or_default());
            let named = evidence.test.manifests.iter().find(|manifest| place.starts_with(&manifest.file));
            let line = named.map_or(evidence.test.line, |manifest| manifest.line);
            let mut failure = Failure::at(line, "manifests", "created", got);
            if let Some((file, line)) = place.rsplit_once(':')
                && let Ok(line) = line.parse()
            {
                let field = refused.field.clone().unwrap_or_default();
                failure.manifest =
                    Some(crate::report::Decided { file: file.to_owned(), line, field, value: String::new() });
            }
            Some(failure)
        }
    }
}

/// What came of an expression that was asked at every revision.
fn expression(world: &World, asked: &Asked) -> Option<Failure> {
    let said = &asked.said;
    let failure = |want: String, got: String| Some(Failure::at(said.line, &said.field, want, got));
    let text = &said.value.text;
    let at = || {
        let (time, revision, of, answer) = asked.first.as_ref()?;
        let after = words::show(time.duration_since(world.start));
        let of = if of.is_empty() { String::new() } else { format!(" of {of}") };
        Some((format!("at +{after}{of} (revision {revision})"), answer))
    };
    match (asked.kind, at()) {
        (_, Some((when, Answer::Wrong(why)))) => failure(text.clone(), format!("cannot be worked out {when}: {why}")),
        (Asking::Never, Some((when, _))) => failure(format!("never {text}"), format!("true {when}")),
        (Asking::Always, Some((when, Answer::Absent(field)))) => {
            failure(format!("always {text}"), format!("no field {field:?} {when}"))
        }
        (Asking::Always, Some((when, _))) => failure(format!("always {text}"), format!("false {when}")),
        (Asking::Eventually, None) => failure(format!("at some time {text}"), "never true".to_owned()),
        // What was asked of nothing has shown nothing.
        (Asking::Never | Asking::Always, None) if !asked.was_asked => {
            failure(text.clone(), "there was nothing to ask it of".to_owned())
        }
        _ => None,
    }
}

fn finally(evidence: &Evidence<'_>) -> Vec<Failure> {
    let mut failures = Vec::new();
    for said in &evidence.test.expect.finally {
        let answers = evidence.world.answers(&said.value);
        let want = format!("at the end {}", said.value.text);
        if answers.is_empty() {
            failures.push(Failure::at(said.line, &said.field, want, "there is nothing to ask it of"));
            continue;
        }
        for (of, answer) in answers {
            let got = match answer {
                Answer::Yes => continue,
                Answer::No => "false".to_owned(),
                Answer::Absent(field) => format!("no field {field:?}"),
                Answer::Wrong(why) => why,
            };
            let got = if of.is_empty() { got } else { format!("{got} of {of}") };
            failures.push(Failure::at(said.line, &said.field, want.clone(), got));
        }
    }
    failures
}

/// How often an Event happened.
fn happened(event: &Value) -> u64 {
    let of = |pointer: &str| event.pointer(pointer).and_then(Value::as_u64);
    of("/series/count").or_else(|| of("/count")).unwrap_or(1).max(1)
}

fn events(evidence: &Evidence<'_>) -> Vec<Failure> {
    let events = evidence.world.events();
    let judge = |said: &Said<EventExpect>| {
        let wanted = &said.value;
        let is_meant = |event: &&&Value| {
            text(event, "/reason") == wanted.reason
                && wanted.kind.as_ref().is_none_or(|kind| text(event, "/involvedObject/kind") == kind)
                && wanted.event_type.as_ref().is_none_or(|event_type| text(event, "/type") == event_type)
                && wanted.contains.as_ref().is_none_or(|part| text(event, "/message").contains(part.as_str()))
        };
        let count: u64 = events.iter().filter(is_meant).map(|event| happened(event)).sum();
        let met = wanted.count.map_or(count > 0, |wanted| u64::from(wanted) == count);
        if met {
            return None;
        }
        let want = match wanted.count {
            Some(wanted_count) => format!("{wanted_count} x {}", wanted.reason),
            None => format!("{} at least once", wanted.reason),
        };
        let mut reasons: Vec<&str> = events.iter().map(|event| text(event, "/reason")).collect();
        reasons.sort_unstable();
        reasons.dedup();
        let got =
            format!("{count}; events were {}", if reasons.is_empty() { "none".to_owned() } else { reasons.join(", ") });
        Some(Failure::at(said.line, &said.field, want, got))
    };
    evidence.test.expect.events.iter().filter_map(judge).collect()
}

fn objects(evidence: &Evidence<'_>) -> Vec<Failure> {
    let unseen = evidence.world.sought.iter().filter(|sought| sought.seen_at.is_none());
    unseen.map(|sought| unlike(&sought.said, sought.nearest.as_ref(), "in its last state")).collect()
}

/// How an object differs from what is wanted of it, or that there is none; `when` says when it was so.
pub(crate) fn unlike(said: &Said<Value>, nearest: Option<&Value>, when: &str) -> Failure {
    let (kind, name) = (text(&said.value, "/kind"), text(&said.value, "/metadata/name"));
    let (want, got) = match nearest {
        None => (format!("{kind} {name}").trim_end().to_owned(), "no such object at any time".to_owned()),
        Some(nearest) => match part_of(&said.value, nearest) {
            Err((path, got)) => {
                let pointer = format!("/{}", path.replace(['.', '['], "/").replace(']', ""));
                let want = said.value.pointer(&pointer).unwrap_or(&Value::Null);
                (format!("{kind} {name} {path}: {want}"), format!("{got}, {when}"))
            }
            Ok(()) => (format!("{kind} {name}"), "an earlier state".to_owned()),
        },
    };
    Failure::at(said.line, &said.field, want, got)
}

fn absent(evidence: &Evidence<'_>) -> Vec<Failure> {
    let judge = |said: &Said<crate::format::Target>| {
        let target = &said.value;
        let served = kinds::find_kind(&target.kind)?;
        let namespace = target.namespace.as_deref().unwrap_or("default");
        let namespace = served.namespaced.then_some(namespace);
        evidence.machine.get(&served.gvr, namespace, &target.name)?;
        let want = format!("no {} {} at the end", target.kind, target.name);
        Some(Failure::at(said.line, &said.field, want, "it is there"))
    };
    evidence.test.expect.absent.iter().filter_map(judge).collect()
}

/// Whether a document of a manifest is where a Job comes from: its own, or its CronJob's.
pub(crate) fn is_source_of(document: &Document, job: &Value) -> bool {
    let value = &document.value;
    let (kind, name) = (text(value, "/kind"), text(value, "/metadata/name"));
    match kind {
        "Job" => match value.pointer("/metadata/generateName").and_then(Value::as_str) {
            Some(prefix) if name.is_empty() => text(job, "/metadata/name").starts_with(prefix),
            _ => name == text(job, "/metadata/name"),
        },
        "CronJob" => {
            let owners = job["metadata"]["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
            owners.iter().any(|owner| owner["kind"] == "CronJob" && owner["name"] == name)
        }
        _ => false,
    }
}
