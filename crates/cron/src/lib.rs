//! Cron schedules as Kubernetes reads them: the rules of robfig/cron v3.0.1's standard parser and of its search for the
//! next activation, oddities included, since what a CronJob of upstream does is what its users rely on.
//!
//! Pure: the moment to search from and the local time zone are arguments. The database of time zones is the system's,
//! or the one built in where the system has none, and counts as a constant.
//!
//! Guarantee: parsing never panics, and a search ends after some thousand steps whatever the schedule; one that no day
//! satisfies, such as 30 February, has no next activation.

mod duration;
mod fields;
mod parse;
mod search;
#[cfg(test)]
mod tests;
mod zone;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use fields::Fields;

pub use parse::ParseError;
pub use zone::{ZoneError, load as load_zone};

/// A parsed schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The zone that the schedule itself names (`TZ=Europe/Berlin 0 3 * * *`).
    zone: Option<TimeZone>,
    times: Times,
}

#[derive(Clone, Debug, PartialEq)]
enum Times {
    /// `0 3 * * *` and its like.
    Fields(Fields),
    /// `@every 90m`: counted from the moment asked about, in whole seconds.
    Every(SignedDuration),
}

impl Schedule {
    /// Parses a schedule of five fields or a descriptor such as `@daily`.
    ///
    /// # Errors
    /// In the words of robfig's parser, as the API server shows them.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::schedule(text)
    }

    /// The first activation after a moment, in the zone that the schedule names, else in `zone`. `None` when there is
    /// none within five years.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match &self.times {
            Times::Every(delay) => {
                let whole = Timestamp::from_second(after.as_nanosecond().div_euclid(1_000_000_000).try_into().ok()?);
                whole.ok()?.checked_add(*delay).ok()
            }
            Times::Fields(fields) => search::next(fields, after, self.zone.as_ref().unwrap_or(zone)),
        }
    }
}
