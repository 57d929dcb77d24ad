//! `logs`: the output of all pods and attempts of a Job, in the order of the attempts; with `-f`, until the Job ends.
//!
//! What the server has no more, of pods that are gone and of earlier runs of containers, comes from the history.

mod book;
mod filter;
mod sink;
mod status;

use api::k8s::api::batch::v1::Job;
use api::logs::LogOptions;
use api::resource::JOBS;

use super::{Setting, past, select};
use crate::cli::logs::{LogsArgs, Merge, ReadFlags};
use crate::cli::run::Logs;
use crate::exit::{Code, Failure};
use crate::follow::printer::Printer;
use crate::follow::{Ending, Follower, Interrupts, KeyRights, Manner};
use crate::history::folder::History;
use crate::history::run::Run;
use crate::lines::Show;
use crate::screen::escape;
use crate::target::{self, Target};
use crate::view::facts;
use book::Book;
use filter::Filter;

/// Runs the verb.
///
/// # Errors
/// Wrong flags, refusals of the server.
pub(crate) async fn run(setting: &Setting, mut args: LogsArgs) -> anyhow::Result<Code> {
    let show = show(&args.read)?;
    let filter = Filter::parse(&args.read)?;
    let name = select::job_name(&args.name)?;
    if args.follow && !filter.is_everything() {
        let text =
            "error: -f follows every attempt as it comes: --index, --attempt and --failed are for logs without it";
        return Err(Failure::usage(text).into());
    }
    let target = target::open(&setting.connection, setting.screen).await?;
    let job: Job = match select::one(&target, &JOBS, name).await? {
        Ok(object) => object.decode()?,
        Err(error) => {
            let Some((history, run)) = past::run(setting, &target.namespace, name) else { return Err(error.into()) };
            past::tell(setting, &run);
            return of_run(setting, &history, &run, &args.read).await;
        }
    };
    args.read.container = container(&job, &args.read)?;
    let mut printer = Printer::new(setting.screen);
    if args.follow {
        return follow(&args, show, &target, job, &mut printer).await;
    }
    let pods = select::pods(&target, &job).await?;
    let result = status::of_job(&job, &pods);
    let book = Book::new(&job, pods, past::of_job(setting, &job))?;
    let code = book.print(&args.read, &filter, &show, Some(&target), &mut printer).await?;
    Ok(if args.read.exit_status { status::joined(code, result) } else { code })
}

/// Prints the output of a run of the history.
///
/// # Errors
/// Wrong flags; a story that cannot be read.
pub(crate) async fn of_run(setting: &Setting, history: &History, run: &Run, args: &ReadFlags) -> anyhow::Result<Code> {
    let (show, filter) = (show(args)?, Filter::parse(args)?);
    let mut printer = Printer::new(setting.screen);
    let story = history.story(run)?;
    let job: Job = serde_json::from_value(story.job.clone())?;
    if run.logs_dropped > 0 {
        let (count, name) = (run.logs_dropped, escape(&run.name).into_owned());
        printer.say(format!("the output of {count} of the pods of Job {name} was dropped: the history was full"));
    }
    let args = &ReadFlags { container: container(&job, args)?, ..args.clone() };
    let book = Book::new(&job, Vec::new(), Some((history.clone(), run.clone(), story)))?;
    let code = book.print(args, &filter, &show, None, &mut printer).await?;
    Ok(if args.exit_status { status::joined(code, status::of_run(run)) } else { code })
}

fn show(args: &ReadFlags) -> Result<Show, Failure> {
    Show::parse(args, args.merge == Some(Merge::Time))
}

/// The one container whose output is wanted; `None` for all.
fn container(job: &Job, args: &ReadFlags) -> Result<Option<String>, Failure> {
    match (&args.container, args.all_containers) {
        (Some(name), Some(true)) => {
            let text = format!("error: --all-containers=true should not be specified with container name {name}");
            Err(Failure::usage(text))
        }
        (Some(name), _) => Ok(Some(name.clone())),
        (None, Some(false)) => {
            let containers = facts::spec(job).template.spec.as_ref().map(|pod| pod.containers.as_slice());
            Ok(containers.and_then(|containers| containers.first()).map(|first| first.name.clone()))
        }
        (None, _) => Ok(None),
    }
}

fn read_options(args: &ReadFlags, show: &Show) -> LogOptions {
    LogOptions {
        timestamps: show.has_times(),
        since_seconds: args.since.map(|span| span.0.as_secs().max(1)),
        tail_lines: args.tail.and_then(|lines| u64::try_from(lines).ok()),
        ..LogOptions::default()
    }
}

async fn follow(args: &LogsArgs, show: Show, target: &Target, job: Job, printer: &mut Printer) -> anyhow::Result<Code> {
    let mut interrupts = Interrupts::new()?;
    let manner = Manner {
        keys: KeyRights::Nothing,
        logs: Logs::All,
        no_prefix: args.read.no_prefix,
        read: LogOptions { follow: true, ..read_options(&args.read, &show) },
        show,
        in_order: args.read.merge == Some(Merge::Pod),
        container: args.read.container.clone(),
        timeout: None,
        fail_on_stuck: None,
        history: target.history.clone(),
    };
    let mut follower = Follower::new(target.client.clone(), job, manner, printer);
    let ending = follower.run(&mut interrupts).await;
    match ending {
        Ending::Interrupted(code) => Ok(code),
        Ending::Lost(why) => Err(Failure::new(Code::Server, format!("error: lost the server: {why}")).into()),
        ending if args.read.exit_status => Ok(status::of_ending(&ending)),
        Ending::Outcome(_) | Ending::Deleted | Ending::Stuck(_) | Ending::TimedOut | Ending::Detached => {
            Ok(Code::Success)
        }
    }
}
