//! From client-side apply to server-side apply and back.

use super::*;

/// What `kubectl apply` sends: the object with its own text in the annotation.
fn client_side(value: &str) -> Value {
    let plain = labelled(json!({"a": value}));
    let mut object = plain.clone();
    object["metadata"]["annotations"] = json!({LAST_APPLIED: format!("{plain}\n")});
    object
}

#[test]
fn what_client_side_apply_set_and_nobody_changed_is_no_conflict_for_kubectl() {
    let mut live = Live::none();
    live.create("kubectl-client-side-apply", client_side("1"));
    let config = labelled(json!({"a": "2"}));
    let error = live.clone().try_apply("other", &config, false).unwrap_err();
    assert_eq!(error.code, 409);
    assert!(live.apply("kubectl", &config));
    assert_eq!(live.object["metadata"]["labels"], json!({"a": "2"}));
    // The annotation follows, so that client-side apply may come back.
    assert_eq!(live.object["metadata"]["annotations"][LAST_APPLIED], format!("{config}\n"));
}

#[test]
fn what_somebody_changed_since_is_a_conflict() {
    let mut live = Live::none();
    live.create("kubectl-client-side-apply", client_side("1"));
    live.edit("other", |pod| pod["metadata"]["labels"]["a"] = "7".into());
    let error = live.try_apply("kubectl", &labelled(json!({"a": "2"})), false).unwrap_err();
    assert_eq!(error.message, "Apply failed with 1 conflict: conflict with \"other\" using v1: .metadata.labels.a");
}

#[test]
fn the_annotation_follows_an_apply_that_changes_nothing_else() {
    let mut live = Live::none();
    live.create("kubectl-client-side-apply", client_side("1"));
    live.edit("other", |pod| pod["metadata"]["annotations"]["x"] = "y".into());
    let mut config = labelled(json!({"a": "1"}));
    config["metadata"]["annotations"] = json!({"x": "y"});
    assert!(live.apply("kubectl", &config));
    assert_eq!(live.object["metadata"]["annotations"][LAST_APPLIED], format!("{config}\n"));
    assert!(!live.apply("kubectl", &config));
}

#[test]
fn without_the_annotation_nothing_is_written_into_it() {
    let mut live = Live::none();
    live.apply("kubectl", &labelled(json!({"a": "<&>"})));
    assert_eq!(live.object["metadata"].get("annotations"), None);
    live.edit("other", |pod| pod["metadata"]["annotations"] = json!({LAST_APPLIED: "{}"}));
    assert!(live.apply("kubectl", &labelled(json!({"a": "<&>"}))));
    let text = live.object["metadata"]["annotations"][LAST_APPLIED].as_str().unwrap();
    assert!(text.contains("\"\\u003c\\u0026\\u003e\"") && text.ends_with("}\n"), "{text}");
}
