//! What bytes become, and what is held against them.

use super::*;
use serde_json::json;

#[test]
fn a_field_that_occurs_twice_is_reported_and_the_last_one_wins() {
    let body = br#"{"spec":{"completions":1,"completions":2,"a":[{"x":1,"x":2,"x":3}]}}"#;
    let decoded = json(body).unwrap();
    assert_eq!(decoded.value["spec"]["completions"], 2);
    assert_eq!(decoded.strict_errors, [r#"duplicate field "spec.completions""#, r#"duplicate field "spec.a[0].x""#]);
    let decoded = yaml(b"spec:\n  completions: 1\n  completions: 2\n").unwrap();
    assert_eq!(decoded.value["spec"]["completions"], 2);
    assert_eq!(decoded.strict_errors, [r#"duplicate field "spec.completions""#]);
}

#[test]
fn strict_errors_stop_at_a_hundred() {
    let fields: Vec<String> = (0..300).map(|n| format!("\"f{n}\":1,\"f{n}\":2")).collect();
    let decoded = json(format!("{{{}}}", fields.join(",")).as_bytes()).unwrap();
    assert_eq!(decoded.strict_errors.len(), MAX_STRICT_ERRORS);
}

#[test]
fn json_nests_as_deep_as_upstream_allows_and_what_no_kind_has_is_left_out() {
    for depth in [10_001, 2_000_000] {
        let error = json(format!("{}{}", "[".repeat(depth), "]".repeat(depth)).as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "couldn't get version/kind; json parse error: exceeded max depth");
        assert!(json("{\"a\":".repeat(depth).as_bytes()).is_err());
    }
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let whole: Value = serde_json::from_str(&nested(MAX_DEPTH)).unwrap();
    assert_eq!(json(nested(MAX_DEPTH).as_bytes()).unwrap().value, whole);
    let pruned = json(nested(10_000).as_bytes()).unwrap().value.to_string();
    assert_eq!(pruned, format!("{}null{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH)));
}

#[test]
fn text_that_is_not_unicode_is_replaced_as_go_does() {
    assert_eq!(json(b"[\"a\xffb\", \"\\ud800\"]").unwrap().value, json!(["a\u{fffd}b", "\u{fffd}"]));
    assert!(json(b"[1e999]").is_err());
}

#[test]
fn a_tree_that_would_be_too_large_is_refused() {
    let kind = Kind::known("", "v1", "ConfigMap");
    let maps = format!("[{}]", vec!["{\"a\":1}"; 400_000].join(","));
    let items = "- a: 1\n".repeat(150_000);
    for (body, media_type) in [(&maps, "application/json"), (&items, "application/yaml")] {
        let status = decode_as(&kind, body.as_bytes(), Some(media_type)).unwrap_err();
        assert_eq!((status.code, &*status.message), (413, "Request entity too large: the body has too many parts"));
    }
    let large = format!("{{\"data\":{{\"x\":\"{}\"}}}}", "x".repeat(3 << 20));
    assert!(json(large.as_bytes()).is_ok());
}

#[test]
fn of_several_yaml_documents_the_first_is_read() {
    assert_eq!(yaml(b"# note\n---\na: 1\n---\nb: [\n").unwrap().value, json!({"a": 1}));
    assert_eq!(yaml(b"# nothing\n").unwrap().value, Value::Null);
}

#[test]
fn yaml_nesting_is_bounded() {
    assert!(yaml("[".repeat(5_000).as_bytes()).is_err());
    assert!(yaml("- ".repeat(5_000).as_bytes()).is_err());
    let deep = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(yaml(deep(45).as_bytes()).is_ok());
    assert!(yaml(deep(60).as_bytes()).is_err());
}

#[test]
fn an_alias_bomb_is_an_error() {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        let items = vec![format!("*a{before}"); 9].join(",");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    assert!(yaml(bomb.as_bytes()).is_err());
}

#[test]
fn yaml_scalars_mean_what_upstream_takes_them_for() {
    let text = "a: 0644\nb: yes\nc: 1.0\nd: '1'\ne: ~\nf: 2024-01-01\ng: 1e3\nh: off\n\"y\": 1\n1: one\n";
    let decoded = yaml(text.as_bytes()).unwrap();
    let expected = json!({"a": 420, "b": true, "c": 1, "d": "1", "e": null, "f": "2024-01-01", "g": 1000, "h": false,
        "y": 1, "1": "one"});
    assert_eq!(decoded.value, expected);
    assert!(decoded.strict_errors.is_empty());
    assert!(yaml(b"a: .inf").is_err());
}

#[test]
fn yaml_errors_name_the_line() {
    let error = yaml(b"metadata:\n  name: x\n bad: [\n").unwrap_err().to_string();
    assert!(error.starts_with("error converting YAML to JSON: yaml: line 3: "), "{error}");
    assert!(!error.contains("column"), "{error}");
}

#[test]
fn json_keeps_the_difference_between_one_and_one_point_nought() {
    assert_eq!(json(b"[1, 1.0, 18446744073709551615]").unwrap().value.to_string(), "[1,1.0,18446744073709551615]");
    assert!(json(b"{} x").is_err());
    assert!(json(b"").is_err());
}

#[test]
fn a_missing_content_type_means_json_and_an_unknown_one_is_refused() {
    assert_eq!(MediaType::parse(None).unwrap(), MediaType::Json);
    assert_eq!(MediaType::parse(Some("application/json; charset=utf-8")).unwrap(), MediaType::Json);
    assert_eq!(MediaType::parse(Some("Application/YAML")).unwrap(), MediaType::Yaml);
    let status = MediaType::parse(Some("text/plain")).unwrap_err();
    assert_eq!(status.code, 415);
    assert_eq!(
        status.message,
        "the body of the request was in an unknown format - accepted media types include: application/json, \
         application/yaml, application/vnd.kubernetes.protobuf"
    );
}

#[test]
fn a_body_that_cannot_be_read_is_shown() {
    let kind = Kind::known("batch", "v1", "Job");
    let status = decode_as(&kind, b"apiVersion: v1", None).unwrap_err();
    assert_eq!(status.code, 400);
    assert!(status.message.starts_with("the object provided is unrecognized (must be of type Job): couldn't get"));
    assert!(status.message.ends_with("(61706956657273696f6e3a207631)"), "{}", status.message);
    let status = decode_as(&kind, b"{\"kind\":\"Job\",\"spec\":{\"x\":1,\"y\":2}", None).unwrap_err();
    let expected = "the object provided is unrecognized (must be of type Job): couldn't get version/kind; json parse \
                    error: unexpected end of JSON input ({\"kind\":\"Job\",\"spec\":{\"x\":1,\"y ...)";
    assert_eq!(status.message, expected);
}

proptest::proptest! {
    #[test]
    fn random_text_never_panics(text in "[ \\-\\[\\]{}:,&*!|>'\"a0.\n<#%@?]{0,80}") {
        let _ = json(text.as_bytes());
        let _ = yaml(text.as_bytes());
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120)) {
        let _ = json(&bytes);
        let _ = yaml(&bytes);
    }
}
