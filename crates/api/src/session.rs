//! What a client and a container say to each other while one is attached to the other (`v1.PodExecOptions`,
//! `v1.PodAttachOptions`).

use bytes::Bytes;

/// Which streams a client wants. Standard error and a terminal exclude each other: a terminal is one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// Standard input.
    pub stdin: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// A terminal.
    pub tty: bool,
}

/// Options of `pods/NAME/exec` and `pods/NAME/attach`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionOptions {
    /// The container; may be left out when the pod has one.
    pub container: Option<String>,
    /// The command; empty for an attach.
    pub command: Vec<String>,
    /// The streams.
    pub streams: Streams,
}

/// One of the two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A terminal's size in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TerminalSize {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// What comes from the container's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// It printed.
    Output(Channel, Bytes),
    /// It has ended, and all that it printed came before. Nothing follows.
    Ended(Outcome),
}

/// Why a kubelet opens no session: an answer of its own, which the API server passes on as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status code.
    pub code: u16,
    /// The text.
    pub text: String,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With this exit code; that of an attach is zero.
    Exited(i32),
    /// There was nothing to run or to attach to, in upstream's words.
    Failed(String),
}
