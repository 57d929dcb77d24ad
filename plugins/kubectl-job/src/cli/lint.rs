//! The flags of `lint`.

use clap::{Args, ValueEnum};

/// `lint`.
#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    /// Manifest, directory of manifests, or - for standard input; repeatable
    #[arg(short = 'f', long = "filename", value_name = "FILE", required_unless_present = "stray")]
    pub(crate) files: Vec<String>,
    /// Files without -f, which are a slip
    #[arg(hide = true)]
    pub(crate) stray: Vec<String>,
    /// Look into directories below, too
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,
    /// Warnings, and fields that are not enforced here, count as errors
    #[arg(long)]
    pub(crate) strict: bool,
    /// Leave this rule out; repeatable
    #[arg(long, value_name = "RULE")]
    pub(crate) ignore: Vec<String>,
    /// Say what becomes of every field, not only of those that are not honoured in full
    #[arg(long)]
    pub(crate) all_fields: bool,
    /// Format: json, or sarif for code review tools
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<LintFormat>,
    /// List the rules and end
    #[arg(long, exclusive = true)]
    pub(crate) rules: bool,
}

/// `-o` of `lint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LintFormat {
    /// All of it as one object.
    Json,
    /// SARIF 2.1.0.
    Sarif,
}
