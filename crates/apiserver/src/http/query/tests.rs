//! Each text here is what a real kube-apiserver answers, or follows from its source.

use super::*;

fn options(verb: Verb, query: &str) -> Result<Options, String> {
    Query::parse(Some(query)).options(verb, None).map_err(|status| format!("{} {}", status.code, status.message))
}

#[test]
fn values_of_the_wrong_type_are_bad_requests() {
    let cases = [
        (Verb::List, "limit=abc", r#"400 strconv.ParseInt: parsing "abc": invalid syntax"#),
        (Verb::List, "limit=", r#"400 strconv.ParseInt: parsing "": invalid syntax"#),
        (
            Verb::Watch,
            "timeoutSeconds=99999999999999999999",
            r#"400 strconv.ParseInt: parsing "99999999999999999999": value out of range"#,
        ),
        (Verb::Delete, "gracePeriodSeconds=1s", r#"400 strconv.ParseInt: parsing "1s": invalid syntax"#),
    ];
    for (verb, query, expected) in cases {
        assert_eq!(options(verb, query).unwrap_err(), expected, "{query}");
    }
}

#[test]
fn values_that_break_a_rule_are_invalid() {
    let cases = [
        (
            Verb::Create,
            "dryRun=Some",
            r#"422 CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All""#,
        ),
        (
            Verb::Update,
            "fieldValidation=strict",
            r#"422 UpdateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "strict": supported values: "", "Ignore", "Strict", "Warn""#,
        ),
        (
            Verb::List,
            "resourceVersionMatch=Exact",
            r#"422 ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"#,
        ),
        (
            Verb::List,
            "sendInitialEvents=true",
            r#"422 ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"#,
        ),
        (
            Verb::Watch,
            "sendInitialEvents=true",
            r#"422 ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"#,
        ),
        (
            Verb::Watch,
            "resourceVersionMatch=NotOlderThan&resourceVersion=5",
            r#"422 ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"#,
        ),
        (
            Verb::Delete,
            "propagationPolicy=Now",
            r#"422 DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Now": supported values: "Foreground", "Background", "Orphan", "nil""#,
        ),
        (
            Verb::Watch,
            "resourceVersion=abc",
            r#"422 ListOptions.meta.k8s.io "" is invalid: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax"#,
        ),
    ];
    for (verb, query, expected) in cases {
        assert_eq!(options(verb, query).unwrap_err(), expected, "{query}");
    }
}

#[test]
fn apply_needs_a_manager_and_other_patches_take_no_force() {
    let patch = |query: &str, patch| Query::parse(Some(query)).options(Verb::Patch, Some(patch));
    let error = patch("", PatchType::Apply).unwrap_err();
    assert_eq!(
        error.message,
        r#"PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch"#
    );
    let error = patch("force=true", PatchType::Merge).unwrap_err();
    assert!(error.message.ends_with("force: Forbidden: may not be specified for non-apply patch"), "{error}");
    let options = patch("force=true&fieldManager=kubectl", PatchType::Apply).unwrap();
    assert!(options.force && options.field_manager.as_deref() == Some("kubectl"));
}

#[test]
fn good_values_arrive() {
    let query = "labelSelector=a%3Db%2Cc&fieldSelector=metadata.name=x&limit=500&continue=tok&resourceVersion=7\
        &resourceVersionMatch=NotOlderThan&timeoutSeconds=30&allowWatchBookmarks=1&sendInitialEvents=true&unknown=1";
    let watch = options(Verb::Watch, &query.replace("continue=tok&", "")).unwrap();
    assert_eq!(watch.label_selector.as_deref(), Some("a=b,c"));
    assert_eq!(watch.field_selector.as_deref(), Some("metadata.name=x"));
    assert_eq!((watch.limit, watch.timeout_seconds), (Some(500), Some(30)));
    assert_eq!(watch.resource_version, Some(Revision(7)));
    assert_eq!(watch.resource_version_match, Some(RevisionMatch::NotOlderThan));
    assert!(watch.allow_watch_bookmarks && watch.send_initial_events == Some(true));
    let create = options(Verb::Create, "dryRun=All&fieldManager=me&fieldValidation=Strict").unwrap();
    assert!(create.dry_run && create.field_validation == FieldValidation::Strict);
    let delete =
        options(Verb::DeleteCollection, "propagationPolicy=Orphan&gracePeriodSeconds=0&labelSelector=a").unwrap();
    assert_eq!(delete.propagation_policy.as_deref(), Some("Orphan"));
    assert_eq!((delete.grace_period_seconds, delete.label_selector.as_deref()), (Some(0), Some("a")));
}

#[test]
fn flags_are_true_unless_false_or_zero() {
    let query = Query::parse(Some("a=&b=1&c=yes&d=FALSE&e=0"));
    assert_eq!(
        ["a", "b", "c", "d", "e", "f"].map(|name| query.flag(name)),
        [Some(true), Some(true), Some(true), Some(false), Some(false), None]
    );
}

#[test]
fn log_options_are_checked() {
    let log = |query: &str| Query::parse(Some(query)).log_options("p").map_err(|status| status.message);
    let cases = [
        ("tailLines=-1", r#"tailLines: Invalid value: -1: must be greater than or equal to 0"#),
        ("limitBytes=0", "limitBytes: Invalid value: 0: must be greater than 0"),
        ("sinceSeconds=0", "sinceSeconds: Invalid value: 0: must be greater than 0"),
        (
            "sinceSeconds=5&sinceTime=2024-01-01T00:00:00Z",
            ": Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
        ),
    ];
    for (query, expected) in cases {
        assert_eq!(log(query).unwrap_err(), format!("PodLogOptions \"p\" is invalid: {expected}"));
    }
    assert!(log("sinceTime=yesterday").unwrap_err().starts_with("parsing time \"yesterday\""));
    let options = log("container=c&follow=true&tailLines=10&timestamps=true&sinceTime=2024-01-01T00:00:00Z").unwrap();
    assert!(options.follow && options.timestamps && !options.previous && options.since_time.is_some());
    assert_eq!((options.container.as_deref(), options.tail_lines), (Some("c"), Some(10)));
}
