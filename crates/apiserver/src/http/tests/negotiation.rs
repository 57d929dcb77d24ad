//! Discovery, schemas and representations.

use super::*;
use http::Method;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,\
    application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";

#[tokio::test]
async fn discovery_is_served_in_all_forms_with_the_same_content() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(true).await;
    let legacy = client.get("/apis").await.json();
    assert_eq!(legacy["kind"], "APIGroupList");
    // In upstream's order, which decides in which group clients find a resource that several have.
    let names: Vec<&str> =
        legacy["groups"].as_array().unwrap().iter().filter_map(|group| group["name"].as_str()).collect();
    assert!(names.starts_with(&["events.k8s.io"]) && names.contains(&"batch"), "{names:?}");
    assert_eq!(client.get("/api").await.json()["versions"], json!(["v1"]));
    let list = client.get("/apis/batch/v1").await.json();
    assert_eq!(list["groupVersion"], "batch/v1");
    let names: Vec<&str> =
        list["resources"].as_array().unwrap().iter().filter_map(|item| item["name"].as_str()).collect();
    assert!(names.contains(&"jobs") && names.contains(&"jobs/status"), "{names:?}");
    assert_eq!(client.get("/apis/batch").await.json()["preferredVersion"]["groupVersion"], "batch/v1");
    for version in ["v2", "v2beta1"] {
        let form = format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
        let answer = client.get_as("/apis", &format!("{form},application/json")).await;
        assert_eq!(answer.header("content-type"), form);
        let document = answer.json();
        assert_eq!(document["apiVersion"], format!("apidiscovery.k8s.io/{version}"));
        let batch = document["items"].as_array().unwrap().iter().find(|group| group["metadata"]["name"] == "batch");
        let listed = batch.unwrap()["versions"][0]["resources"].as_array().unwrap();
        let jobs = listed.iter().find(|resource| resource["resource"] == "jobs").unwrap();
        assert_eq!((&jobs["resource"], &jobs["scope"]), (&json!("jobs"), &json!("Namespaced")));
        assert_eq!(jobs["responseKind"], json!({"group": "", "version": "", "kind": "Job"}));
        let etag = answer.header("etag").to_owned();
        let request = client.request(Method::GET, "/apis").header("accept", &form).header("if-none-match", &etag);
        let again = client.send(request, "").await;
        assert_eq!((again.code, again.body.len(), again.header("etag")), (304, 0, etag.as_str()));
    }
}

#[tokio::test]
async fn there_are_no_custom_resources_so_that_kubectl_blames_the_kind_it_was_given() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(true).await;
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let list = client.get(path).await;
    assert_eq!((list.code, &list.json()["items"]), (200, &json!([])));
    assert_eq!(client.get(&format!("{path}?watch=true")).await.code, 404);
    assert_eq!(client.get(&format!("{path}/x")).await.code, 404);
    assert!(!client.get("/apis").await.text().contains("apiextensions"));
}

#[tokio::test]
async fn unknown_places_are_404_in_the_form_that_clients_expect() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    for path in [
        "/api/v2",
        "/apis/nope/v1",
        "/api/v1/widgets",
        "/api/v1/namespaces/default/nodes",
        "/apis/batch/v1/jobs/x",
        "/api/v1/namespaces/default/pods/p/nope",
        "/api/v1/namespaces/default/pods/p/log/more",
    ] {
        let answer = client.get(path).await;
        assert_eq!((answer.code, answer.message().as_str()), (404, "the server could not find the requested resource"));
    }
    let answer = client.get("/metrics").await;
    assert_eq!((answer.code, answer.text().as_str()), (404, "404 page not found\n"));
    for (method, path) in [(Method::POST, "/api/v1/pods"), (Method::PUT, CONFIG_MAPS), (Method::POST, "/version")] {
        let answer = client.send(client.request(method, path), "").await;
        assert_eq!(answer.code, 405, "{path}");
        assert_eq!(answer.message(), "the server does not allow this method on the requested resource");
    }
}

#[tokio::test]
async fn version_health_and_the_list_of_paths_are_served() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    let version = client.get("/version").await.json();
    assert_eq!((&version["major"], &version["minor"]), (&json!("1"), &json!("36")));
    assert!(version["gitVersion"].as_str().unwrap().starts_with("v1.36."));
    assert_eq!(client.get("/readyz").await.text(), "ok");
    assert_eq!(client.get("/livez?verbose").await.text(), "[+]ping ok\nlivez check passed\n");
    let paths = client.get("/").await.json()["paths"].clone();
    assert!(paths.as_array().unwrap().contains(&json!("/apis/batch/v1")));
}

#[tokio::test]
async fn schemas_are_served_and_cached() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(true).await;
    let index = client.get("/openapi/v3").await.json();
    let url = index["paths"]["apis/batch/v1"]["serverRelativeURL"].as_str().unwrap().to_owned();
    let answer = client.get(&url).await;
    assert!(answer.json()["components"]["schemas"].as_object().unwrap().contains_key("io.k8s.api.batch.v1.Job"));
    let request = client.request(Method::GET, &url).header("if-none-match", answer.header("etag"));
    assert_eq!(client.send(request, "").await.code, 304);
    let v2 = client.get_as("/openapi/v2", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf").await;
    assert_eq!((v2.code, v2.body.is_empty()), (200, false));
    let json = client.get_as("/openapi/v2", "application/json, */*").await;
    assert_eq!((json.code, &json.json()["swagger"]), (200, &json!("2.0")));
    assert_eq!(client.get_as("/openapi/v2", "application/yaml").await.code, 406);
    assert_eq!(client.get("/openapi/v3/apis/nope/v1").await.code, 404);
}

#[tokio::test]
async fn one_object_comes_in_every_representation() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    assert_eq!(client.post(PODS, &pod("p")).await.code, 201);
    let path = format!("{PODS}/p");
    let whole = client.get_as(&path, "application/vnd.kubernetes.protobuf,application/json").await;
    assert_eq!((whole.json()["kind"].as_str(), whole.header("content-type")), (Some("Pod"), "application/json"));
    let yaml = client.get_as(&path, "application/yaml").await;
    assert_eq!(yaml.header("content-type"), "application/yaml");
    assert_eq!(machinery::decode::yaml(&yaml.body).unwrap().value, whole.json());
    let partial = client.get_as(&path, "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io").await.json();
    assert_eq!((&partial["kind"], &partial["apiVersion"]), (&json!("PartialObjectMetadata"), &json!("meta.k8s.io/v1")));
    assert_eq!((&partial["metadata"], partial.get("spec")), (&whole.json()["metadata"], None));
    let table = client.get_as(&path, TABLE).await.json();
    assert_eq!(table["rows"][0]["cells"][0], "p");
    assert_eq!(table["metadata"]["resourceVersion"], whole.json()["metadata"]["resourceVersion"]);
    let refused = client.get_as(&path, "application/vnd.kubernetes.protobuf").await;
    assert_eq!(refused.code, 406);
    let head = client.send(client.request(Method::HEAD, &path), "").await;
    assert_eq!((head.code, head.body.len()), (200, 0));
}

#[tokio::test]
async fn lists_come_in_every_representation() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(true).await;
    for name in ["a", "b", "c"] {
        assert_eq!(client.post(PODS, &pod(name)).await.code, 201);
    }
    let whole = client.get(PODS).await.json();
    assert_eq!((&whole["kind"], &whole["apiVersion"]), (&json!("PodList"), &json!("v1")));
    assert_eq!(whole["items"].as_array().unwrap().len(), 3);
    let table = client.get_as(&format!("{PODS}?limit=2"), TABLE).await.json();
    assert_eq!((&table["kind"], &table["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")));
    assert_eq!((table["rows"].as_array().unwrap().len(), &table["metadata"]["remainingItemCount"]), (2, &json!(1)));
    assert_eq!(table["columnDefinitions"][0]["name"], "Name");
    assert_eq!(table["rows"][1]["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(table["rows"][1]["object"]["metadata"]["labels"]["app"], "b");
    let with = |include: &str| format!("{PODS}?includeObject={include}");
    assert_eq!(client.get_as(&with("None"), TABLE).await.json()["rows"][0]["object"], Value::Null);
    assert_eq!(client.get_as(&with("Object"), TABLE).await.json()["rows"][0]["object"], whole["items"][0]);
    assert_eq!(client.get_as(&with("Nope"), TABLE).await.code, 400);
    let partial = client.get_as(PODS, "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io").await.json();
    assert_eq!(partial["kind"], "PartialObjectMetadataList");
    assert_eq!(partial["items"][2]["metadata"]["name"], "c");
    let yaml = client.get_as(PODS, "application/yaml").await;
    assert_eq!(machinery::decode::yaml(&yaml.body).unwrap().value, whole);
    assert_eq!(client.get("/api/v1/pods").await.json()["items"], whole["items"]);
}
