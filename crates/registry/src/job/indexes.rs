//! Lists of indexes such as `0,3-5,7` (`validateIndexesFormat`).

/// Indexes from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The first index.
    pub first: i64,
    /// The last index.
    pub last: i64,
}

/// Parses a list of indexes below `completions`.
///
/// # Errors
/// In upstream's words, when the list is malformed, not strictly increasing, or names an index that is too large.
pub fn parse_indexes(list: &str, completions: i64) -> Result<Vec<Interval>, String> {
    let mut intervals: Vec<Interval> = Vec::new();
    if list.is_empty() {
        return Ok(intervals);
    }
    for part in list.split(',') {
        let interval = parse_interval(part, completions)?;
        if let Some(previous) = intervals.last().filter(|previous| previous.last >= interval.first) {
            return Err(out_of_order(previous.last, interval.first));
        }
        intervals.push(interval);
    }
    Ok(intervals)
}

fn out_of_order(previous: i64, current: i64) -> String {
    format!("non-increasing order, previous: {previous}, current: {current}")
}

fn parse_interval(part: &str, completions: i64) -> Result<Interval, String> {
    let mut limits = part.split('-');
    let (first, last, rest) = (limits.next().unwrap_or_default(), limits.next(), limits.next());
    if rest.is_some() {
        return Err(format!(
            "the fragment {part:?} violates the requirement that an index interval can have at most two parts separated by '-'"
        ));
    }
    let first = parse_index(first, completions)?;
    let Some(last) = last else { return Ok(Interval { first, last: first }) };
    let last = parse_index(last, completions)?;
    if first >= last {
        return Err(out_of_order(first, last));
    }
    Ok(Interval { first, last })
}

fn parse_index(text: &str, completions: i64) -> Result<i64, String> {
    let index: i64 = text.parse().map_err(|_| format!("cannot convert string to integer for index: {text:?}"))?;
    if index >= completions { Err(format!("too large index: {text:?}")) } else { Ok(index) }
}

/// How many indexes the intervals hold.
pub(crate) fn count(intervals: &[Interval]) -> i64 {
    intervals.iter().map(|interval| interval.last - interval.first + 1).sum()
}

/// The first index that both lists hold. Parts that do not parse are passed over: the format has its own error.
pub(crate) fn overlap(completed: &str, failed: &str, completions: i64) -> Option<i64> {
    let read = |list: &str| -> Vec<Interval> {
        list.split(',').filter_map(|part| parse_interval(part, completions).ok()).collect()
    };
    let (completed, failed) = (read(completed), read(failed));
    let (mut left, mut right) = (completed.iter().peekable(), failed.iter().peekable());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        if one.first <= other.last && other.first <= one.last {
            return Some(one.first.max(other.first));
        }
        if one.first <= other.first {
            left.next()
        } else {
            right.next()
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_lists_are_read_in_upstreams_words() {
        assert_eq!(parse_indexes("", 3), Ok(Vec::new()));
        let intervals = parse_indexes("0,2-4,7", 8).expect("parses");
        assert_eq!(count(&intervals), 5);
        let cases = [
            ("x", "cannot convert string to integer for index: \"x\""),
            ("0-x", "cannot convert string to integer for index: \"x\""),
            ("8", "too large index: \"8\""),
            ("3-8", "too large index: \"8\""),
            ("4-4", "non-increasing order, previous: 4, current: 4"),
            ("0,0", "non-increasing order, previous: 0, current: 0"),
            ("2-4,3", "non-increasing order, previous: 4, current: 3"),
            (
                "1-2-3",
                "the fragment \"1-2-3\" violates the requirement that an index interval can have at most two parts separated by '-'",
            ),
            ("1,", "cannot convert string to integer for index: \"\""),
        ];
        for (list, why) in cases {
            assert_eq!(parse_indexes(list, 8), Err(why.to_owned()), "{list}");
        }
    }

    #[test]
    fn overlap_is_the_first_common_index() {
        assert_eq!(overlap("0-2,5", "3,5-7", 10), Some(5));
        assert_eq!(overlap("0-2", "3", 10), None);
        assert_eq!(overlap("", "3", 10), None);
        assert_eq!(overlap("x,3", "3", 10), Some(3));
    }
}
