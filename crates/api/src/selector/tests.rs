//! Selectors select as upstream's do.

use super::*;

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn label_terms_select_as_upstream() {
    let pod = labels(&[("app", "pi"), ("tier", "3"), ("batch.kubernetes.io/job-name", "pi")]);
    let cases = [
        ("", true),
        ("app=pi", true),
        ("app==pi", true),
        ("app!=pi", false),
        ("nothing!=x", true),
        ("app in (pi, tau)", true),
        ("app notin (pi,tau)", false),
        ("app", true),
        ("!app", false),
        ("!nothing,app=pi", true),
        ("tier>2", true),
        ("tier<3", false),
        ("batch.kubernetes.io/job-name=pi,app=tau", false),
    ];
    for (text, expected) in cases {
        assert_eq!(LabelSelector::parse(text).expect(text).matches(&pod), expected, "{text}");
    }
}

#[test]
fn broken_label_selectors_are_refused() {
    for text in ["a=b=c d", "a in b", "=x", "a,,b", "a b", "tier>x"] {
        assert!(LabelSelector::parse(text).is_err(), "{text}");
    }
}

#[test]
fn refusals_are_worded_as_upstream() {
    for (text, why) in [
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("a=b,c!=d!=e", "found '!=', expected: ',' or 'end of string'"),
        (
            "tier>x",
            "unable to parse requirement: values[0][tier]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
        ),
    ] {
        assert_eq!(LabelSelector::parse(text).expect_err(text).0, why);
    }
}

#[test]
fn absent_selector_selects_nothing_and_empty_one_everything() {
    assert!(!LabelSelector::of(None).expect("absent").matches(&labels(&[])));
    let empty = meta::LabelSelector::default();
    assert!(LabelSelector::of(Some(&empty)).expect("empty").matches(&labels(&[])));
}

#[test]
fn field_terms_select_as_upstream() {
    let fields = |name: &str| match name {
        "metadata.name" => "pi".to_owned(),
        "status.phase" => "Running".to_owned(),
        _ => String::new(),
    };
    let cases = [
        ("metadata.name=pi", true),
        ("metadata.name==pi,status.phase!=Succeeded", true),
        ("spec.nodeName=", true),
        ("metadata.name=a\\,b", false),
    ];
    for (text, expected) in cases {
        assert_eq!(FieldSelector::parse(text).expect(text).matches(fields), expected, "{text}");
    }
    assert!(FieldSelector::parse("metadata.name").is_err());
    assert_eq!(FieldSelector::parse("metadata.name=pi").expect("parses").exact("metadata.name"), Some("pi"));
}
