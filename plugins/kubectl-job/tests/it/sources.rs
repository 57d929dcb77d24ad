//! Where the Job of a run comes from: files changed by flags, kustomizations, copies; and names that are always free.

use std::os::unix::fs::PermissionsExt as _;

use crate::program::{Program, manifest};

/// A command that finds nothing but what is in its own `bin` folder.
fn with_bin(program: &Program, kubectl: Option<&str>, arguments: &[&str]) -> (i32, String, String) {
    let bin = program.folder().join("bin");
    std::fs::create_dir_all(&bin).expect("a folder");
    if let Some(script) = kubectl {
        let path = bin.join("kubectl");
        std::fs::write(&path, script).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    let output = program.command(arguments).env("PATH", &bin).output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn a_kustomization_is_what_kubectl_makes_of_it() {
    let program = Program::new();
    let built = manifest("built", "backoffLimit: 0", "true");
    program.file("built.yaml", &built);
    let script = format!(
        "#!/bin/sh\n[ \"$1 $2\" = 'kustomize overlay' ] || exit 9\nwhile IFS= read -r line; do echo \"$line\"; done < '{}'\n",
        program.folder().join("built.yaml").display()
    );
    let arguments = ["run", "-k", "overlay", "--dry-run", "-o", "jsonpath={.metadata.name}/{.spec.backoffLimit}"];
    assert_eq!(with_bin(&program, Some(&script), &arguments), (0, "built/0".to_owned(), String::new()));
}

#[test]
fn a_kustomization_needs_kubectl_and_its_errors_are_passed_on() {
    let program = Program::new();
    let (code, out, err) = with_bin(&program, None, &["run", "-k", "overlay", "--dry-run"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("kubectl, which is not on PATH") && err.contains("kubectl job run -f -"), "{err}");
    let broken = "#!/bin/sh\necho 'error: no kustomization.yaml' >&2\nexit 1\n";
    let (code, _, err) = with_bin(&program, Some(broken), &["run", "-k", "overlay", "--dry-run"]);
    assert_eq!((code, err.as_str()), (2, "error: kubectl kustomize overlay: no kustomization.yaml\n"));
}

#[test]
fn flags_change_the_job_of_a_file() {
    let program = Program::new();
    program.file("job.yaml", &manifest("x", "backoffLimit: 6", "echo $A"));
    let said = program.say(&["run", "--ephemeral", "-f", "job.yaml", "--env", "A=changed", "--backoff-limit", "0"]);
    assert_eq!((said.code, said.out.as_str()), (0, "changed\n"), "{}", said.err);
    assert!(said.err.contains("backoffLimit 0"), "{}", said.err);
    let said = program.say(&["run", "-f", "job.yaml", "--image", "y"]);
    assert_eq!(said.code, 2, "{}", said.err);
}

#[test]
fn a_suffix_makes_a_name_that_is_free() {
    let program = Program::new();
    let dry = |arguments: &[&str]| {
        let all = [arguments, &["--suffix", "--dry-run", "-o", "jsonpath={.metadata.generateName}"]].concat();
        let said = program.say(&all);
        assert_eq!(said.code, 0, "{}", said.err);
        said.out
    };
    assert_eq!(dry(&["run", "nightly", "--image", "x"]), "nightly-");
    program.file("job.yaml", &manifest("migrate", "backoffLimit: 0", "true"));
    assert_eq!(dry(&["run", "-f", "job.yaml"]), "migrate-");
}

#[test]
fn a_copy_is_of_something_on_a_server_that_stays() {
    let program = Program::new();
    let said = program.say(&["run", "--ephemeral", "--from", "job/x"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("new and empty"), "{}", said.err);
    let said = program.say(&["run", "--from", "pod/x"]);
    assert!(said.code == 2 && said.err.contains("neither a Job nor a CronJob"), "{}", said.err);
}

#[test]
fn every_verb_has_a_manual_page() {
    let program = Program::new();
    let said = program.say(&["__man", "pages"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let page = |name: &str| std::fs::read_to_string(program.folder().join("pages").join(name)).expect(name);
    assert!(page("kubectl-job.1").contains("suspend"));
    assert!(page("kubectl-job-suspend.1").contains("Stop the pods of Jobs and keep the Jobs"));
    assert!(!program.folder().join("pages/kubectl-job-__serve.1").exists());
}
