//! What is expected.

use super::{
    AttemptExpect, CronExpect, EventExpect, Expect, JobExpect, LogExpect, Outcome, PodCount, Said, Target, actions,
    pods,
};
use crate::cel::Expression;
use crate::kinds;
use crate::node::{Bad, Field, Fields};

fn said<T>(field: &Field<'_>, value: T) -> Said<T> {
    let path = field.path.strip_prefix("spec.").unwrap_or(&field.path).to_owned();
    Said { line: field.line(), field: path, value }
}

fn take<'a, T>(
    fields: &mut Fields<'a>,
    name: &'static str,
    read: impl Fn(&Field<'a>) -> Result<T, Bad>,
) -> Result<Option<Said<T>>, Bad> {
    fields.read(name, |field| Ok(said(field, read(field)?)))
}

fn take_list<'a, T>(
    fields: &mut Fields<'a>,
    name: &'static str,
    read: impl Fn(&Field<'a>) -> Result<T, Bad>,
) -> Result<Vec<Said<T>>, Bad> {
    let list =
        fields.read(name, |field| field.one_or_more()?.iter().map(|item| Ok(said(item, read(item)?))).collect())?;
    Ok(list.unwrap_or_default())
}

pub(super) fn read(field: &Field<'_>) -> Result<Expect, Bad> {
    let mut fields = field.fields()?;
    let job = job(&mut fields)?;
    let jobs = fields.read("jobs", |field| field.list()?.iter().map(named_job).collect())?.unwrap_or_default();
    let expect = Expect {
        job,
        jobs,
        events: take_list(&mut fields, "events", event)?,
        never: take_list(&mut fields, "never", expression)?,
        always: take_list(&mut fields, "always", expression)?,
        eventually: take_list(&mut fields, "eventually", expression)?,
        finally: take_list(&mut fields, "finally", expression)?,
        objects: take_list(&mut fields, "objects", object)?,
        absent: take_list(&mut fields, "absent", target)?,
        cron: take(&mut fields, "cron", cron)?,
        refused: take(&mut fields, "refused", Field::text)?,
        snapshot: take(&mut fields, "snapshot", Field::flag)?,
    };
    fields.finish()?;
    Ok(expect)
}

fn named_job(field: &Field<'_>) -> Result<(Said<String>, JobExpect), Bad> {
    let mut fields = field.fields()?;
    let name = fields.need("name")?;
    let name = said(field, name.text()?);
    let expect = job(&mut fields)?;
    fields.finish()?;
    Ok((name, expect))
}

fn job(fields: &mut Fields<'_>) -> Result<JobExpect, Bad> {
    let attempts = take(fields, "attempts", |field| {
        field.list()?.iter().map(|item| Ok(said(item, attempt(item)?))).collect::<Result<Vec<_>, Bad>>()
    })?;
    Ok(JobExpect {
        outcome: take(fields, "outcome", |field| field.one_of(&Outcome::WORDS))?,
        reason: take(fields, "reason", Field::text)?,
        message: take(fields, "message", Field::text)?,
        within: take(fields, "within", Field::duration)?,
        took: take(fields, "took", Field::duration)?,
        attempts,
        pods: fields.read("pods", pod_counts)?.unwrap_or_default(),
        logs: take_list(fields, "logs", log)?,
    })
}

fn pod_counts(field: &Field<'_>) -> Result<Vec<Said<(PodCount, u32)>>, Bad> {
    let (mut fields, mut counts) = (field.fields()?, Vec::new());
    for (name, what) in PodCount::WORDS {
        if let Some(count) = fields.take(name) {
            counts.push(said(&count, (what, count.count()?)));
        }
    }
    fields.finish()?;
    Ok(counts)
}

fn attempt(field: &Field<'_>) -> Result<AttemptExpect, Bad> {
    let mut fields = field.fields()?;
    let exit = |field: &Field<'_>| {
        let code = pods::exit(field)?.exit_code();
        u32::try_from(code).map_err(|_| field.bad("must be an exit code"))
    };
    let attempt = AttemptExpect {
        index: fields.read("index", Field::count)?,
        exit: fields.read("exit", exit)?,
        reason: fields.read("reason", Field::text)?,
        backoff: fields.read("backoff", Field::duration)?,
        ran: fields.read("ran", Field::duration)?,
    };
    fields.finish()?;
    Ok(attempt)
}

fn log(field: &Field<'_>) -> Result<LogExpect, Bad> {
    let mut fields = field.fields()?;
    let matches = pods::take_match(&mut fields)?;
    let log = LogExpect {
        matches,
        contains: fields.read("contains", Field::text)?,
        lacks: fields.read("lacks", Field::text)?,
        equals: fields.read("equals", Field::text)?,
    };
    fields.finish()?;
    if log.contains.is_none() && log.lacks.is_none() && log.equals.is_none() {
        return Err(field.bad("must say contains, lacks or equals"));
    }
    Ok(log)
}

fn event(field: &Field<'_>) -> Result<EventExpect, Bad> {
    let mut fields = field.fields()?;
    let event = EventExpect {
        reason: fields.need("reason")?.text()?,
        kind: fields.read("kind", Field::text)?,
        event_type: fields
            .read("type", |field| field.one_of(&[("Normal", "Normal"), ("Warning", "Warning")]))?
            .map(str::to_owned),
        contains: fields.read("contains", Field::text)?,
        count: fields.read("count", Field::count)?,
    };
    fields.finish()?;
    Ok(event)
}

fn expression(field: &Field<'_>) -> Result<Expression, Bad> {
    Expression::compile(&field.text()?).map_err(|wrong| field.bad(wrong))
}

/// Part of an object: `kind`, `metadata.name` or `name`, and what else it must have.
fn object(field: &Field<'_>) -> Result<serde_json::Value, Bad> {
    let mut value = field.node.to_value();
    let Some(object) = value.as_object_mut() else { return Err(field.bad("must be an object")) };
    // As in the documentation's short form.
    if let Some(name) = object.remove("name") {
        object.entry("metadata").or_insert_with(|| serde_json::json!({}))["name"] = name;
    }
    let kind = value["kind"].as_str().unwrap_or_default();
    if kinds::find_kind(kind).is_none() {
        return Err(field.bad(format!("kind {kind:?} is none that manifests of Jobs come with")));
    }
    if !value["metadata"].is_null() && !value["metadata"].is_object() {
        return Err(field.bad("metadata must be an object"));
    }
    Ok(value)
}

fn target(field: &Field<'_>) -> Result<Target, Bad> {
    let mut fields = field.fields()?;
    let target = actions::take_target(&mut fields)?;
    fields.finish()?;
    Ok(target)
}

fn cron(field: &Field<'_>) -> Result<CronExpect, Bad> {
    let mut fields = field.fields()?;
    let times = |field: &Field<'_>| field.list()?.iter().map(Field::time).collect();
    let cron = CronExpect {
        name: fields.read("name", Field::text)?,
        fired: fields.read("fired", Field::count)?,
        skipped: fields.read("skipped", Field::count)?,
        reason: fields.read("reason", Field::text)?,
        times: fields.read("times", times)?,
    };
    fields.finish()?;
    Ok(cron)
}
