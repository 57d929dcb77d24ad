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

/// What a process of a sandbox may do, whether it is the main one or runs beside it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rights {
    user: Option<u32>,
    group: Option<u32>,
    groups: Vec<u32>,
    capabilities: Option<u64>,
    no_new_privileges: bool,
}

impl Rights {
    pub(super) fn of(sandbox: &Sandbox) -> Self {
        Self {
            user: sandbox.user,
            group: sandbox.group,
            groups: sandbox.groups.clone(),
            capabilities: sandbox.capabilities,
            no_new_privileges: sandbox.no_new_privileges,
        }
    }

    /// Gives up what is not granted; as root without a user namespace, becomes the user that the sandbox asks for.
    pub(super) fn take_on(&self, own_users: bool) -> Result<(), Failure> {
        if let Some(kept) = self.capabilities {
            drop_capabilities(kept)?;
        }
        if !own_users {
            self.become_user()?;
        }
        if self.no_new_privileges {
            prctl::set_no_new_privs().map_err(Failure::at(Stage::User))?;
        }
        Ok(())
    }

    fn become_user(&self) -> Result<(), Failure> {
        if self.user.is_none() && self.group.is_none() && self.groups.is_empty() {
            return Ok(());
        }
        let (user, group) = (self.user.unwrap_or(0), self.group.unwrap_or(0));
        // SAFETY: one thread; plain system calls, and the list lives through its own.
        let results = unsafe {
            [
                libc::syscall(libc::SYS_setgroups, self.groups.len(), self.groups.as_ptr()),
                libc::syscall(libc::SYS_setresgid, group, group, group),
                libc::syscall(libc::SYS_setresuid, user, user, user),
            ]
        };
        if results.iter().all(|result| *result == 0) { Ok(()) } else { Err(Failure::at(Stage::User)(Errno::last())) }
    }
}

/// Drops capabilities for good, so that root does not get them back with the next program.
fn drop_capabilities(kept: u64) -> Result<(), Failure> {
    for capability in 0..u64::from(u64::BITS) {
        if kept & (1 << capability) != 0 {
            continue;
        }
        // SAFETY: plain system call.
        let dropped = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        match Errno::result(dropped) {
            // The kernel has no more.
            Err(Errno::EINVAL) => break,
            Err(errno) => return Err(Failure { stage: Stage::User, errno }),
            Ok(_) => {}
        }
    }
    Ok(())
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
