//! `get`: Jobs and CronJobs as kubectl shows them.

use std::collections::HashMap;
use std::sync::Arc;

use api::k8s::api::batch::v1::Job;
use api::{Object, Options};
use client::{Observation, Selection};
use clock::SystemClock;
use futures::StreamExt as _;
use serde_json::Value;

use super::kind::{self, Kind};
use super::{Setting, select};
use crate::cli::verbs::GetArgs;
use crate::exit::{Code, Failure};
use crate::follow::Interrupts;
use crate::jsonpath::{self, Template};
use crate::output::{self, Format};
use crate::screen::escape;
use crate::target::{self, Target};
use crate::view::cron;
use crate::view::facts;
use crate::view::table::{Columns, job_headings, job_row, lay_out};

/// Runs the verb.
///
/// # Errors
/// Wrong flags, refusals of the server.
pub(crate) async fn run(setting: &Setting, args: GetArgs) -> anyhow::Result<Code> {
    let format = Format::parse(args.output.as_deref())?;
    let (kind, names) = kind::listed(&args.names)?;
    if !names.is_empty() && args.all_namespaces {
        return Err(Failure::usage("error: a resource cannot be retrieved by name across all namespaces").into());
    }
    let order = args.sort_by.as_deref().map(Template::relaxed).transpose();
    let order = order.map_err(|error| Failure::usage(format!("error: {error}")))?;
    if args.status.is_some() && kind == Kind::CronJob {
        return Err(Failure::usage("error: --status is for Jobs: a CronJob has no status of its own").into());
    }
    let target = target::open(&setting.connection, setting.screen).await?;
    let list = List { args: &args, format: &format, kind };
    if args.watch {
        let names = select::resolve(&target, names).await?;
        return list.watch(&names, &target).await;
    }
    let options = Options {
        label_selector: args.selector.clone(),
        field_selector: args.field_selector.clone(),
        ..Options::default()
    };
    let (jobs, missing) = select::objects(&target, &kind.resource(), &names, options, args.all_namespaces).await?;
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
    output::put(&list.shown(&jobs, names.len() == 1)?)?;
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

/// What is listed and how.
struct List<'a> {
    args: &'a GetArgs,
    format: &'a Format,
    kind: Kind,
}

impl List<'_> {
    fn columns(&self) -> Columns {
        let wide = *self.format == Format::Table(true);
        Columns { namespace: self.args.all_namespaces, wide, labels: self.args.show_labels }
    }

    fn headings(&self) -> Vec<String> {
        match self.kind {
            Kind::Job => job_headings(self.columns()),
            Kind::CronJob => cron::headings(self.columns()),
        }
    }

    fn row(&self, object: &Object) -> anyhow::Result<Vec<String>> {
        let (columns, now) = (self.columns(), crate::time::now());
        Ok(match self.kind {
            Kind::Job => job_row(&object.decode()?, columns, now),
            Kind::CronJob => cron::row(&object.decode()?, columns, now),
        })
    }

    fn shown(&self, objects: &[Arc<Object>], single: bool) -> anyhow::Result<String> {
        if self.format.is_table() {
            if objects.is_empty() {
                return Ok(String::new());
            }
            let mut rows = if self.args.no_headers { Vec::new() } else { vec![self.headings()] };
            for object in objects {
                rows.push(self.row(object)?);
            }
            return Ok(format!("{}\n", lay_out(rows.iter().map(Vec::as_slice))));
        }
        if objects.is_empty() && single {
            return Ok(String::new());
        }
        self.format.render(objects.iter().map(|object| self.value(object)).collect(), single)
    }

    fn value(&self, object: &Object) -> Value {
        let mut value = object.to_value();
        // Objects in a list carry no kind of their own on the wire.
        value["apiVersion"] = "batch/v1".into();
        value["kind"] = self.kind.name().into();
        if !self.args.show_managed_fields {
            output::hide_managed_fields(&mut value);
        }
        value
    }

    /// Prints every change until it is interrupted.
    async fn watch(&self, names: &[String], target: &Target) -> anyhow::Result<Code> {
        let mut interrupts = Interrupts::new()?;
        let selection = self.selection(names, target)?;
        let client = target.client.clone();
        let mut changes = client::observe(client, Arc::new(SystemClock), self.kind.resource(), selection);
        let mut printed = HashMap::new();
        let mut headings = !self.args.no_headers;
        loop {
            let observation = tokio::select! {
                biased;
                code = interrupts.next() => return Ok(code),
                Some(observation) = changes.next() => observation,
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
            let status = self.args.status.as_deref();
            let fresh: Vec<Arc<Object>> =
                objects.into_iter().filter(is_new).filter(|object| has_status(object, status)).collect();
            if fresh.is_empty() {
                continue;
            }
            output::put(&self.change(&fresh, std::mem::take(&mut headings))?)?;
        }
    }

    fn selection(&self, names: &[String], target: &Target) -> Result<Selection, Failure> {
        let field_selector = match names {
            [] => self.args.field_selector.clone(),
            [name] => Some(format!("metadata.name={name}")),
            _ => {
                return Err(Failure::usage(
                    "error: watch is only supported on individual resources and resource collections",
                ));
            }
        };
        Ok(Selection {
            namespace: (!self.args.all_namespaces).then(|| target.namespace.clone()),
            label_selector: self.args.selector.clone(),
            field_selector,
        })
    }

    /// One change as text. Columns have fixed widths, since later rows are not known yet.
    fn change(&self, objects: &[Arc<Object>], headings: bool) -> anyhow::Result<String> {
        if !self.format.is_table() {
            let render = |object: &Arc<Object>| self.format.render(vec![self.value(object)], true);
            let texts: Vec<String> = objects.iter().map(render).collect::<anyhow::Result<_>>()?;
            let separator = if *self.format == Format::Yaml { "---\n" } else { "" };
            return Ok(texts.iter().map(|text| format!("{text}{separator}")).collect());
        }
        let mut rows = if headings { vec![self.headings()] } else { Vec::new() };
        for object in objects {
            rows.push(self.row(object)?);
        }
        let widths = [self.columns().namespace.then_some(12), Some(24), Some(12), Some(14), Some(11)];
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
}
