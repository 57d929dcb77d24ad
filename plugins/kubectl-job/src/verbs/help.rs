//! `help`: verbs and topics; and the manual pages, made from the same definitions.

use std::path::Path;

use anyhow::Context as _;

use crate::cli;
use crate::cli::about::HelpArgs;
use crate::exit::{Code, Failure};
use crate::{output, topics};

/// Runs the verb.
///
/// # Errors
/// Words that are neither verb nor topic.
pub(crate) fn run(args: &HelpArgs) -> anyhow::Result<Code> {
    // `env` is a verb and a topic: the topic says what the verb's help does not.
    if let [topic] = args.topic.as_slice()
        && let Some(text) = topics::find(topic)
    {
        output::put(text)?;
        if topic == "env" {
            output::put("\nThe verb env, which lets plain kubectl use the local server: kubectl job env --help\n")?;
        }
        return Ok(Code::Success);
    }
    let mut command = cli::command();
    command.build();
    let mut found = &mut command;
    for word in &args.topic {
        let unknown = || {
            let names: Vec<&str> = topics::TOPICS.iter().map(|(name, _)| *name).collect();
            Failure::usage(format!("error: no verb or topic {word:?}; topics: {}", names.join(", ")))
        };
        found = found.find_subcommand_mut(word).ok_or_else(unknown)?;
    }
    output::put(&found.render_long_help().to_string())?;
    if args.topic.is_empty() {
        output::put("\nTopics (kubectl job help TOPIC): exit-codes, fidelity, env\n")?;
    }
    Ok(Code::Success)
}

/// Writes a manual page for the program and each verb.
///
/// # Errors
/// A directory that cannot be written.
pub(crate) fn write_manual(dir: &Path) -> anyhow::Result<Code> {
    std::fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
    // Pages are named after the program that is on PATH.
    let command = cli::command().name("kubectl-job").bin_name("kubectl-job");
    clap_mangen::generate_to(command, dir).with_context(|| format!("write manual pages to {}", dir.display()))?;
    Ok(Code::Success)
}
