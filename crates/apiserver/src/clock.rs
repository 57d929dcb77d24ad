//! The cluster's clock as clients see it. Whoever composes the server says how it can be moved.

use api::Status;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::ApiServer;

/// What there is to know of a clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockStatus {
    /// `real`, `hybrid` or `virtual`.
    pub mode: &'static str,
    /// The time.
    pub now: Timestamp,
    /// How far it is ahead of the machine's; `None` for a clock that stands still.
    pub offset: Option<SignedDuration>,
    /// The earliest time that a component waits for, if it is known.
    pub next_timer: Option<Timestamp>,
}

impl ClockStatus {
    /// The machine's clock at this time.
    pub fn real(now: Timestamp) -> Self {
        Self { mode: "real", now, offset: Some(SignedDuration::ZERO), next_timer: None }
    }

    /// As JSON: `mode`, `now`, and as they are known `offsetSeconds` and `nextTimer`.
    pub fn to_value(&self) -> Value {
        let mut value = json!({"mode": self.mode, "now": self.now});
        if let Some(offset) = self.offset {
            value["offsetSeconds"] = offset.as_secs_f64().into();
        }
        if let Some(next) = self.next_timer {
            value["nextTimer"] = json!(next);
        }
        value
    }
}

/// Reads and moves the clock of a cluster.
pub trait ClockControl: Send + Sync + 'static {
    /// The clock as it is now.
    fn status(&self) -> ClockStatus;

    /// Lets so much time pass, and answers when all that was due by then has been done.
    fn advance(&self, duration: SignedDuration) -> BoxFuture<'static, Result<ClockStatus, Status>>;
}

impl ApiServer {
    /// Fills in what moves the clock. A second one is ignored.
    pub fn control_clock(&self, control: std::sync::Arc<dyn ClockControl>) {
        let _ = self.clock_control.set(control);
    }

    /// The clock as it is now.
    pub(crate) fn clock_status(&self) -> ClockStatus {
        self.clock_control.get().map_or_else(|| ClockStatus::real(self.now()), |control| control.status())
    }

    /// Lets time pass.
    pub(crate) async fn advance_clock(&self, duration: SignedDuration) -> Result<ClockStatus, Status> {
        let Some(control) = self.clock_control.get() else {
            let text = "the clock of this server is the machine's and cannot be moved: start it with --clock hybrid or --clock virtual";
            return Err(Status::bad_request(text));
        };
        control.advance(duration).await
    }
}
