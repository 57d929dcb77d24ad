//! How many Events one component may post: upstream's components post through a client with a limit of its own, and what
//! does not fit into the queue before it is dropped (`eventRecordQPS` and `eventBurst` of the kubelet, `clientConnection`
//! of the scheduler, `queueLength` of `client-go/tools/record`). Without a bound, Events would be most of what a large
//! Job leaves behind.
//!
//! Differs: upstream lets what is above the limit wait; here as much as would have waited is posted at once.
//! Differs: warnings have a budget of their own, so that a flood of what goes well does not wash them away.

use jiff::Timestamp;

use crate::correlator::Severity;

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Events per second in the long run.
    pub per_second: u32,
    /// Events at once.
    pub burst: u32,
}

/// The limit of upstream's kubelet and scheduler: 50 a second, 100 at once, and 1,000 that wait.
pub const UPSTREAM: Rate = Rate { per_second: 50, burst: 1_100 };

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    refilled: Option<Timestamp>,
}

/// What is left of a limit.
#[derive(Clone, Debug)]
pub struct Budget {
    rate: Rate,
    normal: Bucket,
    warning: Bucket,
}

impl Budget {
    /// A full budget.
    pub fn new(rate: Rate) -> Self {
        let full = Bucket { tokens: f64::from(rate.burst), refilled: None };
        Self { rate, normal: full, warning: full }
    }

    /// Takes one Event's share; false when none is left.
    pub fn take(&mut self, severity: Severity, now: Timestamp) -> bool {
        let bucket = match severity {
            Severity::Normal => &mut self.normal,
            Severity::Warning => &mut self.warning,
        };
        let passed = bucket.refilled.map_or(0.0, |last| now.duration_since(last).as_secs_f64().max(0.0));
        bucket.tokens = (bucket.tokens + passed * f64::from(self.rate.per_second)).min(f64::from(self.rate.burst));
        bucket.refilled = Some(now);
        let granted = bucket.tokens >= 1.0;
        if granted {
            bucket.tokens -= 1.0;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_budget_is_spent_at_once_and_comes_back_by_the_second() {
        let mut budget = Budget::new(Rate { per_second: 2, burst: 5 });
        let start = Timestamp::UNIX_EPOCH;
        let mut spend = |severity, at| (0..100).filter(|_| budget.take(severity, at)).count();
        assert_eq!(spend(Severity::Normal, start), 5);
        assert_eq!(spend(Severity::Warning, start), 5, "warnings have their own");
        assert_eq!(spend(Severity::Normal, start + SignedDuration::from_millis(1500)), 3);
        assert_eq!(spend(Severity::Normal, start + SignedDuration::from_secs(1)), 0, "a clock set back gives nothing");
        assert_eq!(spend(Severity::Normal, start + SignedDuration::from_hours(1)), 5);
    }
}
