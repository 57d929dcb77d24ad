//! A shell in a copy of an attempt, at a terminal.

use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;

use nix::pty::{Winsize, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};

use crate::program::Program;

#[test]
fn a_shell_has_the_terminal_and_its_size_and_gives_it_back_as_it_was() {
    let program = Program::new();
    let line = ["run", "bad", "--image=app", "--backoff-limit=0", "--env=WHO=world", "--", "sh", "-c", "exit 3"];
    assert_eq!(program.say(&line).code, 1);
    let size = Winsize { ws_row: 33, ws_col: 77, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(Some(&size), None).expect("a terminal");
    // The size comes after the session has begun, so that the command waits for it.
    let script = "until [ \"$(stty size)\" = '33 77' ]; do :; done; echo $WHO at a terminal; exit 4";
    let mut command = program.command(&["shell", "bad", "--", "sh", "-c", script]);
    command.stdin(pty.slave.try_clone().expect("a terminal")).stdout(pty.slave.try_clone().expect("a terminal"));
    let mut child = command.stderr(Stdio::null()).spawn().expect("it starts");
    drop(command);
    let mut screen = File::from(pty.master.try_clone().expect("a terminal"));
    let mut text = String::new();
    while !text.contains("world at a terminal\r\n") {
        let mut bytes = [0; 256];
        let count = screen.read(&mut bytes).expect("it can be read");
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    assert_eq!(child.wait().expect("it ends").code(), Some(4));
    let modes = tcgetattr(&pty.slave).expect("a terminal").local_flags;
    assert!(modes.contains(LocalFlags::ICANON | LocalFlags::ECHO), "it is still raw: {modes:?}");
}
