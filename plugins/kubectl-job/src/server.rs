//! The local server in the background: one per user and state directory.
//!
//! Whether it runs is told by a lock that it holds for its whole life, which no crash can leave behind, and never by a
//! process id in a file. Two commands that start it at once meet at a second lock, and the later one finds it running.

pub(crate) mod serve;
pub(crate) mod start;
pub(crate) mod state;
pub(crate) mod stop;
