//! The signals that end a command.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Code;

/// SIGINT and SIGTERM, taken over.
pub(crate) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Takes over SIGINT and SIGTERM.
    ///
    /// # Errors
    /// When the system has no signals to give.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Code {
        tokio::select! {
            _ = self.interrupt.recv() => Code::Interrupted,
            _ = self.terminate.recv() => Code::Terminated,
        }
    }
}
