//! What stands in a followed Job's way, since when, and whether it was told: from the Job, its pods, and the Events that
//! tell of pods whose containers cannot be created.

use api::Object;
use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::Pod;
use client::{Observation, Selection};
use jiff::{SignedDuration, Timestamp};

use crate::screen::{Screen, Tone, escape};
use crate::view::stuck::{self, Stuck, Troubles};

/// The obstacle of one Job.
#[derive(Debug, Default)]
pub(crate) struct Obstacles {
    troubles: Troubles,
    standing: Option<Standing>,
}

#[derive(Debug)]
struct Standing {
    stuck: Stuck,
    since: Timestamp,
    is_told: bool,
}

impl Obstacles {
    /// The Events to observe. Whoever may not see them learns of fewer obstacles.
    pub(crate) fn events(namespace: &str) -> Selection {
        Selection {
            namespace: Some(namespace.to_owned()),
            field_selector: Some(Troubles::FIELD_SELECTOR.to_owned()),
            label_selector: None,
        }
    }

    /// Takes in Events.
    pub(crate) fn take(&mut self, observation: &Observation) {
        let mut saw = |object: &Object| self.troubles.saw(&object.to_value());
        match observation {
            Observation::Restarted { objects, .. } => objects.iter().for_each(|object| saw(object)),
            Observation::Applied(object) => saw(object),
            // An Event that is too old to be kept says nothing new.
            Observation::Deleted(_) | Observation::Reached(_) => {}
        }
    }

    /// Looks at what is known now.
    pub(crate) fn look<'p>(&mut self, job: &Job, pods: impl IntoIterator<Item = &'p Pod>, now: Timestamp) {
        self.standing = match (stuck::find(job, pods, &self.troubles), self.standing.take()) {
            (Some(stuck), Some(known)) if known.stuck.reason == stuck.reason => Some(Standing { stuck, ..known }),
            (Some(stuck), _) => Some(Standing { stuck, since: now, is_told: false }),
            (None, _) => None,
        };
    }

    /// There is none: the Job is gone.
    pub(crate) fn clear(&mut self) {
        self.standing = None;
    }

    /// The obstacle.
    pub(crate) fn current(&self) -> Option<&Stuck> {
        self.standing.as_ref().map(|standing| &standing.stuck)
    }

    /// The lines that tell of it, once.
    pub(crate) fn news(&mut self, screen: Screen) -> Vec<String> {
        let Some(standing) = self.standing.as_mut().filter(|standing| !standing.is_told) else { return Vec::new() };
        standing.is_told = true;
        let head = screen.tone(Tone::Warn, "Stuck:");
        let mut lines = vec![format!("{head} {}", escape(&standing.stuck.text))];
        lines.extend(standing.stuck.hint.iter().map(|hint| format!("       {}", escape(hint))));
        lines
    }

    /// The obstacle, when it has stood for as long as that.
    pub(crate) fn outlasting(&self, patience: SignedDuration, now: Timestamp) -> Option<&Stuck> {
        let standing = self.standing.as_ref()?;
        (now.duration_since(standing.since) >= patience).then_some(&standing.stuck)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn an_obstacle_is_told_once_and_counts_from_when_it_was_seen() {
        let job: Job =
            serde_json::from_value(json!({"metadata": {"name": "j"}, "spec": {"template": {}}})).expect("a Job");
        let waiting = json!({"name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ContainerCreating"}}});
        let pod: Pod = serde_json::from_value(
            json!({"metadata": {"name": "p", "uid": "u"}, "status": {"phase": "Pending", "containerStatuses": [waiting]}}),
        )
        .expect("a Pod");
        let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "default"},
            "type": "Warning", "reason": "FailedMount", "message": "no such volume",
            "involvedObject": {"kind": "Pod", "uid": "u"}});
        let mut obstacles = Obstacles::default();
        obstacles.look(&job, [&pod], at(1));
        assert_eq!(obstacles.current(), None);
        obstacles.take(&Observation::Applied(Arc::new(Object::from_value(&event).expect("an Event"))));
        obstacles.look(&job, [&pod], at(2));
        let news = obstacles.news(Screen::PLAIN).join("\n");
        let news = anstream::adapter::strip_str(&news).to_string();
        assert_eq!(news, "Stuck: pod p cannot start: FailedMount: no such volume");
        obstacles.look(&job, [&pod], at(5));
        assert!(obstacles.news(Screen::PLAIN).is_empty());
        let patience = SignedDuration::from_secs(3);
        assert!(obstacles.outlasting(patience, at(4)).is_none() && obstacles.outlasting(patience, at(5)).is_some());
        obstacles.look(&job, [], at(6));
        assert_eq!(obstacles.current(), None);
    }
}
