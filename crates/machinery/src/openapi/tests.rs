//! What kubectl must find in the documents.

use super::*;

fn resource(kind: Kind, plural: &str, namespaced: bool) -> Resource {
    let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    let status = Subresource {
        name: "status".to_owned(),
        kind: kind.clone(),
        verbs: ["get", "patch", "update"].map(str::to_owned).to_vec(),
    };
    let verbs = verbs.map(str::to_owned).to_vec();
    Resource { kind, plural: plural.to_owned(), namespaced, verbs, subresources: vec![status] }
}

fn openapi() -> OpenApi {
    let resources = [
        resource(Kind::known("batch", "v1", "Job"), "jobs", true),
        resource(Kind::known("", "v1", "Pod"), "pods", true),
        resource(Kind::known("", "v1", "Namespace"), "namespaces", false),
    ];
    OpenApi::new(&resources, "v1.36.0")
}

fn batch() -> Value {
    serde_json::from_slice(openapi().v3("apis/batch/v1").unwrap()).unwrap()
}

#[test]
fn the_index_names_every_document_by_its_hash() {
    let openapi = openapi();
    let index: Value = serde_json::from_slice(openapi.v3_index()).unwrap();
    let url = index["paths"]["apis/batch/v1"]["serverRelativeURL"].as_str().unwrap();
    assert!(url.starts_with("/openapi/v3/apis/batch/v1?hash="), "{url}");
    assert!(index["paths"]["api/v1"].is_object());
    assert!(openapi.v3("/api/v1").is_some() && openapi.v3("apis/apps/v1").is_none());
}

#[test]
fn a_patch_has_the_parameters_that_kubectl_looks_for() {
    let document = batch();
    let patch = &document["paths"]["/apis/batch/v1/namespaces/{namespace}/jobs/{name}"]["patch"];
    let names: Vec<&str> =
        patch["parameters"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["dryRun", "fieldManager", "fieldValidation", "force"]);
    assert_eq!(patch["x-kubernetes-group-version-kind"], json!({"group": "batch", "version": "v1", "kind": "Job"}));
    assert!(document["paths"]["/apis/batch/v1/jobs"]["get"].is_object());
    assert!(document["paths"]["/apis/batch/v1/namespaces/{namespace}/jobs/{name}/status"]["put"].is_object());
}

#[test]
fn schemas_carry_kinds_descriptions_and_merge_keys() {
    let schemas = batch()["components"]["schemas"].take();
    let job = &schemas["io.k8s.api.batch.v1.Job"];
    assert_eq!(job["x-kubernetes-group-version-kind"], json!([{"group": "batch", "version": "v1", "kind": "Job"}]));
    assert!(job.get("required").is_none());
    assert!(job["properties"]["spec"]["description"].as_str().unwrap().starts_with("Specification"));
    assert_eq!(job["properties"]["spec"]["allOf"][0]["$ref"], "#/components/schemas/io.k8s.api.batch.v1.JobSpec");
    let containers = &schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
    assert_eq!(containers["x-kubernetes-patch-strategy"], "merge");
    assert_eq!(containers["x-kubernetes-list-type"], "map");
    assert_eq!(containers["x-kubernetes-list-map-keys"], json!(["name"]));
}

#[test]
fn every_reference_leads_somewhere() {
    for path in ["api/v1", "apis/batch/v1"] {
        let text = String::from_utf8(openapi().v3(path).unwrap().to_vec()).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name}");
        }
    }
}

#[test]
fn v2_is_a_protobuf_document_with_paths_and_definitions() {
    let v2 = openapi().v2().clone();
    assert_eq!(&v2[..5], b"\x0a\x032.0");
    let has = |text: &str| v2.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("/apis/batch/v1/namespaces/{namespace}/jobs/{name}"));
    assert!(has("#/definitions/io.k8s.api.batch.v1.JobSpec"));
    assert!(has("int-or-string") && !has("#/components/schemas/"));
}

#[test]
fn operations_are_called_as_upstream_calls_them() {
    let document = batch();
    let id = |path: &str, method: &str| {
        document["paths"][path][method]["operationId"].as_str().unwrap_or_default().to_owned()
    };
    let jobs = "/apis/batch/v1/namespaces/{namespace}/jobs";
    assert_eq!(id(jobs, "get"), "listBatchV1NamespacedJob");
    assert_eq!(id(jobs, "delete"), "deleteBatchV1CollectionNamespacedJob");
    assert_eq!(id("/apis/batch/v1/jobs", "get"), "listBatchV1JobForAllNamespaces");
    assert_eq!(id(&format!("{jobs}/{{name}}/status"), "patch"), "patchBatchV1NamespacedJobStatus");
    let core: Value = serde_json::from_slice(openapi().v3("api/v1").unwrap()).unwrap();
    let read = &core["paths"]["/api/v1/namespaces/{name}"]["get"];
    assert_eq!(read["operationId"], "readCoreV1Namespace");
}

#[test]
fn defaults_and_lists_are_stated_as_upstream_states_them() {
    let schemas = batch()["components"]["schemas"].take();
    let job = &schemas["io.k8s.api.batch.v1.Job"]["properties"];
    assert_eq!(job["spec"]["default"], json!({}));
    assert_eq!(schemas["io.k8s.api.core.v1.ContainerPort"]["properties"]["protocol"]["default"], "TCP");
    let reference = &schemas["io.k8s.api.core.v1.LocalObjectReference"];
    assert!(reference.get("required").is_none() && reference["properties"]["name"]["default"] == "");
    let list = &schemas["io.k8s.api.batch.v1.JobList"];
    assert_eq!(list["properties"]["items"]["items"]["$ref"], "#/components/schemas/io.k8s.api.batch.v1.Job");
    let options = &schemas["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"];
    assert_eq!(options["x-kubernetes-group-version-kind"][1]["group"], "batch");
}

#[test]
fn v2_as_json_says_the_same_in_its_own_words() {
    let openapi = openapi();
    let text = std::str::from_utf8(openapi.v2_json()).unwrap();
    assert!(!text.contains("#/components/schemas/") && !text.contains("allOf") && !text.contains("oneOf"));
    let document: Value = serde_json::from_str(text).unwrap();
    let job = &document["definitions"]["io.k8s.api.batch.v1.Job"];
    assert_eq!(job["properties"]["spec"]["$ref"], "#/definitions/io.k8s.api.batch.v1.JobSpec");
    assert!(job["properties"]["spec"]["description"].is_string() && job["properties"]["spec"].get("default").is_none());
    let patch = &document["paths"]["/apis/batch/v1/namespaces/{namespace}/jobs/{name}"]["patch"];
    assert_eq!(patch["parameters"][0]["in"], "body");
    assert_eq!(patch["parameters"][1], json!({"in": "query", "name": "dryRun", "type": "string", "uniqueItems": true}));
    assert_eq!(patch["responses"]["200"]["schema"]["$ref"], "#/definitions/io.k8s.api.batch.v1.Job");
    let definitions = document["definitions"].as_object().unwrap();
    for reference in text.split("\"$ref\":\"#/definitions/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(definitions.contains_key(name), "{name}");
    }
}
