//! `kubectl job`: runs and tests Kubernetes Jobs without a cluster.
//!
//! Verbs and views for people; speaks only the public API, whether its server lives in this process, in the background
//! or in a real cluster.

mod app;
mod cli;
mod complete;
mod config;
mod duration;
mod embedded;
mod exit;
mod follow;
mod history;
mod job;
mod jsonpath;
mod lines;
mod lint;
mod manifest;
mod narrate;
mod objects;
mod obstacles;
mod output;
mod probe;
mod screen;
mod server;
mod stories;
mod target;
mod time;
mod topics;
mod verbs;
mod view;
mod watch_files;

use std::process::ExitCode;

/// glibc keeps what large request bodies took, an arena per thread; this one gives it back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The supervisor is started with every server and owns its pods: no argument parsing, no runtime, no threads.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == embedded::SUPERVISOR) {
        return cluster::supervisor_main();
    }
    if complete::is_asked_for() {
        return complete::main();
    }
    app::main()
}
