//! Why a Job ended as it did, and when it goes.

use jiff::SignedDuration;

use super::{Explanation, Reason, View};
use crate::duration;
use crate::facts::{self, Outcome, Verdict};
use crate::failure::Failure;
use crate::text::escape;

pub(super) fn explanation(view: &View<'_>, outcome: &Outcome) -> Explanation {
    let job = &view.job;
    let name = escape(facts::name(job)).into_owned();
    let after = facts::elapsed(job, view.now()).map(|span| format!(" after {}", duration::show(span)));
    let after = after.unwrap_or_default();
    let (headline, mut reasons) = match outcome.verdict {
        Verdict::Failed => {
            let reason = escape(&outcome.reason);
            (format!("{name} Failed{after}: {reason}, because:"), failed(view, outcome))
        }
        Verdict::Complete => {
            let failed = match facts::failed(job) {
                0 => String::new(),
                failed => format!(", {failed} failed on the way"),
            };
            let text = format!("{name} is Complete{after}: {} succeeded{failed}.", facts::completions(job));
            (text, complete(view, outcome))
        }
    };
    reasons.extend(goes(view));
    let last = view.attempts.failures().next_back().filter(|_| outcome.verdict == Verdict::Failed);
    let tail = last.map(|last| {
        let container = last.end.as_ref().map(|end| end.container.as_str()).unwrap_or_default();
        view.story.tail(&last.pod, last.run, container).to_vec()
    });
    Explanation { headline, reasons, last_lines: tail.unwrap_or_default(), ..Explanation::default() }
}

fn failed(view: &View<'_>, outcome: &Outcome) -> Vec<Reason> {
    let failure = Failure {
        job: &view.job,
        outcome,
        attempts: &view.attempts,
        source: &view.source,
        last_lines: &[],
        now: view.now(),
    };
    let field = failure.field();
    let place = field.as_deref().and_then(|field| view.source.place(field));
    let mut reasons = vec![Reason { text: failure.why(), rule: "terminal".to_owned(), field, place, until: None }];
    if let Some(text) = failure.ends() {
        reasons.push(Reason { text, ..Reason::default() });
    }
    reasons
}

fn complete(view: &View<'_>, outcome: &Outcome) -> Vec<Reason> {
    let spec = facts::spec(&view.job);
    if outcome.reason == "SuccessPolicy" {
        let message = escape(&outcome.message).into_owned();
        return vec![view.reason("terminal", "spec.successPolicy", "", &format!("{message}: {{}} was met"))];
    }
    match spec.completions {
        Some(completions) => {
            vec![view.reason("terminal", "spec.completions", completions, "As many pods succeeded as {} asks for.")]
        }
        None => {
            let text = "A pod succeeded and none is left: without completions one success is enough.";
            vec![Reason { text: text.to_owned(), rule: "terminal".to_owned(), ..Reason::default() }]
        }
    }
}

/// When its time to live is over.
fn goes(view: &View<'_>) -> Option<Reason> {
    let seconds = facts::spec(&view.job).ttl_seconds_after_finished?;
    let ended = facts::ended_at(&view.job)?;
    let due = ended.checked_add(SignedDuration::from_secs(seconds.into())).ok()?;
    let text = format!("It is deleted at {}: {{}}.", view.when(due));
    let reason = view.reason("ttl", "spec.ttlSecondsAfterFinished", seconds, &text);
    Some(Reason { until: Some(due), ..reason })
}
