//! Choices, from file and environment to flags.

use super::*;
use crate::cli;

/// Environment of these variables, with this as the file.
fn chosen(folder: &Path, content: &str, variables: &[(&str, &str)]) -> Result<Chosen, String> {
    let own = folder.join("kubectl-job");
    std::fs::create_dir_all(&own).expect("a folder");
    std::fs::write(own.join("config.toml"), content).expect("a file");
    Chosen::of(|name| match name {
        "XDG_CONFIG_HOME" => Some(folder.as_os_str().to_owned()),
        "HOME" => Some("/me".into()),
        _ => variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value)),
    })
}

fn values(chosen: &Chosen) -> Vec<(&str, &str)> {
    chosen.values.iter().map(|(key, value)| (key.name, value.as_str())).collect()
}

#[test]
fn what_is_wrong_is_named_with_file_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    for (content, wrong) in [
        ("ascii = true\n\ncolour = \"never\"\n", "3: unknown key \"colour\"; known are color, ascii, namespace"),
        ("# a comment\nascii = \"yes\"\n", "2: ascii must be true or false, not text"),
        ("color = \"blue\"\n", "1: color must be one of auto, always, never, not \"blue\""),
        ("color = 3\n", "1: color must be one of auto, always, never in quotes, not a number"),
        ("\nlogs = [\"all\"]\n", "2: logs must be one of all, failed, none in quotes, not a list"),
        ("state-dir = \"here\"\n", "1: state-dir must be an absolute path, or one that begins with ~/, not \"here\""),
        ("history-limit = 0\n", "1: history-limit must be a number of runs"),
        ("[run]\nlogs = \"all\"\n", "1: unknown key \"run\""),
        ("ascii = true\nascii = false\n", "2: "),
        ("ascii = true\ncolor never\n", "2: "),
    ] {
        let told = chosen(folder.path(), content, &[]).expect_err(content);
        let wanted = format!("{}/kubectl-job/config.toml:{wrong}", folder.path().display());
        assert!(told.starts_with(&wanted), "{content}: {told}");
    }
}

#[test]
fn the_environment_wins_over_the_file_and_is_checked_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let content = "logs = \"failed\"\nstate-dir = \"~/jobs\"\nhistory-limit = 7\n";
    let told = chosen(folder.path(), content, &[("KUBECTL_JOB_LOGS", "none")]).expect("it is right");
    assert_eq!(values(&told), [("state-dir", "/me/jobs"), ("history-limit", "7"), ("logs", "none")]);
    let wrong = chosen(folder.path(), content, &[("KUBECTL_JOB_LOGS", "some")]).expect_err("it is wrong");
    assert_eq!(wrong, "KUBECTL_JOB_LOGS must be one of all, failed, none, not \"some\"");
}

#[test]
fn a_file_that_is_not_there_chooses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let chosen =
        Chosen::of(|name| (name == "HOME").then(|| folder.path().as_os_str().to_owned())).expect("it is right");
    assert!(values(&chosen).is_empty());
    assert!(Chosen::of(|_| None).is_ok());
}

#[test]
fn flags_win_and_a_real_cluster_is_spared_what_is_about_local_jobs() {
    let folder = tempfile::tempdir().expect("a folder");
    let content =
        "logs = \"failed\"\non-interrupt = \"delete\"\nascii = true\nnamespace = \"team\"\nhistory-limit = \"7,1Mi\"\n";
    let chosen = chosen(folder.path(), content, &[]).expect("it is right");
    assert_eq!(chosen.home().namespace.as_deref(), Some("team"));
    assert_eq!(chosen.home().history_limit.map(|limits| (limits.runs, limits.bytes)), Some((7, 1 << 20)));
    let told = |line: &[&str], is_local: bool, verb: &str, id: &str| {
        let matches = chosen.apply(cli::command(), is_local).try_get_matches_from(line).expect("it is right");
        let verb = matches.subcommand_matches(verb).expect("the verb");
        verb.get_raw(id).and_then(|mut raw| raw.next()).map(|raw| raw.to_string_lossy().into_owned())
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(told(&["kubectl-job", "run", "--image=x"], true, "run", "logs"), some("failed"));
    assert_eq!(told(&["kubectl-job", "run", "--image=x", "--logs=all"], true, "run", "logs"), some("all"));
    assert_eq!(told(&["kubectl-job", "rerun", "x"], true, "rerun", "on_interrupt"), some("delete"));
    assert_eq!(told(&["kubectl-job", "rerun", "x"], false, "rerun", "on_interrupt"), None);
    assert_eq!(told(&["kubectl-job", "get"], true, "get", "ascii"), some("true"));
}

#[test]
fn every_key_is_told_of_by_the_topic() {
    let topic = crate::topics::find("env").expect("a topic");
    for key in &KEYS {
        assert!(topic.contains(key.name) && topic.contains(key.variable), "{}", key.name);
    }
}
