//! `logs`: the output of all pods and attempts of a Job, in the order of the attempts; with `-f`, until the Job ends.
//!
//! What the server has no more, of pods that are gone and of earlier runs of containers, comes from the history.

mod book;
mod filter;

use api::k8s::api::batch::v1::Job;
use api::logs::LogOptions;
use api::resource::JOBS;

use super::{Setting, past, select};
use crate::cli::run::Logs;
use crate::cli::verbs::{LogsArgs, ReadFlags};
use crate::exit::{Code, Failure};
use crate::follow::printer::Printer;
use crate::follow::{Ending, Follower, Interrupts, KeyRights, Manner};
use crate::history::folder::History;
use crate::history::run::Run;
use crate::screen::escape;
use crate::target::{self, Target};
use book::Book;
use filter::Filter;

/// Runs the verb.
///
/// # Errors
/// Wrong flags, refusals of the server.
pub(crate) async fn run(setting: &Setting, args: LogsArgs) -> anyhow::Result<Code> {
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
    let mut printer = Printer::new(setting.screen);
    if args.follow {
        return follow(&args, &target, job, &mut printer).await;
    }
    let pods = select::pods(&target, &job).await?;
    let book = Book::new(&job, pods, past::of_job(setting, &job))?;
    book.print(&args.read, &filter, Some(&target), &mut printer).await
}

/// Prints the output of a run of the history.
///
/// # Errors
/// Wrong flags; a story that cannot be read.
pub(crate) async fn of_run(setting: &Setting, history: &History, run: &Run, args: &ReadFlags) -> anyhow::Result<Code> {
    let filter = Filter::parse(args)?;
    let mut printer = Printer::new(setting.screen);
    let story = history.story(run)?;
    let job: Job = serde_json::from_value(story.job.clone())?;
    if run.logs_dropped > 0 {
        let (count, name) = (run.logs_dropped, escape(&run.name).into_owned());
        printer.say(format!("the output of {count} of the pods of Job {name} was dropped: the history was full"));
    }
    let book = Book::new(&job, Vec::new(), Some((history.clone(), run.clone(), story)))?;
    book.print(args, &filter, None, &mut printer).await
}

fn read_options(args: &ReadFlags) -> LogOptions {
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
        keys: KeyRights::Nothing,
        logs: Logs::All,
        no_prefix: args.read.no_prefix,
        read: LogOptions { follow: true, ..read_options(&args.read) },
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
        Ending::Outcome(_) | Ending::Deleted | Ending::Stuck(_) | Ending::TimedOut | Ending::Detached => {
            Ok(Code::Success)
        }
    }
}
