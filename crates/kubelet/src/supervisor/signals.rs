//! How the supervisor learns that a child died, and how it stays alive when signalled.
//!
//! Handlers are used instead of ignored or blocked signals, since both of those would be inherited by every container:
//! a container that ignores SIGTERM from birth could not be stopped in peace. Handlers reset to the default on exec.
#![expect(unsafe_code, reason = "signal handlers have no safe interface in the crates at hand")]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask};

static CHILD_DIED: AtomicBool = AtomicBool::new(false);
static WAKE_FD: AtomicI32 = AtomicI32::new(-1);

/// The wake-up of the loop.
pub(super) struct ChildSignal {
    wake: EventFd,
}

impl ChildSignal {
    /// Installs the handlers and clears the signal mask inherited from the server.
    pub(super) fn install() -> Result<Self, Errno> {
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        WAKE_FD.store(wake.as_fd().as_raw_fd(), Ordering::SeqCst);
        let flags = SaFlags::SA_RESTART;
        let child = SigAction::new(SigHandler::Handler(on_child), flags, SigSet::empty());
        let pass_over = SigAction::new(SigHandler::Handler(on_other), flags, SigSet::empty());
        // SAFETY: both handlers only touch atomics and call write(2), which is async-signal-safe.
        unsafe {
            sigaction(Signal::SIGCHLD, &child)?;
            for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1] {
                sigaction(signal, &pass_over)?;
            }
        }
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
        Ok(Self { wake })
    }

    /// Whether a child died since the last call. Clears the wake-up.
    pub(super) fn take(&self) -> bool {
        if !CHILD_DIED.swap(false, Ordering::SeqCst) {
            return false;
        }
        // An error here is "already empty": the flag alone decides.
        let _ = self.wake.read();
        true
    }

    /// What becomes readable when a child dies.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

extern "C" fn on_child(_signal: i32) {
    // The flag goes first: whoever is woken by the descriptor must see it.
    if CHILD_DIED.swap(true, Ordering::SeqCst) {
        return;
    }
    let errno = Errno::last_raw();
    // SAFETY: the descriptor lives as long as the process.
    let wake = unsafe { BorrowedFd::borrow_raw(WAKE_FD.load(Ordering::SeqCst)) };
    let _ = nix::unistd::write(wake, &1_u64.to_ne_bytes());
    Errno::set_raw(errno);
}

extern "C" fn on_other(_signal: i32) {}
