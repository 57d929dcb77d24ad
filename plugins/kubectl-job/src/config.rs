//! What a user has chosen once and for all: `config.toml` and environment variables.
//!
//! Flags win over the environment, the environment over the file. What was chosen becomes the default of the flag that
//! means the same, so there is one place that decides. A key that is not known, or a value of another type, is an error
//! with file and line; nothing is passed over.

mod file;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Command;

use crate::cli::connection::Home;
use crate::cli::history::limits;

/// Something that can be chosen.
#[derive(Debug)]
struct Key {
    /// In the file.
    name: &'static str,
    /// In the environment.
    variable: &'static str,
    kind: Kind,
    /// Which flag it is the default of.
    flag: Flag,
}

/// What may stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Words(&'static [&'static str]),
    YesOrNo,
    Name,
    Folder,
    Limits,
}

/// Whose default a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flag {
    /// Of every verb; clap reads the variable.
    Global(&'static str),
    /// Of some verbs.
    Of(&'static str, &'static [&'static [&'static str]]),
    /// Of none: see [`Home`].
    Home,
}

const FOLLOWING: &[&[&str]] = &[&["run"], &["rerun"]];
const SERVERS: &[&[&str]] = &[&["server", "start"], &["__serve"]];

const KEYS: [Key; 7] = [
    Key {
        name: "color",
        variable: "KUBECTL_JOB_COLOR",
        kind: Kind::Words(&["auto", "always", "never"]),
        flag: Flag::Global("color"),
    },
    Key { name: "ascii", variable: "KUBECTL_JOB_ASCII", kind: Kind::YesOrNo, flag: Flag::Global("ascii") },
    Key { name: "namespace", variable: "KUBECTL_JOB_NAMESPACE", kind: Kind::Name, flag: Flag::Home },
    Key { name: "state-dir", variable: "KUBECTL_JOB_STATE_DIR", kind: Kind::Folder, flag: Flag::Global("state_dir") },
    Key {
        name: "logs",
        variable: "KUBECTL_JOB_LOGS",
        kind: Kind::Words(&["all", "failed", "none"]),
        flag: Flag::Of("logs", FOLLOWING),
    },
    Key {
        name: "on-interrupt",
        variable: "KUBECTL_JOB_ON_INTERRUPT",
        kind: Kind::Words(&["suspend", "delete", "detach"]),
        flag: Flag::Of("on_interrupt", FOLLOWING),
    },
    Key {
        name: "history-limit",
        variable: "KUBECTL_JOB_HISTORY_LIMIT",
        kind: Kind::Limits,
        flag: Flag::Of("history_limit", SERVERS),
    },
];

impl Kind {
    /// The value as a flag takes it, or what it must be.
    fn check(self, text: &str, home: Option<&Path>) -> Result<String, String> {
        let fits = match self {
            Self::Words(words) => words.contains(&text),
            Self::YesOrNo => matches!(text, "true" | "false"),
            Self::Name => !text.is_empty(),
            Self::Limits => limits(text).is_ok(),
            Self::Folder => {
                let placed = match (text.strip_prefix("~/"), home) {
                    (Some(rest), Some(home)) => home.join(rest),
                    _ => PathBuf::from(text),
                };
                // Relative to what? The file's folder and the user's are equally likely to be meant.
                let shown = placed.is_absolute().then(|| placed.display().to_string());
                return shown.ok_or_else(|| format!("must be {}, not {text:?}", self.wanted()));
            }
        };
        if fits { Ok(text.to_owned()) } else { Err(format!("must be {}, not {text:?}", self.wanted())) }
    }

    fn wanted(self) -> String {
        match self {
            Self::Words(words) => format!("one of {}", words.join(", ")),
            Self::YesOrNo => "true or false".to_owned(),
            Self::Name => "a name".to_owned(),
            Self::Folder => "an absolute path, or one that begins with ~/".to_owned(),
            Self::Limits => "a number of runs and, if you like, bytes, such as \"500\" or \"500,2Gi\"".to_owned(),
        }
    }
}

/// What was chosen.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    values: Vec<(&'static Key, String)>,
}

impl Chosen {
    /// Reads file and environment.
    ///
    /// # Errors
    /// What is wrong first, with its file and line, or its variable.
    pub(crate) fn read() -> Result<Self, String> {
        Self::of(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, String> {
        let home = variable("HOME").map(PathBuf::from);
        let mut chosen = Self::default();
        if let Some(path) = path(&variable) {
            chosen.values = file::read(&path, home.as_deref())?;
        }
        for key in KEYS.iter().filter(|key| !matches!(key.flag, Flag::Global(_))) {
            let Some(value) = variable(key.variable) else { continue };
            let text = value.to_str().ok_or_else(|| format!("{} is no UTF-8", key.variable))?;
            let value = key.kind.check(text, None).map_err(|wrong| format!("{} {wrong}", key.variable))?;
            chosen.values.retain(|(known, _)| known.name != key.name);
            chosen.values.push((key, value));
        }
        Ok(chosen)
    }

    /// Gives the flags their defaults. `is_local` says that the local server is meant: what Ctrl-C does to its Jobs is
    /// not for those of a real cluster.
    pub(crate) fn apply(&self, mut command: Command, is_local: bool) -> Command {
        for (key, value) in &self.values {
            // The command line asks for text that stays; there are seven keys at most, read once.
            let value: &'static str = Box::leak(value.clone().into_boxed_str());
            command = match key.flag {
                Flag::Global(id) => command.mut_arg(id, |arg| arg.default_value(value)),
                Flag::Of("on_interrupt", _) if !is_local => command,
                Flag::Of(id, verbs) => verbs.iter().fold(command, |command, path| default_of(command, path, id, value)),
                Flag::Home => command,
            };
        }
        command
    }

    /// What is no flag's default.
    pub(crate) fn home(&self) -> Home {
        let find = |name: &str| self.values.iter().find(|(key, _)| key.name == name).map(|(_, value)| value.as_str());
        Home {
            namespace: find("namespace").map(str::to_owned),
            history_limit: find("history-limit").and_then(|text| limits(text).ok()),
        }
    }

    /// Whether there is anything that a real cluster is spared.
    pub(crate) fn is_about_local_jobs(&self) -> bool {
        self.values.iter().any(|(key, _)| key.name == "on-interrupt")
    }
}

fn default_of(command: Command, verbs: &[&'static str], id: &'static str, value: &'static str) -> Command {
    match verbs.split_first() {
        None => command.mut_arg(id, |arg| arg.default_value(value)),
        Some((first, rest)) => command.mut_subcommand(first, |command| default_of(command, rest, id, value)),
    }
}

/// Where the file is, if the environment says where.
fn path(variable: &impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // The XDG specification has relative paths passed over.
    let given = variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = given.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".config")))?;
    Some(folder.join("kubectl-job").join("config.toml"))
}

#[cfg(test)]
mod tests;
