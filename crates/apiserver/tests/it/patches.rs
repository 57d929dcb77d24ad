//! Patches through the generic verbs: what is refused, with which code and in whose words.

use api::request::FieldValidation;
use api::resource::{JOBS, PODS};
use api::{Body, Gvr, Options, PatchType, Request, Verb};
use serde_json::{Value, json};

use super::common::{call, create, failure, job, object, pod, server};

fn patch(resource: Gvr, patch_type: PatchType, patch: Value) -> Request {
    Request::new(Verb::Patch, resource, Some("default"), Some("a")).body(Body::Patch(patch_type, patch))
}

fn strict(request: Request) -> Request {
    request.options(Options { field_validation: FieldValidation::Strict, ..Options::default() })
}

#[test]
fn a_result_of_a_wrong_type_is_refused_without_a_name() {
    let server = server();
    create(&server, JOBS, job("a"));
    let wrong = json!({"spec": {"parallelism": "x"}});
    let refused = failure(&server, patch(JOBS, PatchType::StrategicMerge, wrong.clone()));
    assert_eq!(refused.code, 422);
    assert_eq!(
        refused.message,
        " \"\" is invalid: patch: Invalid value: \"map[spec:map[parallelism:x]]\": unrecognized type: int32"
    );
    let refused = failure(&server, patch(JOBS, PatchType::Merge, wrong));
    assert_eq!(refused.code, 422);
    assert!(refused.message.starts_with(" \"\" is invalid: patch: Invalid value: \"{"), "{refused}");
    let why = "json: cannot unmarshal string into Go struct field JobSpec.spec.parallelism of type int32";
    assert!(refused.message.ends_with(why), "{refused}");
}

#[test]
fn unknown_fields_of_a_result_are_warned_of_or_refused() {
    let server = server();
    create(&server, JOBS, job("a"));
    let unknown = json!({"spec": {"nosuch": 1}});
    let reply = call(&server, patch(JOBS, PatchType::Merge, unknown.clone()));
    assert_eq!(reply.warnings, ["unknown field \"spec.nosuch\""]);
    assert!(object(reply)["spec"].get("nosuch").is_none());
    let refused = failure(&server, strict(patch(JOBS, PatchType::StrategicMerge, unknown)));
    assert_eq!(refused.code, 422);
    assert_eq!(
        refused.message,
        " \"\" is invalid: patch: Invalid value: \"map[spec:map[nosuch:1]]\": strict decoding error: unknown field \"spec.nosuch\""
    );
}

#[test]
fn a_strategic_merge_that_upstream_has_no_word_for_is_a_bare_500() {
    let server = server();
    create(&server, PODS, pod("a"));
    let nameless = json!({"spec": {"containers": [{"image": "x"}]}});
    let refused = failure(&server, patch(PODS, PatchType::StrategicMerge, nameless));
    assert_eq!((refused.code, refused.reason), (500, None));
    assert_eq!(refused.message, "map: map[image:x] does not contain declared merge key: name");
}

#[test]
fn a_template_that_may_not_change_is_shown_by_its_go_names() {
    let server = server();
    create(&server, JOBS, job("a"));
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "other"}]}}}});
    let refused = failure(&server, patch(JOBS, PatchType::StrategicMerge, image));
    assert_eq!(refused.code, 422);
    let start = "Job.batch \"a\" is invalid: spec.template: Invalid value: {\"labels\":{";
    assert!(refused.message.starts_with(start), "{refused}");
    assert!(refused.message.contains("\"Containers\":[{\"Name\":\"c\",\"Image\":\"other\",\"Command\":[\"true\"]"));
    assert!(refused.message.ends_with(": field is immutable"), "{refused}");
}

#[test]
fn quantities_of_a_patch_are_stored_in_canonical_form() {
    let server = server();
    create(&server, JOBS, job("a"));
    let call_patch = |patch_type, body| object(call(&server, patch(JOBS, patch_type, body)));
    call_patch(PatchType::Merge, json!({"spec": {"suspend": true}}));
    let resources = json!({"requests": {"cpu": 0.5, "memory": "1024Ki"}});
    let containers = json!([{"name": "c", "resources": resources}]);
    let patched =
        call_patch(PatchType::StrategicMerge, json!({"spec": {"template": {"spec": {"containers": containers}}}}));
    let requests = &patched["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"];
    assert_eq!(*requests, json!({"cpu": "500m", "memory": "1Mi"}));
}
