//! The generic verbs, asked as any transport asks them.

use super::common::{call, config_map, create, failure, get, job, object, server};
use api::request::FieldValidation;
use api::{Body, Options, PatchType, Reason, Request, Response, Verb};
use serde_json::json;

const CONFIG_MAPS: api::Gvr = api::resource::CONFIG_MAPS;
const JOBS: api::Gvr = api::resource::JOBS;
const PODS: api::Gvr = api::resource::PODS;

fn request(verb: Verb, resource: api::Gvr, name: &str) -> Request {
    Request::new(verb, resource, Some("default"), Some(name))
}

#[test]
fn create_sets_what_the_server_decides() {
    let server = server();
    let created = create(&server, CONFIG_MAPS, config_map("a"));
    let metadata = &created["metadata"];
    assert_eq!(metadata["namespace"], "default");
    assert_eq!(metadata["uid"].as_str().expect("a uid").len(), 36);
    assert!(metadata["creationTimestamp"].as_str().expect("a time").ends_with('Z'));
    assert!(metadata["resourceVersion"].as_str().expect("a revision").parse::<u64>().expect("a number") > 0);
    let again = Request::new(Verb::Create, CONFIG_MAPS, Some("default"), None).body(Body::Object(config_map("a")));
    assert_eq!(failure(&server, again).message, "configmaps \"a\" already exists");
}

#[test]
fn generated_names_have_upstreams_form() {
    let server = server();
    let mut object = config_map("");
    object["metadata"] = json!({"generateName": "run-"});
    let created = create(&server, CONFIG_MAPS, object);
    let name = created["metadata"]["name"].as_str().expect("a name");
    assert!(name.starts_with("run-") && name.len() == 9, "{name}");
}

#[test]
fn objects_go_into_namespaces_that_exist() {
    let server = server();
    let request = Request::new(Verb::Create, CONFIG_MAPS, Some("nowhere"), None).body(Body::Object(config_map("a")));
    let status = failure(&server, request);
    assert_eq!((status.code, status.message.as_str()), (404, "namespaces \"nowhere\" not found"));
    let mut other = config_map("a");
    other["metadata"]["namespace"] = json!("elsewhere");
    let request = Request::new(Verb::Create, CONFIG_MAPS, Some("default"), None).body(Body::Object(other));
    let expected = "the namespace of the provided object does not match the namespace sent on the request";
    assert_eq!(failure(&server, request).message, expected);
}

#[test]
fn unknown_fields_are_refused_warned_of_or_dropped_as_asked() {
    let server = server();
    let ask = |validation, name: &str| {
        let mut job = job(name);
        job["spec"]["foo"] = json!(1);
        let options = Options { field_validation: validation, ..Options::default() };
        let request = Request::new(Verb::Create, JOBS, Some("default"), None).options(options);
        server.call(request.body(Body::Object(job)))
    };
    let strict = ask(FieldValidation::Strict, "a").expect_err("refused");
    let text = "Job in version \"v1\" cannot be handled as a Job: strict decoding error: unknown field \"spec.foo\"";
    assert_eq!((strict.code, strict.message.as_str()), (400, text));
    let warned = ask(FieldValidation::Warn, "b").expect("created");
    assert_eq!(warned.warnings, ["unknown field \"spec.foo\""]);
    let stored = warned.into_object().expect("an object").to_value();
    assert!(stored["spec"].get("foo").is_none());
    assert!(ask(FieldValidation::Ignore, "c").expect("created").warnings.is_empty());
}

#[test]
fn a_write_with_an_old_revision_conflicts() {
    let server = server();
    let first = create(&server, CONFIG_MAPS, config_map("a"));
    let mut newer = first.clone();
    newer["data"] = json!({"k": "1"});
    let put = |object| request(Verb::Update, CONFIG_MAPS, "a").body(Body::Object(object));
    call(&server, put(newer));
    let mut stale = first;
    stale["data"] = json!({"k": "2"});
    let status = failure(&server, put(stale.clone()));
    assert!(status.is(&Reason::CONFLICT));
    assert_eq!(
        status.message,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes \
         to the latest version and try again"
    );
    stale["metadata"].as_object_mut().expect("metadata").remove("resourceVersion");
    call(&server, put(stale));
    assert_eq!(get(&server, CONFIG_MAPS, "a")["data"]["k"], "2", "without a revision the write is unconditional");
}

#[test]
fn a_put_without_revision_updates_and_creates_nothing() {
    let server = server();
    let put = |object| request(Verb::Update, JOBS, "a").body(Body::Object(object));
    let status = failure(&server, put(job("a")));
    assert_eq!((status.code, status.message.as_str()), (404, "jobs.batch \"a\" not found"));
    let mut stored = create(&server, JOBS, job("a"));
    stored["metadata"].as_object_mut().expect("metadata").remove("resourceVersion");
    stored["spec"]["parallelism"] = json!(3);
    call(&server, put(stored));
    assert_eq!(get(&server, JOBS, "a")["spec"]["parallelism"], 3);
}

#[test]
fn a_write_that_changes_nothing_takes_no_revision() {
    let server = server();
    let created = create(&server, CONFIG_MAPS, config_map("a"));
    let same = call(&server, request(Verb::Update, CONFIG_MAPS, "a").body(Body::Object(created.clone())));
    assert_eq!(object(same)["metadata"]["resourceVersion"], created["metadata"]["resourceVersion"]);
    let patch = Body::Patch(PatchType::Merge, json!({"data": created["data"]}));
    let same = call(&server, request(Verb::Patch, CONFIG_MAPS, "a").body(patch));
    assert_eq!(object(same)["metadata"]["resourceVersion"], created["metadata"]["resourceVersion"]);
}

#[test]
fn a_dry_run_changes_nothing() {
    let server = server();
    let options = Options { dry_run: true, ..Options::default() };
    let dry = Request::new(Verb::Create, CONFIG_MAPS, Some("default"), None).options(options.clone());
    call(&server, dry.body(Body::Object(config_map("a"))));
    assert_eq!(failure(&server, request(Verb::Get, CONFIG_MAPS, "a")).message, "configmaps \"a\" not found");
    create(&server, CONFIG_MAPS, config_map("a"));
    call(&server, request(Verb::Delete, CONFIG_MAPS, "a").options(options));
    get(&server, CONFIG_MAPS, "a");
}

#[test]
fn a_bare_delete_of_a_job_orphans_its_pods_and_says_so() {
    let server = server();
    create(&server, JOBS, job("a"));
    let reply = call(&server, request(Verb::Delete, JOBS, "a"));
    assert!(reply.warnings[0].starts_with("child pods are preserved by default when jobs are deleted"));
    let lingering = object(reply);
    assert_eq!(lingering["metadata"]["finalizers"], json!(["orphan"]));
    assert!(lingering["metadata"]["deletionTimestamp"].is_string());
    let patch = Body::Patch(PatchType::Merge, json!({"metadata": {"finalizers": null}}));
    call(&server, request(Verb::Patch, JOBS, "a").body(patch));
    assert_eq!(failure(&server, request(Verb::Get, JOBS, "a")).code, 404, "the last finalizer takes the object along");
}

#[test]
fn a_background_delete_is_done_at_once_and_names_the_object() {
    let server = server();
    let created = create(&server, JOBS, job("a"));
    let body = Body::Object(json!({"propagationPolicy": "Background"}));
    let Response::Status(status) = call(&server, request(Verb::Delete, JOBS, "a").body(body)).response else {
        panic!("a Status answers")
    };
    let details = status.details.expect("details");
    assert_eq!((status.status.as_str(), details.kind.as_str(), details.name.as_str()), ("Success", "jobs", "a"));
    assert_eq!(details.uid, created["metadata"]["uid"]);
}

#[test]
fn preconditions_and_contradictions_of_a_delete_are_refused() {
    let server = server();
    create(&server, CONFIG_MAPS, config_map("a"));
    let delete = |options| failure(&server, request(Verb::Delete, CONFIG_MAPS, "a").body(Body::Object(options)));
    assert_eq!(delete(json!({"preconditions": {"uid": "other"}})).code, 409);
    assert_eq!(delete(json!({"preconditions": {"resourceVersion": "1"}})).code, 409);
    assert_eq!(delete(json!({"propagationPolicy": "Orphan", "orphanDependents": true})).code, 422);
    assert_eq!(delete(json!({"propagationPolicy": "Sideways"})).code, 422);
}

#[test]
fn a_bound_pod_is_deleted_gracefully_and_a_second_delete_may_only_shorten() {
    let server = server();
    create(&server, PODS, super::common::pod("a"));
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "target": {"kind": "Node", "name": "local"}});
    let bind = request(Verb::Create, PODS, "a").subresource("binding").body(Body::Object(binding.clone()));
    call(&server, bind.clone());
    assert_eq!(get(&server, PODS, "a")["spec"]["nodeName"], "local");
    assert_eq!(failure(&server, bind).code, 409, "a pod is bound once");
    let delete = |seconds: i64| {
        let body = Body::Object(json!({"gracePeriodSeconds": seconds}));
        object(call(&server, request(Verb::Delete, PODS, "a").body(body)))
    };
    assert_eq!(delete(20)["metadata"]["deletionGracePeriodSeconds"], 20);
    assert_eq!(delete(60)["metadata"]["deletionGracePeriodSeconds"], 20, "longer is passed over");
    assert_eq!(delete(5)["metadata"]["deletionGracePeriodSeconds"], 5);
    assert_eq!(delete(0)["metadata"]["name"], "a");
    assert_eq!(failure(&server, request(Verb::Get, PODS, "a")).code, 404);
}

#[test]
fn an_unscheduled_pod_is_deleted_at_once() {
    let server = server();
    create(&server, PODS, super::common::pod("a"));
    call(&server, request(Verb::Delete, PODS, "a"));
    assert_eq!(failure(&server, request(Verb::Get, PODS, "a")).code, 404);
}

#[test]
fn concurrent_patches_lose_nothing() {
    let server = server();
    create(&server, CONFIG_MAPS, config_map("a"));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for index in 0..50 {
                    let mut data = serde_json::Map::new();
                    data.insert(format!("k{thread}-{index}"), json!("x"));
                    let patch = Body::Patch(PatchType::Merge, json!({"data": data}));
                    call(server, request(Verb::Patch, CONFIG_MAPS, "a").body(patch));
                }
            });
        }
    });
    let stored = get(&server, CONFIG_MAPS, "a");
    assert_eq!(stored["data"].as_object().expect("data").len(), 8 * 50 + 1);
}

#[test]
fn compare_and_set_increments_are_exact() {
    let server = server();
    let mut counter = config_map("a");
    counter["data"] = json!({"n": "0"});
    create(&server, CONFIG_MAPS, counter);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let mut done = 0;
                while done < 100 {
                    let mut object = get(server, CONFIG_MAPS, "a");
                    let value: u32 = object["data"]["n"].as_str().expect("text").parse().expect("a number");
                    object["data"]["n"] = json!((value + 1).to_string());
                    let put = request(Verb::Update, CONFIG_MAPS, "a").body(Body::Object(object));
                    done += u32::from(server.call(put).is_ok());
                }
            });
        }
    });
    assert_eq!(get(&server, CONFIG_MAPS, "a")["data"]["n"], "800");
}

#[test]
fn unknown_resources_and_subresources_are_not_found() {
    let server = server();
    let unknown = api::Gvr::known("apps", "v1", "deployments");
    let status = failure(&server, Request::new(Verb::List, unknown, Some("default"), None));
    assert_eq!((status.code, status.message.as_str()), (404, "the server could not find the requested resource"));
    assert_eq!(failure(&server, request(Verb::Get, CONFIG_MAPS, "a").subresource("scale")).code, 404);
    assert_eq!(failure(&server, request(Verb::Get, CONFIG_MAPS, "missing")).code, 404);
}

#[test]
fn a_deleted_namespace_is_terminating_until_it_is_finalized_and_takes_no_new_content() {
    let server = server();
    let namespaces = api::resource::NAMESPACES;
    let ask = |verb| Request::new(verb, namespaces.clone(), None, Some("doomed"));
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "doomed"}});
    call(&server, Request::new(Verb::Create, namespaces.clone(), None, None).body(Body::Object(namespace)));
    let terminating = object(call(&server, ask(Verb::Delete)));
    assert_eq!(terminating["status"]["phase"], "Terminating");
    let late = Request::new(Verb::Create, CONFIG_MAPS, Some("doomed"), None).body(Body::Object(config_map("a")));
    let status = failure(&server, late);
    let why = "configmaps \"a\" is forbidden: unable to create new content in namespace doomed because it is being terminated";
    assert_eq!((status.code, status.message.as_str()), (403, why));
    let mut finalized = terminating;
    finalized["spec"]["finalizers"] = json!([]);
    call(&server, ask(Verb::Update).subresource("finalize").body(Body::Object(finalized)));
    assert_eq!(failure(&server, ask(Verb::Get)).code, 404);
}

#[test]
fn the_namespaces_of_the_system_stay() {
    let server = server();
    let delete = |name: &str| Request::new(Verb::Delete, api::resource::NAMESPACES, None, Some(name));
    for name in ["default", "kube-system", "kube-public"] {
        if name != "default" {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            let request = Request::new(Verb::Create, api::resource::NAMESPACES, None, None);
            call(&server, request.body(Body::Object(namespace)));
        }
        for dry_run in [false, true] {
            let options = Options { dry_run, ..Options::default() };
            let refused = failure(&server, delete(name).options(options));
            assert_eq!((refused.code, refused.reason), (403, Some(Reason::FORBIDDEN)));
            let expected = format!("namespaces \"{name}\" is forbidden: this namespace may not be deleted");
            assert_eq!(refused.message, expected);
        }
    }
    create(&server, CONFIG_MAPS, config_map("a"));
    // Only namespaces are meant, and only these.
    create(&server, CONFIG_MAPS, config_map("default"));
    call(&server, request(Verb::Delete, CONFIG_MAPS, "default"));
}
