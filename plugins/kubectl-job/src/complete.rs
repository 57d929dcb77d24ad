//! `kubectl_complete-job`: completes a command line for kubectl, which runs this program by that name and reads cobra's
//! protocol: a line `CHOICE<TAB>DESCRIPTION` each, and last a line `:DIRECTIVE`.
//!
//! It says nothing else, on neither stream, whatever happens: it runs while somebody types. No server is started for it,
//! and one that does not answer soon is not waited for.

mod live;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Command, FromArgMatches as _, ValueHint};
use clap_complete::CompletionCandidate;
use clap_complete::engine::ArgValueCandidates;

use crate::cli;
use crate::cli::connection::Connection;
use crate::config::Chosen;
use live::Live;

/// The name that kubectl looks for.
pub(crate) const NAME: &str = "kubectl_complete-job";

/// The shell puts no space after the choice.
const NO_SPACE: u8 = 2;
/// The shell offers no files beside the choices.
const NO_FILES: u8 = 4;

/// Formats of `-o`.
const FORMATS: [(&str, &str); 9] = [
    ("json", "the object as JSON"),
    ("yaml", "the object as YAML"),
    ("name", "kind and name"),
    ("wide", "more columns"),
    ("jsonpath=", "fields by a template"),
    ("jsonpath-as-json=", "fields by a template, as JSON"),
    ("jsonpath-file=", "fields by a template in a file"),
    ("custom-columns=", "a table of your own"),
    ("custom-columns-file=", "a table of your own, from a file"),
];

/// Whether the program was started under that name.
pub(crate) fn is_asked_for() -> bool {
    let name = std::env::args_os().next().unwrap_or_default();
    Path::new(&name).file_stem().is_some_and(|stem| stem == NAME)
}

/// Completes the arguments of the process.
pub(crate) fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let connection = connection(&arguments);
    let text = answer(&arguments, &Live::new(connection));
    let _ = crate::output::put(&text);
    ExitCode::SUCCESS
}

/// The connection flags among what is typed so far; the rest may be wrong or not whole.
fn connection(arguments: &[OsString]) -> Connection {
    // What is wrong with the user's choices is told by the command itself.
    let chosen = Chosen::read().unwrap_or_default();
    let command = chosen.apply(cli::command(), true).ignore_errors(true);
    let words = std::iter::once(OsString::from("kubectl-job")).chain(arguments.iter().cloned());
    let matches = command.try_get_matches_from(words).unwrap_or_default();
    // Global flags given after the verb are matches of the verb.
    let deepest = matches.subcommand().map_or(&matches, |(_, inner)| inner);
    let read = Connection::from_arg_matches(deepest).or_else(|_| Connection::from_arg_matches(&matches));
    Connection { home: chosen.home(), ..read.unwrap_or_default() }
}

/// What to print for these arguments, of which the last is being typed.
fn answer(arguments: &[OsString], live: &Live) -> String {
    let partial = arguments.last().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    if arguments.iter().rev().skip(1).any(|word| word == "--") {
        // A command of a container: the shell knows more of files than we do.
        return ":0\n".to_owned();
    }
    let mut words = vec![OsString::from("kubectl-job")];
    words.extend(arguments.iter().cloned());
    if arguments.is_empty() {
        words.push(OsString::new());
    }
    let last = words.len() - 1;
    let here = std::env::current_dir().ok();
    let found = clap_complete::engine::complete(&mut offering(live), words, last, here.as_deref());
    let mut found: Vec<(String, String)> = found.unwrap_or_default().iter().map(shown).collect();
    // Flags are for those who begin one, as with kubectl.
    if partial.is_empty() {
        found.retain(|(value, _)| !value.starts_with('-'));
    }
    let opens = |value: &str| value.ends_with('/') || value.ends_with('=');
    let no_space = if !found.is_empty() && found.iter().all(|(value, _)| opens(value)) { NO_SPACE } else { 0 };
    let mut text = String::new();
    for (value, help) in found {
        text.push_str(&if help.is_empty() { format!("{value}\n") } else { format!("{value}\t{help}\n") });
    }
    text.push_str(&format!(":{}\n", NO_FILES | no_space));
    text
}

/// A candidate as value and description, each on one line.
fn shown(candidate: &CompletionCandidate) -> (String, String) {
    let value = candidate.get_value().to_string_lossy().into_owned();
    let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
    (value, help.lines().next().unwrap_or_default().to_owned())
}

/// The command line with what only a server or a kubeconfig knows.
fn offering(live: &Live) -> Command {
    let globals = [("namespace", Live::namespaces as fn(&Live) -> _), ("context", Live::contexts)];
    let mut command = cli::command();
    for (id, offer) in globals {
        command = command.mut_arg(id, |arg| arg.add(candidates(live, offer)));
    }
    let verbs: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    for verb in verbs {
        command = command.mut_subcommand(&verb, |inner| with_names(inner, &verb, live));
    }
    command
}

/// A verb whose arguments offer names of objects, formats and files.
fn with_names(verb: Command, name: &str, live: &Live) -> Command {
    let nested: Vec<String> = verb.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    let mut verb = verb;
    for inner in nested {
        verb = verb.mut_subcommand(&inner, |command| with_names(command, name, live));
    }
    let makes_a_name = matches!(name, "run");
    verb.mut_args(|arg| {
        let (id, positional) = (arg.get_id().as_str().to_owned(), arg.is_positional());
        match id.as_str() {
            "name" | "names" if positional && name == "cron" => arg.add(candidates(live, Live::cron_jobs)),
            "cron_job" => arg.add(candidates(live, Live::cron_jobs)),
            "name" | "names" | "job" | "jobs" if positional && !makes_a_name => arg.add(candidates(live, Live::jobs)),
            "from" => arg.add(candidates(live, Live::originals)),
            "files" => arg.value_hint(ValueHint::FilePath),
            "output" if arg.get_possible_values().is_empty() => arg.add(ArgValueCandidates::new(formats)),
            _ => arg,
        }
    })
}

fn candidates(live: &Live, offer: fn(&Live) -> Vec<CompletionCandidate>) -> ArgValueCandidates {
    let live = live.clone();
    ArgValueCandidates::new(move || offer(&live))
}

fn formats() -> Vec<CompletionCandidate> {
    FORMATS.iter().map(|(value, help)| CompletionCandidate::new(value).help(Some((*help).into()))).collect()
}

#[cfg(test)]
mod tests;
