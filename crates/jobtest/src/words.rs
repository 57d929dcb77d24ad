//! Words that people write in tests, and how they are shown: durations, ranges, near names. Pure.

use jiff::SignedDuration;

/// The longest duration that is taken: a century keeps every sum in range.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 366 * 100);

/// `90s`, `1h30m`, `250ms`, or bare seconds; not negative.
pub(crate) fn duration(text: &str) -> Option<SignedDuration> {
    let text = text.trim();
    let duration = match text.parse::<u32>() {
        Ok(seconds) => SignedDuration::from_secs(seconds.into()),
        Err(_) => text.parse::<SignedDuration>().ok()?,
    };
    (!duration.is_negative() && duration <= LONGEST && !text.starts_with(['P', 'p'])).then_some(duration)
}

/// As it may be written: `10m30s`, `2h30m`, `1.5s`, `0s`.
pub fn show(duration: SignedDuration) -> String {
    let (seconds, millis) = (duration.as_secs().unsigned_abs(), duration.subsec_millis().unsigned_abs());
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = if duration.is_negative() { "-".to_owned() } else { String::new() };
    if hours > 0 {
        text.push_str(&format!("{hours}h"));
    }
    if minutes > 0 {
        text.push_str(&format!("{minutes}m"));
    }
    match (millis, rest) {
        (0, 0) if hours > 0 || minutes > 0 => {}
        (0, _) => text.push_str(&format!("{rest}s")),
        _ => text.push_str(format!("{rest}.{millis:03}").trim_end_matches('0')),
    }
    if millis > 0 {
        text.push('s');
    }
    text
}

/// Milliseconds as people read them: `4ms`, `1.2s`.
pub fn show_real(duration: std::time::Duration) -> String {
    let millis = duration.as_millis();
    if millis < 1000 { format!("{millis}ms") } else { format!("{}.{}s", millis / 1000, millis % 1000 / 100) }
}

/// Numbers and ranges of numbers, such as `0,3-5` or `2-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(u32, u32)>);

impl Ranges {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let range = |part: &str| {
            let part = part.trim();
            let Some((first, last)) = part.split_once('-') else {
                return part.parse().ok().map(|number| (number, number));
            };
            let first: u32 = first.trim().parse().ok()?;
            let last = if last.trim().is_empty() { u32::MAX } else { last.trim().parse().ok()? };
            (first <= last).then_some((first, last))
        };
        text.split(',').map(range).collect::<Option<Vec<_>>>().map(Self)
    }

    pub(crate) fn holds(&self, number: u32) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }
}

/// Whether a name is as a pattern says, in which `*` is any text.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => {
            let Some(tail) = name.strip_prefix(head) else { return false };
            (0..=tail.len()).filter(|cut| tail.is_char_boundary(*cut)).any(|cut| matches(rest, &tail[cut..]))
        }
    }
}

/// The known name that a wrong one was probably meant to be.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let near = known.iter().map(|word| (distance(&lower, &word.to_lowercase()), *word)).min()?;
    (near.0 <= 2.max(name.len() / 4)).then_some(near.1)
}

/// Letters to insert, delete or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = corner + usize::from(letter != *other);
            corner = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_show_alike() {
        for text in ["10m30s", "2h30m", "0s", "1h", "90ms", "1.5s", "1h0m5s"] {
            let shown = show(duration(text).expect(text));
            assert_eq!(duration(&shown), duration(text), "{text} {shown}");
        }
        assert_eq!(show(duration("630").expect("seconds")), "10m30s");
        assert_eq!(show(duration("1500ms").expect("a duration")), "1.5s");
        for wrong in ["", "soon", "-5s", "5 parsecs", "PT5S"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ranges_hold_what_they_name() {
        let ranges = Ranges::parse("0, 3-5,9-").expect("ranges");
        let held: Vec<u32> = (0..12).filter(|number| ranges.holds(*number)).collect();
        assert_eq!(held, [0, 3, 4, 5, 9, 10, 11]);
        for wrong in ["", "a", "5-3", "1,,2", "-1"] {
            assert_eq!(Ranges::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_star_is_any_text() {
        assert!(matches("a*c*", "abbc") && matches("*", "") && !matches("a*c", "ab"));
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("outcom", &["outcome", "within"]), Some("outcome"));
        assert_eq!(nearest("wibble", &["outcome", "within"]), None);
    }
}
