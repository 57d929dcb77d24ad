//! A directory that looks like the host's and is not: an empty one in memory, with all that the host's holds mounted
//! in it. Files made in it are the sandbox's own; what was there before is the host's.
//!
//! A start pays for each mount twice, when it is made and when it goes, and `/dev` holds a hundred devices: those that no
//! container would have are links to the host's directory, which is mounted once under a name of its own.
//!
//! Differs: writes to a host's file through such a directory reach the host, as those of any local process do; new
//! files beside it do not.
#![expect(unsafe_code, reason = "the crates at hand do not know mount_setattr")]

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, mkdirat, openat, readlinkat, statat, symlinkat};
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags, mount, move_mount, open_tree};

/// Where the new root is put together, as a name in the root directory: every Linux has it.
const STAGE: &CStr = c"proc";
/// The host's directory within its own shadow, where links lead to it.
const WHOLE: &CStr = c".host";

/// Shadows the root directory, and makes the shadow the root.
pub(super) fn root() -> io::Result<()> {
    let old = open_directory(Path::new("/"))?;
    // Taken hold of before the stage covers it.
    let staged = detached(&old, STAGE, true)?;
    let stage = Path::new("/").join(OsStr::from_bytes(STAGE.to_bytes()));
    fill(&old, &stage, Some(&staged))?;
    std::env::set_current_dir(&stage)?;
    super::mounts::leave_old_root()
}

/// Shadows one directory below the root.
pub(super) fn directory(path: &Path) -> io::Result<()> {
    let old = open_directory(path)?;
    fill(&old, path, None)
}

/// Mounts an empty directory in memory at a path, and in it whatever the old directory holds.
fn fill(old: &OwnedFd, path: &Path, staged: Option<&OwnedFd>) -> io::Result<()> {
    let mode = fstat(old)?.st_mode & 0o7777;
    let options = CString::new(format!("mode={mode:o}")).map_err(io::Error::other)?;
    mount("tmpfs", path, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, Some(options.as_c_str()))?;
    let new = open_directory(path)?;
    let mut whole = false;
    for entry in Dir::read_from(old)? {
        let entry = entry?;
        let name = entry.file_name();
        match (staged, kind(old, name, entry.file_type())) {
            _ if matches!(name.to_bytes(), b"." | b"..") => {}
            (Some(staged), _) if name == STAGE => place(&new, name, staged, true)?,
            // It went away meanwhile, or may not be seen.
            (_, FileType::Unknown) => {}
            (_, FileType::Symlink) => symlinkat(readlinkat(old, name, Vec::new())?.as_c_str(), &new, name)?,
            (_, FileType::CharacterDevice | FileType::BlockDevice) if !is_looked_at(name) => {
                if !whole {
                    place(&new, WHOLE, &detached(old, "", true)?, true)?;
                    whole = true;
                }
                let target = [WHOLE.to_bytes(), b"/", name.to_bytes()].concat();
                symlinkat(target.as_slice(), &new, name)?;
            }
            (_, kind) => bind(old, &new, name, kind == FileType::Directory)?,
        }
    }
    Ok(())
}

/// What an entry is; unknown where it cannot be told.
fn kind(directory: &OwnedFd, name: &CStr, listed: FileType) -> FileType {
    match listed {
        FileType::Unknown => statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
        known => known,
    }
}

/// Whether a device is one that every container has, which programs may want to be one and no link to one.
fn is_looked_at(name: &CStr) -> bool {
    let names: [&[u8]; 10] =
        [b"null", b"zero", b"full", b"random", b"urandom", b"tty", b"console", b"ptmx", b"fuse", b"kvm"];
    names.contains(&name.to_bytes())
}

/// Shows one entry of the old directory in the new one, unless it went away meanwhile, or may not be seen.
fn bind(old: &OwnedFd, new: &OwnedFd, name: &CStr, is_directory: bool) -> io::Result<()> {
    match detached(old, name, is_directory) {
        Ok(tree) => place(new, name, &tree, is_directory),
        Err(_) => Ok(()),
    }
}

/// Mounts a tree in a new directory under a name.
fn place(new: &OwnedFd, name: &CStr, tree: &OwnedFd, is_directory: bool) -> io::Result<()> {
    if is_directory {
        mkdirat(new, name, Mode::from_raw_mode(0o755))?;
    } else {
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        drop(openat(new, name, flags, Mode::from_raw_mode(0o644))?);
    }
    Ok(move_mount(tree, c"", new, name, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// A copy of what is mounted at a path below a directory, or at the directory itself if the path is empty.
pub(super) fn detached<P: rustix::path::Arg>(from: &OwnedFd, path: P, is_directory: bool) -> io::Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_SYMLINK_NOFOLLOW
        | OpenTreeFlags::AT_NO_AUTOMOUNT;
    if is_directory {
        // Without what is mounted below, the kernel refuses: it would show what the mounts hide.
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    Ok(open_tree(from, path, flags)?)
}

/// Mounts a tree at a path.
pub(super) fn attach(tree: &OwnedFd, target: &Path) -> io::Result<()> {
    Ok(move_mount(tree.as_fd(), "", CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// Makes all mounts of a tree read-only; other attributes stay as they are.
pub(super) fn set_read_only(tree: &OwnedFd) -> io::Result<()> {
    let attributes = libc::mount_attr { attr_set: libc::MOUNT_ATTR_RDONLY, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    let size = size_of::<libc::mount_attr>();
    // SAFETY: the path is an empty string with its end, the structure lives, and its size is told.
    let done = unsafe {
        libc::syscall(libc::SYS_mount_setattr, tree.as_raw_fd(), c"".as_ptr(), flags, &raw const attributes, size)
    };
    Errno::result(done).map(drop).map_err(io::Error::from)
}

/// Makes everything that is mounted now read-only.
pub(super) fn seal() -> io::Result<()> {
    set_read_only(&open_directory(Path::new("/"))?)
}
