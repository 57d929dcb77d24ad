//! What a sandboxed process sees of the machine, as a value: its host name, its user, its root and what is mounted.
//!
//! A sandbox is a way to honour the fields of a pod that a plain process cannot (volumes at their paths, a host name, a
//! user id), not a wall: it keeps the host's files in sight unless it is given a root of its own.

use std::path::PathBuf;

/// What differs from the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// The host name; empty for the host's.
    pub hostname: String,
    /// The user id that the process sees as its own; `None` for the one that the server runs as.
    pub user: Option<u32>,
    /// The same for its group.
    pub group: Option<u32>,
    /// A network of its own, with nothing but a loopback device.
    pub own_network: bool,
    /// Whether it lives among the host's processes instead of in a process namespace of its own, which costs a process
    /// and a file system.
    pub shares_processes: bool,
    /// Further groups, where the server's user may give them.
    pub groups: Vec<u32>,
    /// The capabilities that even root may have, as a bit each; `None` for all that the server's user has.
    pub capabilities: Option<u64>,
    /// Whether no program may give more rights than one has, as setuid programs do.
    pub no_new_privileges: bool,
    /// The directory that is its root; `None` for the host's root, with the mounts in it.
    pub root: Option<Root>,
    /// Whether everything but the mounts is read-only.
    pub read_only_root: bool,
    /// What is mounted where. A mount below another one's target comes after it.
    pub mounts: Vec<Mount>,
}

/// A root of its own, of which the host's files are no part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Root {
    /// What it holds.
    pub base: PathBuf,
    /// A directory, on a file system that can carry layers, which takes what is written; with `None` that is the base,
    /// which then is the container's own.
    pub layer: Option<PathBuf>,
}

/// A file or directory of the host at another path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// The absolute path in the sandbox. What is missing of it is made, without touching the host's files.
    pub target: PathBuf,
    /// The file or directory of the host.
    pub source: PathBuf,
    /// A relative path below the source that is mounted in its stead; empty for the source itself. It cannot lead out
    /// of the source, whatever links are on the way.
    pub sub_path: PathBuf,
    /// Whether it cannot be written through this mount.
    pub read_only: bool,
}

/// The step at which a sandbox could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The program does not start; this is the only stage there is without a sandbox.
    Exec,
    /// The kernel gives no namespaces to this user.
    Namespaces,
    /// The user ids could not be mapped or taken on.
    User,
    /// The host name.
    Hostname,
    /// The root.
    Root,
    /// The mount of this index.
    Mount(u16),
    /// The working directory.
    Directory,
    /// The network.
    Network,
    /// The kernel puts no writable layer over a root.
    Layer,
}

impl Stage {
    /// As a number, for the wire.
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Exec => 0,
            Self::Namespaces => 1,
            Self::User => 2,
            Self::Hostname => 3,
            Self::Root => 4,
            Self::Directory => 5,
            Self::Network => 6,
            Self::Layer => 7,
            Self::Mount(index) => 0x100 + i32::from(index),
        }
    }

    /// The stage of a number; an unknown one counts as the first.
    pub(crate) fn from_code(code: i32) -> Self {
        match code {
            1 => Self::Namespaces,
            2 => Self::User,
            3 => Self::Hostname,
            4 => Self::Root,
            5 => Self::Directory,
            6 => Self::Network,
            7 => Self::Layer,
            0x100.. => Self::Mount(u16::try_from(code - 0x100).unwrap_or(u16::MAX)),
            _ => Self::Exec,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_come_back_from_their_numbers() {
        let stages = [
            Stage::Exec,
            Stage::Namespaces,
            Stage::User,
            Stage::Hostname,
            Stage::Root,
            Stage::Directory,
            Stage::Network,
            Stage::Layer,
            Stage::Mount(0),
            Stage::Mount(65535),
        ];
        for stage in stages {
            assert_eq!(Stage::from_code(stage.code()), stage);
        }
    }
}
