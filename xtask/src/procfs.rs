//! What Linux says about processes: who listens on a port, which processes carry a mark in their environment, and how
//! much memory and processor time one has used. Reads only `/proc`; sends signals only to a pid that it is given.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use anyhow::{Context as _, bail};

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// The process that listens on a TCP port of the loopback address.
///
/// # Errors
/// When nobody listens there, or when the listener belongs to another user.
pub(crate) fn listener(port: u16) -> anyhow::Result<u32> {
    let table = fs::read_to_string("/proc/net/tcp").context("reading /proc/net/tcp")?;
    let socket = socket_inode(&table, port).with_context(|| format!("nobody listens on port {port}"))?;
    let wanted = format!("socket:[{socket}]");
    for pid in pids() {
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { continue };
        let holds =
            |entry: fs::DirEntry| fs::read_link(entry.path()).is_ok_and(|link| link.as_os_str() == wanted.as_str());
        if files.filter_map(Result::ok).any(holds) {
            return Ok(pid);
        }
    }
    bail!("no process of this user holds the socket that listens on port {port}")
}

/// The inode of the socket in state LISTEN (0A) on that port.
fn socket_inode(table: &str, port: u16) -> Option<String> {
    let wanted = format!(":{port:04X}");
    let fields = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    fields
        .filter(|fields| fields.len() > 9 && fields[3] == "0A" && fields[1].ends_with(&wanted))
        .map(|fields| fields[9].to_owned())
        .next()
}

/// Every process whose environment holds `NAME=VALUE`, zombies excepted: those hold nothing any more.
pub(crate) fn with_environment(mark: &str) -> Vec<u32> {
    let carries = |pid: &u32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes()))
    };
    pids().into_iter().filter(carries).collect()
}

/// Every process that was started with exactly these arguments, its name first; zombies have none any more.
pub(crate) fn with_arguments(arguments: &[&str]) -> Vec<u32> {
    let wanted: Vec<u8> = arguments.iter().flat_map(|word| word.bytes().chain([0])).collect();
    let has = |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line == wanted);
    pids().into_iter().filter(has).collect()
}

/// Resident memory of a process, in KiB: all of it, and its share where pages are shared.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// `VmRSS`.
    pub(crate) rss_kib: u64,
    /// `Pss`: shared pages divided among those who share them.
    pub(crate) pss_kib: u64,
}

/// The resident memory of a process.
///
/// # Errors
/// When the process is gone.
pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let rss_kib = field_kib(&status, "VmRSS:").context("no VmRSS: the process has ended")?;
    Ok(Memory { rss_kib, pss_kib: field_kib(&rollup, "Pss:").unwrap_or(rss_kib) })
}

/// The most resident memory that a process ever had, in KiB (`VmHWM`).
///
/// # Errors
/// When the process is gone.
pub(crate) fn peak_kib(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    field_kib(&status, "VmHWM:").context("no VmHWM: the process has ended")
}

fn field_kib(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// Processor time a process has used, all threads, user and system, in seconds.
///
/// # Errors
/// When the process is gone.
pub(crate) fn processor_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = processor_ticks(&stat).with_context(|| format!("reading /proc/{pid}/stat"))?;
    // Linux has reported 100 ticks per second to user space on every architecture for decades.
    Ok(ticks as f64 / 100.0)
}

/// Fields 14 and 15. The name in field 2 may hold spaces, so counting starts after its closing parenthesis.
fn processor_ticks(stat: &str) -> Option<u64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// Sends SIGKILL to one process.
///
/// # Errors
/// When `kill` cannot be run or refuses.
pub(crate) fn kill(pid: u32) -> anyhow::Result<()> {
    crate::shell::run(Command::new("sh").args(["-c", "kill -KILL \"$1\"", "sh", &pid.to_string()]))
}

/// Sends SIGKILL to several processes, one right after the other. One that the death of another has ended already is
/// passed over.
///
/// # Errors
/// When a process that is there cannot be killed.
pub(crate) fn kill_all(pids: &[u32]) -> anyhow::Result<()> {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    let each = "for pid; do kill -KILL $pid 2>/dev/null || [ ! -d /proc/$pid ] || exit 1; done";
    crate::shell::run(Command::new("sh").args(["-c", each, "sh"]).args(pids))
}

fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_listener_of_a_port_is_the_process_that_bound_it() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = socket.local_addr().expect("bound").port();
        assert_eq!(listener(port).expect("it listens"), std::process::id());
    }

    #[test]
    fn a_process_is_found_by_its_environment_until_it_ends() {
        let mark = format!("XTASK_TEST_MARK={}", std::process::id());
        let (name, value) = mark.split_once('=').expect("written so");
        let mut child = Command::new("sleep").arg("600").env(name, value).spawn().expect("sleep starts");
        let found = crate::shell::until(std::time::Duration::from_secs(5), || {
            with_environment(&mark).contains(&child.id()).then_some(())
        });
        assert_eq!(found, Some(()));
        kill(child.id()).expect("it runs");
        child.wait().expect("it was killed");
        assert_eq!(with_environment(&mark), Vec::<u32>::new());
    }

    #[test]
    fn a_name_with_spaces_does_not_shift_the_fields() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 0 0 0 0 30 12 0 0 20 0 4 0 100 0 0";
        assert_eq!(processor_ticks(stat), Some(42));
    }

    #[test]
    fn this_process_has_memory() {
        let memory = memory(std::process::id()).expect("it runs");
        assert!(memory.rss_kib > 100 && memory.pss_kib <= memory.rss_kib, "{memory:?}");
    }
}
