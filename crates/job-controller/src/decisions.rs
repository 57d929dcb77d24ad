//! Decision records by the object they are about, newest last, bounded per object ([`MAX_DECISIONS`]); those of objects
//! that are gone stay for a while ([`MAX_GONE`]), so that people can still ask why.
//!
//! One log is shared by all controllers of a cluster. It is what they say, not what they know: none of them reads it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use api::Uid;
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::plan::Note;

/// Most records kept per object.
pub const MAX_DECISIONS: usize = 64;
/// Most objects that are gone whose records are kept; the one that went first is forgotten first.
pub const MAX_GONE: usize = 256;

/// One decision and when it was first made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// What and why.
    pub note: Note,
}

/// Which controller decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// That of Jobs.
    Jobs,
    /// That of CronJobs.
    CronJobs,
    /// That of Jobs whose time is over.
    Ttl,
}

/// All records. Clones share them.
#[derive(Clone, Default)]
pub struct DecisionLog(Arc<Mutex<Records>>);

#[derive(Default)]
struct Records {
    objects: HashMap<Uid, Ring>,
    gone: VecDeque<Uid>,
}

#[derive(Default)]
struct Ring {
    list: VecDeque<Decision>,
    /// What each controller decided last.
    last: Vec<(Source, Vec<Note>)>,
    is_gone: bool,
}

impl DecisionLog {
    /// The records of an object, oldest first.
    pub fn of(&self, object: &Uid) -> Vec<Decision> {
        self.0.lock().objects.get(object).map(|ring| ring.list.iter().cloned().collect()).unwrap_or_default()
    }

    /// Takes in the notes of a plan; those that the controller's plan before had too are not repeated.
    pub(crate) fn record(&self, source: Source, object: &Uid, notes: &[Note], at: Timestamp) {
        let mut records = self.0.lock();
        let ring = records.objects.entry(object.clone()).or_default();
        let known = ring.last.iter().position(|(known, _)| *known == source);
        let known = known.unwrap_or_else(|| {
            ring.last.push((source, Vec::new()));
            ring.last.len() - 1
        });
        let before = std::mem::replace(&mut ring.last[known].1, notes.to_vec());
        for note in notes.iter().filter(|note| !before.contains(note)) {
            ring.push(Decision { at, note: note.clone() });
        }
    }

    /// Adds what came of a plan, such as a refusal; the same again is not repeated.
    pub(crate) fn add(&self, object: &Uid, note: Note, at: Timestamp) {
        let mut records = self.0.lock();
        let ring = records.objects.entry(object.clone()).or_default();
        if ring.list.iter().rev().find(|known| known.note.rule == note.rule).is_none_or(|known| known.note != note) {
            ring.push(Decision { at, note });
        }
    }

    /// The object is gone.
    pub(crate) fn gone(&self, object: &Uid) {
        self.0.lock().gone(object);
    }

    /// Whatever else this controller has decided about is gone.
    pub(crate) fn keep_only(&self, source: Source, is_there: impl Fn(&Uid) -> bool) {
        let mut records = self.0.lock();
        let decided = |ring: &Ring| !ring.is_gone && ring.last.iter().any(|(known, _)| *known == source);
        let of_source = records.objects.iter().filter(|(_, ring)| decided(ring));
        let mut gone: Vec<Uid> = of_source.map(|(uid, _)| uid).filter(|uid| !is_there(uid)).cloned().collect();
        gone.sort();
        gone.iter().for_each(|uid| records.gone(uid));
    }
}

impl Records {
    fn gone(&mut self, object: &Uid) {
        let Some(ring) = self.objects.get_mut(object) else { return };
        if std::mem::replace(&mut ring.is_gone, true) {
            return;
        }
        ring.last = Vec::new();
        ring.list.shrink_to_fit();
        self.gone.push_back(object.clone());
        if self.gone.len() > MAX_GONE
            && let Some(first) = self.gone.pop_front()
        {
            self.objects.remove(&first);
        }
    }
}

impl Ring {
    fn push(&mut self, decision: Decision) {
        if self.list.len() == MAX_DECISIONS {
            self.list.pop_front();
        }
        self.list.push_back(decision);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::UNIX_EPOCH;

    fn note(decision: &str) -> Note {
        let decision = decision.to_owned();
        Note { rule: "test", inputs: String::new(), decision, field: "spec", waits_for: None, until: None }
    }

    #[test]
    fn records_are_bounded_and_standing_decisions_are_not_repeated() {
        let (log, uid) = (DecisionLog::default(), Uid::from("a"));
        log.record(Source::Jobs, &uid, &[note("wait")], AT);
        log.record(Source::Ttl, &uid, &[note("wait too")], AT);
        log.record(Source::Jobs, &uid, &[note("wait")], AT);
        assert_eq!(log.of(&uid).len(), 2);
        for number in 0..MAX_DECISIONS {
            log.record(Source::Jobs, &uid, &[note(&number.to_string())], AT);
        }
        assert_eq!(log.of(&uid).len(), MAX_DECISIONS);
        assert_eq!(log.of(&uid)[0].note.decision, "0");
    }

    #[test]
    fn a_refusal_that_is_met_again_is_told_once() {
        let (log, uid) = (DecisionLog::default(), Uid::from("a"));
        for _ in 0..3 {
            log.add(&uid, note("refused"), AT);
        }
        assert_eq!(log.of(&uid).len(), 1);
    }

    #[test]
    fn what_is_gone_is_remembered_until_enough_others_went() {
        let log = DecisionLog::default();
        let uid = |number: usize| Uid::from(&*format!("{number:04}"));
        for number in 0..=MAX_GONE {
            log.record(Source::Jobs, &uid(number), &[note("done")], AT);
        }
        log.record(Source::CronJobs, &Uid::from("cron"), &[note("wait")], AT);
        log.gone(&uid(0));
        log.gone(&uid(0));
        assert_eq!(log.of(&uid(0)).len(), 1);
        log.keep_only(Source::Jobs, |_| false);
        assert!(log.of(&uid(0)).is_empty());
        assert_eq!(log.of(&uid(MAX_GONE)).len(), 1);
        assert!(!log.0.lock().objects[&Uid::from("cron")].is_gone);
    }
}
