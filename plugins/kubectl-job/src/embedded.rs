//! The cluster inside this process: what it is made of, and the only place of the plugin that names it.

use std::ffi::OsString;
use std::net::TcpListener;
use std::ops::Deref;
use std::path::PathBuf;

use std::sync::Arc;

use anyhow::Context as _;
use clock::{Clock as _, ManualClock, SharedClock, SkewClock, Stepper, SystemClock};

pub(crate) use cluster::ImageTarget;
pub(crate) use cluster::{Cluster, Endpoint};
use cluster::{ImageRule, UnmappedImages};

use crate::cli::run::ImageFlags;
use crate::cli::verbs::ClockMode;
use crate::exit::Failure;
use crate::history::Keep;
use crate::history::recorder::{Parts, Recorder};

/// The hidden subcommand that owns pod processes.
pub(crate) const SUPERVISOR: &str = "__pod-supervisor";

/// The time of a cluster in this process: made before the runtime, whose hook moves it.
#[derive(Clone)]
pub(crate) struct Time {
    mode: ClockMode,
    clock: SharedClock,
    stepper: Option<Arc<Stepper>>,
}

impl Time {
    /// Time that passes in this way.
    pub(crate) fn new(mode: ClockMode) -> Self {
        let stepper = match mode {
            ClockMode::Real => None,
            ClockMode::Hybrid => Some(Stepper::automatic(Arc::new(SkewClock::default()))),
            // It begins now, so that times look right beside those of a real server.
            ClockMode::Virtual => Some(Stepper::automatic(Arc::new(ManualClock::new(SystemClock.now())))),
        };
        let clock = stepper.as_ref().map_or_else(|| Arc::new(SystemClock) as SharedClock, |stepper| stepper.clock());
        Self { mode, clock, stepper }
    }

    /// A runtime in which it passes. Time that jumps needs to know when nothing is left to do, which a runtime of one
    /// thread can tell; else servers work on all cores.
    pub(crate) fn runtime(&self) -> tokio::runtime::Builder {
        let Some(stepper) = &self.stepper else { return tokio::runtime::Builder::new_multi_thread() };
        let mut builder = tokio::runtime::Builder::new_current_thread();
        stepper.install(&mut builder);
        builder
    }
}

/// A cluster, and what records the Jobs on it.
pub(crate) struct Server {
    cluster: Cluster,
    recorder: Option<Recorder>,
}

impl Deref for Server {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl Server {
    /// Ends everything in order. Stories are written before, and logs taken in after their pods have ended.
    pub(crate) async fn shutdown(self) {
        let closing = match self.recorder {
            Some(recorder) => Some(recorder.stop().await),
            None => None,
        };
        self.cluster.shutdown().await;
        if let Some(closing) = closing {
            closing.close().await;
        }
    }
}

/// Starts a cluster whose pods are processes of this machine, and keeps their output below `data`; with `keep`, a
/// history of its Jobs too.
///
/// # Errors
/// Wrong image rules; a cluster that cannot start.
pub(crate) async fn start(
    data: PathBuf,
    images: &ImageFlags,
    time: &Time,
    keep: Option<Keep>,
    plain_api: bool,
) -> anyhow::Result<Server> {
    let program = std::env::current_exe().context("find this program")?;
    let supervisor = cluster::SupervisorCommand { program, args: vec![OsString::from(SUPERVISOR)] };
    let mut config = cluster::Config::new(data, supervisor);
    config.image_map = rules(images)?;
    config.unmapped_images = match (images.pull, images.strict_images) {
        (true, _) => UnmappedImages::Pull,
        (false, true) => UnmappedImages::Refuse,
        (false, false) => UnmappedImages::Host,
    };
    config.plain_api = plain_api;
    config.clock = time.clock.clone();
    config.stepper.clone_from(&time.stepper);
    if time.mode == ClockMode::Virtual {
        config.pods = cluster::Pods::Scripted(Arc::new(cluster::scripted::AnnotationScript));
    }
    config.log_archive = keep.as_ref().map(|keep| keep.history.staging());
    let cluster = Cluster::start(config).await.context("start the cluster")?;
    let recorder = keep.map(|keep| record(&cluster, time, keep));
    Ok(Server { cluster, recorder })
}

/// Begins to record the Jobs of a cluster.
fn record(cluster: &Cluster, time: &Time, keep: Keep) -> Recorder {
    let records = cluster.record_keeper();
    Recorder::start(Parts {
        client: cluster.client(),
        clock: time.clock.clone(),
        decisions: Arc::new(move |object: &api::Uid| Some(records(object))),
        history: keep.history,
        limits: keep.limits,
    })
}

/// Opens the cluster's API on a socket.
///
/// # Errors
/// When certificates or the socket cannot be made to work.
pub(crate) async fn serve_https(cluster: &Cluster, listener: TcpListener) -> anyhow::Result<Endpoint> {
    cluster.serve_https(listener).await.context("serve HTTPS")
}

/// The image rules of flags and file, each `NAME=TARGET`.
///
/// # Errors
/// A file that cannot be read; a line or flag of another shape.
pub(crate) fn rules(images: &ImageFlags) -> Result<Vec<ImageRule>, Failure> {
    let mut rules = Vec::new();
    for rule in &images.map_image {
        rules.push(parse_rule(rule).ok_or_else(|| wrong("--map-image", rule))?);
    }
    let Some(path) = &images.map_images else { return Ok(rules) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("error: read {}: {error}", path.display())))?;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = || format!("{}:{}", path.display(), number + 1);
        rules.push(parse_rule(line).ok_or_else(|| wrong(&place(), line))?);
    }
    Ok(rules)
}

fn parse_rule(rule: &str) -> Option<ImageRule> {
    let (name, program) = rule.split_once('=')?;
    // Pods have working directories of their own; a path is meant from where the command was typed.
    format!("{}={}", name.trim(), ImageTarget::absolute(program.trim())).parse().ok()
}

fn wrong(place: &str, rule: &str) -> Failure {
    Failure::usage(format!(
        "error: {place}: {rule:?} is no image rule: write NAME=PROGRAM, such as app:1.4=./target/debug/app, or NAME=rootfs:DIR, oci:DIR[:TAG], \
         oci-archive:FILE[:TAG], docker-archive:FILE[:NAME]"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_come_from_flags_and_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("images");
        std::fs::write(&file, "# ours\n\n app:1.4 = /bin/app \n").expect("a file");
        let images = ImageFlags {
            map_image: vec!["busybox=sh".to_owned()],
            map_images: Some(file.clone()),
            ..ImageFlags::default()
        };
        let rule = |image: &str, program: &str| ImageRule {
            image: image.to_owned(),
            target: cluster::ImageTarget::Program(program.into()),
        };
        assert_eq!(rules(&images).expect("they are right"), [rule("busybox", "sh"), rule("app:1.4", "/bin/app")]);
        let here = std::env::current_dir().expect("a folder");
        assert_eq!(parse_rule("app=./run").expect("right"), rule("app", &here.join("run").display().to_string()));
        std::fs::write(&file, "app\n").expect("a file");
        let refusal = rules(&images).expect_err("it is wrong").message;
        assert!(refusal.contains("images:1: \"app\" is no image rule"), "{refusal}");
    }
}
