//! A start command's words as exec takes them.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;

use crate::runtime::wire::StartCommand;

/// Where the program may be: a bare name is looked for along the program's own PATH.
pub(super) fn candidates(start: &StartCommand) -> Result<Vec<CString>, Errno> {
    if start.program.as_os_str().as_bytes().contains(&b'/') {
        return Ok(vec![c_string(start.program.as_os_str())?]);
    }
    let path = start.env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_bytes()).unwrap_or_default();
    let places = path.split(|byte| *byte == b':').map(|place| Path::new(OsStr::from_bytes(place)).join(&start.program));
    places.map(|place| c_string(place.as_os_str())).collect()
}

/// Whether a program that could not be run in one place may be in the next.
pub(super) fn may_be_elsewhere(errno: Errno) -> bool {
    matches!(errno, Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES)
}

/// The arguments, its own name first.
pub(super) fn argv(start: &StartCommand) -> Result<Vec<CString>, Errno> {
    match start.argv.is_empty() {
        true => Ok(vec![c_string(start.program.as_os_str())?]),
        false => start.argv.iter().map(|word| c_string(word)).collect(),
    }
}

/// The environment.
pub(super) fn env(start: &StartCommand) -> Result<Vec<CString>, Errno> {
    let entry = |name: &OsStr, value: &OsStr| [name.as_bytes(), b"=", value.as_bytes()].concat();
    start.env.iter().map(|(name, value)| c_string(OsStr::from_bytes(&entry(name, value)))).collect()
}

/// A text without a zero byte, with one at its end.
pub(super) fn c_string(text: &OsStr) -> Result<CString, Errno> {
    CString::new(text.as_bytes()).map_err(|_| Errno::EINVAL)
}
