//! Deletes of one object and of a collection.

use registry::DefaultPropagation;

use super::*;

#[tokio::test]
async fn a_finalizer_holds_an_object_until_it_is_taken_off() {
    each(async |probe| {
        let created = probe.create(json!({"finalizers": ["example.com/held"]})).await;
        let item = probe.item();
        let options = json!({"propagationPolicy": "Background", "gracePeriodSeconds": 0});
        let deleted = probe.delete(&item, &options).await;
        assert_eq!(deleted.code, 200, "{}", deleted.text());
        let deleted = deleted.json();
        assert!(deleted["metadata"]["deletionTimestamp"].is_string(), "{deleted}");
        assert_eq!(deleted["metadata"]["uid"], created["metadata"]["uid"]);
        assert_eq!(probe.get(&item).await, deleted);
        probe.finalize().await;
        let more = json!({"metadata": {"finalizers": ["example.com/held", "example.com/x"]}});
        let refused = probe.patch(&item, MERGE, &more).await;
        assert_eq!(refused.code, 422, "no finalizer comes on while an object goes");
        let released = probe.patch(&item, MERGE, &json!({"metadata": {"finalizers": null}})).await;
        assert_eq!(released.code, 200, "{}", released.text());
        assert_eq!(probe.client.get(&item).await.code, 404);
    })
    .await;
}

#[tokio::test]
async fn preconditions_must_hold() {
    each(async |probe| {
        let created = probe.create(json!({})).await;
        let item = probe.item();
        for wrong in [json!({"uid": "other"}), json!({"resourceVersion": "1"})] {
            let refused = probe.delete(&item, &json!({"preconditions": wrong})).await;
            assert_eq!(refused.code, 409, "{}", refused.text());
            assert_eq!(refused.json()["reason"], "Conflict");
        }
        assert_eq!(probe.get(&item).await, created);
        let right = json!({
            "uid": created["metadata"]["uid"], "resourceVersion": created["metadata"]["resourceVersion"],
        });
        let options = json!({"preconditions": right, "propagationPolicy": "Background", "gracePeriodSeconds": 0});
        let deleted = probe.delete(&item, &options).await;
        assert_eq!(deleted.code, 200, "{}", deleted.text());
        probe.finalize().await;
        assert_eq!(probe.client.get(&item).await.code, 404);
        assert_eq!(probe.delete(&item, &json!({})).await.code, 404);
    })
    .await;
}

#[tokio::test]
async fn each_propagation_leaves_its_finalizer() {
    each(async |probe| {
        for (policy, finalizer) in [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")] {
            probe.create(json!({})).await;
            let item = probe.item();
            let deleted = probe.delete(&item, &json!({"propagationPolicy": policy, "gracePeriodSeconds": 0})).await;
            assert_eq!(deleted.code, 200, "{}", deleted.text());
            if probe.strategy().default_propagation() == DefaultPropagation::Unsupported {
                assert_eq!(probe.client.get(&item).await.code, 404);
                continue;
            }
            let finalizers = probe.get(&item).await["metadata"]["finalizers"].clone();
            assert_eq!(finalizers, json!([finalizer]), "{policy}");
            probe.finalize().await;
            probe.patch(&item, MERGE, &json!({"metadata": {"finalizers": null}})).await;
            assert_eq!(probe.client.get(&item).await.code, 404);
        }
    })
    .await;
}

#[tokio::test]
async fn a_bare_delete_orphans_and_warns_where_upstream_does() {
    each(async |probe| {
        probe.create(json!({})).await;
        let item = probe.item();
        let deleted = probe.client.delete(&item).await;
        assert_eq!(deleted.code, 200, "{}", deleted.text());
        let default = probe.strategy().default_propagation();
        let warns = matches!(default, DefaultPropagation::Orphan { warning: Some(_) });
        assert_eq!(deleted.header("warning").contains("set propagationPolicy="), warns, "{:?}", deleted.headers);
        if matches!(default, DefaultPropagation::Orphan { .. }) {
            assert_eq!(probe.get(&item).await["metadata"]["finalizers"], json!(["orphan"]));
        }
    })
    .await;
}

#[tokio::test]
async fn a_collection_is_deleted_as_far_as_it_is_selected() {
    each(async |probe| {
        let path = probe.path();
        if !probe.serves("deletecollection") {
            assert_eq!(probe.client.delete(&path).await.code, 405);
            return;
        }
        probe.create(json!({"labels": {"doomed": "yes"}})).await;
        let stays = probe.create(json!({"name": "stays", "labels": {"doomed": "no"}})).await;
        let options = json!({"propagationPolicy": "Background", "gracePeriodSeconds": 0});
        let deleted = probe.delete(&format!("{path}?labelSelector=doomed%3Dyes"), &options).await;
        assert_eq!(deleted.code, 200, "{}", deleted.text());
        let names = deleted.json()["items"].as_array().map_or(0, Vec::len);
        assert!(names <= 1, "{}", deleted.text());
        let item = probe.item();
        assert_eq!(probe.client.get(&item).await.code, 404);
        assert_eq!(probe.get(&format!("{path}/stays")).await, stays);
    })
    .await;
}
