//! Signals to a command's wrapper: they are meant for the command.

use std::fs::File;
use std::future::poll_fn;
use std::task::Poll;

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgrp};
use tokio::signal::unix::{self, SignalKind};

/// Those that are passed on.
const PASSED_ON: [Signal; 6] =
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2];

/// The signals that came, and what was done with them.
pub(super) struct Signals {
    streams: Vec<(Signal, unix::Signal)>,
    /// How often this process was told to end by somebody other than the terminal.
    terminations: u32,
    interrupted: bool,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system gives no handlers.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let listen = |signal: Signal| {
            let stream = unix::signal(SignalKind::from_raw(signal as i32));
            stream.map(|stream| (signal, stream)).with_context(|| format!("listen for {signal}"))
        };
        let streams = PASSED_ON.into_iter().map(listen).collect::<anyhow::Result<_>>()?;
        Ok(Self { streams, terminations: 0, interrupted: false })
    }

    /// Waits for the next. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Signal {
        let signal = poll_fn(|context| {
            let came =
                |(signal, stream): &mut (Signal, unix::Signal)| stream.poll_recv(context).is_ready().then_some(*signal);
            self.streams.iter_mut().find_map(came).map_or(Poll::Pending, Poll::Ready)
        });
        let signal = signal.await;
        match signal {
            Signal::SIGTERM | Signal::SIGHUP => self.terminations += 1,
            Signal::SIGINT | Signal::SIGQUIT => self.interrupted = true,
            _ => {}
        }
        signal
    }

    /// Whether this process was told to end.
    pub(super) fn asked_to_end(&self) -> bool {
        self.terminations > 0 || self.interrupted
    }

    /// Gives a signal to the command. What the terminal sends it sends to both, so that is not sent twice. Whoever asks
    /// for the end a second time wants it at once.
    pub(super) fn pass_on(&self, signal: Signal, to: Pid) {
        let typed = matches!(signal, Signal::SIGINT | Signal::SIGQUIT) && is_in_foreground();
        let signal = if self.terminations > 1 && signal == Signal::SIGTERM { Signal::SIGKILL } else { signal };
        if !typed {
            // One that has just ended needs no signal.
            let _ = kill(to, signal);
        }
    }
}

/// Whether keys that send signals send them to this process and its command.
fn is_in_foreground() -> bool {
    let Ok(terminal) = File::open("/dev/tty") else { return false };
    rustix::termios::tcgetpgrp(&terminal).is_ok_and(|group| group.as_raw_nonzero().get() == getpgrp().as_raw())
}
