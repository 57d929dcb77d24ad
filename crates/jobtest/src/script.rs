//! The script of a test's pods, as the kubelet asks it.

use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use testkit::{Act, AnnotationScript, Attempt, Script};

use crate::format::{Blow, Match, Rule};
use crate::words;

/// A blow that is due to a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) at: Timestamp,
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) blow: Blow,
}

/// Blows that started pods asked for; taken by whoever moves time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blows(Arc<Mutex<Vec<Due>>>);

impl Blows {
    /// The time of the earliest.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.0.lock().iter().map(|due| due.at).min()
    }

    /// Takes those whose time has come.
    pub(crate) fn take(&self, now: Timestamp) -> Vec<Due> {
        let mut all = self.0.lock();
        let (due, left) = all.drain(..).partition(|due| due.at <= now);
        *all = left;
        due
    }
}

/// Acts as the first rule that matches says; as the pods' annotations say when none does.
pub(crate) fn script(rules: Vec<Rule>, blows: Blows) -> impl Fn(&Attempt) -> Act + Send + Sync + 'static {
    move |attempt| {
        let Some(rule) = rules.iter().find(|rule| is_meant(&rule.matches, attempt)) else {
            return AnnotationScript.act(attempt);
        };
        if let Some((after, blow)) = rule.disruption {
            let at = attempt.now.saturating_add(after).unwrap_or(Timestamp::MAX);
            let namespace = attempt.pod.metadata.namespace.clone().unwrap_or_default();
            blows.0.lock().push(Due { at, namespace, pod: attempt.pod_name().to_owned(), blow });
        }
        rule.act.clone()
    }
}

fn is_meant(wanted: &Match, attempt: &Attempt) -> bool {
    let number = attempt.number + 1;
    let job = attempt.label("batch.kubernetes.io/job-name").unwrap_or_default();
    wanted.attempt.as_ref().is_none_or(|ranges| ranges.holds(number))
        && wanted.index.as_ref().is_none_or(|ranges| attempt.index().is_some_and(|index| ranges.holds(index)))
        && wanted.container.as_ref().is_none_or(|name| *name == attempt.container)
        && wanted.job.as_ref().is_none_or(|pattern| words::matches(pattern, job))
}
