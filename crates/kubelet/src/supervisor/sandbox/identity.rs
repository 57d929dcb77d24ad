//! Who a sandboxed process is: user and group ids, host name, network, and whose end it shares.
#![expect(unsafe_code, reason = "taking on another user's ids has no safe interface for a single thread")]

use std::fs;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid};

use super::Failure;
use crate::runtime::sandbox::{Sandbox, Stage};

/// Who the supervisor is.
#[derive(Clone, Copy)]
pub(super) struct Outside {
    user: Uid,
    group: Gid,
}

impl Outside {
    pub(super) fn now() -> Self {
        Self { user: Uid::effective(), group: Gid::effective() }
    }

    pub(super) fn is_root(self) -> bool {
        self.user.is_root()
    }
}

/// In a new user namespace: maps the one user that may be mapped without privilege to what the sandbox asks for.
pub(super) fn map(outside: Outside, sandbox: &Sandbox) -> Result<(), Failure> {
    let user = sandbox.user.unwrap_or(outside.user.as_raw());
    let group = sandbox.group.unwrap_or(outside.group.as_raw());
    let write = |file: &str, text: String| fs::write(file, text).map_err(Failure::at(Stage::User));
    // The kernel wants this before a group is mapped by who may not set groups.
    write("/proc/self/setgroups", "deny".to_owned())?;
    write("/proc/self/uid_map", format!("{user} {} 1", outside.user))?;
    write("/proc/self/gid_map", format!("{group} {} 1", outside.group))
}

/// As root without a user namespace: becomes the user that the sandbox asks for.
pub(super) fn become_user(sandbox: &Sandbox) -> Result<(), Failure> {
    let failed = Failure::at::<Errno>(Stage::User);
    if sandbox.user.is_none() && sandbox.group.is_none() {
        return Ok(());
    }
    let (user, group) = (sandbox.user.unwrap_or(0), sandbox.group.unwrap_or(0));
    // SAFETY: one thread; plain system calls.
    let results = unsafe {
        [
            libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<libc::gid_t>()),
            libc::syscall(libc::SYS_setresgid, group, group, group),
            libc::syscall(libc::SYS_setresuid, user, user, user),
        ]
    };
    if results.iter().all(|result| *result == 0) { Ok(()) } else { Err(failed(Errno::last())) }
}

/// Gives the sandbox its name.
pub(super) fn name(sandbox: &Sandbox) -> Result<(), Failure> {
    if sandbox.hostname.is_empty() {
        return Ok(());
    }
    rustix::system::sethostname(sandbox.hostname.as_bytes()).map_err(Failure::at(Stage::Hostname))
}

/// Asks the kernel to kill this process when the supervisor, which has one thread, is gone.
pub(super) fn end_with_the_supervisor() {
    let _ = prctl::set_pdeathsig(Some(Signal::SIGKILL));
}

/// Brings the loopback device of a network of one's own up.
pub(super) fn raise_loopback() -> Result<(), Failure> {
    // SAFETY: an all-zero request is a valid one, and the name fits with its terminating zero.
    let raised = unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        let mut request: libc::ifreq = std::mem::zeroed();
        for (place, byte) in request.ifr_name.iter_mut().zip(*b"lo") {
            *place = byte as libc::c_char;
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        let raised = libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &raw const request) == 0;
        libc::close(socket);
        raised
    };
    if raised { Ok(()) } else { Err(Failure { stage: Stage::Network, errno: Errno::last() }) }
}
