//! The production clock: the machine's.

use std::time::Duration;

use jiff::Timestamp;

use crate::{Clock, Pull, Sleep};

/// The longest single sleep: a wall clock that steps (suspend, NTP) is noticed at the latest after this long.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Real time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Real time passes by itself: nothing pulls it.
    fn wait_until(&self, deadline: Timestamp, _pull: Pull) -> Sleep {
        Box::pin(async move {
            loop {
                let left = deadline.duration_since(Timestamp::now());
                if !left.is_positive() {
                    return;
                }
                tokio::time::sleep(left.unsigned_abs().min(LONGEST_SLEEP)).await;
            }
        })
    }
}
