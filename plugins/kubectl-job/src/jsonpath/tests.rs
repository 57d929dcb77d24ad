//! Templates in, texts out: the examples of kubectl's documentation and the corners around them.

use super::*;
use serde_json::json;

fn pods() -> Value {
    json!({
        "kind": "List",
        "items": [
            {"kind": "None", "metadata": {"name": "127.0.0.1", "labels": {"kubernetes.io/hostname": "127.0.0.1"}},
             "status": {"capacity": {"cpu": "4"}, "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.1"}]}},
            {"kind": "None", "metadata": {"name": "127.0.0.2"},
             "status": {"capacity": {"cpu": "8"}, "ready": true, "restarts": 3, "addresses": [
                {"type": "LegacyHostIP", "address": "127.0.0.2"}, {"type": "another", "address": "127.0.0.3"}]}}
        ],
        "users": [
            {"name": "myself", "user": {}},
            {"name": "e2e", "user": {"username": "admin", "password": "secret"}}
        ]
    })
}

fn check(template: &str, expected: &str) {
    let rendered = Template::parse(template).and_then(|template| template.render(&pods()));
    assert_eq!(rendered.as_deref(), Ok(expected), "{template}");
}

#[test]
fn templates_of_kubectls_documentation_render_as_documented() {
    check("kind is {.kind}", "kind is List");
    check("{.kind}", "List");
    check("{['kind']}", "List");
    check("{$.kind}", "List");
    check("{..name}", "127.0.0.1 127.0.0.2 myself e2e");
    check("{.items[*].metadata.name}", "127.0.0.1 127.0.0.2");
    check("{.users[0].name}", "myself");
    check("{.users[-2:].name}", "myself e2e");
    check("{.items[*]['metadata.name', 'status.capacity']}", "");
    check("{.items[*]['kind','metadata'].name}", "127.0.0.1 127.0.0.2");
    check("{.users[?(@.name==\"e2e\")].user.password}", "secret");
    check(
        "{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}",
        "[127.0.0.1, {\"cpu\":\"4\"}] [127.0.0.2, {\"cpu\":\"8\"}] ",
    );
    check("{.items[0].metadata.labels.kubernetes\\.io/hostname}", "127.0.0.1");
    check(
        "{range .items[*]}{.metadata.name}{\"\\t\"}{.status.capacity.cpu}{\"\\n\"}{end}",
        "127.0.0.1\t4\n127.0.0.2\t8\n",
    );
}

#[test]
fn slices_unions_and_negative_indexes_pick_elements() {
    check("{.users[-1].name}", "e2e");
    check("{.users[0,1].name}", "myself e2e");
    check("{.users[:1].name}", "myself");
    check("{.users[0:2:2].name}", "myself");
    check("{.users[5:9].name}", "");
    let error = Template::parse("{.users[7].name}").and_then(|template| template.render(&pods()));
    assert_eq!(error, Err(JsonPathError::OutOfBounds { index: 7, length: 2 }));
}

#[test]
fn filters_compare_texts_numbers_and_presence() {
    check("{.items[?(@.status.restarts>2)].metadata.name}", "127.0.0.2");
    check("{.items[?(@.status.restarts <= 2)].metadata.name}", "");
    check("{.items[?(@.status.ready)].metadata.name}", "127.0.0.2");
    check("{.items[?(@.status.ready==true)].metadata.name}", "127.0.0.2");
    check("{.items[?(@.metadata.name!='127.0.0.2')].metadata.name}", "127.0.0.1");
    check("{.items[*].status.addresses[?(@.type==\"another\")].address}", "127.0.0.3");
}

#[test]
fn missing_keys_give_nothing_and_ranges_nest() {
    check("{.nothing.at.all}", "");
    check("a{.nothing}b", "ab");
    check("{range .items[*]}{range .status.addresses[*]}{.address};{end}|{end}", "127.0.0.1;|127.0.0.2;127.0.0.3;|");
}

#[test]
fn broken_templates_say_what_is_wrong() {
    for (template, why) in [
        ("{.kind", "unclosed action"),
        ("{range .items[*]}x", "unterminated range"),
        ("{end}", "not in range, nothing to end"),
        ("{.items[}", "invalid array index"),
        ("{.users[?(@.name==\"e2e\"]}", "unterminated filter"),
        ("{\"x}", "unterminated quoted string"),
        ("{kind}", "unrecognized character in action"),
    ] {
        let error = Template::parse(template).expect_err(template);
        assert_eq!(error, JsonPathError::Parse { template: template.to_owned(), why: why.to_owned() });
    }
}

#[test]
fn relaxed_paths_need_no_braces() {
    for text in ["{.kind}", ".kind", "kind", "$.kind"] {
        assert_eq!(
            Template::relaxed(text).and_then(|template| template.render(&pods())).as_deref(),
            Ok("List"),
            "{text}"
        );
    }
}
