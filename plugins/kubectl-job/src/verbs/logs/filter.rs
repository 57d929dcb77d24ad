//! Which attempts of a Job are wanted. Pure.

use crate::cli::logs::ReadFlags;
use crate::exit::Failure;
use crate::view::attempts::{Attempt, Attempts, End};

/// Which attempts are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    /// Ranges of indexes; empty for all.
    indexes: Vec<(u32, u32)>,
    which: Which,
    only_failed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    All,
    Last,
    Number(u32),
}

impl Filter {
    /// Reads the flags.
    ///
    /// # Errors
    /// Numbers and ranges that are none.
    pub(super) fn parse(args: &ReadFlags) -> Result<Self, Failure> {
        let which =
            match args.attempt.as_str() {
                "all" => Which::All,
                "last" => Which::Last,
                number => Which::Number(number.parse().map_err(|_| {
                    Failure::usage(format!("error: --attempt {number:?}: write last, all or a number"))
                })?),
            };
        let indexes = args.index.as_deref().map(ranges).transpose()?.unwrap_or_default();
        Ok(Self { indexes, which, only_failed: args.failed })
    }

    /// Whether no attempt is left out.
    pub(super) fn is_everything(&self) -> bool {
        self.indexes.is_empty() && self.which == Which::All && !self.only_failed
    }

    /// The attempts wanted, in order. `last` is the last one of each index.
    pub(super) fn choose<'a>(&self, attempts: &'a Attempts) -> Vec<&'a Attempt> {
        let failed = |end: &Option<End>| end.as_ref().is_some_and(|end| !end.is_success());
        let mut chosen: Vec<&Attempt> = attempts
            .list()
            .iter()
            .filter(|attempt| !self.only_failed || failed(&attempt.end))
            .filter(|attempt| self.indexes.is_empty() || attempt.index.is_some_and(|index| self.has(index)))
            .filter(|attempt| !matches!(self.which, Which::Number(number) if number != attempt.number))
            .collect();
        if self.which == Which::Last {
            let newest = chosen.clone();
            chosen.retain(|attempt| {
                !newest.iter().any(|other| other.index == attempt.index && other.number > attempt.number)
            });
        }
        chosen
    }

    fn has(&self, index: u32) -> bool {
        self.indexes.iter().any(|(first, last)| (*first..=*last).contains(&index))
    }
}

/// `0,3-5`.
fn ranges(text: &str) -> Result<Vec<(u32, u32)>, Failure> {
    let invalid = || Failure::usage(format!("error: --index {text:?}: write indexes like 0,3-5"));
    let one = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let range = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (range.0 <= range.1).then_some(range)
    };
    text.split(',').map(|part| one(part).ok_or_else(invalid)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::k8s::api::core::v1::Pod;
    use serde_json::json;

    fn attempts() -> Attempts {
        let pod = |(position, (index, code)): (usize, (u32, i32))| -> Pod {
            let terminated = json!({"exitCode": code, "reason": "x"});
            let status = json!({"name": "a", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": terminated}});
            serde_json::from_value(json!({
                "metadata": {"name": format!("p{position}"), "uid": position.to_string(),
                    "annotations": {"batch.kubernetes.io/job-completion-index": index.to_string()}},
                "status": {"phase": if code == 0 { "Succeeded" } else { "Failed" }, "containerStatuses": [status]},
            }))
            .expect("a Pod")
        };
        let pods: Vec<Pod> = [(0, 0), (1, 1), (2, 1), (1, 0)].into_iter().enumerate().map(pod).collect();
        Attempts::of(&pods)
    }

    fn chosen(indexes: &str, which: Which, only_failed: bool) -> Vec<String> {
        let indexes = if indexes.is_empty() { Vec::new() } else { ranges(indexes).expect("ranges") };
        let filter = Filter { indexes, which, only_failed };
        filter.choose(&attempts()).into_iter().map(|attempt| attempt.label(".")).collect()
    }

    #[test]
    fn attempts_are_chosen_by_index_number_and_failure() {
        assert_eq!(chosen("", Which::All, false), ["idx0.1", "idx1.1", "idx2.1", "idx1.2"]);
        assert_eq!(chosen("", Which::Last, false), ["idx0.1", "idx2.1", "idx1.2"]);
        assert_eq!(chosen("1-2", Which::All, true), ["idx1.1", "idx2.1"]);
        assert_eq!(chosen("", Which::Number(2), false), ["idx1.2"]);
        assert_eq!(chosen("7", Which::All, false), [""; 0]);
    }

    #[test]
    fn ranges_that_are_none_are_refused() {
        for text in ["", "a", "5-3", "1,", "-1"] {
            assert!(ranges(text).is_err(), "{text}");
        }
    }
}
