//! What each verb does. The command line is [`crate::cli`]'s, screens are [`crate::view`]'s; this connects them through
//! the public API.

pub(crate) mod change;
pub(crate) mod clock;
pub(crate) mod completion;
pub(crate) mod cron;
pub(crate) mod delete;
pub(crate) mod describe;
pub(crate) mod doctor;
pub(crate) mod get;
pub(crate) mod help;
pub(crate) mod history;
pub(crate) mod kind;
pub(crate) mod lint;
pub(crate) mod logs;
pub(crate) mod past;
pub(crate) mod rerun;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod select;
pub(crate) mod serve;
pub(crate) mod shell;
pub(crate) mod test;
pub(crate) mod timeline;
pub(crate) mod version;
pub(crate) mod wait;
pub(crate) mod why;

use crate::cli::connection::Connection;
use crate::embedded::Time;
use crate::screen::Screen;

/// What every verb is given.
pub(crate) struct Setting {
    /// Where to go.
    pub(crate) connection: Connection,
    /// How to talk.
    pub(crate) screen: Screen,
    /// The time of a cluster inside this command.
    pub(crate) time: Time,
}
