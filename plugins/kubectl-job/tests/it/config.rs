//! `config.toml` and variables: what a user has chosen holds where no flag says otherwise, and mistakes are told.

use crate::program::{Program, Said};

fn choose(program: &Program, content: &str) {
    std::fs::create_dir_all(program.folder().join(".config/kubectl-job")).expect("a folder");
    program.file(".config/kubectl-job/config.toml", content);
}

fn run(program: &Program, variables: &[(&str, &str)], flags: &[&str]) -> Said {
    let mut arguments = vec!["run", "--image", "app", "--replace", "words"];
    arguments.extend(flags);
    arguments.extend(["--", "echo", "spoken"]);
    program.command(&arguments).envs(variables.iter().copied()).output().expect("it starts").into()
}

#[test]
fn flags_go_before_variables_and_variables_before_the_file() {
    let program = Program::new();
    choose(&program, "logs = \"none\"\nascii = true\n");
    let prints = |said: Said| {
        assert_eq!(said.code, 0, "{said:?}");
        said.out.contains("spoken")
    };
    assert!(!prints(run(&program, &[], &[])), "the file");
    assert!(prints(run(&program, &[("KUBECTL_JOB_LOGS", "all")], &[])), "the variable");
    assert!(!prints(run(&program, &[("KUBECTL_JOB_LOGS", "all")], &["--logs=none"])), "the flag");
    let timeline = program.say(&["timeline", "words"]);
    assert!(timeline.out.is_ascii() && timeline.out.contains("job"), "{timeline:?}");
}

#[test]
fn the_namespace_is_that_of_the_local_server_where_none_is_named() {
    let program = Program::new();
    choose(&program, "namespace = \"team\"\n");
    let empty = program.say(&["get"]);
    assert!(empty.err.contains("No resources found in team namespace"), "{empty:?}");
    let named = program.say(&["get", "-n", "other"]);
    assert!(named.err.contains("No resources found in other namespace"), "{named:?}");
}

#[test]
fn the_history_of_servers_has_the_bounds_that_were_chosen() {
    let program = Program::new();
    choose(&program, "history-limit = 1\n");
    for name in ["one", "two"] {
        let said = program.say(&["run", "--image", "app", "--rm", name, "--", "true"]);
        assert_eq!(said.code, 0, "{said:?}");
    }
    // What is kept is settled when the server ends.
    assert_eq!(program.say(&["server", "stop"]).code, 0);
    let kept = program.say(&["history"]).out;
    assert!(kept.contains("two") && !kept.contains("one "), "{kept}");
}

#[test]
fn a_mistake_is_told_with_its_line_and_help_goes_on() {
    let program = Program::new();
    choose(&program, "# mine\nlogs = \"some\"\n");
    let said = program.say(&["get"]);
    let wanted = ".config/kubectl-job/config.toml:2: logs must be one of all, failed, none, not \"some\"";
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.starts_with("error: ") && said.err.contains(wanted) && said.out.is_empty(), "{said:?}");
    assert_eq!(program.say(&["help", "env"]).code, 0);
    choose(&program, "");
    let said: Said =
        program.command(&["get"]).env("KUBECTL_JOB_HISTORY_LIMIT", "x").output().expect("it starts").into();
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("KUBECTL_JOB_HISTORY_LIMIT must be a number of runs"), "{said:?}");
}
