//! Keys of a followed Job: single letters from the terminal on standard input, without waiting for Enter.
//!
//! The terminal is put back as it was when this is dropped. Only reading by lines and echo are turned off: Ctrl-C stays a
//! signal. Where standard input is no terminal, or this command is in the background, there are no keys.

use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcsetattr};
use tokio::sync::mpsc;

/// How often the reading thread looks whether it is over.
const LOOK_UP: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// Keys that wait to be acted on.
const MAX_KEYS: usize = 16;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// `t`: how the Job stands.
    Status,
    /// `l`: output on or off.
    Logs,
    /// `d`: stop following.
    Detach,
    /// Anything else: which keys there are.
    Help,
}

impl Key {
    fn of(byte: u8) -> Option<Self> {
        match byte {
            b't' | b'T' => Some(Self::Status),
            b'l' | b'L' => Some(Self::Logs),
            b'd' | b'D' => Some(Self::Detach),
            b'?' | b'h' => Some(Self::Help),
            _ => None,
        }
    }
}

/// The terminal, in the mode in which keys come one by one.
pub(crate) struct Keys {
    keys: mpsc::Receiver<Key>,
    is_over: Arc<AtomicBool>,
    before: Termios,
}

impl Keys {
    /// Takes over the terminal; none when there is none to take.
    pub(crate) fn open() -> Option<Self> {
        let stdin = io::stdin();
        if !isatty(&stdin) {
            return None;
        }
        // Who is in the background would be stopped for changing the terminal.
        if tcgetpgrp(&stdin).is_ok_and(|foreground| foreground != rustix::process::getpgrp()) {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut mode = before.clone();
        mode.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Now, &mode).ok()?;
        let (sender, keys) = mpsc::channel(MAX_KEYS);
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        std::thread::spawn(move || read(&sender, &over));
        Some(Self { keys, is_over, before })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // A terminal that is gone needs no mode.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Passes keys on until it is over or the terminal is gone. The terminal's file is shared with the shell, so it stays a
/// blocking one and is read by a thread, which looks up often enough to end with the command.
fn read(keys: &mpsc::Sender<Key>, is_over: &AtomicBool) {
    let stdin = io::stdin();
    while !is_over.load(Ordering::Relaxed) {
        let mut waits = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut waits, Some(&LOOK_UP)) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) if !is_over.load(Ordering::Relaxed) => {}
            _ => return,
        }
        let mut byte = [0];
        match rustix::io::read(stdin.as_fd(), &mut byte) {
            // Keys beyond what is taken in time are dropped: nobody meant to press so many.
            Ok(1) => drop(Key::of(byte[0]).map(|key| keys.try_send(key))),
            Err(Errno::INTR | Errno::AGAIN) => {}
            _ => return,
        }
    }
}

/// The next key, or never where there are none.
pub(crate) async fn next(keys: &mut Option<Keys>) -> Key {
    match keys {
        Some(keys) => match keys.keys.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}
