//! `why`: why a Job or CronJob is as it is, from decision records where the server keeps them, else from what can be seen.

use api::resource::{CRON_JOBS, JOBS};
use explain::{Explanation, Story, Telling};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{Setting, past, select};
use crate::cli::story::WhyArgs;
use crate::cli::verbs::ClockMode;
use crate::exit::Code;
use crate::output;
use crate::server::state::StateDir;
use crate::stories;
use crate::target::{self, Target};

/// Runs the verb.
///
/// # Errors
/// Refusals of the server, unknown names.
pub(crate) async fn run(setting: &Setting, args: WhyArgs) -> anyhow::Result<Code> {
    let target = target::open(&setting.connection, setting.screen).await?;
    let mut story = find(setting, &target, args.name.as_deref()).await?;
    if story.logs.is_empty() && api::conditions::is_true(&story.job, "Failed") {
        story.logs = stories::tails(&target, &story, stories::TAIL_LINES).await;
    }
    let zone = TimeZone::system();
    let telling = Telling { style: setting.screen.page(), zone: &zone, depth: args.depth };
    let mut explanation = explain::explanation(&story, &telling);
    if target.is_local() && clock(setting) != ClockMode::Real {
        explanation.hints.extend(advance(&explanation, story.now));
    }
    let text = match args.output.as_deref() {
        Some("json") => format!("{}\n", serde_json::to_string_pretty(&explanation)?),
        Some(_) => output::yaml(&serde_json::to_value(&explanation)?),
        None => format!("{}\n", explanation.text(&story, &telling)),
    };
    output::put(&text)?;
    Ok(if args.exit_status { code(&explanation) } else { Code::Success })
}

/// Which clock the local server has.
fn clock(setting: &Setting) -> ClockMode {
    let state = StateDir::open(setting.connection.state_dir.as_deref()).ok();
    state.and_then(|state| state.info()).map(|info| info.clock).unwrap_or_default()
}

/// How to go to the first moment that is waited for, where time can be moved.
fn advance(explanation: &Explanation, now: Timestamp) -> Option<String> {
    let is_over = matches!(explanation.status.as_str(), "Complete" | "Failed");
    let next = explanation.reasons.iter().filter_map(|reason| reason.until).filter(|until| *until > now).min()?;
    // A part of a second would be time that has not passed when it is asked again.
    let seconds = next.duration_since(now).as_secs() + 1;
    (!is_over).then(|| format!("kubectl job clock advance {seconds}s"))
}

/// The Job's result, as `wait` would give it.
fn code(explanation: &Explanation) -> Code {
    let is_stuck = explanation.reasons.first().is_some_and(|reason| match reason.rule.as_str() {
        "suspend" => true,
        "scale" => explanation.headline.contains("stands still"),
        _ => explanation.headline.contains(" is stuck, "),
    });
    match explanation.status.as_str() {
        "Failed" => Code::Failure,
        "Complete" => Code::Success,
        _ if is_stuck => Code::Stuck,
        _ => Code::Success,
    }
}

/// The story of what was named: a Job, else a CronJob of that name, else a Job that is gone.
async fn find(setting: &Setting, target: &Target, name: Option<&str>) -> anyhow::Result<Story> {
    if let Some(name) = name.and_then(cron_job_name) {
        let object = select::one(target, &CRON_JOBS, name).await??;
        return stories::of_cron_job(setting, target, &with_kind(object.to_value(), "CronJob")).await;
    }
    let name = select::job_name(name.unwrap_or(select::LAST))?;
    let missing = match select::one(target, &JOBS, name).await? {
        Ok(object) => return stories::of_job(setting, target, &with_kind(object.to_value(), "Job")).await,
        Err(missing) => missing,
    };
    match target.client.get(&CRON_JOBS, Some(&target.namespace), name).await {
        Ok(object) => stories::of_cron_job(setting, target, &with_kind(object.to_value(), "CronJob")).await,
        Err(_) => gone(setting, target, missing),
    }
}

/// The story of the Job of that name, or of the newest; of one that is gone, from the history.
///
/// # Errors
/// Refusals of the server; no Job at all.
pub(crate) async fn story(setting: &Setting, target: &Target, name: Option<&str>) -> anyhow::Result<Story> {
    match select::one(target, &JOBS, select::job_name(name.unwrap_or(select::LAST))?).await? {
        Ok(object) => stories::of_job(setting, target, &with_kind(object.to_value(), "Job")).await,
        Err(missing) => gone(setting, target, missing),
    }
}

fn gone(setting: &Setting, target: &Target, missing: client::Error) -> anyhow::Result<Story> {
    let past = if target.is_local() { past::missing(setting, &target.namespace, &missing) } else { None };
    past.map(|(_, _, story)| story).ok_or_else(|| missing.into())
}

/// Items of lists come without their kind.
fn with_kind(mut object: Value, kind: &str) -> Value {
    object["apiVersion"] = "batch/v1".into();
    object["kind"] = kind.into();
    object
}

/// The name in `cronjob/NAME`.
fn cron_job_name(text: &str) -> Option<&str> {
    let (kind, name) = text.split_once('/')?;
    matches!(kind, "cronjob" | "cronjobs" | "cj" | "cronjob.batch" | "cronjobs.batch").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_moved_to_the_first_moment_that_is_waited_for() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let until = |second| explain::Reason { until: Some(at(second)), ..Default::default() };
        let mut waits = Explanation { reasons: vec![until(5), until(90), until(40)], ..Explanation::default() };
        waits.status = "Running".to_owned();
        assert_eq!(advance(&waits, at(10)).as_deref(), Some("kubectl job clock advance 31s"));
        assert_eq!(advance(&waits, at(100)), None);
        waits.status = "Complete".to_owned();
        assert_eq!(advance(&waits, at(10)), None);
    }

    #[test]
    fn cron_jobs_are_named_as_with_kubectl() {
        assert_eq!(["cj/a", "cronjobs.batch/a", "job/a", "a"].map(cron_job_name), [Some("a"), Some("a"), None, None]);
    }
}
