//! How long pods get to end by themselves when their Job is deleted: kubectl's rules. Pure.

use crate::exit::Failure;

/// What kubectl warns of when there is no grace.
pub(super) const WARNING: &str = "Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.";

/// The seconds of grace to ask for; `None` leaves it to the pods.
///
/// # Errors
/// Flags that contradict each other.
pub(super) fn seconds(grace_period: Option<i64>, now: bool, force: bool) -> Result<Option<i64>, Failure> {
    let given = if now { Some(1) } else { grace_period.filter(|seconds| *seconds >= 0) };
    match (given, force) {
        // Nothing is killed at once by accident: only --force takes a zero at its word.
        (Some(0), false) => Ok(Some(1)),
        (None | Some(0), true) => Ok(Some(0)),
        (Some(_), true) => {
            Err(Failure::usage("error: --force and --grace-period greater than 0 cannot be specified together"))
        }
        (given, false) => Ok(given),
    }
}

/// What is said to have happened.
pub(super) fn done(grace: Option<i64>) -> &'static str {
    if grace == Some(0) { "force deleted" } else { "deleted" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_force_leaves_no_grace() {
        let grace = |period, now, force| seconds(period, now, force).expect("they go together");
        assert_eq!(grace(None, false, false), None);
        assert_eq!(grace(Some(-1), false, false), None);
        assert_eq!(grace(Some(0), false, false), Some(1));
        assert_eq!(grace(Some(9), false, false), Some(9));
        assert_eq!(grace(None, true, false), Some(1));
        assert_eq!(grace(None, false, true), Some(0));
        assert_eq!(grace(Some(-1), false, true), Some(0));
        assert_eq!(grace(Some(0), false, true), Some(0));
    }

    #[test]
    fn force_and_a_grace_contradict_each_other() {
        for (period, now) in [(Some(1), false), (None, true)] {
            let refusal = seconds(period, now, true).expect_err("both cannot be").message;
            assert!(refusal.contains("cannot be specified together"), "{refusal}");
        }
    }
}
