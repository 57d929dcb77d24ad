//! Descriptors that came with this process by accident, from whatever started the server: containers must not get them.
#![expect(unsafe_code, reason = "closing descriptors that nobody here owns has no safe interface")]

use nix::libc;

/// Closes everything beyond standard input, output and error. Call before anything is opened.
pub(super) fn close_descriptors() {
    // SAFETY: called first thing in `main`, when no value owns a descriptor above 2.
    // A kernel without the call leaves them open, which is untidy but safe.
    let _ = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
}
