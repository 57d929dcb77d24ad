//! The controller over the small API.

use serde_json::json;

use crate::tests::{World, eventually};

/// A pod of the budget's application.
fn run(world: &World, name: &str, ready: &str) {
    world.put("pods", "default", name, &[]);
    world.edit("pods", "default", name, |pod| {
        pod["metadata"]["labels"] = json!({"app": "a"});
        pod["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]});
    });
}

#[tokio::test]
async fn a_budget_follows_its_pods() {
    let world = World::start_without_scheduler().await;
    world.put("poddisruptionbudgets", "default", "b", &[]);
    world.edit("poddisruptionbudgets", "default", "b", |budget| {
        budget["spec"] = json!({"minAvailable": 1, "selector": {"matchLabels": {"app": "a"}}});
    });
    for (name, ready) in [("p", "True"), ("q", "True"), ("r", "False")] {
        run(&world, name, ready);
    }
    let status = |field: &str| world.get("poddisruptionbudgets", "default", "b")["status"][field].clone();
    eventually(|| status("disruptionsAllowed") == 1 && status("expectedPods") == 3).await;
    assert_eq!(status("currentHealthy"), 2);
    world.delete("pods", "default", "p", "Background");
    eventually(|| status("disruptionsAllowed") == 0 && status("expectedPods") == 2).await;
    world.shutdown().await;
}

#[tokio::test]
async fn a_share_of_pods_whose_owner_has_no_scale_cannot_be_worked_out() {
    let world = World::start_without_scheduler().await;
    world.put("poddisruptionbudgets", "default", "b", &[]);
    world.edit("poddisruptionbudgets", "default", "b", |budget| {
        budget["spec"] = json!({"maxUnavailable": 1, "selector": {"matchLabels": {"app": "a"}}});
    });
    run(&world, "p", "True");
    world.edit("pods", "default", "p", |pod| {
        let owner = json!({"apiVersion": "x/v1", "kind": "Thing", "name": "t", "uid": "u", "controller": true});
        pod["metadata"]["ownerReferences"] = json!([owner]);
    });
    let condition = || world.get("poddisruptionbudgets", "default", "b")["status"]["conditions"][0].clone();
    eventually(|| condition()["reason"] == "SyncFailed").await;
    assert_eq!(condition()["message"], "no matches for kind \"Thing\" in version \"x/v1\"");
    world.shutdown().await;
}
