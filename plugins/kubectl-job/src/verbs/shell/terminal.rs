//! This command's terminal, joined with that of a command in a container: raw while they are, and as it was afterwards.

use std::io::IsTerminal as _;

use client::Exec;
use rustix::termios::{self, OptionalActions, Termios};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::signal::unix::{SignalKind, signal};

/// Bytes read at a time.
const CHUNK_BYTES: usize = 16 * 1024;

/// A terminal in raw mode, until this is dropped.
pub(super) struct Terminal {
    before: Termios,
}

impl Terminal {
    /// The terminal of standard input and output, made raw; none when either of them is none.
    pub(super) fn find() -> Option<Self> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() || !std::io::stdout().is_terminal() {
            return None;
        }
        let before = termios::tcgetattr(&stdin).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(&stdin, OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing restored.
        let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Joins this command's streams with those of the session until that ends; its exit code.
///
/// # Errors
/// A session that breaks.
pub(super) async fn join(mut session: Exec, terminal: Option<Terminal>) -> anyhow::Result<i32> {
    let (stdout, stderr) = (session.stdout.take(), session.stderr.take());
    let output = async { tokio::join!(pour(stdout, std::io::stdout), pour(stderr, std::io::stderr)) };
    let (stdin, resize) = (session.stdin.take(), session.resize.take().filter(|_| terminal.is_some()));
    // Input and sizes end with the session: neither is a reason to go on, nor to stop.
    let code = tokio::select! {
        (code, _) = async { tokio::join!(session.ended, output) } => code?,
        never = async { tokio::join!(feed(stdin), follow_size(resize)).1 } => match never {},
    };
    Ok(code)
}

async fn pour<W: std::io::Write>(stream: Option<Box<dyn AsyncRead + Send + Unpin>>, to: impl Fn() -> W) {
    let Some(mut stream) = stream else { return };
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        let mut to = to();
        // Whoever read it went away; the command goes on, as it does behind a pipe in a shell.
        let _ = to.write_all(&buffer[..count]).and_then(|()| to.flush());
    }
}

async fn feed(stream: Option<Box<dyn AsyncWrite + Send + Unpin>>) {
    let Some(mut stream) = stream else { return };
    let mut stdin = tokio::io::stdin();
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(count @ 1..) = stdin.read(&mut buffer).await {
        if stream.write_all(&buffer[..count]).await.is_err() {
            return;
        }
        let _ = stream.flush().await;
    }
    let _ = stream.shutdown().await;
}

/// Tells how large the terminal is, now and whenever that changes.
async fn follow_size(resize: Option<Box<dyn FnMut(u16, u16) + Send>>) -> std::convert::Infallible {
    if let Some(mut resize) = resize
        && let Ok(mut changes) = signal(SignalKind::window_change())
    {
        loop {
            if let Ok(size) = termios::tcgetwinsize(std::io::stdout()) {
                resize(size.ws_col, size.ws_row);
            }
            changes.recv().await;
        }
    }
    std::future::pending().await
}
