//! All attempts of a Job and where the output of each is: with the server, or in the history.

use std::collections::HashMap;

use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::{ContainerStatus, Pod};
use api::logs::LogOptions;
use explain::{Collector, Story};
use futures::StreamExt as _;
use jiff::SignedDuration;
use serde_json::Value;

use super::filter::Filter;
use super::read_options;
use super::sink::Sink;
use crate::cli::logs::{Merge, ReadFlags};
use crate::exit::{Code, Failure};
use crate::follow::printer::Printer;
use crate::history::folder::History;
use crate::history::logs::{self, LogFile, Reading};
use crate::history::run::Run;
use crate::lines::{Line, Origin, Show};
use crate::screen::escape;
use crate::target::Target;
use crate::view::attempts::{Attempt, Attempts};
use crate::view::facts;

/// The attempts of a Job.
pub(super) struct Book {
    job: String,
    /// Why pods were deleted, as far as the Job tells.
    why: String,
    attempts: Attempts,
    /// Pods that are there, by UID.
    pods: HashMap<String, Pod>,
    past: Option<(History, Run)>,
}

/// What to read, and from whom.
struct Options<'a> {
    args: &'a ReadFlags,
    show: &'a Show,
    target: Option<&'a Target>,
}

/// Where the output of one container in one attempt is.
enum Place {
    /// With the server; the run before the current one or not.
    Server(bool),
    /// In the history.
    File(LogFile),
}

impl Book {
    /// The attempts of the pods that are there, and of those in the history.
    ///
    /// # Errors
    /// Pods that cannot be written as values.
    pub(super) fn new(job: &Job, pods: Vec<Pod>, past: Option<(History, Run, Story)>) -> anyhow::Result<Self> {
        let mut collector = Collector::default();
        let by_uid: HashMap<String, Pod> =
            pods.into_iter().map(|pod| (pod.metadata.uid.clone().unwrap_or_default(), pod)).collect();
        let past = past.map(|(history, run, story)| {
            for pod in &story.pods {
                let uid = pod.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
                if by_uid.contains_key(uid) { collector.saw(pod) } else { collector.gone(pod) }
            }
            (history, run)
        });
        for pod in by_uid.values() {
            collector.saw(&serde_json::to_value(pod)?);
        }
        let policy = facts::spec(job).template.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
        let why = match facts::outcome(job) {
            Some(outcome) if policy == Some("OnFailure") && !outcome.reason.is_empty() => {
                format!(": {}, restartPolicy OnFailure", outcome.reason)
            }
            _ => String::new(),
        };
        let attempts = Attempts::of_values(collector.pods());
        Ok(Self { job: facts::name(job).to_owned(), why, attempts, pods: by_uid, past })
    }

    /// Prints the output of the attempts that are wanted.
    ///
    /// # Errors
    /// Too much output to put in order. Those of single logs are said and make the code a failure.
    pub(super) async fn print(
        &self,
        args: &ReadFlags,
        filter: &Filter,
        show: &Show,
        target: Option<&Target>,
        printer: &mut Printer,
    ) -> anyhow::Result<Code> {
        let chosen = filter.choose(&self.attempts);
        if chosen.is_empty() {
            let none = if self.attempts.list().is_empty() { "has no pods" } else { "has no such attempt" };
            printer.say(format!("Job {} {none}", escape(&self.job)));
            return Ok(Code::Success);
        }
        let is_prefixed = !args.no_prefix && (chosen.len() > 1 || printer.screen().stdout_is_terminal);
        let mut sink = Sink::new(show, printer, args.merge == Some(Merge::Time));
        let (mut code, mut told) = (Code::Success, "");
        for attempt in chosen {
            if target.is_some() && !self.pods.contains_key(&attempt.uid) && told != attempt.uid {
                let pod = escape(&attempt.pod);
                sink.printer().note(format!("pod {pod} was deleted{}; its output is from the history", self.why));
                told = &attempt.uid;
            }
            for (container, place) in self.places(attempt, args.container.as_deref()) {
                sink.begin();
                let origin = Origin { pod: &attempt.pod, container: &container, attempt: Some(attempt) };
                let options = Options { args, show, target };
                let line = |line: Line<'_>| sink.take(origin, is_prefixed, line);
                match self.read(attempt, &container, &place, &options, line).await {
                    Ok(()) => {}
                    Err(error) if error.is::<Failure>() => return Err(error),
                    Err(error) => {
                        let pod = escape(&attempt.pod);
                        sink.printer().say(format!("{pod}, container {container}: {error}"));
                        code = Code::Failure;
                    }
                }
            }
        }
        sink.finish();
        Ok(code)
    }

    /// Reads what a container printed in one attempt.
    async fn read(
        &self,
        attempt: &Attempt,
        container: &str,
        place: &Place,
        options: &Options<'_>,
        line: impl FnMut(Line<'_>) -> Result<(), Failure>,
    ) -> anyhow::Result<()> {
        match (place, options.target) {
            (Place::Server(is_previous), Some(target)) => {
                let options = LogOptions {
                    container: Some(container.to_owned()),
                    previous: *is_previous,
                    ..read_options(options.args, options.show)
                };
                stream(target, &self.pods[&attempt.uid], options, line).await
            }
            (Place::File(file), _) => file_lines(file, options, line),
            (Place::Server(_), None) => Ok(()),
        }
    }

    /// The containers whose output belongs to an attempt, and where that is.
    fn places(&self, attempt: &Attempt, only: Option<&str>) -> Vec<(String, Place)> {
        let served = self.pods.get(&attempt.uid).map(|pod| served(pod, attempt)).unwrap_or_default();
        let mut places: Vec<(String, Place)> =
            served.into_iter().map(|(container, is_previous)| (container, Place::Server(is_previous))).collect();
        if places.is_empty()
            && let Some((history, run)) = &self.past
        {
            let files = logs::of_pod(history, Some(run), &attempt.pod, &attempt.uid);
            let files = files.into_iter().filter(|file| file.run == attempt.run);
            places = files.map(|file| (file.container.clone(), Place::File(file))).collect();
        }
        places.retain(|(container, _)| only.is_none_or(|only| only == container));
        places
    }
}

/// The containers whose logs of an attempt the server has, and whether each is the run before the current one.
fn served(pod: &Pod, attempt: &Attempt) -> Vec<(String, bool)> {
    let status = pod.status.as_ref();
    let of = |list: Option<&Vec<ContainerStatus>>| list.cloned().unwrap_or_default();
    let mut statuses = of(status.and_then(|status| status.init_container_statuses.as_ref()));
    statuses.extend(of(status.and_then(|status| status.container_statuses.as_ref())));
    statuses
        .into_iter()
        .filter_map(|status| {
            let runs = u32::try_from(status.restart_count).unwrap_or(0);
            match attempt.run {
                run if run == runs => Some((status.name, false)),
                run if run + 1 == runs => Some((status.name, true)),
                _ => None,
            }
        })
        .collect()
}

fn file_lines(
    file: &LogFile,
    options: &Options<'_>,
    mut line: impl FnMut(Line<'_>) -> Result<(), Failure>,
) -> anyhow::Result<()> {
    let args = options.args;
    let since = args.since.map(|span| span.0.max(SignedDuration::from_secs(1)));
    let reading = Reading {
        tail: args.tail.and_then(|lines| u64::try_from(lines).ok()),
        since: since.and_then(|span| crate::time::now().checked_sub(span).ok()),
        timestamps: options.show.has_times(),
    };
    let mut taken = Ok(());
    logs::read(&file.path, &reading, |text| {
        if taken.is_ok() {
            taken = line(text);
        }
    })?;
    Ok(taken?)
}

async fn stream(
    target: &Target,
    pod: &Pod,
    options: LogOptions,
    mut line: impl FnMut(Line<'_>) -> Result<(), Failure>,
) -> anyhow::Result<()> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or("default");
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let mut stream = target.client.logs(namespace, name, options).await?;
    let mut rest = Vec::new();
    while let Some(chunk) = stream.next().await {
        rest.extend_from_slice(&chunk?);
        let mut done = 0;
        while let Some(length) = rest[done..].iter().position(|byte| *byte == b'\n') {
            line(Line { bytes: &rest[done..done + length], is_whole: true })?;
            done += length + 1;
        }
        rest.drain(..done);
    }
    if !rest.is_empty() {
        line(Line { bytes: &rest, is_whole: false })?;
    }
    Ok(())
}
