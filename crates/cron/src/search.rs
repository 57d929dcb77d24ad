//! The search for the next activation: field by field from the months down, starting over whenever a field wraps, as
//! `SpecSchedule.Next` does it. What happens around changes of the clock follows from doing it that way: an activation
//! in a gap is skipped that day, and one in the repeated hour happens once or twice depending on the hour field.
//!
//! Bounded: months and days end five years on; hours and minutes are only searched when their sets have a member.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::fields::Fields;

/// How many years the search goes on.
const YEARS: i16 = 5;
const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// A moment as Go's `time.Time` has it: seconds since the epoch, shown in a zone.
#[derive(Clone, Copy)]
struct Moment<'a> {
    unix: i64,
    wall: DateTime,
    zone: &'a TimeZone,
}

/// The offset from UTC at a moment, in seconds.
fn offset(zone: &TimeZone, unix: i64) -> Option<i64> {
    Some(i64::from(zone.to_offset(Timestamp::from_second(unix).ok()?).seconds()))
}

/// Seconds of a wall clock as if it showed UTC.
fn as_utc(wall: DateTime) -> Option<i64> {
    TimeZone::UTC.to_timestamp(wall).ok().map(Timestamp::as_second)
}

impl<'a> Moment<'a> {
    fn at(unix: i64, zone: &'a TimeZone) -> Option<Self> {
        let wall = Timestamp::from_second(unix + offset(zone, unix)?).ok()?;
        Some(Self { unix, wall: TimeZone::UTC.to_datetime(wall), zone })
    }

    /// Go's `time.Date`: what it makes of times that do not exist or exist twice is part of the behaviour.
    fn of(date: Date, hour: i8, zone: &'a TimeZone) -> Option<Self> {
        let wall = as_utc(date.at(hour, 0, 0, 0))?;
        let guess = wall - offset(zone, wall)?;
        Self::at(wall - offset(zone, guess)?, zone)
    }

    fn plus(self, seconds: i64) -> Option<Self> {
        Self::at(self.unix.checked_add(seconds)?, self.zone)
    }

    /// The same time of the wall clock on another date.
    fn on(self, date: Date) -> Option<Self> {
        // Days are only ever changed at full hours.
        Self::of(date, self.wall.hour(), self.zone)
    }
}

/// The first activation after a moment.
pub(crate) fn next(fields: &Fields, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    if fields.minutes.is_empty() || fields.hours.is_empty() {
        return None;
    }
    let second = i64::try_from(after.as_nanosecond().div_euclid(1_000_000_000)).ok()?;
    let mut search = Search { fields, at: Moment::at(second + 1, zone)?, moved: false };
    let last_year = search.at.wall.year().checked_add(YEARS)?;
    while search.at.wall.year() <= last_year {
        if search.pass()? {
            return Timestamp::from_second(search.at.unix).ok();
        }
    }
    None
}

struct Search<'a> {
    fields: &'a Fields,
    at: Moment<'a>,
    /// Whether a field was moved: until then the lesser fields are those of the start.
    moved: bool,
}

impl Search<'_> {
    /// One pass through the fields. Returns whether all match; if not, a field has wrapped.
    fn pass(&mut self) -> Option<bool> {
        Some(self.months()? && self.days()? && self.hours()? && self.minutes()? && self.seconds()?)
    }

    /// Begins to move: the lesser fields start from zero.
    fn begin(&mut self, at: impl FnOnce(DateTime, Moment<'_>) -> Option<i64>) -> Option<()> {
        if !self.moved {
            self.moved = true;
            self.at = Moment::at(at(self.at.wall, self.at)?, self.at.zone)?;
        }
        Some(())
    }

    fn months(&mut self) -> Option<bool> {
        while !self.fields.months.has(number(self.at.wall.month())) {
            self.begin(|wall, at| Some(Moment::of(wall.date().first_of_month(), 0, at.zone)?.unix))?;
            let date = self.at.wall.date();
            // A day that the next month lacks runs over into the month after it.
            let over = i64::from(date.day()) - 1;
            let next = date.first_of_month().checked_add(jiff::Span::new().months(1).days(over)).ok()?;
            self.at = self.at.on(next)?;
            if self.at.wall.month() == 1 {
                return Some(false);
            }
        }
        Some(true)
    }

    fn days(&mut self) -> Option<bool> {
        while !self.has_day() {
            self.begin(|wall, at| Some(Moment::of(wall.date(), 0, at.zone)?.unix))?;
            self.at = self.at.on(self.at.wall.date().tomorrow().ok()?)?;
            // Where a change of the clock took midnight away.
            let hour = i64::from(self.at.wall.hour());
            if hour != 0 {
                self.at = self.at.plus(if hour > 12 { 24 - hour } else { -hour } * HOUR)?;
            }
            if self.at.wall.day() == 1 {
                return Some(false);
            }
        }
        Some(true)
    }

    fn has_day(&self) -> bool {
        let wall = self.at.wall;
        self.fields.has_day(number(wall.day()), number(wall.weekday().to_sunday_zero_offset()))
    }

    fn hours(&mut self) -> Option<bool> {
        while !self.fields.hours.has(number(self.at.wall.hour())) {
            self.begin(|wall, at| Some(Moment::of(wall.date(), wall.hour(), at.zone)?.unix))?;
            self.at = self.at.plus(HOUR)?;
            if self.at.wall.hour() == 0 {
                return Some(false);
            }
        }
        Some(true)
    }

    fn minutes(&mut self) -> Option<bool> {
        while !self.fields.minutes.has(number(self.at.wall.minute())) {
            self.begin(|_, at| Some(at.unix - at.unix.rem_euclid(MINUTE)))?;
            self.at = self.at.plus(MINUTE)?;
            if self.at.wall.minute() == 0 {
                return Some(false);
            }
        }
        Some(true)
    }

    /// The standard parser has no field for seconds: they are zero.
    fn seconds(&mut self) -> Option<bool> {
        let second = i64::from(self.at.wall.second());
        if second == 0 {
            return Some(true);
        }
        self.moved = true;
        self.at = self.at.plus(MINUTE - second)?;
        Some(false)
    }
}

/// A field of a civil time, none of which is negative.
fn number(field: i8) -> u32 {
    field.unsigned_abs().into()
}
