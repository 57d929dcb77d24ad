//! `run --watch-files`: runs again whenever one of the files changes, until Ctrl-C. The Job before gives way.

mod files;

use futures::FutureExt as _;

use super::{run_on, source};
use crate::cli::run::RunArgs;
use crate::exit::{Code, Failure, Family, explain};
use crate::follow::Interrupts;
use crate::output::Format;
use crate::screen::escape;
use crate::target::{self, Target};
use crate::verbs::Setting;
use files::Files;

/// Runs the verb.
///
/// # Errors
/// Flags that do not go together, files that are not there, a first run that cannot be; the loss of the server.
pub(super) async fn run(setting: &Setting, mut args: RunArgs, format: &Format) -> anyhow::Result<Code> {
    refuse(setting, &args)?;
    let mut files = Files::new(&args.place.watch_files)?;
    let target = target::open_for_run(setting, &args.place, false).await?;
    let result = rounds(setting, &mut args, format, &target, &mut files).await;
    target.close().await;
    result
}

async fn rounds(
    setting: &Setting,
    args: &mut RunArgs,
    format: &Format,
    target: &Target,
    files: &mut Files,
) -> anyhow::Result<Code> {
    let mut interrupts = Interrupts::new()?;
    let mut is_first = true;
    loop {
        // It may have come between two runs, which look for it while they last.
        if let Some(code) = interrupts.next().now_or_never() {
            return Ok(code);
        }
        let (ended, changed) = tokio::select! {
            biased;
            changed = files.changed() => (None, Some(changed)),
            ended = once(setting, args, format, target) => (Some(ended), None),
        };
        match ended {
            Some(Ok(code @ (Code::Interrupted | Code::Terminated))) => return Ok(code),
            Some(Err(error)) => match explain(&error, Family::Outcome) {
                // What is wrong with the files, their next change may put right.
                (code, text) if !is_first && code != Code::Server => setting.screen.say(text),
                _ => return Err(error),
            },
            Some(Ok(_)) | None => {}
        }
        let changed = if let Some(changed) = changed {
            changed
        } else {
            setting.screen.note(format!("{} waiting for a change; Ctrl-C ends", setting.screen.arrow()));
            tokio::select! {
                biased;
                code = interrupts.next() => return Ok(code),
                changed = files.changed() => changed,
            }
        };
        let changed = changed.display().to_string();
        setting.screen.note(format!("{} {} changed: running again", setting.screen.arrow(), escape(&changed)));
        (is_first, args.how.replace) = (false, true);
    }
}

/// One run, of what the flags and files say now.
async fn once(setting: &Setting, args: &RunArgs, format: &Format, target: &Target) -> anyhow::Result<Code> {
    let documents = source::documents(args)?.unwrap_or_default();
    let has_name = |document: &crate::manifest::Document| document.value.pointer("/metadata/name").is_some();
    if !documents.iter().all(has_name) {
        let text = "error: --watch-files lets each run take the place of the one before: give the Job a name";
        return Err(Failure::usage(text).into());
    }
    run_on(setting, args, format, documents, target).await
}

fn refuse(setting: &Setting, args: &RunArgs) -> Result<(), Failure> {
    if setting.connection.is_remote() {
        return Err(Failure::usage(
            "error: --watch-files is for the local server: what it runs again is on this machine",
        ));
    }
    if args.files.iter().any(|file| file == "-") {
        return Err(Failure::usage(
            "error: --watch-files reads the manifest again: it cannot come from standard input",
        ));
    }
    Ok(())
}
