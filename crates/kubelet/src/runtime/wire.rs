//! What server and supervisor say to each other: length-prefixed frames, little-endian, over two socket pairs.
//!
//! Pure. Both sides are the same binary, so there is no version. The standard streams of a `Start` travel beside its
//! frame as file descriptors, attached at or before its first byte, so frames and descriptors pair up in order.

mod sandbox;

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::sandbox::{Sandbox, Stage};

/// The longest frame either side takes: above what the kernel lets a process have as arguments and environment.
pub(crate) const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

const START: u8 = 1;
const KILL: u8 = 2;
const STARTED: u8 = 1;
const START_FAILED: u8 = 2;
const EXITED: u8 = 3;
const OUT_OF_MEMORY: u8 = 4;

/// Server to supervisor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Spawn; the next descriptors are its standard streams.
    Start(StartCommand),
    /// Signal the container's process group.
    Kill { token: u64, signal: i32 },
}

/// What to spawn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StartCommand {
    /// The server's number for this run; never used twice.
    pub(crate) token: u64,
    /// The container that it runs in beside the main process; none for a main process.
    pub(crate) within: Option<u64>,
    pub(crate) stdio: Stdio,
    /// How many bytes of memory the container may hold.
    pub(crate) memory_limit: Option<u64>,
    pub(crate) program: PathBuf,
    pub(crate) cwd: PathBuf,
    pub(crate) argv: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    /// What it sees of the machine; everything if `None`. A process beside a main one sees what that one sees.
    pub(crate) sandbox: Option<Box<Sandbox>>,
}

/// Where a process's standard streams come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stdio {
    /// No input; one descriptor for standard output, one for error.
    Output,
    /// One descriptor for each of the three.
    All,
    /// One descriptor of a terminal for all three; the process leads a session that the terminal controls.
    Terminal,
}

impl Stdio {
    /// How many descriptors come with the command.
    pub(crate) fn descriptors(self) -> usize {
        match self {
            Self::Output => 2,
            Self::All => 3,
            Self::Terminal => 1,
        }
    }
}

/// A start frame's content, borrowed so that nothing is copied twice.
pub(crate) struct Start<'a> {
    pub(crate) token: u64,
    pub(crate) within: Option<u64>,
    pub(crate) stdio: Stdio,
    pub(crate) memory_limit: Option<u64>,
    pub(crate) program: &'a Path,
    pub(crate) cwd: &'a Path,
    pub(crate) argv: &'a [String],
    pub(crate) env: &'a [(&'a str, &'a str)],
    pub(crate) sandbox: Option<&'a Sandbox>,
}

/// Supervisor to server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    Started {
        token: u64,
        pid: u32,
    },
    StartFailed {
        token: u64,
        stage: Stage,
        errno: i32,
    },
    /// The main process ended and nothing of the container is left. `signal` is zero when it exited by itself.
    Exited {
        token: u64,
        code: i32,
        signal: i32,
        /// It was killed since it held more memory than it may.
        out_of_memory: bool,
    },
}

/// A frame that cannot be read. Both sides being one binary, it means a broken invariant, not bad input.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    #[error("frame of {0} bytes is over the bound")]
    TooLong(usize),
    #[error("frame is cut short or of an unknown kind")]
    Malformed,
}

/// Appends a start frame.
pub(crate) fn encode_start(out: &mut Vec<u8>, start: &Start<'_>) {
    frame(out, |out| {
        out.push(START);
        out.extend_from_slice(&start.token.to_le_bytes());
        // No container has the token zero.
        out.extend_from_slice(&start.within.unwrap_or_default().to_le_bytes());
        out.push(start.stdio as u8);
        out.extend_from_slice(&start.memory_limit.unwrap_or_default().to_le_bytes());
        put_bytes(out, start.program.as_os_str().as_bytes());
        put_bytes(out, start.cwd.as_os_str().as_bytes());
        put_u32(out, start.argv.len());
        for argument in start.argv {
            put_bytes(out, argument.as_bytes());
        }
        put_u32(out, start.env.len());
        for (name, value) in start.env {
            put_bytes(out, name.as_bytes());
            put_bytes(out, value.as_bytes());
        }
        sandbox::encode(out, start.sandbox);
    });
}

/// Appends a kill frame.
pub(crate) fn encode_kill(out: &mut Vec<u8>, token: u64, signal: i32) {
    frame(out, |out| {
        out.push(KILL);
        out.extend_from_slice(&token.to_le_bytes());
        out.extend_from_slice(&signal.to_le_bytes());
    });
}

/// Appends a report frame.
pub(crate) fn encode_report(out: &mut Vec<u8>, report: Report) {
    let (kind, token, first, second) = match report {
        Report::Started { token, pid } => (STARTED, token, pid.cast_signed(), 0),
        Report::StartFailed { token, stage, errno } => (START_FAILED, token, errno, stage.code()),
        Report::Exited { token, code, signal, out_of_memory } => {
            (if out_of_memory { OUT_OF_MEMORY } else { EXITED }, token, code, signal)
        }
    };
    frame(out, |out| {
        out.push(kind);
        out.extend_from_slice(&token.to_le_bytes());
        out.extend_from_slice(&first.to_le_bytes());
        out.extend_from_slice(&second.to_le_bytes());
    });
}

/// Bytes as they come in, handed out frame by frame.
#[derive(Debug, Default)]
pub(crate) struct FrameBuffer {
    bytes: Vec<u8>,
    read: usize,
}

impl FrameBuffer {
    /// Adds what was received.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        if self.read == self.bytes.len() {
            self.bytes.clear();
            self.read = 0;
        } else if self.read > 64 * 1024 {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame, without its length.
    fn next_frame(&mut self) -> Result<Option<&[u8]>, WireError> {
        let rest = &self.bytes[self.read..];
        let Some((length, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(WireError::TooLong(length));
        }
        if rest.len() < length {
            return Ok(None);
        }
        let start = self.read + 4;
        self.read = start + length;
        Ok(Some(&self.bytes[start..start + length]))
    }

    /// The next command.
    pub(crate) fn next_command(&mut self) -> Result<Option<Command>, WireError> {
        self.next_frame()?.map(|frame| decode_command(frame).ok_or(WireError::Malformed)).transpose()
    }

    /// The next report.
    pub(crate) fn next_report(&mut self) -> Result<Option<Report>, WireError> {
        self.next_frame()?.map(|frame| decode_report(frame).ok_or(WireError::Malformed)).transpose()
    }
}

fn decode_command(frame: &[u8]) -> Option<Command> {
    let mut input = Input(frame);
    match input.u8()? {
        START => {
            let (token, within) = (input.u64()?, input.u64()?);
            let within = (within != 0).then_some(within);
            let stdio = input.stdio()?;
            let memory_limit = Some(input.u64()?).filter(|bytes| *bytes != 0);
            let program = PathBuf::from(input.text()?);
            let cwd = PathBuf::from(input.text()?);
            let argv = (0..input.u32()?).map(|_| input.text()).collect::<Option<Vec<_>>>()?;
            let env = (0..input.u32()?).map(|_| Some((input.text()?, input.text()?))).collect::<Option<Vec<_>>>()?;
            let sandbox = sandbox::decode(&mut input)?.map(Box::new);
            Some(Command::Start(StartCommand { token, within, stdio, memory_limit, program, cwd, argv, env, sandbox }))
        }
        KILL => Some(Command::Kill { token: input.u64()?, signal: input.i32()? }),
        _ => None,
    }
}

fn decode_report(frame: &[u8]) -> Option<Report> {
    let mut input = Input(frame);
    let (kind, token, first, second) = (input.u8()?, input.u64()?, input.i32()?, input.i32()?);
    match kind {
        STARTED => Some(Report::Started { token, pid: first.cast_unsigned() }),
        START_FAILED => Some(Report::StartFailed { token, stage: Stage::from_code(second), errno: first }),
        EXITED | OUT_OF_MEMORY => {
            Some(Report::Exited { token, code: first, signal: second, out_of_memory: kind == OUT_OF_MEMORY })
        }
        _ => None,
    }
}

/// Writes a frame whose length is known only after its content.
fn frame(out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    content(out);
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

fn put_u32(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// A cursor that ends in `None` where the frame ends.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn stdio(&mut self) -> Option<Stdio> {
        let kinds = [Stdio::Output, Stdio::All, Stdio::Terminal];
        kinds.get(usize::from(self.u8()?)).copied()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_le_bytes)
    }

    fn text(&mut self) -> Option<OsString> {
        let length = self.u32()? as usize;
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(OsString::from_vec(head.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sandbox::{Mount, Root};
    use super::*;

    #[test]
    fn frames_survive_any_split() {
        let mut bytes = Vec::new();
        let env = [("A", "1"), ("EMPTY", "")];
        let argv = ["true".to_owned(), "ä".to_owned()];
        let (program, cwd) = (Path::new("/bin/true"), Path::new("/"));
        let mount = Mount { target: "/data".into(), source: "/host".into(), sub_path: "a/b".into(), read_only: true };
        let sandbox = Sandbox {
            hostname: "pi-0".to_owned(),
            user: Some(0),
            group: None,
            own_network: true,
            shares_processes: true,
            groups: vec![3, 4],
            capabilities: Some(5),
            no_new_privileges: true,
            root: Some(Root { base: "/image".into(), layer: Some("/layer".into()) }),
            read_only_root: true,
            mounts: vec![mount],
        };
        let start = Start {
            token: 7,
            within: Some(5),
            stdio: Stdio::Terminal,
            memory_limit: Some(1 << 40),
            program,
            cwd,
            argv: &argv,
            env: &env,
            sandbox: Some(&sandbox),
        };
        encode_start(&mut bytes, &start);
        encode_kill(&mut bytes, 7, 15);
        for split in 0..bytes.len() {
            let mut frames = FrameBuffer::default();
            let mut commands = Vec::new();
            for part in [&bytes[..split], &bytes[split..]] {
                frames.extend(part);
                while let Some(command) = frames.next_command().unwrap() {
                    commands.push(command);
                }
            }
            let start = StartCommand {
                token: 7,
                within: Some(5),
                stdio: Stdio::Terminal,
                memory_limit: Some(1 << 40),
                program: "/bin/true".into(),
                cwd: "/".into(),
                argv: vec!["true".into(), "ä".into()],
                env: vec![("A".into(), "1".into()), ("EMPTY".into(), "".into())],
                sandbox: Some(Box::new(sandbox.clone())),
            };
            assert_eq!(commands, [Command::Start(start), Command::Kill { token: 7, signal: 15 }]);
        }
    }

    #[test]
    fn reports_come_back_as_sent() {
        let reports = [
            Report::Started { token: 1, pid: u32::MAX },
            Report::StartFailed { token: 2, stage: Stage::Mount(3), errno: 2 },
            Report::Exited { token: 3, code: 255, signal: 0, out_of_memory: false },
            Report::Exited { token: 4, code: 0, signal: 9, out_of_memory: true },
        ];
        let mut bytes = Vec::new();
        reports.iter().for_each(|report| encode_report(&mut bytes, *report));
        let mut frames = FrameBuffer::default();
        frames.extend(&bytes);
        for report in reports {
            assert_eq!(frames.next_report(), Ok(Some(report)));
        }
        assert_eq!(frames.next_report(), Ok(None));
    }

    #[test]
    fn bad_frames_are_refused() {
        let mut frames = FrameBuffer::default();
        frames.extend(&[1, 0, 0, 0, 99]);
        assert_eq!(frames.next_command(), Err(WireError::Malformed));
        let mut frames = FrameBuffer::default();
        frames.extend(&[0xff; 8]);
        assert_eq!(frames.next_command(), Err(WireError::TooLong(0xffff_ffff)));
    }
}
