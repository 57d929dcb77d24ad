//! robfig's rules, as its own tests state them, and laws of the search.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use proptest::prelude::*;

use super::*;

fn error(text: &str) -> String {
    Schedule::parse(text).expect_err("refused").to_string()
}

/// The activations after a time, one after the other, in the time's own zone.
fn after(from: &str, schedule: &str, count: usize) -> Vec<String> {
    let start: Zoned = from.parse().expect("a time");
    let schedule = Schedule::parse(schedule).expect("a schedule");
    let mut at = start.timestamp();
    let mut found = Vec::new();
    for _ in 0..count {
        let Some(next) = schedule.next(at, start.time_zone()) else {
            found.push("never".to_owned());
            break;
        };
        found.push(next.to_zoned(start.time_zone().clone()).strftime("%Y-%m-%dT%H:%M:%S%z").to_string());
        at = next;
    }
    found
}

/// The first activation after a time in UTC.
fn next(from: &str, schedule: &str) -> String {
    after(&format!("{from}[UTC]"), schedule, 1)[0].trim_end_matches(":00+0000").to_owned()
}

#[test]
fn fields_activate_as_in_a_crontab() {
    let cases = [
        // A single step, and a wrap of each field.
        ("2012-07-09T14:45:00Z", "0/15 * * * *", "2012-07-09T15:00"),
        ("2012-07-09T14:59:59Z", "0/15 * * * *", "2012-07-09T15:00"),
        ("2012-07-09T15:45:00Z", "20-35/15 * * * *", "2012-07-09T16:20"),
        ("2012-07-09T23:35:51Z", "15/35 20-23/3 * * *", "2012-07-09T23:50"),
        ("2012-07-09T23:50:00Z", "15/35 20-22/15 * * *", "2012-07-10T20:15"),
        ("2012-07-09T23:35:00Z", "15/35 10/2 * * *", "2012-07-10T10:15"),
        ("2012-07-09T23:35:00Z", "0 0 9 Apr-Oct ?", "2012-08-09T00:00"),
        ("2012-07-09T23:35:00Z", "0 0 */5 Apr,Aug,Oct Mon", "2012-08-01T00:00"),
        ("2012-07-09T23:35:00Z", "0 0 */5 Oct Mon", "2012-10-01T00:00"),
        ("2012-07-09T23:35:00Z", "0 0 * Feb Mon", "2013-02-04T00:00"),
        ("2012-07-09T23:35:00Z", "0 0 * Feb Mon/2", "2013-02-01T00:00"),
        ("2012-07-09T23:35:59Z", "0 0 29 Feb ?", "2016-02-29T00:00"),
        ("2012-07-09T23:35:00Z", "0 0 1 1 *", "2013-01-01T00:00"),
        ("2024-01-01T00:00:00.5Z", "* * * * *", "2024-01-01T00:01"),
        ("2024-01-01T00:00:00Z", "@hourly", "2024-01-01T01:00"),
        ("2024-01-01T00:00:00Z", "@daily", "2024-01-02T00:00"),
        ("2024-01-01T00:00:00Z", "@midnight", "2024-01-02T00:00"),
        ("2024-01-01T00:00:00Z", "@weekly", "2024-01-07T00:00"),
        ("2024-01-01T00:00:00Z", "@monthly", "2024-02-01T00:00"),
        ("2024-01-01T00:00:00Z", "@yearly", "2025-01-01T00:00"),
        ("2024-01-01T00:00:00Z", "@annually", "2025-01-01T00:00"),
        ("2024-01-01T00:00:00Z", "*-what 12 * * SUN-sat", "2024-01-01T12:00"),
        ("2024-01-01T00:00:00Z", "+5 0 ? * *", "2024-01-01T00:05"),
    ];
    for (from, schedule, expected) in cases {
        assert_eq!(next(from, schedule), expected, "{schedule} after {from}");
    }
}

#[test]
fn days_of_month_and_of_week_suffice_each_unless_one_has_a_star() {
    let cases = [
        ("* * 1,15 * Sun", "2012-07-15", true),
        ("* * 1,15 * Sun", "2012-06-15", true),
        ("* * 1,15 * Sun", "2012-08-01", true),
        ("* * 1,15 * Sun", "2012-08-02", false),
        ("* * * * Mon", "2012-07-15", false),
        ("* * */10 * Sun", "2012-07-15", true),
        ("* * 1,15 * *", "2012-07-15", true),
        ("* * 1,15 * *", "2012-07-09", false),
        ("* * */2 * Sun", "2012-07-15", true),
    ];
    for (schedule, day, expected) in cases {
        let noon = format!("{day}T11:59:00Z");
        let activates = next(&noon, schedule) == format!("{day}T12:00");
        assert_eq!(activates, expected, "{schedule} on {day}");
    }
}

#[test]
fn schedules_that_no_day_satisfies_never_activate() {
    for schedule in [
        "0 0 30 2 *",
        "0 0 30 Feb ?",
        "0 0 31 Apr ?",
        "59 23 31 2 *",
        ", * * * *",
        "* , * * *",
        "* * , * *",
        "* * * , *",
    ] {
        assert_eq!(next("2012-07-09T23:35:00Z", schedule), "never", "{schedule}");
    }
    // Nothing within five years, though there is a 29 February in eight.
    assert_eq!(next("2096-03-01T00:00:00Z", "0 0 29 2 *"), "never");
}

const NEW_YORK: &str = "[America/New_York]";

#[test]
fn activations_in_the_gap_of_spring_are_skipped() {
    let midnight = format!("2012-03-11T00:00:00-05:00{NEW_YORK}");
    assert_eq!(after(&midnight, "30 2 11 Mar ?", 1), ["2013-03-11T02:30:00-0400"]);
    assert_eq!(
        after(&midnight, "0 * * * ?", 3),
        ["2012-03-11T01:00:00-0500", "2012-03-11T03:00:00-0400", "2012-03-11T04:00:00-0400"]
    );
    assert_eq!(after(&midnight, "0 1 * * ?", 2), ["2012-03-11T01:00:00-0500", "2012-03-12T01:00:00-0400"]);
    assert_eq!(after(&midnight, "0 2 * * ?", 1), ["2012-03-12T02:00:00-0400"]);
}

#[test]
fn activations_in_the_repeated_hour_of_autumn_happen_twice() {
    let midnight = format!("2012-11-04T00:00:00-04:00{NEW_YORK}");
    assert_eq!(after(&midnight, "30 2 04 Nov ?", 1), ["2012-11-04T02:30:00-0500"]);
    let late = format!("2012-11-04T01:45:00-04:00{NEW_YORK}");
    assert_eq!(after(&late, "30 1 04 Nov ?", 1), ["2012-11-04T01:30:00-0500"]);
    assert_eq!(
        after(&midnight, "0 * * * ?", 3),
        ["2012-11-04T01:00:00-0400", "2012-11-04T01:00:00-0500", "2012-11-04T02:00:00-0500"]
    );
    assert_eq!(
        after(&midnight, "0 1 * * ?", 3),
        ["2012-11-04T01:00:00-0400", "2012-11-04T01:00:00-0500", "2012-11-05T01:00:00-0500"]
    );
    assert_eq!(after(&midnight, "0 2 * * ?", 2), ["2012-11-04T02:00:00-0500", "2012-11-05T02:00:00-0500"]);
}

#[test]
fn a_schedule_may_name_its_zone_and_midnights_may_be_missing() {
    let from = "2012-07-09T14:59:59Z";
    assert_eq!(next(from, "TZ=Asia/Tokyo 0 0 * * *"), "2012-07-09T15:00");
    assert_eq!(next(from, "CRON_TZ=Asia/Tokyo   @daily"), "2012-07-09T15:00");
    // On 4 November 2018 there was no midnight in São Paulo.
    let sao_paulo = "TZ=America/Sao_Paulo";
    assert_eq!(next("2018-10-17T09:00:00Z", &format!("{sao_paulo} 0 9 10 * ?")), "2018-11-10T11:00");
    assert_eq!(next("2018-02-14T10:00:00Z", &format!("{sao_paulo} 0 9 22 * ?")), "2018-02-22T12:00");
}

#[test]
fn intervals_count_from_the_moment_asked_about_in_whole_seconds() {
    let cases = [
        ("@every 15m", "2012-07-09T14:45:00.5Z", "2012-07-09T15:00:00Z"),
        ("@every 1h1.9s", "2012-07-09T14:45:00Z", "2012-07-09T15:45:01Z"),
        ("@every 5ms", "2012-07-09T14:45:00Z", "2012-07-09T14:45:01Z"),
        ("@every -5m", "2012-07-09T14:45:00Z", "2012-07-09T14:45:01Z"),
    ];
    for (schedule, from, expected) in cases {
        let found = Schedule::parse(schedule).unwrap().next(from.parse().unwrap(), &TimeZone::UTC);
        assert_eq!(found, Some(expected.parse().unwrap()), "{schedule}");
    }
}

#[test]
fn errors_read_as_upstreams() {
    let cases = [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("0 0 1 1 * 2012", "expected exactly 5 fields, found 6: [0 0 1 1 * 2012]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        ("5-3 * * * *", "beginning of range (5) beyond end of range (3): 5-3"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("*/-1 * * * *", "negative number (-1) not allowed: -1"),
        ("a * * * *", "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax"),
        (
            "99999999999999999999 * * * *",
            "failed to parse int from 99999999999999999999: strconv.Atoi: parsing \"99999999999999999999\": value out of range",
        ),
        ("@never", "unrecognized descriptor: @never"),
        ("@every x", "failed to parse duration @every x: time: invalid duration \"x\""),
        ("@every 5", "failed to parse duration @every 5: time: missing unit in duration \"5\""),
        ("@every 5d", "failed to parse duration @every 5d: time: unknown unit \"d\" in duration \"5d\""),
        ("TZ=Nowhere * * * * *", "provided bad location Nowhere: unknown time zone Nowhere"),
        ("TZ=../x * * * * *", "provided bad location ../x: time: invalid location name"),
        ("TZ=UTC", "invalid schedule format: runtime error: slice bounds out of range [:-1]"),
        ("TZ=UTC 0", "expected exactly 5 fields, found 1: [0]"),
    ];
    for (schedule, expected) in cases {
        assert_eq!(error(schedule), expected, "{schedule}");
    }
}

#[test]
fn names_of_zones_are_as_the_database_spells_them() {
    assert!(load_zone("Europe/Berlin").is_ok() && load_zone("UTC").is_ok() && load_zone("Etc/GMT+12").is_ok());
    assert_eq!(load_zone("europe/berlin"), Err(ZoneError::Unknown("europe/berlin".to_owned())));
}

/// A field that is valid within these bounds.
fn field(bounds: &'static fields::Bounds) -> impl Strategy<Value = String> {
    let (min, max) = (bounds.min, bounds.max);
    prop_oneof![
        3 => Just("*".to_owned()),
        1 => Just("?".to_owned()),
        2 => (min..=max).prop_map(|number| number.to_string()),
        2 => (1_u32..20).prop_map(|step| format!("*/{step}")),
        2 => (min..=max, min..=max, 1_u32..5)
            .prop_map(|(a, b, step)| format!("{}-{}/{step}", a.min(b), a.max(b))),
        1 => proptest::collection::vec(min..=max, 1..4)
            .prop_map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
    ]
}

fn spec() -> impl Strategy<Value = String> {
    use fields::{DAYS, HOURS, MINUTES, MONTHS, WEEKDAYS};
    (field(&MINUTES), field(&HOURS), field(&DAYS), field(&MONTHS), field(&WEEKDAYS))
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

/// Whether a minute activates, looked at by itself.
fn activates(schedule: &Schedule, at: &Zoned) -> bool {
    let Times::Fields(fields) = &schedule.times else { panic!("a schedule of fields") };
    let number = |field: i8| u32::from(field.unsigned_abs());
    fields.minutes.has(number(at.minute()))
        && fields.hours.has(number(at.hour()))
        && fields.months.has(number(at.month()))
        && fields.has_day(number(at.day()), number(at.weekday().to_sunday_zero_offset()))
        && at.second() == 0
}

proptest! {
    #[test]
    fn parsing_anything_ends(text in "\\PC{0,30}") {
        let _ = Schedule::parse(&text);
    }

    #[test]
    fn parsing_what_looks_like_a_schedule_ends_and_so_does_its_search(
        text in "(TZ=UTC )?([*?,/0-9a-z-]{1,6} ){4}[*?,/0-9a-z-]{1,6}",
    ) {
        if let Ok(schedule) = Schedule::parse(&text) {
            let _ = schedule.next(Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        }
    }

    #[test]
    fn the_next_activation_is_later_and_the_first_that_matches(spec in spec(), from in 0_i64..4_000_000_000) {
        let schedule = Schedule::parse(&spec).unwrap();
        let from = Timestamp::from_second(from).unwrap();
        let next = schedule.next(from, &TimeZone::UTC);
        if let Some(next) = next {
            prop_assert!(next > from);
            prop_assert!(activates(&schedule, &next.to_zoned(TimeZone::UTC)), "{next}");
        }
        // No minute of the next three days that activates is passed over.
        let first = from.as_second() - from.as_second().rem_euclid(60) + 60;
        for minute in 0..3 * 24 * 60 {
            let at = Timestamp::from_second(first + minute * 60).unwrap();
            if activates(&schedule, &at.to_zoned(TimeZone::UTC)) {
                prop_assert_eq!(next, Some(at));
                break;
            }
        }
    }

    #[test]
    fn in_zones_that_change_their_clocks_activations_match_and_ascend(
        spec in spec(),
        from in 1_300_000_000_i64..1_700_000_000,
        zone in prop::sample::select(&["America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kolkata"]),
    ) {
        let schedule = Schedule::parse(&spec).unwrap();
        let zone = TimeZone::get(zone).unwrap();
        let mut at = Timestamp::from_second(from).unwrap();
        for _ in 0..5 {
            let Some(next) = schedule.next(at, &zone) else { break };
            prop_assert!(next > at && next.duration_since(at) < SignedDuration::from_hours(24 * 366 * 6));
            prop_assert!(activates(&schedule, &next.to_zoned(zone.clone())), "{next}");
            at = next;
        }
    }
}
