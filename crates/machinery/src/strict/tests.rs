//! The texts that clients see for fields that are unknown or have a wrong type.

use super::*;
use serde_json::json;

fn job() -> Kind {
    Kind::known("batch", "v1", "Job")
}

fn fails(kind: &Kind, mut value: Value) -> String {
    check(kind, &mut value).unwrap_err().message
}

fn field_error(field: &str, value: Value) -> String {
    let mut object = value;
    for name in field.rsplit('.') {
        object = match name.strip_suffix("[]") {
            Some(name) => json!({name: [object]}),
            None => json!({name: object}),
        };
    }
    let message = fails(&job(), object);
    message.strip_prefix("Job in version \"v1\" cannot be handled as a Job: ").unwrap().to_owned()
}

#[test]
fn unknown_fields_are_taken_out_and_named_by_their_path() {
    let mut value = json!({"kind": "Job", "spec": {"foo": 1, "template": {"spec": {"containers": [
        {"name": "a", "imgae": "x", "env": [{"nmae": 1}]}]}}}});
    let unknown = check(&job(), &mut value).unwrap();
    assert_eq!(
        unknown,
        [
            r#"unknown field "spec.foo""#,
            r#"unknown field "spec.template.spec.containers[0].env[0].nmae""#,
            r#"unknown field "spec.template.spec.containers[0].imgae""#,
        ]
    );
    let clean = json!({"kind": "Job", "spec": {"template": {"spec": {"containers": [{"name": "a", "env": [{}]}]}}}});
    assert_eq!(value, clean);
    assert!(check(&job(), &mut value).unwrap().is_empty());
    assert_eq!(
        refuse(&job(), &unknown[..1]).message,
        r#"Job in version "v1" cannot be handled as a Job: strict decoding error: unknown field "spec.foo""#
    );
}

#[test]
fn wrong_types_read_as_go_words_them() {
    let cases = [
        ("spec.parallelism", json!("x"), "string into Go struct field JobSpec.spec.parallelism of type int32"),
        ("spec.parallelism", json!(1.5), "number 1.5 into Go struct field JobSpec.spec.parallelism of type int32"),
        (
            "spec.parallelism",
            json!(3_000_000_000_u64),
            "number 3000000000 into Go struct field JobSpec.spec.parallelism of type int32",
        ),
        ("spec.suspend", json!("yes"), "string into Go struct field JobSpec.spec.suspend of type bool"),
        ("spec", json!([]), "array into Go struct field Job.spec of type v1.JobSpec"),
        (
            "spec.template.spec.containers",
            json!({}),
            "object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
        ),
        (
            "spec.template.spec.containers[].env[].value",
            json!(true),
            "bool into Go struct field EnvVar.spec.template.spec.containers.env.value of type string",
        ),
        (
            "spec.template.spec.containers[].command[]",
            json!(1),
            "number into Go struct field Container.spec.template.spec.containers.command of type string",
        ),
        (
            "spec.template.spec.restartPolicy",
            json!(1),
            "number into Go struct field PodSpec.spec.template.spec.restartPolicy of type v1.RestartPolicy",
        ),
        ("metadata.labels", json!({"a": 1}), "number into Go struct field ObjectMeta.metadata.labels of type string"),
        (
            "metadata.labels",
            json!("a"),
            "string into Go struct field ObjectMeta.metadata.labels of type map[string]string",
        ),
        (
            "metadata.creationTimestamp",
            json!(1),
            "number into Go struct field ObjectMeta.metadata.creationTimestamp of type string",
        ),
        (
            "spec.template.spec.containers[].livenessProbe.httpGet.port",
            json!(false),
            "bool into Go struct field HTTPGetAction.spec.template.spec.containers.livenessProbe.httpGet.port of type int32",
        ),
    ];
    for (field, value, expected) in cases {
        assert_eq!(field_error(field, value), format!("json: cannot unmarshal {expected}"), "{field}");
    }
}

#[test]
fn nulls_are_absent_in_structs_and_zero_in_maps_and_lists() {
    let mut value = json!({"metadata": {"creationTimestamp": null, "labels": {"a": null}},
        "spec": {"completions": null, "template": {"spec": {"containers": [null], "nodeSelector": null}}}, "status": null});
    assert!(check(&job(), &mut value).unwrap().is_empty());
    let clean = json!({"metadata": {"labels": {"a": ""}}, "spec": {"template": {"spec": {"containers": [{}]}}}});
    assert_eq!(value, clean);
}

#[test]
fn quantities_become_text_in_canonical_form() {
    let mut value = json!({"spec": {"template": {"spec": {"containers": [
        {"resources": {"limits": {"cpu": 1, "memory": "1Gi", "x": 0.5}}}]}}}});
    check(&job(), &mut value).unwrap();
    let limits = &value["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"];
    assert_eq!(*limits, json!({"cpu": "1", "memory": "1Gi", "x": "500m"}));
    let limit = "spec.template.spec.containers[].resources.limits";
    assert!(field_error(limit, json!({"cpu": "one"})).starts_with("quantities must match the regular expression"));
    assert_eq!(field_error(limit, json!({"cpu": "1kk"})), "unable to parse quantity's suffix");
    assert!(field_error(limit, json!({"cpu": {}})).starts_with("quantities must match"));
    for good in ["1e3", "1E-3", "+.5", "10m", "-1", "5.", "1E", "100Ki"] {
        let mut value = json!({"spec": {"template": {"spec": {"overhead": {"cpu": good}}}}});
        assert!(check(&job(), &mut value).is_ok(), "{good}");
    }
}

#[test]
fn times_are_rewritten_in_utc_and_refused_in_gos_words() {
    let pod = Kind::known("", "v1", "Pod");
    let time = |text: &str| {
        let mut value = json!({"metadata": {"creationTimestamp": text}});
        check(&pod, &mut value).map(|_| value["metadata"]["creationTimestamp"].as_str().unwrap().to_owned())
    };
    assert_eq!(time("2024-02-29T01:00:00.75+02:00").unwrap(), "2024-02-28T23:00:00Z");
    let cases = [
        ("x", r#"parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006""#),
        ("", r#"parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006""#),
        ("2024-13-01T00:00:00Z", r#"parsing time "2024-13-01T00:00:00Z": month out of range"#),
        ("2023-02-29T00:00:00Z", r#"parsing time "2023-02-29T00:00:00Z": day out of range"#),
        ("2024-01-01", r#"parsing time "2024-01-01" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T""#),
        (
            "2024-01-01T00:00:00",
            r#"parsing time "2024-01-01T00:00:00" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00""#,
        ),
        ("2024-01-01T00:00:00Zx", r#"parsing time "2024-01-01T00:00:00Zx": extra text: "x""#),
    ];
    for (text, expected) in cases {
        let message = time(text).unwrap_err().message;
        assert!(message.ends_with(expected), "{message}");
    }
    let event = Kind::known("", "v1", "Event");
    let mut value = json!({"eventTime": "2024-01-01T00:00:00.123456Z"});
    check(&event, &mut value).unwrap();
    assert_eq!(value["eventTime"], "2024-01-01T00:00:00.123456Z");
    let message = fails(&event, json!({"eventTime": "2024-01-01T00:00:00Z"}));
    assert!(message.ends_with(r#"cannot parse "Z" as ".000000""#), "{message}");
}

#[test]
fn bytes_must_be_base64() {
    let secret = Kind::known("", "v1", "Secret");
    let mut value = json!({"data": {"a": "aGk=", "b": ""}});
    assert!(check(&secret, &mut value).unwrap().is_empty());
    let message = fails(&secret, json!({"data": {"a": "a$"}}));
    assert!(message.ends_with("illegal base64 data at input byte 1"), "{message}");
    let message = fails(&secret, json!({"data": {"a": 1}}));
    assert!(message.ends_with("cannot unmarshal number into Go struct field Secret.data of type []uint8"), "{message}");
}

#[test]
fn duplicates_within_unknown_fields_are_passed_over() {
    let unknown = vec![r#"unknown field "spec.foo""#.to_owned()];
    let duplicates = ["spec.foo", "spec.foo.x", "spec.foobar"].map(|path| format!("duplicate field {path:?}"));
    assert_eq!(merge_errors(unknown.clone(), duplicates.to_vec())[1..], [r#"duplicate field "spec.foobar""#]);
}

#[test]
fn any_json_is_kept_where_upstream_keeps_raw_json() {
    let mut value = json!({"metadata": {"managedFields": [{"fieldsV1": {"f:spec": {"f:x": {}, ".": null}}}]}});
    let before = value.clone();
    assert!(check(&job(), &mut value).unwrap().is_empty());
    assert_eq!(value, before);
}
