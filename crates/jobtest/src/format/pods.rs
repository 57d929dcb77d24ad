//! The script of pods.

use testkit::{Act, ExitStatus, Health, OnTerm, Run, StartError, parse_exit, parse_health, parse_on_term};

use super::{Blow, Match, Rule};
use crate::node::{Bad, Field, Fields};
use crate::words::Ranges;

/// How long a scripted run takes that does not say.
const DEFAULT_RUN: jiff::SignedDuration = jiff::SignedDuration::from_secs(1);

pub(super) fn rules(field: &Field<'_>) -> Result<Vec<Rule>, Bad> {
    field.list()?.iter().map(rule).collect()
}

fn rule(field: &Field<'_>) -> Result<Rule, Bad> {
    let mut fields = field.fields()?;
    let matches = fields.read("match", attempts)?.unwrap_or_default();
    let start_error = fields.read("startError", start_error)?;
    let mut run = Run::exits(0, DEFAULT_RUN);
    let mut ran = false;
    if let Some(duration) = fields.read("run", duration_or_forever)? {
        (run.duration, ran) = (duration, true);
    }
    if let Some(exit) = fields.read("exit", exit)? {
        (run.exit, ran) = (exit, true);
    }
    if let Some(lines) = fields.read("log", lines)? {
        (run.lines, ran) = (lines, true);
    }
    if let Some(on_term) = fields.read("onTerm", on_term)? {
        (run.on_term, ran) = (on_term, true);
    }
    for (name, health) in [
        ("startupProbe", &mut run.probes.startup),
        ("livenessProbe", &mut run.probes.liveness),
        ("readinessProbe", &mut run.probes.readiness),
    ] {
        if let Some(found) = fields.read(name, probe)? {
            (*health, ran) = (found, true);
        }
    }
    let disruption = fields.read("disruption", disruption)?;
    fields.finish()?;
    let act = match start_error {
        Some(_) if ran => return Err(field.bad("has startError, so it cannot run, exit, log or be probed")),
        Some(error) => Act::Refuse(error),
        None => Act::Run(run),
    };
    Ok(Rule { matches, act, disruption })
}

/// The fields `attempt`, `index`, `container`, `job`.
pub(super) fn attempts(field: &Field<'_>) -> Result<Match, Bad> {
    let mut fields = field.fields()?;
    let matches = take_match(&mut fields)?;
    fields.finish()?;
    Ok(matches)
}

pub(super) fn take_match(fields: &mut Fields<'_>) -> Result<Match, Bad> {
    let ranges = |field: &Field<'_>| field.parsed("numbers and ranges such as 1, \"2-4\" or \"3-\"", Ranges::parse);
    let attempt = fields.read("attempt", |field| {
        let found = ranges(field)?;
        if found.holds(0) { Err(field.bad("attempts are counted from 1")) } else { Ok(found) }
    })?;
    Ok(Match {
        attempt,
        index: fields.read("index", ranges)?,
        container: fields.read("container", Field::text)?,
        job: fields.read("job", Field::text)?,
    })
}

fn duration_or_forever(field: &Field<'_>) -> Result<Option<jiff::SignedDuration>, Bad> {
    if field.word().is_ok_and(|word| word == "forever") { Ok(None) } else { field.duration().map(Some) }
}

pub(super) fn exit(field: &Field<'_>) -> Result<ExitStatus, Bad> {
    field.parsed("an exit code from 0 to 255, a signal such as SIGKILL, or OOMKilled", parse_exit)
}

fn on_term(field: &Field<'_>) -> Result<OnTerm, Bad> {
    field.parsed("dies, ignores, a duration such as 5s, or one with an end such as 5s:0", parse_on_term)
}

fn probe(field: &Field<'_>) -> Result<Health, Bad> {
    field.parsed("passes or fails, with the times of changes between them, such as fails 30s passes", parse_health)
}

/// A list of lines, or a text of them.
fn lines(field: &Field<'_>) -> Result<Vec<String>, Bad> {
    let texts = field.one_or_more()?.iter().map(Field::word).collect::<Result<Vec<_>, _>>()?;
    Ok(texts.iter().flat_map(|text| text.lines()).map(str::to_owned).collect())
}

/// A text, for a program that cannot be started; or `{image: TEXT}`, `{config: TEXT}`, `{runtime: TEXT}`, which are tried
/// again.
fn start_error(field: &Field<'_>) -> Result<StartError, Bad> {
    if field.is_text() {
        return field.text().map(StartError::Exec);
    }
    let mut fields = field.fields()?;
    let found = [
        fields.read("exec", Field::text)?.map(StartError::Exec),
        fields.read("image", Field::text)?.map(StartError::Image),
        fields.read("config", Field::text)?.map(StartError::Config),
        fields.read("runtime", Field::text)?.map(StartError::Runtime),
    ];
    fields.finish()?;
    let [one] = <[StartError; 1]>::try_from(found.into_iter().flatten().collect::<Vec<_>>())
        .map_err(|_| field.bad("must say one of exec, image, config, runtime"))?;
    Ok(one)
}

/// `{after: 3s, evict: true}`, or kill, or delete.
fn disruption(field: &Field<'_>) -> Result<(jiff::SignedDuration, Blow), Bad> {
    let mut fields = field.fields()?;
    let after = fields.need("after")?.duration()?;
    let kinds = [("evict", Blow::Evict), ("kill", Blow::Kill), ("delete", Blow::Delete)];
    let blow = fields.need("by")?.one_of(&kinds)?;
    fields.finish()?;
    Ok((after, blow))
}
