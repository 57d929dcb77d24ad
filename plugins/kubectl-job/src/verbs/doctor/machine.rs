//! What the kernel, its limits and the file system give.

use std::net::{TcpListener, TcpStream};
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit};

use super::Check;
use crate::server::start;
use crate::server::state::StateDir;
use crate::verbs::Setting;

/// Below these a Job with many pods meets its limits.
const FEW_FILES: u64 = 1024;
const FEW_PROCESSES: u64 = 512;
/// Free space that logs and volumes need at least.
const LITTLE_SPACE_BYTES: u64 = 200 * 1024 * 1024;

/// All checks of the machine.
pub(super) fn checks(setting: &Setting) -> Vec<Check> {
    let mut checks = vec![proc(), pidfd(), files(), processes(), port(), addresses(), overlay(), temporary()];
    checks.extend(state(setting));
    checks
}

fn proc() -> Check {
    match std::fs::read_to_string("/proc/self/stat") {
        Ok(_) => Check::ok("proc", "/proc is mounted"),
        Err(error) => {
            Check::problem("proc", format!("/proc cannot be read: {error}"), "mount proc: processes are found there")
        }
    }
}

fn pidfd() -> Check {
    let own = rustix::process::getpid();
    match rustix::process::pidfd_open(own, rustix::process::PidfdFlags::empty()) {
        Ok(_) => Check::ok("pidfd", "processes are signalled by descriptor, never by a number that was taken again"),
        Err(error) => Check::problem("pidfd", format!("pidfd_open: {error}"), "Linux 5.3 or newer is needed"),
    }
}

fn files() -> Check {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((0, 0));
    let text = format!("{} open files at a time", shown(soft));
    if soft < FEW_FILES {
        return Check::warning("open files", text, format!("ulimit -n {}: each pod needs a few", hard.min(65_536)));
    }
    Check::ok("open files", text)
}

fn processes() -> Check {
    let (soft, _) = getrlimit(Resource::RLIMIT_NPROC).unwrap_or((0, 0));
    let text = format!("{} processes at a time", shown(soft));
    if soft < FEW_PROCESSES {
        return Check::warning("processes", text, "ulimit -u 4096: each pod is one at least");
    }
    Check::ok("processes", text)
}

fn shown(limit: u64) -> String {
    if limit == nix::libc::RLIM_INFINITY { "any number of".to_owned() } else { limit.to_string() }
}

fn port() -> Check {
    // A loopback device that is down lets ports be taken and nobody connect to them.
    let reached = TcpListener::bind("127.0.0.1:0").and_then(|listener| TcpStream::connect(listener.local_addr()?));
    match reached {
        Ok(_) => Check::ok("port", "a free port on 127.0.0.1 for the server"),
        Err(error) => Check::problem(
            "port",
            format!("no port on 127.0.0.1 can be taken and reached: {error}"),
            "bring the loopback device up: ip link set lo up; until then only run --ephemeral works",
        ),
    }
}

fn addresses() -> Check {
    match TcpListener::bind("127.64.0.1:0") {
        Ok(_) => Check::ok("addresses", "each pod has an address of its own in 127.64.0.0/11"),
        Err(error) => Check::warning(
            "addresses",
            format!("127.64.0.1 cannot be bound ({error}): all pods share 127.0.0.1, and Services are not forwarded"),
            "on Linux the loopback device has all of 127.0.0.0/8",
        ),
    }
}

fn overlay() -> Check {
    let systems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if systems.lines().any(|line| line.ends_with("\toverlay")) {
        return Check::ok("overlay", "images with files of their own are layered, not copied");
    }
    let text = "no overlayfs: each run of an image with files of its own copies them";
    Check::warning("overlay", text, "modprobe overlay, as root; images that are names of local programs do not need it")
}

fn temporary() -> Check {
    let folder = std::env::temp_dir();
    match tempfile::Builder::new().prefix("kubectl-job.").tempdir() {
        Ok(_) => space("temporary", &folder),
        Err(error) => Check::problem(
            "temporary",
            format!("{} cannot be written: {error}", folder.display()),
            "set TMPDIR to a directory of yours",
        ),
    }
}

fn space(id: &'static str, folder: &Path) -> Check {
    let shown = folder.display();
    match rustix::fs::statvfs(folder) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let text = format!("{shown} has {} MiB free", free / (1024 * 1024));
            if free < LITTLE_SPACE_BYTES {
                Check::warning(id, text, "free some: logs and volumes lie there")
            } else {
                Check::ok(id, text)
            }
        }
        Err(error) => Check::warning(id, format!("{shown}: {error}"), "its free space cannot be told"),
    }
}

/// The state directory and the server that it may tell of.
fn state(setting: &Setting) -> Vec<Check> {
    let state = match StateDir::open(setting.connection.state_dir.as_deref()) {
        Ok(state) => state,
        Err(error) => {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            return vec![Check::problem(
                "state",
                format!("{error}{source}"),
                "give a directory of yours with --state-dir",
            )];
        }
    };
    let server = match (start::running(&state), state.info()) {
        (Err(error), _) => Check::problem("server", format!("{error:#}"), "give another directory with --state-dir"),
        (Ok(Some(info)), _) if info.version != env!("CARGO_PKG_VERSION") => Check::warning(
            "server",
            format!("process {} runs version {}, this is {}", info.pid, info.version, env!("CARGO_PKG_VERSION")),
            "kubectl job server stop; the next command starts the new one",
        ),
        (Ok(Some(info)), _) => Check::ok("server", format!("process {} runs, https://{}", info.pid, info.address)),
        (Ok(None), Some(dead)) => Check::warning(
            "server",
            format!("process {} ended without saying so, and its Jobs with it", dead.pid),
            format!("nothing: the next start tidies up; why it ended may be in {}", state.log().display()),
        ),
        (Ok(None), None) => Check::ok("server", "none runs; the first command that needs it starts it"),
    };
    vec![space("state", state.root()), server]
}
