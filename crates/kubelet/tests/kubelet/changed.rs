//! Pods whose spec changes while they run.

use api::logs::LogOptions;
use api::session::{Channel, Outcome, SessionEvent, SessionOptions, Streams};
use serde_json::{Value, json};

use crate::lifecycle::staying;
use crate::{Node, node, shell, wait_for};

fn ephemeral(node: &Node, name: &str) -> Value {
    node.api.get("pods", name).unwrap()["status"]["ephemeralContainerStatuses"][0].clone()
}

fn add_ephemeral(node: &Node, name: &str, script: &str) {
    let container = json!({"name": "look", "image": "x", "command": ["sh", "-c", script], "targetContainerName": "c"});
    node.api.change_spec(name, |spec| spec["ephemeralContainers"] = json!([container]));
}

#[tokio::test]
async fn ephemeral_container_joins_a_pod_that_runs() {
    let node = node();
    node.api.add_pod("web", staying(&json!({})));
    node.reaches("web", "Running").await;
    add_ephemeral(&node, "web", "echo looking; read line; echo $line; exit 3");
    wait_for("it to end", || ephemeral(&node, "web")["state"]["terminated"].is_object()).await;
    let status = ephemeral(&node, "web");
    assert_eq!(status["state"]["terminated"]["exitCode"], 3);
    assert_eq!(
        (&status["restartCount"], &status["ready"], &status["started"]),
        (&0.into(), &false.into(), &Value::Null)
    );
    let log = LogOptions { container: Some("look".to_owned()), ..LogOptions::default() };
    assert_eq!(node.log("web", &log).await.unwrap(), "looking\n\n");
    // It counts for nothing: the pod is as ready as before, and its only other container is the default one.
    assert!(node.is_ready("web") && node.phase("web") == "Running");
    assert_eq!(node.log("web", &LogOptions::default()).await.unwrap(), "");
    node.kubelet.shutdown().await;
}

#[tokio::test]
async fn ephemeral_container_can_be_entered_and_ends_with_its_pod() {
    let node = node();
    let mut spec = shell("Never", "while [ ! -e done ]; do sleep 0.01; done");
    spec["terminationGracePeriodSeconds"] = 1.into();
    node.api.add_pod("web", spec);
    node.reaches("web", "Running").await;
    add_ephemeral(&node, "web", "sleep 1000");
    wait_for("it to run", || ephemeral(&node, "web")["state"]["running"].is_object()).await;
    let options = SessionOptions {
        container: Some("look".to_owned()),
        command: ["sh", "-c", "echo in; touch done"].map(str::to_owned).to_vec(),
        streams: Streams { stdout: true, ..Streams::default() },
    };
    let mut session = node.kubelet.exec("default", "web", options).await.unwrap();
    let output = SessionEvent::Output(Channel::Stdout, "in\n".into());
    assert_eq!(session.events.recv().await.unwrap(), output);
    assert_eq!(session.events.recv().await.unwrap(), SessionEvent::Ended(Outcome::Exited(0)));
    node.reaches("web", "Succeeded").await;
    assert_eq!(ephemeral(&node, "web")["state"]["terminated"]["exitCode"], 143);
    assert_eq!(node.kubelet.running_containers(), 0);
}

#[tokio::test]
async fn ephemeral_container_that_asks_for_too_much_is_told() {
    let node = node();
    node.api.add_pod("web", staying(&json!({})));
    node.reaches("web", "Running").await;
    let devices = json!([{"name": "d", "devicePath": "/d"}]);
    let container = json!({"name": "look", "image": "x", "command": ["true"], "volumeDevices": devices});
    node.api.change_spec("web", |spec| spec["ephemeralContainers"] = json!([container]));
    let text = "A local process cannot honour these fields: spec.ephemeralContainers[0].volumeDevices";
    node.tells("NotHonoured", text).await;
    node.kubelet.shutdown().await;
}

#[tokio::test]
async fn changed_image_restarts_its_container() {
    let node = node();
    let mapped =
        json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "x", "command": ["sleep", "1000"]}]});
    node.api.add_pod("web", mapped);
    node.reaches("web", "Running").await;
    node.api.change_spec("web", |spec| spec["containers"][0]["image"] = json!("y"));
    node.tells("Killing", "Container c definition changed, will be restarted").await;
    wait_for("another run", || {
        let container = node.container("web");
        container["restartCount"] == 1 && container["state"]["running"].is_object() && container["image"] == "y"
    })
    .await;
    node.kubelet.shutdown().await;
}

#[tokio::test]
async fn image_that_stands_for_nothing_can_be_mended() {
    let node = node();
    node.api.add_pod("web", json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "nginx"}]}));
    node.waits_with("web", "ErrImagePull").await;
    node.api.change_spec("web", |spec| spec["containers"][0]["image"] = json!("mapped"));
    node.reaches("web", "Succeeded").await;
    assert_eq!(node.log("web", &LogOptions::default()).await.unwrap(), "\n");
}
