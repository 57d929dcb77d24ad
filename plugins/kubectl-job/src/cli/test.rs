//! The flags of `test`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::verbs::ClockMode;
use crate::duration::Span;

/// `test [PATH...]`, `test -f MANIFEST`, `test --kuttl DIR`, `test --init MANIFEST`.
#[derive(Debug, Args)]
#[command(
    override_usage = "kubectl job test [PATH...] [FLAGS]\n       kubectl job test -f MANIFEST [FLAGS]\n       kubectl job test --kuttl DIR [FLAGS]\n       kubectl job test --init MANIFEST"
)]
pub(crate) struct TestArgs {
    /// Files, or folders to search for *.jobtest.yaml [default: .]
    pub(crate) paths: Vec<PathBuf>,
    /// A manifest without a test: its Jobs are to complete; repeatable
    #[arg(short = 'f', long = "filename", value_name = "MANIFEST", conflicts_with = "paths")]
    pub(crate) manifests: Vec<PathBuf>,
    /// A directory of kuttl tests, or one of them: NN-*.yaml, NN-assert.yaml, NN-errors.yaml; repeatable
    #[arg(long, value_name = "DIR", conflicts_with_all = ["paths", "manifests"])]
    pub(crate) kuttl: Vec<PathBuf>,
    /// Run a manifest once and write what it did to a new test beside it
    #[arg(long, value_name = "MANIFEST", conflicts_with_all = ["paths", "manifests", "kuttl", "watch"])]
    pub(crate) init: Option<PathBuf>,
    /// Only tests whose name or file holds this; "not X", "X or Y"; "=NAME" for one name exactly
    #[arg(short = 'k', long = "keyword", value_name = "EXPR")]
    pub(crate) keyword: Option<String>,
    /// How many tests at a time [default: one for each core]
    #[arg(short = 'j', long, value_name = "N")]
    pub(crate) jobs: Option<usize>,
    /// How time passes, instead of what the tests say
    #[arg(long, value_name = "MODE")]
    pub(crate) clock: Option<ClockMode>,
    /// How much virtual time passes, for manifests given with -f or --init
    #[arg(long, value_name = "DURATION")]
    pub(crate) run_for: Option<Span>,
    /// What names and UIDs are drawn from: the same seed, the same history
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Run each test so often, with one seed after the other
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
    /// Begin no further test once one has failed
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Run again what a change of a test file or of a manifest it names affects, until Ctrl-C
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// Keep what is known of the cluster of a test that fails, in a folder below DIR [default: failures in the state directory]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    pub(crate) keep_on_failure: Option<Option<PathBuf>>,
    /// Accept timelines as they are: write the files of snapshot: true
    #[arg(long, visible_alias = "update-snapshots")]
    pub(crate) update: bool,
    /// How to report [default: pretty; github on GitHub Actions]
    #[arg(short = 'o', long, visible_alias = "output", value_name = "FORMAT")]
    pub(crate) format: Option<TestFormat>,
    /// Write JUnit XML to this file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// What a case of the JUnit XML is
    #[arg(long, value_name = "WHAT", requires = "junit", default_value = "test")]
    pub(crate) junit_granularity: JunitGranularity,
    /// Write a page for browsers to this file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// `--junit-granularity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum JunitGranularity {
    /// A test.
    Test,
    /// Each thing that a test expects or does.
    Expectation,
}

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestFormat {
    /// For people.
    Pretty,
    /// TAP 13.
    Tap,
    /// One JSON document.
    Json,
    /// For people, with annotations for GitHub.
    Github,
}
