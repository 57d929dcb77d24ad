//! `history`: the Jobs that were, newest first; what is known of one, what it printed, and forgetting it. Needs no server.

use api::selector::LabelSelector;
use api::text::count;
use explain::Story;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Setting, logs, past, select};
use crate::cli::history::{HistoryArgs, HistoryVerb, ListArgs};
use crate::exit::{Code, Failure};
use crate::history::folder::History;
use crate::history::run::Run;
use crate::output::{self, Format};
use crate::screen::escape;
use crate::server::state::StateDir;
use crate::view::describe::Description;
use crate::view::table::lay_out;

/// Runs the verb.
///
/// # Errors
/// Wrong flags, runs that are not there.
pub(crate) async fn run(setting: &Setting, args: HistoryArgs) -> anyhow::Result<Code> {
    if setting.connection.is_remote() {
        let text = "error: the history is that of local servers: leave out --context, --kubeconfig and --server";
        return Err(Failure::usage(text).into());
    }
    let history = History::of(&StateDir::open(setting.connection.state_dir.as_deref())?);
    let named = |text: &str| history.named(text, namespace(setting));
    match args.verb {
        None => list(setting, &history, &args.list),
        Some(HistoryVerb::Show { run }) => show(setting, &history, &named(&run)?),
        Some(HistoryVerb::Logs(args)) => {
            let run = named(&args.run).map_err(|none| match args.read.exit_status {
                true => Failure::new(Code::Gone, none.message),
                false => none,
            })?;
            logs::of_run(setting, &history, &run, &args.read).await
        }
        Some(HistoryVerb::Delete { runs, all }) => {
            let ids = if all {
                history.ids()
            } else {
                runs.iter().map(|run| Ok(named(run)?.id)).collect::<Result<Vec<_>, Failure>>()?
            };
            delete(setting, &history, &ids)
        }
    }
}

fn namespace(setting: &Setting) -> &str {
    setting.connection.local_namespace().unwrap_or("default")
}

fn delete(setting: &Setting, history: &History, ids: &[String]) -> anyhow::Result<Code> {
    if ids.is_empty() {
        setting.screen.say("the history is empty");
    }
    for id in ids {
        history.remove(id)?;
        output::put(&format!("run/{} deleted\n", escape(id)))?;
    }
    Ok(Code::Success)
}

fn list(setting: &Setting, history: &History, args: &ListArgs) -> anyhow::Result<Code> {
    let format = Format::parse(args.output.as_deref())?;
    let selector = args.selector.as_deref().map(LabelSelector::parse).transpose();
    let selector = selector.map_err(|error| Failure::usage(format!("error: -l: {error}")))?;
    let names = select::job_names(&args.names)?;
    let mut runs = history.runs();
    runs.retain(|run| {
        (args.all_namespaces || run.namespace == namespace(setting))
            && (names.is_empty() || names.contains(&run.name))
            && args.status.as_ref().is_none_or(|status| status.eq_ignore_ascii_case(&run.status))
            && selector.as_ref().is_none_or(|selector| selector.matches(&run.labels))
    });
    runs.truncate(args.limit.unwrap_or(usize::MAX));
    if !format.is_table() {
        output::put(&format.render(runs.iter().map(Run::value).collect(), false)?)?;
        return Ok(Code::Success);
    }
    if runs.is_empty() {
        setting.screen.say("No runs found.");
        return Ok(Code::Success);
    }
    let wide = format == Format::Table(true);
    let mut rows = if args.no_headers { Vec::new() } else { vec![headings(wide)] };
    rows.extend(runs.iter().map(|run| row(run, wide, Timestamp::now())));
    output::put(&format!("{}\n", lay_out(rows.iter().map(Vec::as_slice))))?;
    Ok(Code::Success)
}

fn headings(wide: bool) -> Vec<String> {
    let mut headings = vec!["NAME", "NAMESPACE", "STATUS", "REASON", "STARTED", "DURATION"];
    if wide {
        headings.extend(["SUCCEEDED", "FAILED", "LOGS", "RUN"]);
    }
    headings.into_iter().map(str::to_owned).collect()
}

fn row(run: &Run, wide: bool, now: Timestamp) -> Vec<String> {
    let mut cells = vec![
        run.name.clone(),
        run.namespace.clone(),
        run.status.clone(),
        if run.reason.is_empty() { "<none>".to_owned() } else { run.reason.clone() },
        format!("{} ago", api::time::human_duration(now.duration_since(run.started_at))),
        run.duration(now).map_or_else(|| "<unknown>".to_owned(), api::time::human_duration),
    ];
    if wide {
        let logs = match run.logs_dropped {
            0 => bytes(run.log_bytes),
            dropped => format!("{} ({dropped} dropped)", bytes(run.log_bytes)),
        };
        cells.extend([run.succeeded.to_string(), run.failed.to_string(), logs, run.id.clone()]);
    }
    cells
}

fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count}B"),
        1024..1_048_576 => format!("{}Ki", count >> 10),
        _ => format!("{}Mi", count >> 20),
    }
}

/// Shows a run as `describe` shows a Job, and then why it went as it did and when what happened.
///
/// # Errors
/// A story that cannot be read.
pub(crate) fn show(setting: &Setting, history: &History, run: &Run) -> anyhow::Result<Code> {
    let story = past::story(setting, history, run)?;
    let style = setting.screen.look();
    let mut text = format!("{}\n\nRun:  {}\n", described(setting, &story)?, past::summary(run));
    if run.pods_left_out > 0 {
        let are = if run.pods_left_out == 1 { "is" } else { "are" };
        text += &format!("      {} that came up first {are} left out\n", count(run.pods_left_out, "pod"));
    }
    if run.logs_dropped > 0 {
        text += &format!("      the logs of {} were dropped: the history was full\n", count(run.logs_dropped, "pod"));
    }
    for part in [explain::why(&story, &style), explain::timeline(&story, &style)] {
        if !part.trim().is_empty() {
            text += &format!("\n{}\n", part.trim_end());
        }
    }
    output::put(&if setting.screen.stdout_colour { text } else { anstream::adapter::strip_str(&text).to_string() })?;
    Ok(Code::Success)
}

/// The screen of `describe`.
///
/// # Errors
/// A story that is none of a Job.
pub(crate) fn described(setting: &Setting, story: &Story) -> anyhow::Result<String> {
    let zone = TimeZone::system();
    let description = Description { story, target: "history", fidelity: None, zone: &zone };
    Ok(description.text(setting.screen))
}
