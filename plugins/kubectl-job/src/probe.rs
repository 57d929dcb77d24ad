//! Finds out what a local server honours by running a pod on it: whether sandboxes can be had shows only when one is
//! made, and the server's warnings are exact from then on.

use std::time::Duration;

use api::Options;
use api::k8s::api::core::v1::{Event, Pod};
use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use api::resource::{EVENTS, PODS};
use client::{Client, Observation, Selection};
use clock::SystemClock;
use futures::StreamExt as _;
use serde_json::{Value, json};

/// How long a pod may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where it runs.
const NAMESPACE: &str = "default";
/// The reason of the Event that names fields without effect.
const NOT_HONOURED: &str = "NotHonoured";

/// A pod that needs no sandbox.
pub(crate) const PLAIN: &str = "kubectl-job-probe-plain";
/// A pod that needs one.
pub(crate) const SANDBOXED: &str = "kubectl-job-probe-sandbox";

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trial {
    /// It ended well; the Events that name what was not honoured.
    Ran {
        /// Their messages.
        unhonoured: Vec<String>,
    },
    /// It did not, and why.
    Failed(String),
}

/// Runs one of the two pods to its end and removes it.
pub(crate) async fn run(client: &Client, name: &str) -> Trial {
    if let Err(error) = client.create(&PODS, Some(NAMESPACE), pod(name)).await {
        return Trial::Failed(error.to_string());
    }
    let ended = tokio::time::timeout(PATIENCE, end(client, name)).await;
    let trial = match ended {
        Err(_) => Trial::Failed(format!("it has not ended after {} s", PATIENCE.as_secs())),
        Ok(Err(why)) => Trial::Failed(why),
        Ok(Ok(uid)) => Trial::Ran { unhonoured: unhonoured(client, &uid).await },
    };
    let now = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
    // A pod that is left over does no harm, and its end was told.
    let _ = client.delete(&PODS, Some(NAMESPACE), name, &now).await;
    trial
}

fn pod(name: &str) -> Value {
    let mut spec = json!({
        "restartPolicy": "Never", "automountServiceAccountToken": false,
        "containers": [{"name": "c", "image": "probe", "command": ["true"]}],
    });
    if name == SANDBOXED {
        spec["volumes"] = json!([{"name": "v", "emptyDir": {}}]);
        spec["containers"][0]["volumeMounts"] = json!([{"name": "v", "mountPath": "/probe"}]);
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
}

/// Waits for the pod's end; its UID when it ended well.
async fn end(client: &Client, name: &str) -> Result<String, String> {
    let selection = Selection {
        namespace: Some(NAMESPACE.to_owned()),
        field_selector: Some(format!("metadata.name={name}")),
        label_selector: None,
    };
    let mut pods = client::observe(client.clone(), std::sync::Arc::new(SystemClock), PODS, selection);
    while let Some(observation) = pods.next().await {
        let objects = match observation {
            Observation::Restarted { objects, .. } => objects,
            Observation::Applied(object) => vec![object],
            Observation::Deleted(_) => return Err("it was deleted".to_owned()),
            Observation::Reached(_) => continue,
        };
        for pod in objects.iter().filter_map(|object| object.decode::<Pod>().ok()) {
            let status = pod.status.unwrap_or_default();
            match status.phase.as_deref() {
                Some("Succeeded") => return Ok(pod.metadata.uid.unwrap_or_default()),
                Some("Failed") => return Err(status.reason.unwrap_or_else(|| "it ended with an error".to_owned())),
                _ => {}
            }
        }
    }
    Err("the server has gone".to_owned())
}

async fn unhonoured(client: &Client, uid: &str) -> Vec<String> {
    let options = Options { field_selector: Some(format!("involvedObject.uid={uid}")), ..Options::default() };
    let listed = client.list(&EVENTS, Some(NAMESPACE), options).await.map(|list| list.items).unwrap_or_default();
    let events = listed.iter().filter_map(|object| object.decode::<Event>().ok());
    let named = events.filter(|event| event.reason.as_deref() == Some(NOT_HONOURED));
    named.filter_map(|event| event.message).collect()
}
