//! The program as people run it: real server, real pods, real exit codes. One file per topic.

mod bad_input;
mod clock;
mod config;
mod delete;
mod history;
mod program;
mod run;
mod sandbox;
mod server;
mod shell;
mod sources;
mod terminal;
mod watch_tests;
