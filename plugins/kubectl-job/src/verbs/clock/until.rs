//! `clock until`: time goes from timer to timer until a Job has ended, or a CronJob has started one.

use std::sync::Arc;

use api::k8s::api::batch::v1::{CronJob, Job};
use api::resource::{CRON_JOBS, JOBS};
use api::{Gvr, Object};
use client::{Method, Selection};
use clock::SystemClock;
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::read;
use crate::cli::verbs::UntilArgs;
use crate::duration;
use crate::exit::{Code, Failure};
use crate::follow::Interrupts;
use crate::screen::escape;
use crate::target::Target;
use crate::verbs::wait::goal::{self, Goal, Seen};
use crate::verbs::{Setting, select};
use crate::view::facts;

/// The shortest step: each brings time on, however many timers are due at once.
const MIN_STEP: SignedDuration = SignedDuration::from_millis(1);

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Until {
    /// A Job gets to one of these.
    Job { name: String, goals: Vec<Goal>, words: String },
    /// A CronJob starts a Job.
    Fired { name: String },
}

/// How far the object has got.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// There; what became of it.
    Reached(String),
    /// It will never get there; why.
    Never(String),
    /// Not yet; what it is now.
    NotYet(String),
}

/// Runs the verb.
///
/// # Errors
/// What is no goal, an object that is not there, a clock that cannot be moved, time that does not bring it about.
pub(super) async fn run(setting: &Setting, target: &Target, args: &UntilArgs) -> anyhow::Result<(Code, Value)> {
    let until = parse(&args.what)?;
    let mut interrupts = Interrupts::new()?;
    tokio::select! {
        biased;
        code = interrupts.next() => Ok((code, clock(target).await?)),
        done = advance(setting, target, args, &until) => done,
    }
}

async fn advance(setting: &Setting, target: &Target, args: &UntilArgs, until: &Until) -> anyhow::Result<(Code, Value)> {
    let limit = args.limit.0;
    let (resource, name) = until.object();
    let selection = Selection {
        namespace: Some(target.namespace.clone()),
        field_selector: Some(format!("metadata.name={name}")),
        label_selector: None,
    };
    let mut changes = client::observe(target.client.clone(), Arc::new(SystemClock), resource.clone(), selection);
    let first = select::one(target, &resource, name).await??;
    let mut now = clock(target).await?;
    let began = time(&now["now"])?;
    loop {
        let state = match target.client.get(&resource, Some(&target.namespace), name).await {
            Ok(object) => until.state(&first, Some(&object))?,
            Err(error) if error.is_not_found() => until.state(&first, None)?,
            Err(error) => return Err(error.into()),
        };
        now = clock(target).await?;
        let (at, next) = (time(&now["now"])?, time(&now["nextTimer"]).ok());
        let passed = at.duration_since(began);
        let span = duration::show(SignedDuration::from_secs(passed.as_secs()));
        let is = match state {
            State::Reached(text) => {
                setting.screen.note(format!("{text} after {span}"));
                return Ok((Code::Success, now));
            }
            State::Never(text) => return Err(Failure::new(Code::Failure, format!("error: {text}")).into()),
            State::NotYet(is) => is,
        };
        if now["mode"] == "real" {
            // The server says how to get one whose time can be moved.
            target.client.document(Method::POST, "/clock/advance?by=0ms").await?;
        }
        let hold = || Failure::new(Code::Failure, format!("error: {is}, and nothing waits for time any more"));
        let step = next.map(|next| next.duration_since(at).max(MIN_STEP));
        if passed.saturating_add(step.unwrap_or_default()) > limit {
            let limit = duration::show(limit);
            let text =
                format!("error: {is}, and will be so for {limit}: what it waits for is not in that time (--limit)");
            return Err(Failure::new(Code::Failure, text).into());
        }
        let Some(step) = step else {
            // Where pods are processes, what one of them does comes without any timer.
            if now["mode"] == "virtual" {
                return Err(hold().into());
            }
            changes.next().await;
            continue;
        };
        let path = format!("/clock/advance?by={}ms", milliseconds(step));
        let advanced = target.client.document(Method::POST, &path);
        tokio::select! {
            answer = advanced => drop(answer?),
            // What was waited for may come before the next timer: processes end when they like.
            Some(_) = changes.next() => {}
        }
    }
}

/// Whole milliseconds, rounded up: a timer that is not reached would be gone for again.
fn milliseconds(step: SignedDuration) -> i128 {
    (step.as_nanos() + 999_999) / 1_000_000
}

async fn clock(target: &Target) -> anyhow::Result<Value> {
    read(&target.client.document(Method::GET, "/clock").await?)
}

fn time(value: &Value) -> anyhow::Result<Timestamp> {
    Ok(value.as_str().unwrap_or_default().parse()?)
}

fn parse(text: &str) -> Result<Until, Failure> {
    let wrong = || {
        let forms = "job/NAME=finished, complete, failed, suspended, started or deleted, or cronjob/NAME=fired";
        Failure::usage(format!("error: {text:?}: write {forms}"))
    };
    let (object, words) = text.split_once('=').ok_or_else(wrong)?;
    match object.split_once('/') {
        Some(("cronjob" | "cronjobs" | "cj" | "cronjob.batch" | "cronjobs.batch", name)) if words == "fired" => {
            Ok(Until::Fired { name: name.to_owned() })
        }
        Some((_, name)) if !name.is_empty() && select::job_name(object).is_ok() => {
            let goals = goal::parse(words).map_err(|_| wrong())?;
            Ok(Until::Job { name: name.to_owned(), goals, words: words.to_owned() })
        }
        _ => Err(wrong()),
    }
}

impl Until {
    fn object(&self) -> (Gvr, &str) {
        match self {
            Self::Job { name, .. } => (JOBS, name),
            Self::Fired { name } => (CRON_JOBS, name),
        }
    }

    /// How far it is: `object` now, and `first` when the wait began.
    fn state(&self, first: &Object, object: Option<&Object>) -> anyhow::Result<State> {
        Ok(match self {
            Self::Job { name, goals, words } => {
                let job = object.map(Object::decode).transpose()?;
                of_job(name, goals, words, job.as_ref())
            }
            Self::Fired { name } => {
                let Some(object) = object else {
                    return Ok(State::Never(format!("CronJob {} was deleted", escape(name))));
                };
                of_cron_job(name, &first.decode()?, &object.decode()?)
            }
        })
    }
}

fn of_job(name: &str, goals: &[Goal], words: &str, job: Option<&Job>) -> State {
    let name = escape(name);
    let verdict = job.and_then(facts::outcome).map(|outcome| outcome.verdict);
    let Some(judgement) = goal::judge(goals, Seen { job, was_there: true, stuck: None }) else {
        let is = job.map_or("gone", facts::state);
        return State::NotYet(format!("Job {name} is {is} and not {}", escape(words)));
    };
    // A Job that failed has finished, though its result is no success.
    let is_reached = judgement.code == Code::Success || verdict.is_some() && goals.contains(&Goal::Finished);
    let text = format!("Job {name} {}", escape(&judgement.text));
    if is_reached { State::Reached(text) } else { State::Never(text) }
}

fn of_cron_job(name: &str, first: &CronJob, now: &CronJob) -> State {
    let fired = |job: &CronJob| job.status.as_ref().and_then(|status| status.last_schedule_time.clone());
    let name = escape(name);
    if fired(now).is_some() && fired(now) != fired(first) {
        return State::Reached(format!("CronJob {name} fired"));
    }
    let is_suspended = now.spec.suspend == Some(true);
    State::NotYet(format!("CronJob {name} {}", if is_suspended { "is suspended" } else { "has not fired" }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(condition: Option<&str>) -> Job {
        let conditions: Vec<_> = condition.iter().map(|name| json!({"type": name, "status": "True"})).collect();
        serde_json::from_value(json!({"status": {"conditions": conditions}})).expect("a Job")
    }

    #[test]
    fn what_is_waited_for_is_an_object_and_a_state() {
        let goals = vec![Goal::Complete, Goal::Failed];
        let until = Until::Job { name: "pi".to_owned(), goals, words: "complete,failed".to_owned() };
        assert_eq!(parse("job/pi=complete,failed").expect("right"), until);
        assert_eq!(parse("cj/nightly=fired").expect("right"), Until::Fired { name: "nightly".to_owned() });
        for text in ["pi", "pi=finished", "job/pi", "job/pi=done", "job/=failed", "cronjob/x=finished", "pod/x=failed"]
        {
            assert!(parse(text).expect_err(text).message.contains("job/NAME=finished"), "{text}");
        }
    }

    #[test]
    fn a_failed_job_has_finished_and_will_not_complete() {
        let state = |words: &str, condition| {
            let goals = goal::parse(words).expect("goals");
            of_job("x", &goals, words, Some(&job(condition)))
        };
        assert_eq!(state("finished", Some("Failed")), State::Reached("Job x Failed".to_owned()));
        assert_eq!(state("finished", None), State::NotYet("Job x is Running and not finished".to_owned()));
        assert!(matches!(state("complete", Some("Failed")), State::Never(_)));
        assert!(matches!(of_job("x", &[Goal::Finished], "finished", None), State::Never(_)));
    }

    #[test]
    fn a_cron_job_has_fired_when_its_last_time_is_another() {
        let fired = |time: Option<&str>| -> CronJob {
            serde_json::from_value(json!({"status": {"lastScheduleTime": time}})).expect("a CronJob")
        };
        let (never, once) = (fired(None), fired(Some("2026-01-01T00:00:00Z")));
        assert!(matches!(of_cron_job("x", &never, &once), State::Reached(_)));
        assert!(matches!(of_cron_job("x", &once, &once), State::NotYet(_)));
        assert!(matches!(of_cron_job("x", &never, &never), State::NotYet(_)));
    }

    #[test]
    fn a_step_reaches_its_timer() {
        assert_eq!(milliseconds(SignedDuration::from_nanos(1_000_001)), 2);
        assert_eq!(milliseconds(SignedDuration::from_secs(3)), 3_000);
    }
}
