//! `get`: Jobs as kubectl shows them.

use std::collections::HashMap;
use std::sync::Arc;

use api::k8s::api::batch::v1::Job;
use api::resource::JOBS;
use api::{Object, Options};
use client::{Observation, Selection};
use clock::SystemClock;
use futures::StreamExt as _;
use serde_json::Value;

use super::{Setting, select};
use crate::cli::verbs::GetArgs;
use crate::exit::{Code, Failure};
use crate::follow::Interrupts;
use crate::jsonpath::{self, Template};
use crate::output::{self, Format};
use crate::screen::escape;
use crate::target::{self, Target};
use crate::view::facts;
use crate::view::table::{Columns, job_headings, job_row, lay_out};

/// Runs the verb.
///
/// # Errors
/// Wrong flags, refusals of the server.
pub(crate) async fn run(setting: &Setting, args: GetArgs) -> anyhow::Result<Code> {
    let format = Format::parse(args.output.as_deref())?;
    let names = select::job_names(&args.names)?;
    if !names.is_empty() && args.all_namespaces {
        return Err(Failure::usage("error: a resource cannot be retrieved by name across all namespaces").into());
    }
    let order = args.sort_by.as_deref().map(Template::relaxed).transpose();
    let order = order.map_err(|error| Failure::usage(format!("error: {error}")))?;
    let target = target::open(&setting.connection, setting.screen).await?;
    if args.watch {
        return watch(&args, &format, &names, &target).await;
    }
    let options = Options {
        label_selector: args.selector.clone(),
        field_selector: args.field_selector.clone(),
        ..Options::default()
    };
    let (jobs, missing) = select::jobs(&target, &names, options, args.all_namespaces).await?;
    let mut jobs: Vec<Arc<Object>> = jobs.into_iter().filter(|job| has_status(job, args.status.as_deref())).collect();
    if let Some(order) = order {
        sort(&mut jobs, &order);
    }
    if jobs.is_empty() && missing.is_empty() && format.is_table() {
        let place =
            if args.all_namespaces { String::new() } else { format!(" in {} namespace", escape(&target.namespace)) };
        setting.screen.say(format!("No resources found{place}."));
        return Ok(Code::Success);
    }
    output::put(&shown(&jobs, &args, &format, names.len() == 1)?)?;
    if args.ignore_not_found || missing.is_empty() {
        return Ok(Code::Success);
    }
    for error in missing {
        setting.screen.say(crate::exit::explain(&error.into(), crate::exit::Family::Plain).1);
    }
    Ok(Code::Failure)
}

fn has_status(object: &Object, wanted: Option<&str>) -> bool {
    let Some(wanted) = wanted else { return true };
    object.decode::<Job>().is_ok_and(|job| facts::state(&job).eq_ignore_ascii_case(wanted))
}

fn sort(jobs: &mut Vec<Arc<Object>>, order: &Template) {
    let key = |object: &Object| order.find(&object.to_value()).ok().and_then(|found| found.into_iter().next());
    let mut keyed: Vec<(Option<Value>, Arc<Object>)> = jobs.drain(..).map(|job| (key(&job), job)).collect();
    // Objects without the field come first, as with kubectl.
    keyed.sort_by(|(left, _), (right, _)| match (left, right) {
        (Some(left), Some(right)) => jsonpath::compare(left, right).unwrap_or(std::cmp::Ordering::Equal),
        (left, right) => left.is_some().cmp(&right.is_some()),
    });
    jobs.extend(keyed.into_iter().map(|(_, job)| job));
}

fn columns(args: &GetArgs, format: &Format) -> Columns {
    Columns { namespace: args.all_namespaces, wide: *format == Format::Table(true), labels: args.show_labels }
}

fn shown(jobs: &[Arc<Object>], args: &GetArgs, format: &Format, single: bool) -> anyhow::Result<String> {
    if format.is_table() {
        if jobs.is_empty() {
            return Ok(String::new());
        }
        let (columns, now) = (columns(args, format), crate::time::now());
        let mut rows = if args.no_headers { Vec::new() } else { vec![job_headings(columns)] };
        for job in jobs {
            rows.push(job_row(&job.decode()?, columns, now));
        }
        return Ok(format!("{}\n", lay_out(rows.iter().map(Vec::as_slice))));
    }
    if jobs.is_empty() && single {
        return Ok(String::new());
    }
    format.render(jobs.iter().map(|job| value(job, args)).collect(), single)
}

fn value(job: &Object, args: &GetArgs) -> Value {
    let mut value = job.to_value();
    // Objects in a list carry no kind of their own on the wire.
    value["apiVersion"] = "batch/v1".into();
    value["kind"] = "Job".into();
    if !args.show_managed_fields {
        output::hide_managed_fields(&mut value);
    }
    value
}

/// Prints every change until it is interrupted.
async fn watch(args: &GetArgs, format: &Format, names: &[String], target: &Target) -> anyhow::Result<Code> {
    let field_selector = match names {
        [] => args.field_selector.clone(),
        [name] => Some(format!("metadata.name={name}")),
        _ => {
            return Err(Failure::usage(
                "error: watch is only supported on individual resources and resource collections",
            )
            .into());
        }
    };
    let selection = Selection {
        namespace: (!args.all_namespaces).then(|| target.namespace.clone()),
        label_selector: args.selector.clone(),
        field_selector,
    };
    let mut interrupts = Interrupts::new()?;
    let mut jobs = client::observe(target.client.clone(), Arc::new(SystemClock), JOBS, selection);
    let mut printed = HashMap::new();
    let mut headings = !args.no_headers;
    loop {
        let observation = tokio::select! {
            biased;
            code = interrupts.next() => return Ok(code),
            Some(observation) = jobs.next() => observation,
        };
        let objects = match observation {
            Observation::Restarted { objects, .. } => objects,
            Observation::Applied(object) | Observation::Deleted(object) => vec![object],
            Observation::Reached(_) => Vec::new(),
        };
        // A list after a gap repeats what was printed before it.
        let is_new = |object: &Arc<Object>| {
            let meta = object.meta();
            printed.insert(meta.uid.clone(), meta.revision) != Some(meta.revision)
        };
        let fresh: Vec<Arc<Object>> =
            objects.into_iter().filter(is_new).filter(|job| has_status(job, args.status.as_deref())).collect();
        if fresh.is_empty() {
            continue;
        }
        output::put(&change(&fresh, args, format, std::mem::take(&mut headings))?)?;
    }
}

/// One change as text. Columns have fixed widths, since later rows are not known yet.
fn change(jobs: &[Arc<Object>], args: &GetArgs, format: &Format, headings: bool) -> anyhow::Result<String> {
    if !format.is_table() {
        let texts: Vec<String> =
            jobs.iter().map(|job| format.render(vec![value(job, args)], true)).collect::<anyhow::Result<_>>()?;
        let separator = if *format == Format::Yaml { "---\n" } else { "" };
        return Ok(texts.iter().map(|text| format!("{text}{separator}")).collect());
    }
    let (columns, now) = (columns(args, format), crate::time::now());
    let mut rows = if headings { vec![job_headings(columns)] } else { Vec::new() };
    for job in jobs {
        rows.push(job_row(&job.decode()?, columns, now));
    }
    let widths = [columns.namespace.then_some(12), Some(24), Some(12), Some(14), Some(11)];
    let widths: Vec<usize> = widths.into_iter().flatten().collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(position, cell)| {
            let width = widths.get(position).copied().unwrap_or(0);
            format!("{:<width$}", format!("{}   ", escape(cell)))
        });
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    Ok(rows.iter().map(line).collect())
}
