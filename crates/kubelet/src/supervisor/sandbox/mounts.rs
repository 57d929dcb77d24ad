//! What a sandboxed container sees of the file system.
//!
//! Sources are opened, and sub-paths resolved, before anything is mounted: no later mount and no link in a volume can
//! lead them elsewhere. Targets are made in directories of the sandbox's own (see [`super::shadow`]) or in the volume
//! that they lie in, never in the host's directories.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::libc;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, mkdirat, openat, openat2};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use rustix::process::pivot_root;

use super::Failure;
use super::root::Kernel;
use super::shadow::{self, attach, detached};
use crate::runtime::sandbox::{Mount, Root, Sandbox, Stage};

/// A source that is ready to be mounted.
struct Source {
    tree: OwnedFd,
    is_directory: bool,
}

/// Builds the file system in a mount namespace that is this process's own.
pub(super) fn build(sandbox: &Sandbox, cwd: &Path, own_users: bool) -> Result<(), Failure> {
    let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
    mount_change("/", private).map_err(Failure::at(Stage::Root))?;
    let mut sources = Vec::with_capacity(sandbox.mounts.len());
    for (index, mount) in sandbox.mounts.iter().enumerate() {
        sources.push(open(mount).map_err(Failure::at(at(index)))?);
    }
    match &sandbox.root {
        Some(root) => build_in(root, sandbox, &sources, cwd, own_users),
        None => build_on_host(sandbox, &sources),
    }
}

/// The host's files, with the mounts among them.
fn build_on_host(sandbox: &Sandbox, sources: &[Source]) -> Result<(), Failure> {
    let mut own = Own::default();
    if sandbox.mounts.iter().any(|mount| needs_root_entry(&mount.target)) {
        shadow::root().map_err(Failure::at(Stage::Root))?;
        own.directories.insert(PathBuf::from("/"));
    }
    if !sandbox.shares_processes {
        mount_proc().ok();
    }
    if sandbox.read_only_root {
        seal(&mut own, sandbox, sources)?;
    }
    place(&mut own, sandbox, sources)
}

/// A root of its own, with the mounts and what the kernel shows.
fn build_in(root: &Root, sandbox: &Sandbox, sources: &[Source], cwd: &Path, own_users: bool) -> Result<(), Failure> {
    let failed = Failure::at::<io::Error>(Stage::Root);
    let mut own = Own::default();
    let kernel = Kernel::open();
    super::root::enter(root, cwd, own_users)?;
    own.volumes.push(PathBuf::from("/"));
    if sandbox.read_only_root {
        seal(&mut own, sandbox, sources)?;
        own.volumes.clear();
    }
    kernel.mount().map_err(&failed)?;
    own.volumes.push(PathBuf::from("/dev"));
    place(&mut own, sandbox, sources)?;
    // Last: until now no link of the image could lead through it to what other processes see.
    match mount_proc() {
        Err(_) if own_users => kernel.mount_hosts_proc().map_err(failed),
        _ => Ok(()),
    }
}

fn place(own: &mut Own, sandbox: &Sandbox, sources: &[Source]) -> Result<(), Failure> {
    for (index, (mount, source)) in sandbox.mounts.iter().zip(sources).enumerate() {
        let target = own.make(&mount.target, source.is_directory).map_err(Failure::at(at(index)))?;
        attach(&source.tree, &target).map_err(Failure::at(at(index)))?;
        own.mounted(target, mount.read_only);
    }
    Ok(())
}

/// Makes all that is mounted so far read-only, with the targets of what is still to be mounted in it.
fn seal(own: &mut Own, sandbox: &Sandbox, sources: &[Source]) -> Result<(), Failure> {
    for (index, (mount, source)) in sandbox.mounts.iter().zip(sources).enumerate() {
        let lies_in_another = sandbox.mounts[..index].iter().any(|before| mount.target.starts_with(&before.target));
        if !lies_in_another {
            own.make(&mount.target, source.is_directory).map_err(Failure::at(at(index)))?;
        }
    }
    shadow::seal().map_err(Failure::at(Stage::Root))
}

fn at(index: usize) -> Stage {
    Stage::Mount(u16::try_from(index).unwrap_or(u16::MAX))
}

/// Opens what is to be mounted, as a tree of its own that nothing else is mounted on.
fn open(mount: &Mount) -> io::Result<Source> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let mut source = rustix::fs::open(&mount.source, flags, Mode::empty())?;
    if !mount.sub_path.as_os_str().is_empty() {
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        source = openat2(&source, &mount.sub_path, flags, Mode::empty(), beneath)?;
    }
    let is_directory = FileType::from_raw_mode(fstat(&source)?.st_mode) == FileType::Directory;
    let tree = detached(&source, "", is_directory)?;
    if mount.read_only {
        shadow::set_read_only(&tree)?;
    }
    Ok(Source { tree, is_directory })
}

/// Whether a path can only be made in the root directory itself.
fn needs_root_entry(target: &Path) -> bool {
    let first = target.components().find(|component| matches!(component, Component::Normal(_)));
    first.is_some_and(|first| fs::metadata(Path::new("/").join(first)).is_err())
}

/// Makes the current directory, which is a mount, the root.
pub(super) fn leave_old_root() -> io::Result<()> {
    // The old root ends up on top of the new one, and goes from there.
    pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    std::env::set_current_dir("/")
}

/// Shows the sandbox's own processes. Where the host's is masked in part the kernel refuses a new one; then the host's
/// stays.
fn mount_proc() -> rustix::io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, None)
}

/// Makes an empty file, or a directory, in a directory whose path has no link in it.
///
/// Whoever can write the volume that it lies in may swap a part of the path for a link meanwhile: then this refuses, since
/// it may be root that makes the file, and anywhere on the host.
fn make_in(directory: &Path, name: &OsStr, is_file: bool) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let parent = openat2(CWD, directory, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?;
    if !is_file {
        return Ok(mkdirat(&parent, name, Mode::from_raw_mode(0o755))?);
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    openat(&parent, name, flags, Mode::from_raw_mode(0o644)).map(drop).map_err(io::Error::from)
}

/// The directories in which a sandbox may make files.
#[derive(Default)]
struct Own {
    /// Its own directories, by canonical path.
    directories: HashSet<PathBuf>,
    /// Volumes that it may write.
    volumes: Vec<PathBuf>,
}

impl Own {
    fn mounted(&mut self, target: PathBuf, read_only: bool) {
        if !read_only {
            self.volumes.push(target);
        }
    }

    /// Makes what is missing of a path, a directory or an empty file, and answers where it is.
    fn make(&mut self, target: &Path, is_directory: bool) -> io::Result<PathBuf> {
        // Mostly all of it is there; then one look is enough.
        if fs::metadata(target).is_ok_and(|found| found.is_dir() == is_directory) {
            return fs::canonicalize(target);
        }
        let mut here = PathBuf::from("/");
        let names: Vec<_> = target
            .components()
            .filter_map(|component| match component {
                Component::Normal(name) => Some(name),
                _ => None,
            })
            .collect();
        for (index, name) in names.iter().enumerate() {
            let next = here.join(name);
            let is_last = index + 1 == names.len();
            match fs::canonicalize(&next) {
                Ok(found) => {
                    if is_last && found.is_dir() != is_directory {
                        return Err(Errno::from_raw(if is_directory { libc::ENOTDIR } else { libc::EISDIR }).into());
                    }
                    here = found;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.make_room(&here)?;
                    make_in(&here, name, is_last && !is_directory)?;
                    here = next;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(here)
    }

    /// Makes a directory one in which files may be made.
    fn make_room(&mut self, directory: &Path) -> io::Result<()> {
        let in_volume = self.volumes.iter().any(|volume| directory.starts_with(volume));
        let is_own = self.directories.iter().any(|own| own == directory);
        if in_volume || is_own {
            return Ok(());
        }
        shadow::directory(directory)?;
        self.directories.insert(directory.to_owned());
        Ok(())
    }
}
