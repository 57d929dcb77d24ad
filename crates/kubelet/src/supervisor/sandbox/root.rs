//! A root that is not the host's: an image's files below a writable layer, and what the kernel shows beside them.
//!
//! Whatever an image holds is met only after it has become the root, so no link of it leads to the host; and `/proc`,
//! whose links lead anywhere, is mounted when nothing is looked for any more.
//!
//! `/dev` holds the devices that every container has, terminals of its own and memory to share, and none of the host's
//! besides; `/sys` is the host's and read-only.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, mount};

use super::shadow::{attach, detached, set_read_only};
use super::{Failure, mounts};
use crate::runtime::sandbox::{Root, Stage};

/// Devices that any program may use.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// What the kernel shows of the machine, taken hold of while the host's root is still there.
pub(super) struct Kernel {
    devices: Vec<(&'static str, OwnedFd)>,
    system: Option<OwnedFd>,
    processes: Option<OwnedFd>,
}

impl Kernel {
    pub(super) fn open() -> Self {
        let tree = |path: &str, is_directory| {
            let opened = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
            opened.map_err(io::Error::from).and_then(|file| detached(&file, "", is_directory)).ok()
        };
        let devices = DEVICES.iter().filter_map(|name| Some((*name, tree(&format!("/dev/{name}"), false)?))).collect();
        Self { devices, system: tree("/sys", true), processes: tree("/proc", true) }
    }

    /// Mounts devices and `/sys` in the new root.
    pub(super) fn mount(&self) -> io::Result<()> {
        let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
        mount("tmpfs", "/dev", "tmpfs", flags, Some(c"mode=755,size=64k"))?;
        for (name, tree) in &self.devices {
            let path = Path::new("/dev").join(name);
            fs::File::create(&path)?;
            attach(tree, &path)?;
        }
        for (name, target) in LINKS {
            symlink(target, Path::new("/dev").join(name))?;
        }
        fs::create_dir("/dev/pts")?;
        fs::create_dir("/dev/shm")?;
        mount("devpts", "/dev/pts", "devpts", flags, Some(c"newinstance,ptmxmode=0666,mode=0620"))?;
        let memory = flags | MountFlags::NODEV;
        mount("tmpfs", "/dev/shm", "tmpfs", memory, Some(c"mode=1777,size=64m"))?;
        if let Some(system) = &self.system {
            set_read_only(system)?;
            attach(system, Path::new("/sys"))?;
        }
        Ok(())
    }

    /// The host's processes, where the kernel does not show the container's own.
    pub(super) fn mount_hosts_proc(&self) -> io::Result<()> {
        self.processes.as_ref().map_or(Ok(()), |tree| attach(tree, Path::new("/proc")))
    }
}

/// Makes a directory the root, with the directories that it must have.
pub(super) fn enter(root: &Root, cwd: &Path, own_users: bool) -> Result<(), Failure> {
    match &root.layer {
        Some(layer) => overlay(&root.base, layer, own_users).map_err(Failure::at(Stage::Layer))?,
        None => {
            let bound = bind(&root.base);
            bound.map_err(Failure::at(Stage::Root))?;
        }
    }
    mounts::leave_old_root().map_err(Failure::at(Stage::Root))?;
    for name in ["/dev", "/proc", "/sys"] {
        make(Path::new(name)).map_err(Failure::at(Stage::Root))?;
    }
    // As container runtimes do; whoever cannot be helped fails when it is entered.
    let _ = fs::create_dir_all(cwd);
    Ok(())
}

fn make(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Mounts a directory on itself and enters it.
fn bind(base: &Path) -> io::Result<()> {
    let tree = detached(&rustix::fs::open(base, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?, "", true)?;
    attach(&tree, base)?;
    std::env::set_current_dir(base)
}

/// Mounts a layer over a base and enters it.
fn overlay(base: &Path, layer: &Path, own_users: bool) -> io::Result<()> {
    let at = |name: &str| layer.join(name);
    for name in ["upper", "work", "merged"] {
        make(&at(name))?;
    }
    let mut options = Vec::new();
    for (key, path) in [("lowerdir", base.to_owned()), ("upperdir", at("upper")), ("workdir", at("work"))] {
        options.extend_from_slice(format!("{key}=").as_bytes());
        options.extend(path.as_os_str().as_bytes().iter().flat_map(|byte| escaped(*byte)));
        options.push(b',');
    }
    // Other attributes are root's alone.
    options.extend_from_slice(if own_users { b"userxattr" } else { b"index=off" });
    let options = CString::new(options).map_err(io::Error::other)?;
    mount("overlay", at("merged"), "overlay", MountFlags::NOSUID | MountFlags::NODEV, Some(options.as_c_str()))?;
    std::env::set_current_dir(at("merged"))
}

/// A byte of a path in a list of options.
fn escaped(byte: u8) -> impl Iterator<Item = u8> {
    let escape = matches!(byte, b'\\' | b',' | b':').then_some(b'\\');
    escape.into_iter().chain([byte])
}
