//! Which cases a test is, and how each stands.

use explain::Style;

use super::Granularity;
use crate::report::{Asked, Failure, Report, Verdict, pretty};

/// One case.
pub(super) struct Case<'a> {
    pub(super) name: String,
    pub(super) class: String,
    pub(super) seconds: f64,
    pub(super) standing: Standing,
    /// What repetitions say that failed as well, or that failed while others passed; see `is_flaky`.
    pub(super) again: Vec<String>,
    /// Whether it held in some repetitions.
    pub(super) is_flaky: bool,
    /// The test whose history and output stand in it; in one case of each test.
    pub(super) tells_of: Option<&'a Report>,
}

/// How a case stands.
pub(super) enum Standing {
    Passed,
    Failed { message: String, body: String },
    Broken { why: String, body: String },
    Skipped(&'static str),
}

/// The cases of a test.
pub(super) fn of(report: &Report, granularity: Granularity) -> Vec<Case<'_>> {
    match granularity {
        Granularity::Test => vec![whole(report)],
        Granularity::Expectation => each(report),
    }
}

fn class(report: &Report) -> String {
    let class = report.file.trim_end_matches(".yaml").trim_end_matches(".yml").trim_end_matches(".jobtest");
    class.trim_start_matches(['.', '/']).replace('/', ".")
}

/// The test as it is told on a screen.
fn body(report: &Report) -> String {
    pretty::line(report, &Style { ascii: true, colour: false, width: 100 }, 0)
}

fn whole(report: &Report) -> Case<'_> {
    let standing = match &report.verdict {
        Verdict::Passed => Standing::Passed,
        Verdict::Failed => {
            let first = report.failures.first().map(|failure| pretty::difference(report, failure));
            Standing::Failed { message: first.unwrap_or_default(), body: body(report) }
        }
        Verdict::Broken(why) => Standing::Broken { why: why.clone(), body: body(report) },
    };
    Case {
        name: report.name.clone(),
        class: class(report),
        seconds: report.real.as_secs_f64(),
        standing,
        again: again(report, |_| true),
        is_flaky: report.is_flaky(),
        tells_of: Some(report),
    }
}

/// What failed repetitions say of the failures that are meant: all of a flaky test, all but the first of another.
fn again(report: &Report, is_meant: impl Fn(&Failure) -> bool) -> Vec<String> {
    let passed_over = usize::from(!report.is_flaky());
    let told = |repetition: &crate::report::Repetition| {
        let meant: Vec<String> = (repetition.failures.iter())
            .filter(|failure| is_meant(failure))
            .map(|failure| pretty::difference(report, failure))
            .collect();
        (!meant.is_empty()).then(|| format!("{}\nseed {}", meant.join("\n"), repetition.seed))
    };
    report.failed_repetitions.iter().skip(passed_over).filter_map(told).collect()
}

fn each(report: &Report) -> Vec<Case<'_>> {
    let mut asked: Vec<Asked> = report.asked.clone();
    // What nobody asked for failed as well, such as the time limit.
    for failure in report.failed_repetitions.iter().flat_map(|one| &one.failures).chain(&report.failures) {
        if owner(&asked, failure).is_none() {
            asked.push(Asked { line: failure.line, field: failure.field.clone() });
        }
    }
    if asked.is_empty() || matches!(report.verdict, Verdict::Broken(_)) {
        asked.insert(0, Asked { line: report.line, field: RUNS.to_owned() });
    }
    let class = format!("{}.{}", class(report), report.name);
    let case = |(position, one): (usize, &Asked)| {
        let of_this = |failure: &Failure| owner(&asked, failure) == Some(position);
        let standing = standing(report, one, of_this);
        let has_failed = matches!(standing, Standing::Failed { .. });
        let again = again(report, of_this);
        // One that failed in other repetitions than the one that is told failed all the same.
        let standing = match again.first() {
            Some(first) if !has_failed && report.is_flaky() => {
                Standing::Failed { message: first.lines().next().unwrap_or_default().to_owned(), body: first.clone() }
            }
            _ => standing,
        };
        Case {
            name: one.field.clone(),
            class: class.clone(),
            seconds: if position == 0 { report.real.as_secs_f64() } else { 0.0 },
            standing,
            again,
            is_flaky: report.is_flaky(),
            tells_of: (position == 0).then_some(report),
        }
    };
    asked.iter().enumerate().map(case).collect()
}

/// The case of a test that asks for nothing, and of one that could not be run.
const RUNS: &str = "runs";

/// Which of all that is asked a failure is about: what names its field most closely.
fn owner(asked: &[Asked], failure: &Failure) -> Option<usize> {
    let names = |one: &Asked| is_below(&failure.field, &one.field);
    let named = asked.iter().enumerate().filter(|(_, one)| names(one));
    named.max_by_key(|(_, one)| one.field.len()).map(|(position, _)| position)
}

/// Whether a field is another, or a part of it.
fn is_below(field: &str, above: &str) -> bool {
    field.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn standing(report: &Report, one: &Asked, of_this: impl Fn(&Failure) -> bool) -> Standing {
    if let Verdict::Broken(why) = &report.verdict {
        return match one.field == RUNS {
            true => Standing::Broken { why: why.clone(), body: body(report) },
            false => Standing::Skipped("the test could not be run"),
        };
    }
    let differences: Vec<String> = (report.failures.iter())
        .filter(|failure| of_this(failure))
        .map(|failure| pretty::difference(report, failure))
        .collect();
    match differences.first() {
        Some(first) => {
            Standing::Failed { message: first.clone(), body: format!("{}\n{}", differences.join("\n"), body(report)) }
        }
        None => unlooked(report, one).map_or(Standing::Passed, Standing::Skipped),
    }
}

/// Why something that did not fail did not hold either: it was not looked at.
fn unlooked(report: &Report, one: &Asked) -> Option<&'static str> {
    let failed = |field: &str| report.failures.iter().any(|failure| failure.field == field);
    if report.unjudged && !matches!(&*one.field, "expect.refused" | "expect.snapshot") {
        return Some("a manifest was refused");
    }
    if report.unreached.contains(&one.field) {
        return Some("a step before it failed");
    }
    let parents = one.field.match_indices(['.', '[']).map(|(end, _)| &one.field[..end]);
    if parents.into_iter().any(failed) {
        return Some("what it is part of failed");
    }
    let (above, name) = one.field.rsplit_once('.')?;
    (matches!(name, "reason" | "message") && failed(&format!("{above}.outcome"))).then_some("the outcome is another")
}

#[cfg(test)]
mod tests;
