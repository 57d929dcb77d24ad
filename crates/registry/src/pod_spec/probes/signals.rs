//! The signals that a container may be stopped with.

use api::field::{FieldErrors, Path};

const WINDOWS: &[&str] = &["SIGKILL", "SIGTERM"];
/// In the order of the alphabet, save for the numbered real-time signals, which follow.
const LINUX: &[&str] = &[
    "SIGABRT",
    "SIGALRM",
    "SIGBUS",
    "SIGCHLD",
    "SIGCLD",
    "SIGCONT",
    "SIGFPE",
    "SIGHUP",
    "SIGILL",
    "SIGINT",
    "SIGIO",
    "SIGIOT",
    "SIGKILL",
    "SIGPIPE",
    "SIGPOLL",
    "SIGPROF",
    "SIGPWR",
    "SIGQUIT",
    "SIGRTMAX",
    "SIGRTMIN",
    "SIGSEGV",
    "SIGSTKFLT",
    "SIGSTOP",
    "SIGSYS",
    "SIGTERM",
    "SIGTRAP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGWINCH",
    "SIGXCPU",
    "SIGXFSZ",
];

/// `validateStopSignal`.
pub(super) fn validate(errors: &mut FieldErrors, path: &Path, signal: &str, os: Option<&str>) {
    match os {
        None => errors.push(path.forbidden("may not be set for containers with empty `spec.os.name`")),
        Some("windows") if !WINDOWS.contains(&signal) => errors.push(path.not_supported(signal, WINDOWS)),
        Some("linux") => {
            let known = linux();
            if !known.iter().any(|name| name == signal) {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                errors.push(path.not_supported(signal, &known));
            }
        }
        Some(_) => {}
    }
}

/// All signals of Linux, ordered as upstream's set prints them.
fn linux() -> Vec<String> {
    let plain = LINUX.iter().map(|name| (*name).to_owned());
    let after = (1..=15).map(|number| format!("SIGRTMIN+{number}"));
    let before = (1..=14).map(|number| format!("SIGRTMAX-{number}"));
    let mut names: Vec<String> = plain.chain(after).chain(before).collect();
    names.sort_unstable();
    names
}
