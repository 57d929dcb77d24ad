//! Why a Job is as it is.

use crate::attempts::Attempts;
use crate::text::{Style, escape};
use crate::{Story, facts, failure, stuck};

/// Why the story's Job is as it is: how it ended and by which field, or what it waits for.
pub fn why(story: &Story, style: &Style) -> String {
    let job = story.typed_job();
    let name = escape(facts::name(&job)).into_owned();
    if facts::outcome(&job).is_some_and(|outcome| outcome.verdict == facts::Verdict::Failed) {
        return failure(story, style);
    }
    let pods = story.typed_pods();
    if let Some(stuck) = stuck::find(&job, &pods) {
        return format!("{name} is stuck: {}", escape(&stuck.text));
    }
    let attempts = Attempts::of_values(&story.pods);
    format!("{name} is {} {} {} attempts", facts::state(&job), style.dash(), attempts.list().len())
}
