//! Go's `time.Parse` for the two layouts that the API uses, with Go's texts for what does not parse.

use jiff::Timestamp;

const RFC3339: &str = "2006-01-02T15:04:05Z07:00";
const RFC3339_MICRO: &str = "2006-01-02T15:04:05.000000Z07:00";

/// Parses a time; `micro` asks for exactly six digits of fraction, as `metav1.RFC3339Micro` does.
pub(super) fn parse(text: &str, micro: bool) -> Result<Timestamp, String> {
    let layout = if micro { RFC3339_MICRO } else { RFC3339 };
    let mut cursor = Cursor { text, rest: text, layout };
    let year = cursor.number("2006", 4, 4, 0..=9999, "year")?;
    cursor.literal("-")?;
    let month = cursor.number("01", 2, 2, 1..=12, "month")?;
    cursor.literal("-")?;
    let day = cursor.number("02", 2, 2, 0..=99, "day")?;
    cursor.literal("T")?;
    let hour = cursor.number("15", 1, 2, 0..=23, "hour")?;
    cursor.literal(":")?;
    let minute = cursor.number("04", 2, 2, 0..=59, "minute")?;
    cursor.literal(":")?;
    let second = cursor.number("05", 2, 2, 0..=59, "second")?;
    let nanos = if micro { cursor.six_digits()? } else { cursor.fraction() };
    let offset_seconds = cursor.zone()?;
    if !cursor.rest.is_empty() {
        return Err(format!("parsing time {text:?}: extra text: {:?}", cursor.rest));
    }
    let fields = [year, month, day, hour, minute, second];
    assemble(fields, nanos, offset_seconds).ok_or_else(|| format!("parsing time {text:?}: day out of range"))
}

fn assemble(fields: [i32; 6], nanos: i32, offset_seconds: i64) -> Option<Timestamp> {
    let [year, month, day, hour, minute, second] = fields;
    let narrow = |field: i32| i8::try_from(field).ok();
    let date = jiff::civil::Date::new(i16::try_from(year).ok()?, narrow(month)?, narrow(day)?).ok()?;
    let at = date.to_datetime(jiff::civil::Time::new(narrow(hour)?, narrow(minute)?, narrow(second)?, nanos).ok()?);
    let utc = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    utc.checked_sub(jiff::SignedDuration::from_secs(offset_seconds)).ok()
}

struct Cursor<'a> {
    text: &'a str,
    rest: &'a str,
    layout: &'static str,
}

impl Cursor<'_> {
    fn cannot_parse(&self, rest: &str, element: &str) -> String {
        format!("parsing time {:?} as {:?}: cannot parse {rest:?} as {element:?}", self.text, self.layout)
    }

    fn out_of_range(&self, what: &str) -> String {
        format!("parsing time {:?}: {what} out of range", self.text)
    }

    fn literal(&mut self, literal: &str) -> Result<(), String> {
        self.rest = self.rest.strip_prefix(literal).ok_or_else(|| self.cannot_parse(self.rest, literal))?;
        Ok(())
    }

    fn number(
        &mut self,
        element: &str,
        min_digits: usize,
        max_digits: usize,
        range: std::ops::RangeInclusive<i32>,
        what: &str,
    ) -> Result<i32, String> {
        let digits = self.rest.bytes().take(max_digits).take_while(u8::is_ascii_digit).count();
        if digits < min_digits {
            return Err(self.cannot_parse(self.rest, element));
        }
        let (number, rest) = self.rest.split_at(digits);
        let number = number.parse().expect("a few digits are a number");
        if !range.contains(&number) {
            return Err(self.out_of_range(what));
        }
        self.rest = rest;
        Ok(number)
    }

    /// A fraction that the layout does not ask for but Go accepts; nanoseconds.
    fn fraction(&mut self) -> i32 {
        let Some(rest) = self.rest.strip_prefix(['.', ',']) else { return 0 };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return 0;
        }
        let (fraction, rest) = rest.split_at(digits);
        self.rest = rest;
        fraction.bytes().chain(std::iter::repeat(b'0')).take(9).fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'))
    }

    /// The fraction that `.000000` asks for; nanoseconds.
    fn six_digits(&mut self) -> Result<i32, String> {
        let digits = self.rest.strip_prefix(['.', ',']).and_then(|rest| rest.get(..6));
        let Some(digits) = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())) else {
            return Err(self.cannot_parse(self.rest, ".000000"));
        };
        let micros: i32 = digits.parse().expect("six digits are a number");
        self.rest = &self.rest[7..];
        Ok(micros * 1_000)
    }

    /// `Z` or an offset such as `+02:00`; seconds east of UTC.
    fn zone(&mut self) -> Result<i64, String> {
        const ELEMENT: &str = "Z07:00";
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        let bad = self.cannot_parse(self.rest, ELEMENT);
        let [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2, ..] = self.rest.as_bytes() else { return Err(bad) };
        if ![h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()) {
            return Err(bad);
        }
        let two = |tens: &u8, ones: &u8| i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
        let (hours, minutes) = (two(h1, h2), two(m1, m2));
        if hours > 24 {
            return Err(self.out_of_range("time zone offset hour"));
        }
        if minutes > 60 {
            return Err(self.out_of_range("time zone offset minute"));
        }
        let seconds = hours * 3600 + minutes * 60;
        let offset = if *sign == b'-' { -seconds } else { seconds };
        self.rest = &self.rest[6..];
        Ok(offset)
    }
}
