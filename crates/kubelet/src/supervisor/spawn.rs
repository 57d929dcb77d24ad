//! Spawns one process with the standard streams that it was given.
//!
//! The child shares this process's memory until it execs, as with `vfork`: no page table is copied, so a start costs the
//! same however large this process is. std's spawn does so too, but only while nothing is asked for that it does not
//! know, and it cannot tie the child's life to its parent's.
#![expect(unsafe_code, reason = "what happens between clone and exec has no safe interface")]

use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr;

use nix::errno::Errno;
use nix::libc::{self, c_char, c_int, c_void};
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::unistd::Pid;

use super::programs;
use crate::runtime::wire::{StartCommand, Stdio};

/// More than the child's calls need.
const STACK_BYTES: usize = 64 * 1024;
/// The signals that mean something else here than by default (see [`super::signals`]); exec resets handlers, but not
/// that Rust ignores SIGPIPE, and until then no handler of ours may run in the child.
const HANDLED: [c_int; 7] =
    [libc::SIGCHLD, libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, libc::SIGPIPE];

/// All that the child needs, made before there is a child: there it may not allocate.
struct Child {
    /// What becomes of standard input, output and error.
    streams: [RawFd; 3],
    takes_terminal: bool,
    directory: CString,
    programs: Vec<CString>,
    argv: Words,
    env: Words,
    parent: libc::pid_t,
    /// Why there is no program; the child's only answer.
    errno: c_int,
}

/// Strings as exec takes them.
struct Words {
    pointers: Vec<*const c_char>,
    _owned: Vec<CString>,
}

impl Words {
    fn new(owned: Vec<CString>) -> Self {
        let pointers = owned.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect();
        Self { pointers, _owned: owned }
    }
}

/// Spawns one process as leader of its own group, or of a session if it has a terminal. It is killed when this process
/// dies.
pub(super) fn spawn(start: &StartCommand, descriptors: &[OwnedFd]) -> Result<Pid, Errno> {
    let null = match start.stdio {
        Stdio::Output => Some(std::fs::File::open("/dev/null").map_err(|_| Errno::ENODEV)?),
        Stdio::All | Stdio::Terminal => None,
    };
    let at = |index: usize| descriptors.get(index).map(AsRawFd::as_raw_fd).ok_or(Errno::EBADF);
    let streams = match (&null, start.stdio) {
        (Some(null), _) => [null.as_raw_fd(), at(0)?, at(1)?],
        (None, Stdio::Terminal) => [at(0)?; 3],
        (None, _) => [at(0)?, at(1)?, at(2)?],
    };
    let mut child = Child {
        streams,
        takes_terminal: start.stdio == Stdio::Terminal,
        directory: programs::c_string(start.cwd.as_os_str())?,
        programs: programs::candidates(start)?,
        argv: Words::new(programs::argv(start)?),
        env: Words::new(programs::env(start)?),
        parent: nix::unistd::getpid().as_raw(),
        errno: 0,
    };
    let mut stack = Vec::<u8>::with_capacity(STACK_BYTES);
    // Downwards, and aligned as the platforms want it.
    let top = stack.as_mut_ptr().wrapping_add(STACK_BYTES).map_addr(|address| address & !15);
    // No handler of this process may run in the child, which shares its memory.
    let mut mask = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut mask))?;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: this process stands still until the child has left the shared memory by exec or exit, so `child` and the
    // stack outlive it, and nothing is written by both at once. The child makes system calls only.
    let pid = unsafe { libc::clone(run, top.cast::<c_void>(), flags, (&raw mut child).cast::<c_void>()) };
    let cloned = Errno::result(pid);
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None)?;
    let pid = Pid::from_raw(cloned?);
    // SAFETY: as above; the child wrote it through a pointer that the compiler has lost sight of.
    match unsafe { ptr::read_volatile(&raw const child.errno) } {
        0 => Ok(pid),
        errno => {
            // It has nothing left to do but end, and nobody else waits for it.
            let _ = nix::sys::wait::waitpid(pid, None);
            Err(Errno::from_raw(errno))
        }
    }
}

/// The child, from clone to exec.
extern "C" fn run(child: *mut c_void) -> c_int {
    let child = child.cast::<Child>();
    // SAFETY: the pointer is the parent's, which waits; system calls only, none of which touches the parent's memory
    // but by reading what was made for this.
    unsafe {
        let errno = match become_program(&*child) {
            Ok(never) => match never {},
            Err(errno) => errno,
        };
        ptr::write_volatile(&raw mut (*child).errno, errno as c_int);
        libc::_exit(127)
    }
}

/// Takes the streams, the group, the directory and the program on.
///
/// # Safety
/// Only in a child that is about to exec or exit.
unsafe fn become_program(child: &Child) -> Result<std::convert::Infallible, Errno> {
    // SAFETY: system calls on values that live; the caller promises that nothing of this process is needed any more.
    unsafe {
        for (number, stream) in child.streams.iter().enumerate() {
            Errno::result(libc::dup2(*stream, number as c_int))?;
        }
        if child.takes_terminal {
            Errno::result(libc::setsid())?;
            Errno::result(libc::ioctl(0, libc::TIOCSCTTY, 0))?;
        } else {
            Errno::result(libc::setpgid(0, 0))?;
        }
        Errno::result(libc::chdir(child.directory.as_ptr()))?;
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != child.parent {
            // It died before it could be told of; nothing of it may live on.
            return Err(Errno::ESRCH);
        }
        for signal in HANDLED {
            libc::signal(signal, libc::SIG_DFL);
        }
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
        let (argv, env) = (child.argv.pointers.as_ptr(), child.env.pointers.as_ptr());
        let mut last = Errno::ENOENT;
        for program in &child.programs {
            libc::execve(program.as_ptr(), argv, env);
            last = Errno::last();
            if !programs::may_be_elsewhere(last) {
                break;
            }
        }
        Err(last)
    }
}
