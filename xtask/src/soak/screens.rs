//! What pods print reaches no terminal raw, but for colours: a Job whose pod prints terminal escapes, and ends with them
//! as its last words, is looked at through every screen of kubectl-job, on a terminal that `script` makes.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use super::jobs::{self, Kind};
use crate::e2e::report::Report;
use crate::server::Server;
use crate::shell;

/// Sets the title, clears the screen, asks the terminal to type, rings, goes back over what was written, and the same by
/// the one-letter forms of C1.
const EVIL: &str =
    r"printf 'evil \033]0;title\007 \033[2J \033[6n \033P$q\033\\ \b\b \302\2332J \302\235 end\n'; exit 3";
const LIMIT: Duration = Duration::from_secs(30);

/// Runs the section.
///
/// # Errors
/// When the server does not start or breaks off.
pub(super) fn run(binary: &Path, report: &mut Report) -> anyhow::Result<()> {
    report.group("terminal escapes in what pods say");
    let server = Server::start(binary, &[])?;
    let mut job = jobs::job("evil", Kind::Process, 1, 1, EVIL);
    job["spec"]["backoffLimit"] = json!(0);
    job["spec"]["template"]["spec"]["containers"][0]["terminationMessagePolicy"] = "FallbackToLogsOnError".into();
    let ended = jobs::finish(&server.endpoint()?, &job)?;
    ensure!(ended["status"]["failed"] == 1, "the Job ended so: {}", ended["status"]);
    let run = format!("run again --image busybox --backoff-limit 0 -- sh -c {}", quote(EVIL));
    for line in ["get", "get evil", "describe evil", "logs evil", "wait evil", run.as_str()] {
        let seen = on_a_terminal(&server, binary, line)?;
        let name = line.split(" -- ").next().unwrap_or(line);
        report.check(&format!("{name} shows none"), judge(&seen));
    }
    server.stop()
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// What a command writes to a terminal.
fn on_a_terminal(server: &Server, binary: &Path, line: &str) -> anyhow::Result<String> {
    let line = format!("{} {line}", quote(&binary.display().to_string()));
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]);
    command.env("KUBECTL_JOB_STATE_DIR", server.state()).env_remove("KUBECONFIG");
    command.env("HOME", server.state()).env("TERM", "xterm").env_remove("CI");
    let outcome = shell::capture(&mut command, LIMIT)?;
    ensure!(!outcome.timed_out, "`{line}` does not end: {}", outcome.stdout);
    Ok(outcome.stdout)
}

/// Everything that steers a terminal, but for colours, line ends and what kubectl-job itself draws with.
fn judge(seen: &str) -> Result<(), String> {
    // Nothing is judged by a screen that shows nothing of it.
    if !seen.contains("evil") || seen.contains("not found") {
        return Err(format!("the Job is not shown:\n{seen:?}"));
    }
    let mut rest = seen.to_owned();
    for own in ["\r\u{1b}[2K", "\u{1b}[?25l", "\u{1b}[?25h"] {
        rest = rest.replace(own, "");
    }
    let rest = without_colours(&rest);
    let harmful = rest.chars().find(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'));
    harmful.map_or(Ok(()), |letter| Err(format!("{letter:?} is in {seen:?}")))
}

/// The text without `ESC [ digits and semicolons m`.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('m') {
            Some((numbers, rest)) if numbers.chars().all(|letter| letter.is_ascii_digit() || letter == ';') => {
                plain.push_str(rest);
            }
            _ => plain.push_str(&format!("\u{1b}[{part}")),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_pass_and_everything_else_does_not() {
        assert_eq!(judge("\u{1b}[1;31mevil\u{1b}[0m\r\n"), Ok(()));
        for raw in ["evil \u{1b}[2J", "evil \u{1b}]0;t\u{7}", "evil a\u{8}", "evil \u{9b}2J", "nothing"] {
            assert!(judge(raw).is_err(), "{raw:?}");
        }
    }
}
