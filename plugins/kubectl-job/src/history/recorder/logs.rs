//! The logs of pods that are gone: whose they are, and filing them with the runs that they belong to.

use std::collections::HashMap;
use std::time::Duration;

use api::Uid;
use tokio::time::Instant;

use super::{LONGEST_WAIT, State, blocking};
use crate::history::filing::{self, Fate};
use crate::history::folder::History;
use crate::history::run::Run;

/// How soon logs of pods that went are looked for; doubles until [`LONGEST_WAIT`].
const FIRST_LOOK: Duration = Duration::from_millis(200);

/// Whose logs these are, by the UID of the pod: the run, and the pod's name.
pub(super) type Owners = HashMap<String, (String, String)>;

/// Filed with that run, as that pod's.
pub(super) fn filed(id: &str, pod: &str) -> Fate {
    Fate::Filed { id: id.to_owned(), pod: pod.to_owned() }
}

/// UIDs of pods whose logs were handed over.
pub(super) fn staged(history: &History) -> Vec<String> {
    let entries = std::fs::read_dir(history.staging()).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

impl State {
    /// Sees to it that logs are looked for soon, however often this is said.
    pub(super) fn look_soon(&mut self) {
        let soon = Instant::now() + FIRST_LOOK;
        if self.look.is_none_or(|(at, _)| at > soon) {
            self.look = Some((soon, FIRST_LOOK));
        }
    }

    /// Learns whose the logs are that an earlier server left.
    pub(super) async fn recover(&mut self) {
        let history = self.parts.history.clone();
        let find = move || {
            let is_empty = |folder: &std::path::PathBuf| {
                std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
            };
            if history.unfiled().iter().all(is_empty) {
                return Owners::new();
            }
            let pods = |run: Run| {
                let pods = history.story(&run).map(|story| story.pods).unwrap_or_default();
                let text = |pod: &serde_json::Value, field| pod["metadata"][field].as_str().map(str::to_owned);
                let named = move |pod| Some((text(&pod, "uid")?, (run.id.clone(), text(&pod, "name")?)));
                pods.into_iter().filter_map(named).collect::<Vec<_>>()
            };
            history.runs().into_iter().flat_map(pods).collect()
        };
        self.recovered = blocking(find).await.unwrap_or_default();
        if !self.recovered.is_empty() {
            self.look_soon();
        }
    }

    /// Files logs that were handed over, and forgets Jobs of which nothing more can come.
    pub(super) async fn look_for_logs(&mut self) {
        let now = Instant::now();
        let Some((at, wait)) = self.look else { return };
        if at > now {
            return;
        }
        self.look = (wait < LONGEST_WAIT).then(|| (now + wait * 2, wait * 2));
        let history = self.parts.history.clone();
        let Some(staged) = blocking(move || staged(&history)).await else { return };
        let fates: Vec<(String, Fate)> = staged.into_iter().filter_map(|uid| self.fate(uid)).collect();
        if !fates.is_empty() {
            let (history, limits) = (self.parts.history.clone(), self.parts.limits);
            blocking(move || filing::file(&history, fates, limits)).await;
        }
        self.retire(now);
    }

    /// Where logs go; `None` while that is not known.
    fn fate(&self, uid: String) -> Option<(String, Fate)> {
        let pod = Uid::from(uid.as_str());
        let Some(job) = self.pods.get(&pod) else {
            let fate = self.recovered.get(&uid).map_or(Fate::Dropped, |(id, pod)| filed(id, pod));
            return Some((uid, fate));
        };
        let entry = self.jobs.get(job)?;
        match &entry.watched.run {
            Some(id) => Some((uid, filed(id, entry.watched.pod_name(&pod)?))),
            None if self.schedule.has(job) => None,
            None => Some((uid, Fate::Dropped)),
        }
    }

    pub(super) fn owners(self) -> Owners {
        let Self { jobs, pods, mut recovered, .. } = self;
        for (pod, job) in pods {
            let Some(watched) = jobs.get(&job).map(|entry| &entry.watched) else { continue };
            if let (Some(id), Some(name)) = (&watched.run, watched.pod_name(&pod)) {
                recovered.insert(pod.to_string(), (id.clone(), name.to_owned()));
            }
        }
        recovered
    }
}
