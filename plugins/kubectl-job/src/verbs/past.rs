//! What verbs say of Jobs that are gone: their newest run of the history takes the Job's place, and stderr says so.

use api::k8s::api::batch::v1::Job;
use explain::Story;

use super::Setting;
use crate::history::folder::History;
use crate::history::run::Run;
use crate::history::{self, logs};
use crate::screen::escape;
use crate::stories;
use crate::view::facts;

/// The newest run of a Job of that name, of a local server.
pub(crate) fn run(setting: &Setting, namespace: &str, name: &str) -> Option<(History, Run)> {
    let history = history::of(&setting.connection)?;
    let run = history.find(namespace, name)?;
    Some((history, run))
}

/// The newest run of the Job that a server says it does not have.
pub(crate) fn missing(setting: &Setting, namespace: &str, error: &client::Error) -> Option<(History, Run, Story)> {
    let name = &error.status().filter(|_| error.is_not_found())?.details.as_ref()?.name;
    let (history, run) = run(setting, namespace, name)?;
    let mut story = story(setting, &history, &run).ok()?;
    story.job[explain::GONE] = true.into();
    tell(setting, &run);
    Some((history, run, story))
}

/// The story of a run, with the manifest that it was run from, where that is known, and what it said last.
///
/// # Errors
/// A story that cannot be read.
pub(crate) fn story(setting: &Setting, history: &History, run: &Run) -> anyhow::Result<Story> {
    let mut story = history.story(run)?;
    stories::add_manifest(setting, &mut story);
    story.logs.extend(logs::tail(history, run, &story, stories::TAIL_LINES));
    Ok(story)
}

/// What the history has of a Job that is there: pods that were deleted, and runs that their status forgets.
pub(crate) fn of_job(setting: &Setting, job: &Job) -> Option<(History, Run, Story)> {
    let (history, run) = run(setting, facts::namespace(job), facts::name(job))?;
    let story = (run.uid == facts::uid(job)).then(|| history.story(&run).ok())??;
    Some((history, run, story))
}

/// Says that a run of the history is shown.
pub(crate) fn tell(setting: &Setting, run: &Run) {
    setting.screen.note(format!("Job {} is gone; this is from the history: {}", escape(&run.name), summary(run)));
}

/// `Failed (BackoffLimitExceeded) 3m ago, run 2026...`.
pub(crate) fn summary(run: &Run) -> String {
    let now = crate::time::now();
    let ago = run.ended_at.map(|end| format!(" {} ago", api::time::human_duration(now.duration_since(end))));
    escape(&format!("{}{}, run {}", run.verdict(), ago.unwrap_or_default(), run.id)).into_owned()
}
