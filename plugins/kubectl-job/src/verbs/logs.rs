//! `logs`: the output of all pods and attempts of a Job, in the order of the attempts; with `-f`, until the Job ends.

use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::Pod;
use api::logs::LogOptions;
use api::resource::JOBS;
use futures::StreamExt as _;

use super::{Setting, select};
use crate::cli::run::Logs;
use crate::cli::verbs::LogsArgs;
use crate::exit::{Code, Failure};
use crate::follow::printer::Printer;
use crate::follow::{Ending, Follower, Interrupts, Manner};
use crate::target::{self, Target};
use crate::view::attempts::{Attempt, Attempts, End};

/// Runs the verb.
///
/// # Errors
/// Wrong flags, refusals of the server.
pub(crate) async fn run(setting: &Setting, args: LogsArgs) -> anyhow::Result<Code> {
    let filter = Filter::parse(&args)?;
    let name = select::job_name(&args.name)?;
    if args.follow && !filter.is_everything() {
        let text =
            "error: -f follows every attempt as it comes: --index, --attempt and --failed are for logs without it";
        return Err(Failure::usage(text).into());
    }
    let target = target::open(&setting.connection, setting.screen).await?;
    let job: Job = target.client.get(&JOBS, Some(&target.namespace), name).await?.decode()?;
    let mut printer = Printer::new(setting.screen);
    if args.follow {
        return follow(&args, &target, job, &mut printer).await;
    }
    let pods = select::pods(&target, &job).await?;
    let attempts = Attempts::of(&pods);
    let chosen = filter.choose(&attempts);
    if chosen.is_empty() {
        let none = if attempts.list().is_empty() { "has no pods" } else { "has no such attempt" };
        printer.say(format!("Job {} {none}", crate::screen::escape(name)));
        return Ok(Code::Success);
    }
    let prefixed = !args.no_prefix && (chosen.len() > 1 || printer.screen().stdout_is_terminal);
    let mut code = Code::Success;
    for attempt in chosen {
        let Some(pod) = pods.iter().find(|pod| pod.metadata.uid.as_deref() == Some(attempt.uid.as_str())) else {
            continue;
        };
        for (container, is_previous) in containers(pod, attempt, args.container.as_deref()) {
            let options =
                LogOptions { container: Some(container.clone()), previous: is_previous, ..read_options(&args) };
            if let Err(error) = print(&target, pod, options, prefixed.then_some(attempt), &mut printer).await {
                printer.say(format!("{}, container {container}: {error}", crate::screen::escape(&attempt.pod)));
                code = Code::Failure;
            }
        }
    }
    Ok(code)
}

fn read_options(args: &LogsArgs) -> LogOptions {
    LogOptions {
        timestamps: args.timestamps,
        since_seconds: args.since.map(|span| span.0.as_secs().max(1)),
        tail_lines: args.tail.and_then(|lines| u64::try_from(lines).ok()),
        ..LogOptions::default()
    }
}

async fn follow(args: &LogsArgs, target: &Target, job: Job, printer: &mut Printer) -> anyhow::Result<Code> {
    let mut interrupts = Interrupts::new()?;
    let manner = Manner {
        logs: Logs::All,
        no_prefix: args.no_prefix,
        read: LogOptions { follow: true, ..read_options(args) },
        container: args.container.clone(),
        timeout: None,
        fail_on_stuck: None,
    };
    let mut follower = Follower::new(target.client.clone(), job, manner, printer);
    let ending = follower.run(&mut interrupts).await;
    match ending {
        Ending::Interrupted(code) => Ok(code),
        Ending::Lost(why) => Err(Failure::new(Code::Server, format!("error: lost the server: {why}")).into()),
        Ending::Outcome(_) | Ending::Deleted | Ending::Stuck(_) | Ending::TimedOut => Ok(Code::Success),
    }
}

/// The containers whose logs belong to an attempt, and whether each is the run before the current one.
fn containers(pod: &Pod, attempt: &Attempt, only: Option<&str>) -> Vec<(String, bool)> {
    let status = pod.status.as_ref();
    let of = |list: Option<&Vec<api::k8s::api::core::v1::ContainerStatus>>| list.cloned().unwrap_or_default();
    let mut statuses = of(status.and_then(|status| status.init_container_statuses.as_ref()));
    statuses.extend(of(status.and_then(|status| status.container_statuses.as_ref())));
    statuses
        .into_iter()
        .filter(|status| only.is_none_or(|only| only == status.name))
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

async fn print(
    target: &Target,
    pod: &Pod,
    options: LogOptions,
    prefix: Option<&Attempt>,
    printer: &mut Printer,
) -> Result<(), client::Error> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or("default");
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let label = prefix.map(|attempt| (attempt.label(printer.screen().dot()), attempt.index.unwrap_or(attempt.number)));
    let label = label.as_ref().map(|(label, number)| (label.as_str(), *number));
    let mut stream = target.client.logs(namespace, name, options).await?;
    let mut rest = Vec::new();
    while let Some(chunk) = stream.next().await {
        rest.extend_from_slice(&chunk?);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            printer.log(label, &rest[..end]);
            rest.drain(..=end);
        }
    }
    if !rest.is_empty() {
        printer.log(label, &rest);
    }
    Ok(())
}

/// Which attempts are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Filter {
    /// Ranges of indexes; empty for all.
    indexes: Vec<(u32, u32)>,
    which: Which,
    only_failed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    All,
    Last,
    Number(u32),
}

impl Filter {
    fn parse(args: &LogsArgs) -> Result<Self, Failure> {
        let which =
            match args.attempt.as_str() {
                "all" => Which::All,
                "last" => Which::Last,
                number => Which::Number(number.parse().map_err(|_| {
                    Failure::usage(format!("error: --attempt {number:?}: write last, all or a number"))
                })?),
            };
        let indexes = args.index.as_deref().map(ranges).transpose()?.unwrap_or_default();
        Ok(Self { indexes, which, only_failed: args.failed })
    }

    fn is_everything(&self) -> bool {
        self.indexes.is_empty() && self.which == Which::All && !self.only_failed
    }

    /// The attempts wanted, in order. `last` is the last one of each index.
    fn choose<'a>(&self, attempts: &'a Attempts) -> Vec<&'a Attempt> {
        let failed = |end: &Option<End>| end.as_ref().is_some_and(|end| !end.is_success());
        let mut chosen: Vec<&Attempt> = attempts
            .list()
            .iter()
            .filter(|attempt| !self.only_failed || failed(&attempt.end))
            .filter(|attempt| self.indexes.is_empty() || attempt.index.is_some_and(|index| self.has(index)))
            .filter(|attempt| !matches!(self.which, Which::Number(number) if number != attempt.number))
            .collect();
        if self.which == Which::Last {
            let newest = chosen.clone();
            chosen.retain(|attempt| {
                !newest.iter().any(|other| other.index == attempt.index && other.number > attempt.number)
            });
        }
        chosen
    }

    fn has(&self, index: u32) -> bool {
        self.indexes.iter().any(|(first, last)| (*first..=*last).contains(&index))
    }
}

/// `0,3-5`.
fn ranges(text: &str) -> Result<Vec<(u32, u32)>, Failure> {
    let invalid = || Failure::usage(format!("error: --index {text:?}: write indexes like 0,3-5"));
    let one = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let range = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (range.0 <= range.1).then_some(range)
    };
    text.split(',').map(|part| one(part).ok_or_else(invalid)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn attempts() -> Attempts {
        let pod = |(position, (index, code)): (usize, (u32, i32))| -> Pod {
            let terminated = json!({"exitCode": code, "reason": "x"});
            let status = json!({"name": "a", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": terminated}});
            serde_json::from_value(json!({
                "metadata": {"name": format!("p{position}"), "uid": position.to_string(),
                    "annotations": {"batch.kubernetes.io/job-completion-index": index.to_string()}},
                "status": {"phase": if code == 0 { "Succeeded" } else { "Failed" }, "containerStatuses": [status]},
            }))
            .expect("a Pod")
        };
        let pods: Vec<Pod> = [(0, 0), (1, 1), (2, 1), (1, 0)].into_iter().enumerate().map(pod).collect();
        Attempts::of(&pods)
    }

    fn chosen(indexes: &str, which: Which, only_failed: bool) -> Vec<String> {
        let indexes = if indexes.is_empty() { Vec::new() } else { ranges(indexes).expect("ranges") };
        let filter = Filter { indexes, which, only_failed };
        filter.choose(&attempts()).into_iter().map(|attempt| attempt.label(".")).collect()
    }

    #[test]
    fn attempts_are_chosen_by_index_number_and_failure() {
        assert_eq!(chosen("", Which::All, false), ["idx0.1", "idx1.1", "idx2.1", "idx1.2"]);
        assert_eq!(chosen("", Which::Last, false), ["idx0.1", "idx2.1", "idx1.2"]);
        assert_eq!(chosen("1-2", Which::All, true), ["idx1.1", "idx2.1"]);
        assert_eq!(chosen("", Which::Number(2), false), ["idx1.2"]);
        assert_eq!(chosen("7", Which::All, false), [""; 0]);
    }

    #[test]
    fn ranges_that_are_none_are_refused() {
        for text in ["", "a", "5-3", "1,", "-1"] {
            assert!(ranges(text).is_err(), "{text}");
        }
    }
}
