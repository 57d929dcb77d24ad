//! The flags of `history`, and those that say what is kept.

use clap::{Args, Subcommand};

use crate::history::filing::Limits;

/// What a server keeps of Jobs that are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "History")]
pub(crate) struct HistoryFlags {
    /// Keep nothing of Jobs that are gone
    #[arg(long)]
    pub(crate) no_history: bool,
    /// How many runs to keep, and bytes of their logs, such as 500 or 500,2Gi [default: 200,1Gi]
    #[arg(long, value_name = "RUNS[,BYTES]", value_parser = limits)]
    pub(crate) history_limit: Option<Limits>,
}

impl HistoryFlags {
    /// The flags as arguments.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if self.no_history {
            arguments.push("--no-history".to_owned());
        }
        if let Some(Limits { runs, bytes }) = self.history_limit {
            arguments.push(format!("--history-limit={runs},{bytes}"));
        }
        arguments
    }
}

/// `500`, or `500,2Gi`.
pub(crate) fn limits(text: &str) -> Result<Limits, String> {
    let (runs, bytes) = text.split_once(',').map_or((text, None), |(runs, bytes)| (runs, Some(bytes)));
    let runs = runs.parse().ok().filter(|runs| *runs > 0);
    let bytes = bytes.map_or(Some(Limits::default().bytes), self::bytes);
    match (runs, bytes) {
        (Some(runs), Some(bytes)) => Ok(Limits { runs, bytes }),
        _ => Err("write a number of runs of at least 1, and then, if you like, bytes: 500 or 500,2Gi".to_owned()),
    }
}

fn bytes(text: &str) -> Option<u64> {
    let split = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit: u64 = match unit {
        "" => 1,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// `history`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct HistoryArgs {
    /// What to do; without it, list the runs
    #[command(subcommand)]
    pub(crate) verb: Option<HistoryVerb>,
    /// Which runs to list
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

/// What to list.
#[derive(Debug, Default, Args)]
pub(crate) struct ListArgs {
    /// Only runs of Jobs of these names
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Only runs of Jobs with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,
    /// Only runs that ended so, such as failed
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<String>,
    /// Only the newest so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Format: wide, json, yaml, name, jsonpath=..., jsonpath-as-json=..., custom-columns=...
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<String>,
    /// No headings
    #[arg(long)]
    pub(crate) no_headers: bool,
}

/// What to do with runs. A run is named by its id, the beginning of one, the short UID at its end, or its Job's name for
/// the newest.
#[derive(Debug, Subcommand)]
pub(crate) enum HistoryVerb {
    /// Show all that is known of a run
    Show {
        /// The run
        #[arg(value_name = "RUN")]
        run: String,
    },
    /// Print the output of a run's pods and attempts
    Logs(Box<HistoryLogsArgs>),
    /// Remove runs for good
    Delete {
        /// The runs
        #[arg(value_name = "RUN", required_unless_present = "all")]
        runs: Vec<String>,
        /// All of them, in every namespace
        #[arg(long, conflicts_with = "runs")]
        all: bool,
    },
}

/// `history logs`.
#[derive(Debug, Args)]
pub(crate) struct HistoryLogsArgs {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Which of its output, and how.
    #[command(flatten)]
    pub(crate) read: super::logs::ReadFlags,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_runs_and_bytes() {
        assert_eq!(limits("500"), Ok(Limits { runs: 500, ..Limits::default() }));
        assert_eq!(limits("7,2Gi"), Ok(Limits { runs: 7, bytes: 2 << 30 }));
        for text in ["", "0", "-1", "5,", "5,x", "5,1Zi", "5,99999999999Ti"] {
            assert!(limits(text).is_err(), "{text}");
        }
        let flags = HistoryFlags { no_history: true, history_limit: Some(Limits { runs: 5, bytes: 9 }) };
        assert_eq!(flags.arguments(), ["--no-history", "--history-limit=5,9"]);
    }
}
