//! What is offered without a server.

use super::*;

fn complete(words: &[&str]) -> String {
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let connection = Connection { state_dir: Some(folder.path().join("none")), ..Connection::default() };
    let text = answer(&words, &Live::new(connection));
    assert!(!folder.path().join("none").exists(), "completing must not make a state directory");
    text
}

#[test]
fn verbs_are_offered_with_what_they_do_and_hidden_ones_are_not() {
    let text = complete(&[""]);
    assert!(text.contains("suspend\tStop the pods of Jobs and keep the Jobs\n"), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("__") || line.starts_with('-')), "{text}");
    assert!(text.ends_with(":4\n"), "{text}");
    assert_eq!(complete(&["susp"]), "suspend\tStop the pods of Jobs and keep the Jobs\n:4\n");
}

#[test]
fn flags_and_their_values_are_offered_once_begun() {
    let text = complete(&["run", "--restart", ""]);
    assert!(text.contains("Never\t") && text.contains("OnFailure\t"), "{text}");
    assert!(complete(&["run", "--back"]).starts_with("--backoff-limit\t"));
    assert!(complete(&["get", "-o", "js"]).starts_with("json\tthe object as JSON\n"));
    assert_eq!(complete(&["get", "-o", "custom-columns="]), "custom-columns=\ta table of your own\n:6\n");
}

#[test]
fn the_command_of_a_container_is_the_shells() {
    assert_eq!(complete(&["run", "--image=x", "--", "l"]), ":0\n");
}

#[test]
fn nonsense_offers_nothing_and_is_no_error() {
    assert_eq!(complete(&["frobnicate", "--what", "x"]), ":4\n");
}

#[test]
fn contexts_come_from_the_kubeconfig() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config");
    let text = "contexts:\n- name: work\n  context: {cluster: big}\n- name: home\n  context: {cluster: small}\n";
    std::fs::write(&file, text).expect("a file");
    let live = Live::new(Connection { kubeconfig: Some(file), ..Connection::default() });
    let words = ["get", "--context", "w"].map(OsString::from);
    assert_eq!(answer(&words, &live), "work\tcluster big\n:4\n");
}

#[test]
fn connection_flags_are_read_wherever_they_stand() {
    let read = |words: &[&str]| connection(&words.iter().map(OsString::from).collect::<Vec<_>>());
    assert_eq!(read(&["get", "-n", "team", ""]).namespace.as_deref(), Some("team"));
    assert_eq!(read(&["--context=a", "wait", "--wrong", "x"]).context.as_deref(), Some("a"));
    assert_eq!(read(&["get", "-n"]).namespace, None);
}
