//! A private copy of a root file system, where the kernel gives no layers.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, open};

use crate::layer::permissions;
use crate::tree::{self, Attributes};

/// Copies a directory with all below it to where nothing is yet. Links stay links and are not followed; devices and
/// sockets are left out.
///
/// # Errors
/// The system's.
pub fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    copy_entries(from, open(from, flags, Mode::empty())?, &open(to, flags, Mode::empty())?)
}

fn copy_entries(path: &Path, from: OwnedFd, to: &OwnedFd) -> io::Result<()> {
    for name in tree::names(&from)? {
        let at = path.join(&name);
        let metadata = fs::symlink_metadata(&at)?;
        if let Some(kind) = copy_entry(&at, &from, to, &name)? {
            let is_root = rustix::process::geteuid().is_root();
            let attributes = Attributes {
                mode: permissions(metadata.mode(), kind, is_root),
                owner: is_root.then(|| (metadata.uid(), metadata.gid())),
                modified: metadata.mtime(),
            };
            tree::dress(to, &name, kind, attributes)?;
        }
    }
    Ok(())
}

/// What was made; `None` for what is left out.
fn copy_entry(path: &Path, from: &OwnedFd, to: &OwnedFd, name: &OsStr) -> io::Result<Option<FileType>> {
    let kind = tree::kind(from, name)?;
    match kind {
        Some(FileType::Directory) => {
            tree::make_directory(to, name)?;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let open = |at: &OwnedFd| rustix::fs::openat(at, name, flags, Mode::empty());
            copy_entries(path, open(from)?, &open(to)?)?;
        }
        Some(FileType::RegularFile) => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mut source = File::from(rustix::fs::openat(from, name, flags, Mode::empty())?);
            io::copy(&mut source, &mut tree::create(to, name)?)?;
        }
        Some(FileType::Symlink) => {
            tree::make_link(to, name, rustix::fs::readlinkat(from, name, Vec::new())?.as_bytes())?;
        }
        Some(FileType::Fifo) => tree::make_fifo(to, name)?,
        _ => return Ok(None),
    }
    Ok(kind)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_copy_is_ones_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("deep")).expect("a folder");
        fs::write(from.join("deep/file"), "one").expect("a file");
        symlink("/etc/passwd", from.join("link")).expect("a link");
        copy_tree(&from, &to).expect("copied");
        fs::write(to.join("deep/file"), "two").expect("a file");
        assert_eq!(fs::read_to_string(from.join("deep/file")).expect("a file"), "one");
        assert_eq!(fs::read_link(to.join("link")).expect("a link"), Path::new("/etc/passwd"));
    }
}
