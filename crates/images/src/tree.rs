//! A directory that nothing leads out of: every path is resolved by the kernel with the directory as its root
//! (`openat2`, `RESOLVE_IN_ROOT`), so `..` and links, absolute ones too, end within, whatever was unpacked before.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid, chownat, fchmod, linkat,
    mkdirat, mknodat, open, openat, openat2, statat, symlinkat, unlinkat, utimensat,
};

/// Directories below each other, at most: no real image comes near, and removal recurses.
const DEPTH_MAX: usize = 512;
/// How often a resolution is tried that a rename elsewhere has disturbed.
const TRIES_MAX: u32 = 16;

/// The directory.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
}

/// Who owns a new file, and when it was changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes {
    /// Permission bits.
    pub(crate) mode: u32,
    /// User and group; `None` leaves it to whoever unpacks.
    pub(crate) owner: Option<(u32, u32)>,
    /// Seconds since 1970.
    pub(crate) modified: i64,
}

impl Tree {
    /// Opens a directory of the host.
    ///
    /// # Errors
    /// The system's.
    pub fn open(root: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { root: open(root, flags, Mode::empty())? })
    }

    /// Opens a file of it for reading, following links within.
    ///
    /// # Errors
    /// The system's; what is no regular file is refused, so that a FIFO holds nobody up.
    pub fn read(&self, path: &Path) -> io::Result<File> {
        let file = File::from(self.resolve(path, OFlags::RDONLY | OFlags::NONBLOCK)?);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
        }
    }

    fn resolve(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..TRIES_MAX {
            match openat2(&self.root, path, flags | OFlags::CLOEXEC, Mode::empty(), within) {
                Err(rustix::io::Errno::AGAIN) => {}
                other => return Ok(other?),
            }
        }
        Err(rustix::io::Errno::AGAIN.into())
    }

    /// The directory of this path, made where it is missing.
    pub(crate) fn directory(&self, path: &Path) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        match self.resolve(path, flags) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(rustix::io::Errno::NOENT.into());
        };
        let parent = self.directory(parent)?;
        match mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
            // A link that leads nowhere is in the way: what lies below it has no place.
            Err(rustix::io::Errno::EXIST) | Ok(()) => {}
            Err(error) => return Err(error.into()),
        }
        self.resolve(path, flags)
    }
}

/// The components of a path in an archive; `None` for one that names a parent.
pub(crate) fn normalize(path: &[u8]) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for component in Path::new(OsStr::from_bytes(path)).components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => return None,
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    (clean.components().count() <= DEPTH_MAX).then_some(clean)
}

/// What is under a name in a directory, without following it.
pub(crate) fn kind(directory: impl AsFd, name: &OsStr) -> io::Result<Option<FileType>> {
    match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Makes a regular file that was not there.
pub(crate) fn create(directory: impl AsFd, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(openat(directory, name, flags, Mode::from_raw_mode(0o600))?))
}

/// Makes a directory, unless it is there.
pub(crate) fn make_directory(directory: impl AsFd, name: &OsStr) -> io::Result<()> {
    match mkdirat(directory, name, Mode::from_raw_mode(0o700)) {
        Err(rustix::io::Errno::EXIST) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes a symbolic link. Where it leads is looked at only when somebody follows it, and then from within.
pub(crate) fn make_link(directory: impl AsFd, name: &OsStr, target: &[u8]) -> io::Result<()> {
    Ok(symlinkat(OsStr::from_bytes(target), directory, name)?)
}

/// Makes a FIFO.
pub(crate) fn make_fifo(directory: impl AsFd, name: &OsStr) -> io::Result<()> {
    Ok(mknodat(directory, name, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?)
}

/// Gives a file another name; what a symbolic link leads to is not followed.
pub(crate) fn make_hard_link(
    from: impl AsFd,
    old_name: &OsStr,
    directory: impl AsFd,
    new_name: &OsStr,
) -> io::Result<()> {
    Ok(linkat(from, old_name, directory, new_name, AtFlags::empty())?)
}

/// Sets owner, mode and time of what was just made.
pub(crate) fn dress(directory: impl AsFd, name: &OsStr, kind: FileType, attributes: Attributes) -> io::Result<()> {
    if let Some((user, group)) = attributes.owner {
        let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
        chownat(&directory, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    if kind != FileType::Symlink {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        // After the owner, whose change takes bits away.
        fchmod(openat(&directory, name, flags, Mode::empty())?, Mode::from_raw_mode(attributes.mode))?;
    }
    if kind != FileType::Directory {
        let time = Timespec { tv_sec: attributes.modified, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(&directory, name, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}

/// The names in a directory.
pub(crate) fn names(directory: impl AsFd) -> io::Result<Vec<OsString>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let readable = openat(directory, ".", flags, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::read_from(readable)? {
        let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    Ok(names)
}

/// Removes what is under a name, with all below it; links are removed and not followed.
pub(crate) fn remove(directory: impl AsFd, name: &OsStr) -> io::Result<()> {
    remove_to(directory.as_fd(), name, 0)
}

fn remove_to(directory: std::os::fd::BorrowedFd<'_>, name: &OsStr, depth: usize) -> io::Result<()> {
    match kind(directory, name)? {
        None => return Ok(()),
        Some(FileType::Directory) => {}
        Some(_) => return Ok(unlinkat(directory, name, AtFlags::empty())?),
    }
    if depth > 2 * DEPTH_MAX {
        return Err(rustix::io::Errno::LOOP.into());
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inner = match openat(directory, name, flags, Mode::empty()) {
        Err(rustix::io::Errno::ACCESS) => {
            // A program may have shut a directory of its own.
            rustix::fs::chmodat(directory, name, Mode::RWXU, AtFlags::empty())?;
            openat(directory, name, flags, Mode::empty())?
        }
        other => other?,
    };
    for entry in names(&inner)? {
        if let Err(error) = remove_to(inner.as_fd(), &entry, depth + 1) {
            if error.kind() != io::ErrorKind::PermissionDenied {
                return Err(error);
            }
            fchmod(&inner, Mode::RWXU)?;
            remove_to(inner.as_fd(), &entry, depth + 1)?;
        }
    }
    Ok(unlinkat(directory, name, AtFlags::REMOVEDIR)?)
}

/// Removes a directory of the host, also one in which programs have shut directories of their own.
///
/// # Errors
/// The system's; what is not there is none.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            match rustix::fs::openat(CWD, parent, flags, Mode::empty()) {
                Err(rustix::io::Errno::NOENT) => Ok(()),
                parent => remove(parent?, name),
            }
        }
        _ => Err(rustix::io::Errno::INVAL.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn links_end_within() {
        let (outside, root) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        std::fs::write(outside.path().join("secret"), "host").expect("a file");
        std::fs::create_dir(root.path().join("etc")).expect("a folder");
        std::fs::write(root.path().join("etc/passwd"), "own").expect("a file");
        symlink(outside.path(), root.path().join("out")).expect("a link");
        symlink("../../../../../../etc", root.path().join("up")).expect("a link");
        let tree = Tree::open(root.path()).expect("it is there");
        assert!(tree.read(Path::new("out/secret")).is_err());
        for path in ["up/passwd", "/etc/passwd", "../../etc/passwd"] {
            let text = io::read_to_string(tree.read(Path::new(path)).expect("it is there")).expect("text");
            assert_eq!(text, "own", "{path}");
        }
    }

    #[test]
    fn directories_are_made_within() {
        let (outside, root) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        symlink(outside.path(), root.path().join("out")).expect("a link");
        let tree = Tree::open(root.path()).expect("it is there");
        // The link leads nowhere within the root.
        assert!(tree.directory(Path::new("out/a/b")).is_err());
        tree.directory(Path::new("x/y")).expect("made");
        assert!(root.path().join("x/y").is_dir());
        assert_eq!(std::fs::read_dir(outside.path()).expect("it is there").count(), 0);
    }

    #[test]
    fn a_shut_directory_is_removed() {
        let root = tempfile::tempdir().expect("a folder");
        let shut = root.path().join("tree/shut");
        std::fs::create_dir_all(shut.join("deep")).expect("folders");
        for path in [shut.join("deep"), shut.clone()] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).expect("shut");
        }
        remove_tree(&root.path().join("tree")).expect("removed");
        remove_tree(&root.path().join("tree")).expect("nothing to do");
        assert!(!root.path().join("tree").exists());
    }

    #[test]
    fn a_path_that_names_a_parent_has_no_place() {
        assert_eq!(normalize(b"./a//b/"), Some("a/b".into()));
        assert_eq!(normalize(b"/etc/passwd"), Some("etc/passwd".into()));
        assert_eq!(normalize(b"a/../../b"), None);
    }
}
