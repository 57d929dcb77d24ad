//! The flags of `run`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::duration::Span;

/// `run [NAME] (--image IMAGE | -f FILE | -k DIR | --from KIND/NAME) [-- COMMAND...]`.
#[derive(Debug, Args)]
#[command(
    override_usage = "kubectl job run [NAME] --image IMAGE [FLAGS] [-- COMMAND...]\n       kubectl job run -f FILE|- [FLAGS]\n       kubectl job run -k DIR [FLAGS]\n       kubectl job run [NAME] --from cronjob/NAME|job/NAME [FLAGS] [-- COMMAND...]"
)]
pub(crate) struct RunArgs {
    /// Name of the Job; without one, a name is made from the image, or from what is copied
    pub(crate) name: Option<String>,
    /// Manifest to run, `-` for standard input; repeatable
    #[arg(short = 'f', long = "filename", value_name = "FILE", conflicts_with_all = ["name", "image", "command"])]
    pub(crate) files: Vec<String>,
    /// Directory with a kustomization to run; needs kubectl
    #[arg(short = 'k', long = "kustomize", value_name = "DIR", conflicts_with_all = ["name", "image", "command", "files"])]
    pub(crate) kustomize: Option<PathBuf>,
    /// CronJob or Job to make a copy of; flags change the copy
    #[arg(long, value_name = "KIND/NAME", conflicts_with_all = ["files", "kustomize"])]
    pub(crate) from: Option<String>,
    /// The command of the container
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// The Job, when it comes from flags.
    #[command(flatten)]
    pub(crate) job: JobFlags,
    /// What to do with it.
    #[command(flatten)]
    pub(crate) how: HowFlags,
    /// Where.
    #[command(flatten)]
    pub(crate) place: PlaceFlags,
}

/// What the Job is made of; with a file or a copy, what is changed of it.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Job")]
pub(crate) struct JobFlags {
    /// Image of the container; a name only: nothing is pulled on the local server
    #[arg(long)]
    pub(crate) image: Option<String>,
    /// Environment variable; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,
    /// Pods that must succeed
    #[arg(long, value_name = "N")]
    pub(crate) completions: Option<u32>,
    /// Pods at a time
    #[arg(long, value_name = "N")]
    pub(crate) parallelism: Option<u32>,
    /// Give every pod an index (completionMode: Indexed)
    #[arg(long)]
    pub(crate) indexed: bool,
    /// Failures after which the Job fails [server default: 6]
    #[arg(long, value_name = "N")]
    pub(crate) backoff_limit: Option<u32>,
    /// Longest time for the Job as a whole (activeDeadlineSeconds)
    #[arg(long, value_name = "DURATION")]
    pub(crate) deadline: Option<Span>,
    /// Time after which the finished Job is deleted (ttlSecondsAfterFinished)
    #[arg(long, value_name = "DURATION")]
    pub(crate) ttl: Option<Span>,
    /// Whether a failed container restarts in its pod
    #[arg(long, value_name = "POLICY")]
    pub(crate) restart: Option<Restart>,
}

/// `restartPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Restart {
    /// A failed pod is replaced.
    #[value(name = "Never", alias = "never")]
    Never,
    /// A failed container restarts.
    #[value(name = "OnFailure", alias = "onfailure", alias = "on-failure")]
    OnFailure,
}

impl Restart {
    /// As manifests spell it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Never => "Never",
            Self::OnFailure => "OnFailure",
        }
    }
}

/// What to do with the Job.
#[derive(Debug, Args)]
#[command(next_help_heading = "Following")]
pub(crate) struct HowFlags {
    /// Create the Job and return at once
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Create nothing: show what would be sent (client), or what the server would store (server)
    #[arg(long, value_name = "WHERE", num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    pub(crate) dry_run: Option<DryRun>,
    /// Show objects in this format, with --dry-run or --detach
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<String>,
    /// Stop following after this time, with exit code 124; the Job goes on
    #[arg(long, value_name = "DURATION")]
    pub(crate) timeout: Option<Span>,
    /// Whose output to show
    #[arg(long, value_name = "WHOSE", default_value = "all")]
    pub(crate) logs: Logs,
    /// Put no prefix in front of output
    #[arg(long)]
    pub(crate) no_prefix: bool,
    /// Put a time in front of every line of output
    #[arg(long)]
    pub(crate) timestamps: bool,
    /// Delete the Job when it has finished
    #[arg(long)]
    pub(crate) rm: bool,
    /// Delete a Job of the same name first
    #[arg(long)]
    pub(crate) replace: bool,
    /// Let the server add a few letters to the name, so that it is always free (generateName)
    #[arg(long, conflicts_with = "replace")]
    pub(crate) suffix: bool,
    /// Write the result as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) result_file: Option<PathBuf>,
    /// What Ctrl-C does [default: suspend; on a real cluster detach]
    #[arg(long, value_name = "WHAT")]
    pub(crate) on_interrupt: Option<OnInterrupt>,
    /// Whose exit code to end with
    #[arg(long, value_name = "WHOSE", default_value = "job")]
    pub(crate) exit_code_from: ExitCodeFrom,
    /// End with exit code 5 when the Job cannot go on by itself for this long
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "30s")]
    pub(crate) fail_on_stuck: Option<Span>,
    /// Refuse manifests with fields that the local server does not enforce
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Where the Job runs.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Local server")]
pub(crate) struct PlaceFlags {
    /// Let the server live inside this command; nothing is left when it ends. Default when CI=true
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// What the server runs.
    #[command(flatten)]
    pub(crate) images: ImageFlags,
    /// Run again whenever one of these files changes, or one below these directories, until Ctrl-C; each run takes the
    /// place of the one before
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with_all = ["detach", "dry_run", "from", "suffix", "rm"])]
    pub(crate) watch_files: Vec<PathBuf>,
    /// Keep nothing of the Job once it is gone
    #[arg(long)]
    pub(crate) no_history: bool,
}

/// Which programs stand for which images.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ImageFlags {
    /// What stands for that image: a local program, or rootfs:DIR, oci:DIR:TAG, oci-archive:FILE:TAG,
    /// docker-archive:FILE:NAME (tag and name where there are several), or host: for its files where others are pulled;
    /// repeatable
    #[arg(long = "map-image", value_name = "NAME=PROGRAM")]
    pub(crate) map_image: Vec<String>,
    /// File with one NAME=PROGRAM per line
    #[arg(long = "map-images", value_name = "FILE")]
    pub(crate) map_images: Option<PathBuf>,
    /// Pull images that are not mapped from their registries; else nothing is ever pulled
    #[arg(long)]
    pub(crate) pull: bool,
    /// Images that are not mapped cannot be had (ErrImagePull), whatever programs this machine has
    #[arg(long, conflicts_with = "pull")]
    pub(crate) strict_images: bool,
}

impl ImageFlags {
    /// Whether no rule was given.
    pub(crate) fn is_none(&self) -> bool {
        self.map_image.is_empty() && self.map_images.is_none() && !self.pull && !self.strict_images
    }
}

/// `--dry-run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DryRun {
    /// Create it.
    None,
    /// Show what would be sent.
    Client,
    /// Show what the server would store.
    Server,
}

/// `--logs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Logs {
    /// Of every attempt, as it comes.
    All,
    /// Of failed attempts, when they have failed.
    Failed,
    /// Of none.
    None,
}

/// `--on-interrupt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnInterrupt {
    /// Stop its pods and keep the Job.
    Suspend,
    /// Delete the Job and its pods.
    Delete,
    /// Leave it running.
    Detach,
}

/// `--exit-code-from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExitCodeFrom {
    /// 0 for Complete, 1 for Failed.
    Job,
    /// That of the container that failed last.
    Container,
}
