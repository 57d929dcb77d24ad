//! Gets, lists, tables, selectors and watches.

use super::*;
use crate::http::tests::watches::Lines;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

#[tokio::test]
async fn an_object_reads_alone_and_in_lists_as_it_was_created() {
    each(async |probe| {
        let created = probe.create(json!({})).await;
        let (path, item) = (probe.path(), probe.item());
        assert_eq!(probe.get(&item).await, created);
        let list = probe.get(&path).await;
        let kind = &probe.case.descriptor.kind;
        assert_eq!(list["kind"], format!("{}List", kind.kind));
        assert_eq!(list["apiVersion"], kind.api_version());
        assert!(revision(&list) >= revision(&created));
        assert!(list["items"].as_array().unwrap().contains(&created), "{list}");
        if probe.case.descriptor.namespaced {
            let everywhere = path.replace("/namespaces/default", "");
            assert!(probe.get(&everywhere).await["items"].as_array().unwrap().contains(&created));
        }
        let missing = probe.client.get(&format!("{path}/missing")).await;
        let expected = format!("{} \"missing\" not found", probe.case.descriptor.resource().qualified());
        assert_eq!((missing.code, missing.message()), (404, expected));
    })
    .await;
}

#[tokio::test]
async fn tables_have_a_named_row_with_a_cell_for_each_column() {
    each(async |probe| {
        let created = probe.create(json!({})).await;
        for path in [probe.path(), probe.item()] {
            let table = probe.client.get_as(&path, TABLE).await;
            assert_eq!(table.code, 200, "{}", table.text());
            let table = table.json();
            assert_eq!((&table["kind"], &table["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")));
            let columns = table["columnDefinitions"].as_array().unwrap();
            let name = columns.iter().position(|column| column["format"] == "name").expect("a column of names");
            let rows = table["rows"].as_array().unwrap();
            let row = rows.iter().find(|row| row["object"]["metadata"] == created["metadata"]).expect("a row");
            assert_eq!(row["cells"].as_array().unwrap().len(), columns.len());
            assert_eq!(row["cells"][name], created["metadata"]["name"]);
            assert_eq!(row["object"]["kind"], "PartialObjectMetadata");
        }
        let whole = probe.client.get_as(&format!("{}?includeObject=Object", probe.item()), TABLE).await;
        assert_eq!(whole.json()["rows"][0]["object"], created);
    })
    .await;
}

#[tokio::test]
async fn selectors_select_by_label_name_and_the_kinds_own_fields() {
    each(async |probe| {
        let created = probe.create(json!({"labels": {"on": "yes"}})).await;
        let (path, name) = (probe.path(), probe.name().to_owned());
        for (query, found) in [
            ("labelSelector=on%3Dyes".to_owned(), true),
            ("labelSelector=on%3Dno".to_owned(), false),
            ("labelSelector=on%20in%20(yes,no),!off".to_owned(), true),
            (format!("fieldSelector=metadata.name%3D{name}"), true),
            (format!("fieldSelector=metadata.name!%3D{name}"), false),
            ("fieldSelector=metadata.name%3Dother".to_owned(), false),
        ] {
            let list = probe.get(&format!("{path}?{query}")).await;
            assert_eq!(list["items"].as_array().unwrap().contains(&created), found, "{query}");
        }
        for (field, _) in probe.strategy().selectable_fields() {
            // Everything is selected by one of the two.
            let mut both = Vec::new();
            for operator in ["%3D", "!%3D"] {
                let list = probe.get(&format!("{path}?fieldSelector={field}{operator}x")).await;
                both.extend(list["items"].as_array().unwrap().clone());
            }
            assert!(both.contains(&created), "{field}");
        }
        let refused = probe.client.get(&format!("{path}?fieldSelector=spec.nothing%3Dx")).await;
        assert_eq!(refused.code, 400);
        assert!(refused.message().ends_with("field label not supported: spec.nothing"), "{}", refused.message());
    })
    .await;
}

#[tokio::test]
async fn watches_see_each_change_once_with_a_revision_of_its_own() {
    each(async |probe| {
        let (path, name) = (probe.path(), probe.name().to_owned());
        let from = revision(&probe.get(&path).await);
        let mut watcher = probe.fixture.client(true).await;
        let selected = format!("{path}?watch=true&resourceVersion={from}&fieldSelector=metadata.name%3D{name}");
        let mut lines = Lines::open(&mut watcher, &selected, "application/json").await;
        let created = probe.create(json!({})).await;
        assert_eq!(lines.expect("ADDED", &name).await, created);
        let changed = probe.label("a", json!("1")).await;
        assert_eq!(lines.expect("MODIFIED", &name).await, changed);
        assert!(revision(&changed) > revision(&created));
        probe.remove().await;
        let mut last = revision(&changed);
        loop {
            let line = lines.next().await.expect("the watch goes on");
            let object = &line["object"];
            assert!(revision(object) > last, "{line}");
            assert_eq!(object["apiVersion"], probe.case.descriptor.kind.api_version());
            last = revision(object);
            if line["type"] == "DELETED" {
                break;
            }
            // On its way out an object may change: its grace begins, its finalizers go.
            assert_eq!(line["type"], "MODIFIED");
            assert!(object["metadata"]["deletionTimestamp"].is_string(), "{line}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_watch_without_a_revision_begins_with_what_is_there() {
    each(async |probe| {
        let created = probe.create(json!({})).await;
        let path = format!("{}?watch=true&fieldSelector=metadata.name%3D{}", probe.path(), probe.name());
        let name = probe.name().to_owned();
        let mut watcher = probe.fixture.client(true).await;
        let mut lines = Lines::open(&mut watcher, &path, "application/json").await;
        assert_eq!(lines.expect("ADDED", &name).await, created);
        let mut watcher = probe.fixture.client(true).await;
        let mut lines = Lines::open(&mut watcher, &path, TABLE).await;
        let line = lines.next().await.expect("a table");
        assert_eq!((&line["type"], &line["object"]["kind"]), (&json!("ADDED"), &json!("Table")));
        assert_eq!(line["object"]["rows"][0]["object"]["metadata"], created["metadata"]);
    })
    .await;
}
