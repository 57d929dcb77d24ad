//! What a follower says by itself, and what it answers to keys: the live line or the heartbeat, how the Job stands, and
//! what keeps it from going on.

use jiff::{SignedDuration, Timestamp};

use super::keys::Key;
use super::{Ending, Follower, KeyRights, progress};

/// How often a follower without a live line says that it is still there.
const HEARTBEAT: SignedDuration = SignedDuration::from_secs(30);

impl Follower<'_> {
    /// Draws the live line, or says now and then that all goes on.
    pub(super) fn tick(&mut self, now: Timestamp) -> Option<Ending> {
        let screen = self.printer.screen();
        if screen.live {
            let keys = if self.has_keys { format!(" {} ? keys", screen.dot()) } else { String::new() };
            self.printer.footer(format!("{}{keys}", progress::footer(&self.job, &self.attempts, now, screen)));
        } else if now.duration_since(self.last_talk) >= HEARTBEAT {
            self.last_talk = now;
            self.printer.note(progress::heartbeat(&self.job, now));
        }
        self.watch_for_obstacles(now)
    }

    /// Does what a key asks for.
    pub(super) fn press(&mut self, key: Key) -> Option<Ending> {
        let now = crate::time::now();
        let screen = self.printer.screen();
        match key {
            Key::Status => {
                for line in progress::status(&self.job, &self.attempts, now, screen) {
                    self.printer.say(line);
                }
            }
            Key::Logs => {
                self.shows_logs = !self.shows_logs;
                let state = if self.shows_logs { "on" } else { "off: kubectl job logs has all of it" };
                self.printer.say(format!("{} output is {state}", screen.arrow()));
            }
            Key::Detach if matches!(self.manner.keys, KeyRights::Leave(_)) => return Some(Ending::Detached),
            Key::Detach => {
                self.printer.say(format!("{} the Job ends with this command: it cannot be left", screen.arrow()));
            }
            Key::Help => {
                let leave = match self.manner.keys {
                    KeyRights::Leave(interrupt) => format!("   d detach   ^C {interrupt}"),
                    _ => "   ^C stop".to_owned(),
                };
                self.printer.say(format!("  t status   l output on/off{leave}"));
            }
        }
        None
    }

    fn watch_for_obstacles(&mut self, now: Timestamp) -> Option<Ending> {
        self.obstacles.look(&self.job, self.pods.values(), now);
        for line in self.obstacles.news(self.printer.screen()) {
            self.printer.say(line);
        }
        let patience = self.manner.fail_on_stuck?;
        self.obstacles.outlasting(patience, now).cloned().map(Ending::Stuck)
    }
}
