//! The collector with a small API behind it: whole deletes, from the request to the last object gone.

use serde_json::json;

use crate::tests::{World, eventually, owner};

#[tokio::test]
async fn dependents_go_after_their_last_owner_and_not_before() {
    let world = World::start().await;
    world.put("jobs", "a", "one", &[]);
    world.put("jobs", "a", "two", &[]);
    let (one, two) = (owner(&world, "jobs", "a", "one"), owner(&world, "jobs", "a", "two"));
    world.put("pods", "a", "p1", std::slice::from_ref(&one));
    world.put("pods", "a", "p2", &[one.clone(), two.clone()]);
    world.delete("jobs", "a", "one", "Background");
    eventually(|| !world.has("pods", "a", "p1")).await;
    eventually(|| world.get("pods", "a", "p2")["metadata"]["ownerReferences"] == json!([two])).await;
    world.delete("jobs", "a", "two", "Background");
    eventually(|| !world.has("pods", "a", "p2")).await;
    world.shutdown().await;
}

#[tokio::test]
async fn thousands_of_dependents_go_with_their_owner() {
    let world = World::start().await;
    world.put("jobs", "a", "job", &[]);
    let job = owner(&world, "jobs", "a", "job");
    for number in 0..2_000 {
        world.put("pods", "a", &format!("p{number}"), std::slice::from_ref(&job));
    }
    eventually(|| world.observed()).await;
    world.delete("jobs", "a", "job", "Background");
    eventually(|| (0..2_000).all(|number| !world.has("pods", "a", &format!("p{number}")))).await;
    world.shutdown().await;
}

#[tokio::test]
async fn a_chain_is_collected_to_its_end() {
    let world = World::start().await;
    world.put("jobs", "a", "0", &[]);
    for n in 1..20 {
        let above = owner(&world, "jobs", "a", &(n - 1).to_string());
        world.put("jobs", "a", &n.to_string(), &[above]);
    }
    world.delete("jobs", "a", "0", "Background");
    eventually(|| !world.has("jobs", "a", "19")).await;
    world.shutdown().await;
}

#[tokio::test]
async fn a_foreground_delete_takes_blocking_dependents_first() {
    let world = World::start().await;
    world.put("jobs", "a", "job", &[]);
    let mut blocking = owner(&world, "jobs", "a", "job");
    blocking["blockOwnerDeletion"] = true.into();
    world.put("pods", "a", "p", &[blocking]);
    world.hold("pods", "a", "p", "test/hold");
    world.delete("jobs", "a", "job", "Foreground");
    eventually(|| world.get("pods", "a", "p")["metadata"]["deletionTimestamp"].is_string()).await;
    assert!(world.has("jobs", "a", "job"), "the dependent is still there");
    world.release("pods", "a", "p", "test/hold");
    eventually(|| !world.has("pods", "a", "p") && !world.has("jobs", "a", "job")).await;
    world.shutdown().await;
}

#[tokio::test]
async fn an_orphaning_delete_leaves_the_dependents_without_reference() {
    let world = World::start().await;
    world.put("jobs", "a", "job", &[]);
    let reference = owner(&world, "jobs", "a", "job");
    world.put("pods", "a", "p", &[reference]);
    eventually(|| world.observed()).await;
    world.delete("jobs", "a", "job", "Orphan");
    eventually(|| !world.has("jobs", "a", "job")).await;
    assert_eq!(world.get("pods", "a", "p")["metadata"]["ownerReferences"], json!([]));
    world.shutdown().await;
}

#[tokio::test]
async fn an_owner_in_another_namespace_is_absent_and_told_of() {
    let world = World::start().await;
    world.put("jobs", "a", "job", &[]);
    let reference = owner(&world, "jobs", "a", "job");
    let uid = reference["uid"].as_str().expect("a uid").to_owned();
    world.put("pods", "b", "p", &[reference]);
    eventually(|| !world.has("pods", "b", "p")).await;
    eventually(|| !world.messages("OwnerRefInvalidNamespace").is_empty()).await;
    let expected =
        format!("ownerRef [batch/v1/Job, namespace: b, name: job, uid: {uid}] does not exist in namespace \"b\"");
    assert_eq!(world.messages("OwnerRefInvalidNamespace")[0], expected);
    assert!(world.has("jobs", "a", "job"));
    world.shutdown().await;
}

#[tokio::test]
async fn a_circle_deleted_in_the_foreground_goes() {
    let world = World::start().await;
    world.put("jobs", "a", "x", &[]);
    let mut x = owner(&world, "jobs", "a", "x");
    x["blockOwnerDeletion"] = true.into();
    world.put("jobs", "a", "y", &[x]);
    let mut y = owner(&world, "jobs", "a", "y");
    y["blockOwnerDeletion"] = true.into();
    world.edit("jobs", "a", "x", |object| object["metadata"]["ownerReferences"] = json!([y.clone()]));
    eventually(|| world.observed()).await;
    world.delete("jobs", "a", "x", "Foreground");
    eventually(|| !world.has("jobs", "a", "x") && !world.has("jobs", "a", "y")).await;
    world.shutdown().await;
}

#[tokio::test]
async fn an_owner_of_an_unknown_kind_holds_its_dependents() {
    let world = World::start().await;
    let reference = json!({ "apiVersion": "example.com/v1", "kind": "Thing", "name": "t", "uid": "t" });
    world.put("pods", "a", "p", &[reference]);
    world.put("jobs", "a", "job", &[]);
    let job = owner(&world, "jobs", "a", "job");
    world.put("pods", "a", "q", &[job]);
    world.delete("jobs", "a", "job", "Background");
    eventually(|| !world.has("pods", "a", "q")).await;
    assert!(world.has("pods", "a", "p"));
    world.shutdown().await;
}

/// The laws, with the controllers on threads of their own: nothing is deleted that an owner still holds, and nothing is left that none does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_graphs_end_as_the_reference_model_says() {
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let world = World::start().await;
        let count = random.usize(2..60);
        let mut edges: Vec<Vec<usize>> = Vec::new();
        for object in 0..count {
            let owners: Vec<usize> = (0..object).filter(|_| random.usize(0..object) < 2).collect();
            let references: Vec<_> =
                owners.iter().map(|above| owner(&world, "jobs", "a", &above.to_string())).collect();
            world.put("jobs", "a", &object.to_string(), &references);
            edges.push(owners);
        }
        let doomed: Vec<usize> = (0..count).filter(|_| random.usize(0..4) == 0).collect();
        for object in &doomed {
            let policy = if random.bool() { "Background" } else { "Foreground" };
            world.delete("jobs", "a", &object.to_string(), policy);
        }
        let mut gone: Vec<bool> = (0..count).map(|object| doomed.contains(&object)).collect();
        for object in 0..count {
            gone[object] |= !edges[object].is_empty() && edges[object].iter().all(|above| gone[*above]);
        }
        let ended = || (0..count).all(|object| world.has("jobs", "a", &object.to_string()) != gone[object]);
        eventually(ended).await;
        world.settle().await;
        assert!(ended(), "seed {seed}");
        world.shutdown().await;
    }
}
