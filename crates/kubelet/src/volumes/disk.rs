//! Volumes on disk: directories, and files that change all at once.
//!
//! Files lie in a directory named after the moment they were written, `..data` is a link to it, and each top-level name
//! is a link through `..data` (`pkg/volume/util/atomic_writer.go`): renaming one link shows a reader the old files or
//! the new ones, and never a mixture.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path};

use super::{File, Files};

const DATA: &str = "..data";
const NEW_DATA: &str = "..data_tmp";

/// Makes a directory that every user of the pod can write, as an emptyDir is.
///
/// # Errors
/// The system's.
pub(crate) fn make_shared(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o777).create(path)?;
    // The umask has taken bits away.
    fs::set_permissions(path, fs::Permissions::from_mode(0o777))
}

/// Makes the directories of a path below a volume that are missing, without leaving it, whatever links are in it.
///
/// # Errors
/// The system's; `EXDEV` when the path leads out of the volume.
pub(crate) fn make_beneath(volume: &Path, sub_path: &Path) -> io::Result<()> {
    use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat, open, openat2};
    let (flags, beneath) = (OFlags::PATH | OFlags::CLOEXEC, ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS);
    let root = open(volume, flags, Mode::empty())?;
    let mut below = std::path::PathBuf::new();
    for component in sub_path.components() {
        below.push(component);
        match openat2(&root, &below, flags, Mode::empty(), beneath) {
            Err(rustix::io::Errno::NOENT) => {
                let parent = match below.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                    Some(parent) => openat2(&root, parent, flags, Mode::empty(), beneath)?,
                    None => open(volume, flags, Mode::empty())?,
                };
                mkdirat(&parent, Path::new(component.as_os_str()), Mode::from_raw_mode(0o750))?;
            }
            other => drop(other?),
        }
    }
    Ok(())
}

/// Makes what a path of the host needs.
///
/// # Errors
/// The system's.
pub(crate) fn make_host_path(path: &Path, check: super::Check) -> io::Result<()> {
    match check {
        super::Check::Ready => Ok(()),
        super::Check::MakeDirectory => DirBuilder::new().recursive(true).mode(0o755).create(path),
        super::Check::MakeFile => OpenOptions::new().write(true).create_new(true).mode(0o644).open(path).map(drop),
    }
}

/// Gives all that is in a volume to a group, with these permission bits added, and lets what is made in it belong to the
/// group as well (`pkg/volume/volume_linux.go`). Links are not followed.
///
/// # Errors
/// The system's.
pub(crate) fn give_to_group(path: &Path, group: u32, bits: u32) -> io::Result<()> {
    use std::os::unix::fs::lchown;
    let metadata = fs::symlink_metadata(path)?;
    lchown(path, None, Some(group))?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let more = if metadata.is_dir() { bits | 0o2110 } else { bits };
    fs::set_permissions(path, fs::Permissions::from_mode(metadata.permissions().mode() & 0o7777 | more))?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            give_to_group(&entry?.path(), group, bits)?;
        }
    }
    Ok(())
}

/// Brings a directory to hold these files; whether anything changed.
///
/// # Errors
/// The system's; a path that leaves the volume.
pub(crate) fn write(volume: &Path, files: &Files, moment: &str) -> io::Result<bool> {
    DirBuilder::new().recursive(true).mode(0o755).create(volume)?;
    let current = fs::read_link(volume.join(DATA)).ok();
    if current.as_ref().is_some_and(|current| holds(&volume.join(current), files)) {
        return Ok(false);
    }
    let name = format!("..{moment}");
    let directory = volume.join(&name);
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    DirBuilder::new().mode(0o755).create(&directory)?;
    for (path, file) in &files.0 {
        put(&directory, path, file)?;
    }
    let _ = fs::remove_file(volume.join(NEW_DATA));
    symlink(&name, volume.join(NEW_DATA))?;
    fs::rename(volume.join(NEW_DATA), volume.join(DATA))?;
    link(volume, files)?;
    if let Some(old) = current.filter(|old| old.as_os_str() != name.as_str()) {
        fs::remove_dir_all(volume.join(old))?;
    }
    Ok(true)
}

/// Whether a directory holds exactly these files.
fn holds(directory: &Path, files: &Files) -> bool {
    let same = |(path, file): (&String, &File)| {
        let found = directory.join(path);
        let mode = fs::metadata(&found).map(|metadata| metadata.permissions().mode() & 0o777);
        mode.is_ok_and(|mode| mode == file.mode) && fs::read(&found).is_ok_and(|bytes| bytes == file.bytes)
    };
    count(directory) == files.0.len() && files.0.iter().all(same)
}

fn count(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
}

fn put(directory: &Path, path: &str, file: &File) -> io::Result<()> {
    let path = Path::new(path);
    // Validation refuses such paths; whoever gets past it must not get past the volume.
    if !path.components().all(|component| matches!(component, Component::Normal(_))) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} leaves the volume", path.display())));
    }
    let path = directory.join(path);
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?.write_all(&file.bytes)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(file.mode))
}

/// Gives each top-level name its link, and takes away those of names that are gone.
fn link(volume: &Path, files: &Files) -> io::Result<()> {
    let names: BTreeSet<&str> = files.0.keys().filter_map(|path| path.split('/').next()).collect();
    for entry in fs::read_dir(volume)?.flatten() {
        let name = entry.file_name();
        let known = name.to_str().is_some_and(|name| name.starts_with("..") || names.contains(name));
        if !known {
            fs::remove_file(entry.path())?;
        }
    }
    for name in names {
        match symlink(Path::new(DATA).join(name), volume.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        let mut files = Files::default();
        list.iter().for_each(|(path, text)| files.add(path, text.as_bytes().to_vec(), 0o640));
        files
    }

    #[test]
    fn files_change_all_at_once_and_old_ones_go() {
        let volume = tempfile::tempdir().unwrap();
        let read = |path: &str| fs::read_to_string(volume.path().join(path)).unwrap();
        assert!(write(volume.path(), &files(&[("a", "1"), ("deep/b", "2")]), "one").unwrap());
        assert_eq!((read("a"), read("deep/b")), ("1".to_owned(), "2".to_owned()));
        assert_eq!(fs::metadata(volume.path().join("a")).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(!write(volume.path(), &files(&[("a", "1"), ("deep/b", "2")]), "two").unwrap());
        assert!(write(volume.path(), &files(&[("a", "3")]), "two").unwrap());
        assert_eq!(read("a"), "3");
        let mut names: Vec<_> = fs::read_dir(volume.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["..data", "..two", "a"]);
    }

    #[test]
    fn a_volume_is_given_to_a_group_with_all_in_it() {
        use std::os::unix::fs::MetadataExt;
        let (volume, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(volume.path().join("deep")).unwrap();
        fs::write(volume.path().join("deep/file"), "").unwrap();
        fs::set_permissions(volume.path().join("deep/file"), fs::Permissions::from_mode(0o600)).unwrap();
        symlink(outside.path(), volume.path().join("out")).unwrap();
        let before = fs::metadata(outside.path()).unwrap().mode();
        let group = rustix::process::getegid().as_raw();
        give_to_group(volume.path(), group, 0o660).unwrap();
        let mode = |path: &str| fs::metadata(volume.path().join(path)).unwrap().mode() & 0o7777;
        assert_eq!((mode("deep") & 0o2770, mode("deep/file")), (0o2770, 0o660));
        assert_eq!(fs::metadata(outside.path()).unwrap().mode(), before);
    }

    #[test]
    fn a_missing_sub_path_is_made_in_the_volume_only() {
        let (volume, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        make_beneath(volume.path(), Path::new("a/b")).unwrap();
        assert!(volume.path().join("a/b").is_dir());
        symlink(outside.path(), volume.path().join("out")).unwrap();
        for path in ["out/x", "a/../../x", "../x", "/x"] {
            assert!(make_beneath(volume.path(), Path::new(path)).is_err(), "{path}");
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_path_that_leaves_the_volume_is_refused() {
        let volume = tempfile::tempdir().unwrap();
        for path in ["../x", "/x", "a/../../x"] {
            assert!(write(volume.path(), &files(&[(path, "1")]), "one").is_err(), "{path}");
        }
    }
}
