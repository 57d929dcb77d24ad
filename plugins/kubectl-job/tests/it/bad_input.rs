//! Bad input: a clear error, the right exit code, and a server that goes on.

use crate::program::{Program, Said, manifest};

fn refusal(program: &Program, manifest: &str) -> String {
    let said = program.say_with(&["run", "-f", "-"], manifest);
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{}", said.err);
    said.err
}

#[test]
fn wrong_manifests_are_refused_and_the_server_goes_on() {
    let program = Program::new();
    let right = manifest("x", "backoffLimit: 0", "true");
    let broken = refusal(&program, "apiVersion: batch/v1\nkind: [\n");
    assert!(broken.contains("STDIN:2:") && broken.contains("column"), "{broken}");
    let unknown = refusal(&program, &right.replace("backoffLimit", "backofLimit"));
    assert!(unknown.contains("Error from server (BadRequest): error when creating \"STDIN\""), "{unknown}");
    assert!(unknown.contains("strict decoding error: unknown field \"spec.backofLimit\""), "{unknown}");
    let typed = refusal(&program, &right.replace("backoffLimit: 0", "backoffLimit: many"));
    assert!(typed.contains("backoffLimit"), "{typed}");
    let always = refusal(&program, &right.replace("Never", "Always"));
    assert!(always.contains("The Job \"x\" is invalid: spec.template.spec.restartPolicy"), "{always}");
    let said = program.say_with(&["run", "-f", "-"], &right);
    assert_eq!(said.code, 0, "{}", said.err);
}

#[test]
fn the_cluster_inside_the_command_refuses_alike() {
    let program = Program::new();
    let text = manifest("x", "backofLimit: 0", "true");
    let said = program.say_with(&["run", "--ephemeral", "-f", "-"], &text);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("unknown field \"spec.backofLimit\""), "{}", said.err);
}

#[test]
fn a_program_that_does_not_exist_fails_the_job_in_the_runtimes_words() {
    let said = Program::new().say(&["run", "--ephemeral", "--image=x", "--backoff-limit=0", "--", "no-such-program"]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(
        said.err.contains("could not start: exec: \"no-such-program\": executable file not found in $PATH"),
        "{}",
        said.err
    );
    assert!(said.err.contains("exit=128 reason=StartError"), "{}", said.err);
}

#[test]
fn a_stale_kubeconfig_is_named_with_its_address() {
    let program = Program::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address");
    drop(free);
    program.file("old", &format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: 'https://{address}'}}}}]\n\
         users: [{{name: c, user: {{token: t}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: c}}}}]\n"
    ));
    let said = program.say(&["get", "--kubeconfig", "old"]);
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.err.contains("old") && said.err.contains(&address.to_string()), "{}", said.err);
    assert!(!program.state().exists(), "no local server may be started");
}

#[test]
fn wrong_command_lines_end_in_two() {
    let program = Program::new();
    let code = |arguments: &[&str]| {
        let Said { code, err, .. } = program.say(arguments);
        assert!(!err.is_empty(), "{arguments:?}");
        code
    };
    assert_eq!(code(&["run"]), 2);
    assert_eq!(code(&["run", "-f", "missing.yaml"]), 2);
    assert_eq!(code(&["run", "x", "--image=a", "-o", "yaml"]), 2);
    assert_eq!(code(&["get", "-o", "go-template={{.x}}"]), 2);
    assert_eq!(code(&["get", "--token=t"]), 2);
    assert_eq!(code(&["wait", "x", "--for=done"]), 2);
    assert_eq!(code(&["nonsense"]), 2);
    assert!(!program.state().exists(), "no server may be started for a wrong command line");
}
