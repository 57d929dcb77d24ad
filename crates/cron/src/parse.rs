//! The parser, with robfig's errors word for word (`cron.ParseStandard`), as the API server shows them.

use jiff::SignedDuration;

use crate::duration::{self, DurationError};
use crate::fields::{Bounds, DAYS, Fields, HOURS, MINUTES, MONTHS, Set, WEEKDAYS};
use crate::zone::{self, ZoneError};
use crate::{Schedule, Times};

/// How many fields a schedule has.
const FIELDS: usize = 5;
/// `@every` takes no shorter interval; a shorter one is made so long.
const MIN_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

/// What is wrong with a schedule. The texts are what upstream says of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Nothing at all.
    #[error("empty spec string")]
    Empty,
    /// `TZ=` with a zone that is not known.
    #[error("provided bad location {name}: {error}")]
    Zone {
        /// The name given.
        name: String,
        /// Why it is no zone.
        error: ZoneError,
    },
    /// `TZ=` with nothing after the zone, on which upstream's parser panics.
    #[error("invalid schedule format: runtime error: slice bounds out of range [:-1]")]
    NothingAfterZone,
    /// Not five fields.
    #[error("expected exactly 5 fields, found {count}: [{fields}]")]
    Count {
        /// How many there are.
        count: usize,
        /// The fields, separated by spaces.
        fields: String,
    },
    /// `@something` that is not known.
    #[error("unrecognized descriptor: {0}")]
    Descriptor(String),
    /// `@every` with something that is no duration.
    #[error("failed to parse duration {text}: {error}")]
    Every {
        /// The whole schedule.
        text: String,
        /// Why it is no duration.
        error: DurationError,
    },
    /// Two hyphens in one range.
    #[error("too many hyphens: {0}")]
    Hyphens(String),
    /// Two slashes in one range.
    #[error("too many slashes: {0}")]
    Slashes(String),
    /// Neither a number nor a name.
    #[error("failed to parse int from {text}: strconv.Atoi: parsing {quoted}: {why}")]
    Number {
        /// The text.
        text: String,
        /// The text in quotes.
        quoted: String,
        /// Go's reason.
        why: &'static str,
    },
    /// A number below zero.
    #[error("negative number ({number}) not allowed: {text}")]
    Negative {
        /// The number.
        number: i64,
        /// Where it stands.
        text: String,
    },
    /// The low end of a range is too low.
    #[error("beginning of range ({number}) below minimum ({min}): {text}")]
    Below {
        /// The number.
        number: u64,
        /// The lowest that may be.
        min: u32,
        /// The range.
        text: String,
    },
    /// The high end of a range is too high.
    #[error("end of range ({number}) above maximum ({max}): {text}")]
    Above {
        /// The number.
        number: u64,
        /// The highest that may be.
        max: u32,
        /// The range.
        text: String,
    },
    /// A range ends before it begins.
    #[error("beginning of range ({start}) beyond end of range ({end}): {text}")]
    Reversed {
        /// The low end.
        start: u64,
        /// The high end.
        end: u64,
        /// The range.
        text: String,
    },
    /// A step of zero.
    #[error("step of range should be a positive number: {0}")]
    Step(String),
}

pub(crate) fn schedule(text: &str) -> Result<Schedule, ParseError> {
    if text.is_empty() {
        return Err(ParseError::Empty);
    }
    let (zone, rest) = match text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) {
        None => (None, text),
        Some(rest) => {
            let (name, rest) = rest.split_once(' ').ok_or(ParseError::NothingAfterZone)?;
            let zone = zone::load(name).map_err(|error| ParseError::Zone { name: name.to_owned(), error })?;
            (Some(zone), rest.trim())
        }
    };
    let times = if rest.starts_with('@') { descriptor(rest)? } else { Times::Fields(fields(rest)?) };
    Ok(Schedule { zone, times })
}

fn fields(text: &str) -> Result<Fields, ParseError> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [minutes, hours, days, months, weekdays] = words[..] else {
        debug_assert_ne!(words.len(), FIELDS);
        return Err(ParseError::Count { count: words.len(), fields: words.join(" ") });
    };
    Ok(Fields {
        minutes: field(minutes, &MINUTES)?,
        hours: field(hours, &HOURS)?,
        days: field(days, &DAYS)?,
        months: field(months, &MONTHS)?,
        weekdays: field(weekdays, &WEEKDAYS)?,
    })
}

/// A list of ranges. Empty ranges count for nothing, so a lone comma is a field that never activates.
fn field(text: &str, bounds: &Bounds) -> Result<Set, ParseError> {
    let ranges = text.split(',').filter(|range| !range.is_empty());
    ranges.map(|expression| range(expression, bounds)).try_fold(Set::NONE, |all, set| Ok(all.union(set?)))
}

/// `NUMBER`, `LOW-HIGH`, `*` or `?`, with `/STEP` or without. Whatever follows a star up to the slash is passed over.
fn range(text: &str, bounds: &Bounds) -> Result<Set, ParseError> {
    let parts: Vec<&str> = text.split('/').collect();
    let ends: Vec<&str> = parts[0].split('-').collect();
    let starred = matches!(ends[0], "*" | "?");
    let (start, mut end) = match ends[..] {
        _ if starred => (u64::from(bounds.min), u64::from(bounds.max)),
        [one] => (number_or_name(one, bounds)?, number_or_name(one, bounds)?),
        [low, high] => (number_or_name(low, bounds)?, number_or_name(high, bounds)?),
        _ => return Err(ParseError::Hyphens(text.to_owned())),
    };
    let step = match parts[..] {
        [_] => 1,
        [_, step] => number(step)?,
        _ => return Err(ParseError::Slashes(text.to_owned())),
    };
    if parts.len() == 2 && ends.len() == 1 {
        end = u64::from(bounds.max);
    }
    let text = || text.to_owned();
    if start < u64::from(bounds.min) {
        return Err(ParseError::Below { number: start, min: bounds.min, text: text() });
    }
    if end > u64::from(bounds.max) {
        return Err(ParseError::Above { number: end, max: bounds.max, text: text() });
    }
    if start > end {
        return Err(ParseError::Reversed { start, end, text: text() });
    }
    if step == 0 {
        return Err(ParseError::Step(text()));
    }
    // Both ends are within the bounds now, and a step beyond them takes the first number only.
    let set = Set::range(start as u32, end as u32, step.min(64) as u32);
    // A star with a step is no star to the rule about days.
    Ok(if starred && step == 1 { set.starred() } else { set })
}

fn number_or_name(text: &str, bounds: &Bounds) -> Result<u64, ParseError> {
    let lower = text.to_lowercase();
    match (u64::from(bounds.min)..).zip(bounds.names).find(|(_, name)| **name == lower) {
        Some((number, _)) => Ok(number),
        None => number(text),
    }
}

/// `strconv.Atoi`, and no negative numbers.
fn number(text: &str) -> Result<u64, ParseError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = text.parse::<i64>().map_err(|_| {
        let why = if is_number { "value out of range" } else { "invalid syntax" };
        ParseError::Number { text: text.to_owned(), quoted: format!("{text:?}"), why }
    })?;
    u64::try_from(parsed).map_err(|_| ParseError::Negative { number: parsed, text: text.to_owned() })
}

fn descriptor(text: &str) -> Result<Times, ParseError> {
    let every = Fields {
        minutes: Set::one(0),
        hours: Set::one(0),
        days: Set::all(&DAYS),
        months: Set::all(&MONTHS),
        weekdays: Set::all(&WEEKDAYS),
    };
    let fields = match text {
        "@yearly" | "@annually" => Fields { days: Set::one(1), months: Set::one(1), ..every },
        "@monthly" => Fields { days: Set::one(1), ..every },
        "@weekly" => Fields { weekdays: Set::one(0), ..every },
        "@daily" | "@midnight" => every,
        "@hourly" => Fields { hours: Set::all(&HOURS), ..every },
        _ => return interval(text),
    };
    Ok(Times::Fields(fields))
}

fn interval(text: &str) -> Result<Times, ParseError> {
    let Some(of) = text.strip_prefix("@every ") else { return Err(ParseError::Descriptor(text.to_owned())) };
    let duration = duration::parse(of).map_err(|error| ParseError::Every { text: text.to_owned(), error })?;
    Ok(Times::Every(SignedDuration::from_secs(duration.max(MIN_INTERVAL).as_secs())))
}
