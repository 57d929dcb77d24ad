//! Which logs to read: each run of each container once, whatever order its states come in.

use std::collections::HashMap;

use api::k8s::api::core::v1::{ContainerStatus, Pod};

/// One log to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Source {
    /// UID of the pod.
    pub(crate) uid: String,
    /// Name of the pod.
    pub(crate) pod: String,
    /// The container.
    pub(crate) container: String,
    /// How often the container had restarted.
    pub(crate) run: u32,
    /// Read the run before the current one.
    pub(crate) is_previous: bool,
    /// Another run may take the current one's place while it is being opened.
    pub(crate) may_restart: bool,
}

/// Remembers which runs were opened.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The next run to open, by pod UID and container.
    next: HashMap<(String, String), u32>,
    only: Option<String>,
}

impl Sources {
    /// The logs of all containers, or of one.
    pub(crate) fn new(only: Option<String>) -> Self {
        Self { next: HashMap::new(), only }
    }

    /// The logs that a pod's state makes readable and that were not named before.
    ///
    /// A run that was missed is read as the previous one, which is as far back as a kubelet keeps them.
    pub(crate) fn take(&mut self, pod: &Pod) -> Vec<Source> {
        let status = pod.status.as_ref();
        let of = |list: Option<&Vec<ContainerStatus>>| list.cloned().unwrap_or_default();
        let statuses = of(status.and_then(|status| status.init_container_statuses.as_ref()))
            .into_iter()
            .chain(of(status.and_then(|status| status.container_statuses.as_ref())));
        let mut sources = Vec::new();
        for status in statuses {
            if self.only.as_ref().is_none_or(|only| *only == status.name) {
                self.take_container(pod, &status, &mut sources);
            }
        }
        sources
    }

    fn take_container(&mut self, pod: &Pod, status: &ContainerStatus, sources: &mut Vec<Source>) {
        if !has_log(status) {
            return;
        }
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let run = u32::try_from(status.restart_count).unwrap_or(0);
        let next = self.next.entry((uid.clone(), status.name.clone())).or_insert(0);
        if run < *next {
            return;
        }
        let policy = pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
        let source = |run, is_previous| Source {
            uid: uid.clone(),
            pod: pod.metadata.name.clone().unwrap_or_default(),
            container: status.name.clone(),
            run,
            is_previous,
            may_restart: policy != Some("Never"),
        };
        if run > *next {
            sources.push(source(run - 1, true));
        }
        sources.push(source(run, false));
        *next = run + 1;
    }
}

/// Whether the container has run at least once.
fn has_log(status: &ContainerStatus) -> bool {
    let ran = |state: &api::k8s::api::core::v1::ContainerState| {
        state.running.is_some()
            || state.terminated.as_ref().is_some_and(|end| end.reason.as_deref() != Some("StartError"))
    };
    status.state.as_ref().is_some_and(ran)
        || status.state.as_ref().is_some_and(|state| state.waiting.is_some())
            && status.last_state.as_ref().is_some_and(ran)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(restarts: u32, state: &Value, last: &Value) -> Pod {
        let status = json!({"name": "app", "image": "", "imageID": "", "ready": false, "restartCount": restarts,
            "state": state, "lastState": last});
        serde_json::from_value(
            json!({"metadata": {"name": "p", "uid": "u"}, "status": {"containerStatuses": [status]}}),
        )
        .expect("a Pod")
    }

    fn runs(sources: &[Source]) -> Vec<(u32, bool)> {
        sources.iter().map(|source| (source.run, source.is_previous)).collect()
    }

    #[test]
    fn each_run_is_read_once() {
        let mut sources = Sources::default();
        let (waiting, none) = (json!({"waiting": {"reason": "ContainerCreating"}}), json!({}));
        let (running, ended) = (json!({"running": {}}), json!({"terminated": {"exitCode": 1}}));
        assert_eq!(runs(&sources.take(&pod(0, &waiting, &none))), []);
        assert_eq!(runs(&sources.take(&pod(0, &running, &none))), [(0, false)]);
        assert_eq!(runs(&sources.take(&pod(0, &ended, &none))), []);
        assert_eq!(runs(&sources.take(&pod(0, &waiting, &ended))), []);
        assert_eq!(runs(&sources.take(&pod(1, &running, &ended))), [(1, false)]);
    }

    #[test]
    fn a_missed_run_is_read_as_the_previous_one() {
        let mut sources = Sources::default();
        let (running, ended) = (json!({"running": {}}), json!({"terminated": {"exitCode": 1}}));
        assert_eq!(runs(&sources.take(&pod(3, &running, &ended))), [(2, true), (3, false)]);
    }

    #[test]
    fn a_container_that_never_ran_has_no_log() {
        let failed = json!({"terminated": {"exitCode": 128, "reason": "StartError"}});
        assert_eq!(runs(&Sources::default().take(&pod(0, &failed, &json!({})))), []);
        let running = json!({"running": {}});
        assert_eq!(runs(&Sources::new(Some("other".to_owned())).take(&pod(0, &running, &json!({})))), []);
    }
}
