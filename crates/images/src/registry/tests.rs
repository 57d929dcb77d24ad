//! Names of images and of registries.

use super::*;

#[test]
fn names_are_made_whole() {
    let cases = [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("127.0.0.1:5000/team/app:v1", "127.0.0.1:5000/team/app:v1"),
    ];
    for (text, whole) in cases {
        assert_eq!(Name::parse(text).expect("a name").whole(), whole);
    }
}

#[test]
fn what_is_no_name_is_told_in_upstreams_words() {
    let cases = [
        ("a b", "couldn't parse image name \"a b\": invalid reference format"),
        (
            "Busybox:1",
            "couldn't parse image name \"Busybox:1\": invalid reference format: repository name (library/Busybox) must be lowercase",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(bad_name(text).as_deref(), Some(message));
    }
    assert_eq!(bad_name("perl:5.34.0"), None);
}

#[test]
fn only_registries_of_this_machine_go_without_tls() {
    for registry in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"] {
        assert!(is_local(registry), "{registry}");
    }
    for registry in ["docker.io", "10.0.0.1:5000", "localhost.example:5000", "registry:5000"] {
        assert!(!is_local(registry), "{registry}");
    }
}

#[test]
fn a_password_is_not_shown() {
    let login = Login { user: "u".to_owned(), password: "secret".to_owned() };
    assert!(!format!("{login:?}").contains("secret"));
}

#[test]
fn what_is_plainly_a_name_is_one_by_the_grammar_too() {
    let long = format!("a/{}", "b".repeat(125));
    let digits = ["0123456789abcdef"; 4].concat();
    for (text, plain) in [
        ("busybox", true),
        ("a", true),
        ("busybox:1.36", true),
        ("library/perl:5.34.0-slim_x", true),
        ("ghcr.io/some-org/a_b/tool.x:V1", true),
        ("a_b.c/d", true),
        ("localhost/x", true),
        ("1.2.3.4/x:_", true),
        ("localhost:5000/x", false),
        ("a__b", false),
        ("a@sha256:0", false),
        ("", false),
        (":", false),
        ("a:", false),
        ("a:-b", false),
        ("a/", false),
        ("/a", false),
        ("-a", false),
        ("a-/b", false),
        ("A", false),
        ("a b", false),
        ("\u{e9}", false),
        (&long, false),
        (&digits, false),
    ] {
        assert_eq!(is_plain(text), plain, "{text:?}");
        assert!(!plain || Name::parse(text).is_ok(), "{text:?}");
    }
}
