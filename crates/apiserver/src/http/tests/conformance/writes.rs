//! Creates and updates.

use super::*;

#[tokio::test]
async fn a_create_answers_with_the_object_and_a_second_one_is_refused() {
    each(async |probe| {
        let created = probe.create(json!({})).await;
        let descriptor = probe.case.descriptor;
        assert_eq!(created["kind"], *descriptor.kind.kind);
        assert_eq!(created["apiVersion"], descriptor.kind.api_version());
        let metadata = &created["metadata"];
        assert_eq!(metadata["uid"].as_str().map(str::len), Some(36));
        assert!(metadata["creationTimestamp"].is_string() && revision(&created) > 1, "{metadata}");
        assert_eq!(metadata.get("namespace"), descriptor.namespaced.then(|| json!("default")).as_ref());
        let again = probe.post(&probe.case.object.clone()).await;
        let expected = format!("{} {:?} already exists", descriptor.resource().qualified(), probe.name());
        assert_eq!((again.code, again.message()), (409, expected));
        assert_eq!(again.json()["reason"], "AlreadyExists");
    })
    .await;
}

#[tokio::test]
async fn names_are_generated_from_their_beginning() {
    each(async |probe| {
        let begin = format!("{}-", probe.name());
        let object = probe.object(json!({"name": null, "generateName": begin}));
        let created = probe.post(&object).await;
        assert_eq!(created.code, 201, "{}", created.text());
        let name = created.json()["metadata"]["name"].as_str().expect("a name").to_owned();
        assert!(name.starts_with(&begin) && name.len() == begin.len() + 5, "{name}");
    })
    .await;
}

#[tokio::test]
async fn a_stale_update_conflicts_and_one_without_a_revision_is_taken() {
    each(async |probe| {
        let first = probe.create(json!({})).await;
        let second = probe.label("a", json!("1")).await;
        assert!(revision(&second) > revision(&first));
        let item = probe.item();
        let stale = probe.put(&item, &first).await;
        let expected = format!(
            "Operation cannot be fulfilled on {} {:?}: the object has been modified; please apply your changes to the \
             latest version and try again",
            probe.case.descriptor.resource().qualified(),
            probe.name()
        );
        assert_eq!((stale.code, stale.message()), (409, expected));
        let mut unconditional = second;
        unconditional["metadata"]["labels"]["a"] = json!("2");
        unconditional["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        let put = probe.put(&item, &unconditional).await;
        if probe.strategy().allows_unconditional_update() {
            assert_eq!((put.code, &put.json()["metadata"]["labels"]["a"]), (200, &json!("2")), "{}", put.text());
        } else {
            let expected = "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update";
            assert!(put.code == 422 && put.message().ends_with(expected), "{}", put.text());
        }
    })
    .await;
}

#[tokio::test]
async fn an_update_of_what_is_not_there_is_not_found_or_creates_it() {
    each(async |probe| {
        let (item, object) = (probe.item(), probe.case.object.clone());
        let put = probe.put(&item, &object).await;
        let expected = if probe.strategy().allows_create_on_update() { 201 } else { 404 };
        assert_eq!(put.code, expected, "{}", put.text());
        assert_eq!(probe.client.get(&item).await.code, if expected == 201 { 200 } else { 404 });
    })
    .await;
}

#[tokio::test]
async fn an_update_that_changes_nothing_takes_no_revision() {
    each(async |probe| {
        let created = probe.create(json!({})).await;
        let item = probe.item();
        let put = probe.put(&item, &created).await;
        assert_eq!((put.code, put.json()), (200, created.clone()), "{}", put.text());
    })
    .await;
}

#[tokio::test]
async fn another_name_or_namespace_in_the_body_is_refused() {
    each(async |probe| {
        let created = probe.create(json!({})).await;
        let item = probe.item();
        let mut other = created.clone();
        other["metadata"]["name"] = json!("other");
        let put = probe.put(&item, &other).await;
        let expected = format!("the name of the object (other) does not match the name on the URL ({})", probe.name());
        assert_eq!((put.code, put.message()), (400, expected));
        if probe.case.descriptor.namespaced {
            let object = probe.object(json!({"namespace": "other"}));
            let posted = probe.post(&object).await;
            let expected = "the namespace of the provided object does not match the namespace sent on the request";
            assert_eq!((posted.code, posted.message().as_str()), (400, expected));
        }
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_of_any_write_changes_nothing() {
    each(async |probe| {
        let (path, item, object) = (probe.path(), probe.item(), probe.case.object.clone());
        let dry = probe.client.post(&format!("{path}?dryRun=All"), &object).await;
        assert_eq!(dry.code, 201, "{}", dry.text());
        assert_eq!(probe.client.get(&item).await.code, 404);
        let created = probe.create(json!({})).await;
        let before = revision(&probe.get(&path).await);
        let mut labelled = created.clone();
        labelled["metadata"]["labels"]["a"] = json!("1");
        let put = probe.put(&format!("{item}?dryRun=All"), &labelled).await;
        assert_eq!((put.code, &put.json()["metadata"]["labels"]["a"]), (200, &json!("1")), "{}", put.text());
        let patch = json!({"metadata": {"labels": {"a": "1"}}});
        let patched = probe.patch(&format!("{item}?dryRun=All"), MERGE, &patch).await;
        assert_eq!((patched.code, &patched.json()["metadata"]["labels"]["a"]), (200, &json!("1")));
        let deleted = probe.delete(&format!("{item}?dryRun=All"), &json!({})).await;
        assert_eq!(deleted.code, 200, "{}", deleted.text());
        let deleted = probe.delete(&item, &json!({"dryRun": ["All"]})).await;
        assert_eq!(deleted.code, 200, "{}", deleted.text());
        if probe.serves("deletecollection") {
            let deleted = probe.delete(&format!("{path}?dryRun=All"), &json!({})).await;
            assert_eq!(deleted.code, 200, "{}", deleted.text());
        }
        assert_eq!(probe.get(&item).await, created);
        assert_eq!(revision(&probe.get(&path).await), before);
    })
    .await;
}

#[tokio::test]
async fn status_and_the_rest_change_through_their_own_paths_only() {
    each(async |probe| {
        let Some(status) = probe.case.status.clone() else { return };
        let created = probe.create(json!({})).await;
        let item = probe.item();
        let mut changed = created.clone();
        changed["status"] = status.clone();
        let put = probe.put(&item, &changed).await;
        assert_eq!(put.code, 200, "{}", put.text());
        assert_eq!(put.json().get("status"), created.get("status"), "the object's own path leaves the status");
        let mut changed = put.json();
        super::merge(&mut changed["status"], &status);
        changed["spec"] = json!(null);
        let put = probe.put(&format!("{item}/status"), &changed).await;
        assert_eq!(put.code, 200, "{}", put.text());
        let stored = probe.get(&item).await;
        assert_eq!(stored.get("spec"), created.get("spec"), "the status path leaves the rest");
        assert!(super::contains(&stored["status"], &status), "{} has {status}", stored["status"]);
        let generation = |object: &Value| object["metadata"]["generation"].clone();
        assert_eq!(generation(&stored), generation(&created), "a status is not a new generation");
        assert_eq!(probe.get(&format!("{item}/status")).await, stored);
    })
    .await;
}
