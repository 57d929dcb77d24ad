//! Keeps the files of a pod's volumes as the API has their sources, while the pod runs.
//!
//! What is followed is what the pod mounts, each object by its name, and the pod itself where its labels are files; a pod
//! that mounts nothing of the kind costs nothing. Files change all at once ([`crate::volumes::disk`]); a mount with a
//! sub-path keeps what it was made of, as upstream's does. What is gone, or lacks a key, leaves the files as they were.
//!
//! Differs: upstream looks every minute or so; here a change is followed at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::Gvr;
use api::k8s::api::core::v1::{Pod, Volume};
use api::resource::{CONFIG_MAPS, PODS, SECRETS};
use client::{Observation, Selection, observe};
use futures::stream::{self, StreamExt};
use tokio::task::JoinHandle;

use super::Shared;
use super::entry::PodEntry;
use super::perform::tell;
use super::volumes;
use crate::plan::PodEvent;
use crate::volumes::{Kind, Projection, Wants, kind, mounted};

/// Objects that one pod follows, at most; what is beyond them stays as it was when the pod started.
const FOLLOWED_MAX: usize = 64;

/// Ends with this value.
pub(super) struct Following(JoinHandle<()>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Follows what a pod's volumes are made of; `None` for a pod that has no such volume.
pub(super) fn follow(shared: &Arc<Shared>, pod: &Arc<PodEntry>) -> Option<Following> {
    let sources = if shared.runtime.runs_programs() { sources(&pod.pod) } else { BTreeSet::new() };
    if sources.is_empty() {
        return None;
    }
    Some(Following(tokio::spawn(run(Arc::clone(shared), Arc::clone(pod), sources))))
}

/// What the files of a pod's volumes are made of: a resource and a name each.
fn sources(pod: &Pod) -> BTreeSet<(&'static str, String)> {
    let mut sources = BTreeSet::new();
    for volume in volumes_with_files(pod) {
        let Kind::Files(projections) = kind(volume) else { continue };
        for projection in &projections {
            match (projection, projection.wants()) {
                (_, Wants::ConfigMap(name)) => drop(sources.insert(("configmaps", name.to_owned()))),
                (_, Wants::Secret(name)) => drop(sources.insert(("secrets", name.to_owned()))),
                (Projection::Downward { .. }, _) => {
                    sources.insert(("pods", pod.metadata.name.clone().unwrap_or_default()));
                }
                _ => {}
            }
        }
    }
    sources
}

fn resource(plural: &str) -> Gvr {
    match plural {
        "configmaps" => CONFIG_MAPS,
        "secrets" => SECRETS,
        _ => PODS,
    }
}

async fn run(shared: Arc<Shared>, pod: Arc<PodEntry>, sources: BTreeSet<(&'static str, String)>) {
    let streams = sources.into_iter().take(FOLLOWED_MAX).map(|(plural, name)| {
        let selection = Selection {
            namespace: Some(pod.namespace().to_owned()),
            field_selector: Some(format!("metadata.name={name}")),
            ..Selection::default()
        };
        let observed = observe(shared.client.clone(), Arc::clone(&shared.clock), resource(plural), selection);
        observed.boxed()
    });
    let mut changes = stream::select_all(streams);
    let mut current = Arc::clone(&pod.pod);
    while let Some(change) = changes.next().await {
        let object = match change {
            Observation::Reached(_) => continue,
            Observation::Restarted { objects, .. } => objects.into_iter().find(|object| object.meta().uid == pod.uid),
            Observation::Applied(object) | Observation::Deleted(object) => Some(object),
        };
        // The pod as it is now, of which only labels and annotations can have changed.
        if let Some(newer) = object.filter(|object| object.meta().uid == pod.uid) {
            let Ok(newer) = newer.decode::<Pod>() else { continue };
            let (old, new) = (&current.metadata, &newer.metadata);
            if (&old.labels, &old.annotations) == (&new.labels, &new.annotations) {
                continue;
            }
            current = Arc::new(newer);
        }
        refresh(&shared, &pod, &current).await;
    }
}

/// Brings the files of all volumes up to date.
async fn refresh(shared: &Shared, pod: &PodEntry, current: &Pod) {
    for volume in volumes_with_files(&pod.pod) {
        if let Err(text) = volumes::set_up(shared, pod, current, volume).await {
            let message = format!("MountVolume.SetUp failed for volume \"{}\" : {text}", volume.name);
            tell(shared, pod, &PodEvent { container: None, ..PodEvent::warning(0, "FailedMount", message) });
        }
    }
}

/// The volumes that containers mount and that hold files, each once.
fn volumes_with_files(pod: &Pod) -> Vec<&Volume> {
    let mut found: Vec<&Volume> = Vec::new();
    for container in pod.spec.iter().flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers)) {
        for volume in mounted(pod, container) {
            let known = found.iter().any(|known| known.name == volume.name);
            if !known && matches!(kind(volume), Kind::Files(_)) {
                found.push(volume);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_mounted_is_followed() {
        let pod = json!({"metadata": {"name": "p"}, "spec": {
            "volumes": [
                {"name": "a", "configMap": {"name": "map"}},
                {"name": "b", "projected": {"sources": [{"secret": {"name": "key"}}, {"downwardAPI": {"items": []}}]}},
                {"name": "c", "configMap": {"name": "unused"}},
                {"name": "d", "emptyDir": {}},
            ],
            "containers": [{"name": "c", "volumeMounts": [{"name": "a", "mountPath": "/a"}, {"name": "d", "mountPath": "/d"}]},
                {"name": "e", "volumeMounts": [{"name": "b", "mountPath": "/b"}, {"name": "a", "mountPath": "/a"}]}],
        }});
        let expected =
            [("configmaps", "map"), ("pods", "p"), ("secrets", "key")].map(|(kind, name)| (kind, name.to_owned()));
        assert_eq!(sources(&serde_json::from_value(pod).unwrap()), BTreeSet::from(expected));
        let plain = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}});
        assert!(sources(&serde_json::from_value(plain).unwrap()).is_empty());
    }
}
