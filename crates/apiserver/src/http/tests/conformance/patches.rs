//! Patches of each form.

use super::*;

#[tokio::test]
async fn each_form_of_patch_changes_the_object() {
    each(async |probe| {
        let mut last = revision(&probe.create(json!({"labels": {"a": "0"}})).await);
        let item = probe.item();
        let forms = [
            (JSON_PATCH, json!([{"op": "replace", "path": "/metadata/labels/a", "value": "1"}])),
            (MERGE, json!({"metadata": {"labels": {"a": "2", "b": "x"}}})),
            (STRATEGIC, json!({"metadata": {"labels": {"a": "3", "b": null}}})),
        ];
        for (index, (form, patch)) in forms.iter().enumerate() {
            let patched = probe.patch(&item, form, patch).await;
            assert_eq!(patched.code, 200, "{form}: {}", patched.text());
            let patched = patched.json();
            assert_eq!(patched["metadata"]["labels"]["a"], (index + 1).to_string(), "{form}");
            assert_eq!(patched["apiVersion"], probe.case.descriptor.kind.api_version());
            assert!(revision(&patched) > last, "{form}");
            last = revision(&patched);
            assert_eq!(probe.get(&item).await, patched);
        }
        assert_eq!(probe.get(&item).await["metadata"]["labels"].get("b"), None);
    })
    .await;
}

#[tokio::test]
async fn a_patch_that_changes_nothing_takes_no_revision() {
    each(async |probe| {
        let created = probe.create(json!({"labels": {"a": "0"}})).await;
        let item = probe.item();
        let test = json!([{"op": "test", "path": "/metadata/labels/a", "value": "0"}]);
        let same = json!({"metadata": {"labels": {"a": "0"}}});
        for (form, patch) in [(JSON_PATCH, &test), (MERGE, &same), (STRATEGIC, &same)] {
            let patched = probe.patch(&item, form, patch).await;
            assert_eq!((patched.code, patched.json()), (200, created.clone()), "{form}");
        }
    })
    .await;
}

#[tokio::test]
async fn finalizers_and_owners_merge_strategically() {
    each(async |probe| {
        probe.create(json!({"finalizers": ["example.com/a"]})).await;
        let item = probe.item();
        let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u-1"});
        let patch = json!({"metadata": {"finalizers": ["example.com/b"], "ownerReferences": [owner]}});
        let patched = probe.patch(&item, STRATEGIC, &patch).await;
        assert_eq!(patched.code, 200, "{}", patched.text());
        let finalizers = patched.json()["metadata"]["finalizers"].as_array().unwrap().clone();
        assert!(finalizers.len() == 2 && finalizers.contains(&json!("example.com/a")), "{finalizers:?}");
        let patch = json!({"metadata": {
            "$deleteFromPrimitiveList/finalizers": ["example.com/a"],
            "ownerReferences": [{"$patch": "delete", "uid": "u-1"}],
        }});
        let patched = probe.patch(&item, STRATEGIC, &patch).await;
        let metadata = &patched.json()["metadata"];
        assert_eq!((patched.code, &metadata["finalizers"]), (200, &json!(["example.com/b"])), "{}", patched.text());
        assert!(metadata["ownerReferences"].as_array().is_none_or(Vec::is_empty), "{metadata}");
    })
    .await;
}

#[tokio::test]
async fn a_patch_with_a_stale_revision_conflicts_and_one_of_nothing_is_not_found() {
    each(async |probe| {
        let item = probe.item();
        let patch = json!({"metadata": {"resourceVersion": "1", "labels": {"a": "1"}}});
        for form in [MERGE, STRATEGIC] {
            assert_eq!(probe.patch(&item, form, &patch).await.code, 404);
        }
        probe.create(json!({})).await;
        for form in [MERGE, STRATEGIC] {
            let patched = probe.patch(&item, form, &patch).await;
            assert_eq!(patched.code, 409, "{}", patched.text());
        }
    })
    .await;
}
