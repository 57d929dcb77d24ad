//! `run` on a terminal of its own, as a person sees it: the live line, the keys, Ctrl-C.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};

use crate::program::{Program, manifest};

/// How long anything may take to show.
const PATIENCE: Duration = Duration::from_secs(30);

/// A command and the other side of its terminal.
struct Terminal {
    master: File,
    child: Child,
    seen: String,
}

impl Terminal {
    /// Starts a command of the program in a session whose terminal this is.
    fn open(program: &Program, arguments: &[&str]) -> Self {
        let size = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(Some(&size), None).expect("a terminal");
        let slave = || pair.slave.try_clone().expect("another handle");
        let inner = program.command(arguments);
        // Only who has a controlling terminal gets Ctrl-C from it.
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg("--wait").arg(inner.get_program()).args(inner.get_args());
        command.current_dir(program.folder()).env_clear();
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm");
        let child = command.stdin(slave()).stdout(slave()).stderr(slave()).spawn().expect("it starts");
        Self { master: File::from(pair.master), child, seen: String::new() }
    }

    /// Waits until this shows, and forgets what came before it.
    fn until(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(position) = self.seen.find(text) {
                self.seen.drain(..position + text.len());
                return;
            }
            assert!(Instant::now() < deadline && self.read(), "{text:?} does not show: {}", self.seen);
        }
    }

    /// Reads what comes; `false` when nothing comes any more.
    fn read(&mut self) -> bool {
        let mut waits = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        if poll(&mut waits, PollTimeout::from(1_000_u16)).expect("it waits") == 0 {
            return true;
        }
        let mut bytes = [0; 4_096];
        match self.master.read(&mut bytes) {
            Ok(length @ 1..) => {
                self.seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
                true
            }
            _ => false,
        }
    }

    fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("it is typed");
    }

    /// The exit code, once it has ended.
    fn end(&mut self) -> i32 {
        while self.read() {
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                while self.has_more() && self.read() {}
                return status.code().unwrap_or(-1);
            }
        }
        self.child.wait().expect("it ends").code().unwrap_or(-1)
    }

    fn has_more(&self) -> bool {
        let mut waits = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        poll(&mut waits, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// Whether lines are edited and shown by the terminal, as a shell expects to find it.
    fn is_as_it_was(&self) -> bool {
        let mode = tcgetattr(&self.master).expect("a terminal");
        mode.local_flags.contains(LocalFlags::ICANON | LocalFlags::ECHO)
    }
}

#[test]
fn keys_tell_the_status_turn_output_off_and_leave_the_job_running() {
    let program = Program::new();
    let script = "echo started; sleep 600";
    let mut terminal = Terminal::open(&program, &["run", "slow", "--image=x", "--", "sh", "-c", script]);
    terminal.until("started");
    terminal.until("0/1 done · 1 running");
    terminal.until("? keys");
    assert!(!terminal.is_as_it_was(), "keys come without Enter");
    terminal.press("t");
    terminal.until("job/slow Running completions=0/1 active=1");
    terminal.until("#1 pod/slow-");
    terminal.press("?");
    terminal.until("t status   l output on/off   d detach   ^C suspend");
    terminal.press("l");
    terminal.until("output is off");
    terminal.press("d");
    terminal.until("stopped following Job slow; it goes on");
    assert_eq!(terminal.end(), 0);
    assert!(terminal.is_as_it_was());
    let state = program.say(&["get", "slow", "--no-headers"]).out;
    assert!(state.contains("Running"), "{state}");
}

#[test]
fn ctrl_c_suspends_a_local_job_and_says_how_to_go_on() {
    let program = Program::new();
    let mut terminal = Terminal::open(&program, &["run", "slow", "--image=x", "--", "sleep", "600"]);
    terminal.until("1 running");
    terminal.press("\u{3}");
    terminal.until("stopping the pods of Job slow");
    terminal.until("Job slow is suspended");
    terminal.until("kubectl job resume slow");
    assert_eq!(terminal.end(), 130);
    assert!(terminal.is_as_it_was());
    let state = program.say(&["get", "slow", "-o", "jsonpath={.spec.suspend}"]).out;
    assert_eq!(state, "true");
}

#[test]
fn a_job_that_ends_with_the_command_cannot_be_left_and_ctrl_c_ends_it() {
    let program = Program::new();
    let script = "echo started; sleep 600";
    let mut terminal = Terminal::open(&program, &["run", "--ephemeral", "slow", "--image=x", "--", "sh", "-c", script]);
    terminal.until("started");
    terminal.until("? keys");
    terminal.press("d");
    terminal.until("it cannot be left");
    terminal.press("\u{3}");
    terminal.until("Job slow ended with this command");
    assert_eq!(terminal.end(), 130);
}

#[test]
fn the_live_line_counts_failures_and_says_when_the_next_attempt_comes() {
    let program = Program::new();
    program.file("job.yaml", &manifest("fails", "activeDeadlineSeconds: 300", "exit 3"));
    let mut terminal = Terminal::open(&program, &["run", "-f", "job.yaml", "--on-interrupt=delete"]);
    terminal.until("exit 3 after");
    terminal.until("retry 1 of 6 in 10s");
    terminal.until("1 failed · retry in");
    terminal.until("deadline in 4m");
    terminal.press("?");
    terminal.until("^C delete");
    terminal.press("\u{3}");
    terminal.until("Job fails is deleted");
    assert_eq!(terminal.end(), 130);
    assert_eq!(program.say(&["get", "fails"]).code, 1);
}
