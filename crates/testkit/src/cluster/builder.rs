//! What a cluster for a test is made of, and how it is started: beside the test, or around it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clock::{SeededEntropy, SystemEntropy};
use cluster::scripted::{Act, AnnotationScript, Attempt, Script};
use cluster::{Config, ImageRule, Pods, UnmappedImages};
use futures::FutureExt;
use jiff::Timestamp;

use super::inside::{Core, Thread};
use super::{Cluster, story};
use crate::supervisor;
use crate::time::{Time, start_time};

/// How long anything may take by the machine's clock, unless the builder says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// How time passes in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMode {
    /// It stands still, and jumps from timer to timer while the test lets it pass. Pods are scripted.
    Virtual,
    /// As everywhere, and while the test lets it pass it jumps over waits in which no process runs.
    Hybrid,
    /// As everywhere.
    Real,
}

/// What a cluster is made of. Made by [`Cluster::builder`].
#[must_use]
pub struct ClusterBuilder {
    pub(super) seed: u64,
    pub(super) start: Timestamp,
    pub(super) patience: Duration,
    clock: Option<ClockMode>,
    script: Arc<dyn Script>,
    processes: bool,
    supervisor: Option<PathBuf>,
    images: Vec<ImageRule>,
    pulls_images: bool,
}

impl ClusterBuilder {
    pub(super) fn new() -> Self {
        Self {
            seed: 0,
            start: start_time(),
            patience: PATIENCE,
            clock: None,
            script: Arc::new(AnnotationScript),
            processes: false,
            supervisor: None,
            images: Vec::new(),
            pulls_images: false,
        }
    }

    /// Sets what UIDs and the suffixes of names are drawn from. The same seed gives the same history; failures print it.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets when virtual time begins; 2026-01-01T00:00:00Z without it.
    pub fn start_at(mut self, start: Timestamp) -> Self {
        self.start = start;
        self
    }

    /// Sets how time passes: [`ClockMode::Virtual`] without it, or [`ClockMode::Hybrid`] when pods are processes.
    pub fn clock(mut self, mode: ClockMode) -> Self {
        self.clock = Some(mode);
        self
    }

    /// Sets what decides how pods behave. Without it, their annotations do ([`AnnotationScript`]).
    pub fn script<A: Into<Act>>(mut self, script: impl Fn(&Attempt) -> A + Send + Sync + 'static) -> Self {
        self.script = Arc::new(move |attempt: &Attempt| script(attempt).into());
        self
    }

    /// Lets pods be processes of this machine, below a temporary folder that goes with the cluster.
    ///
    /// Pods are owned by a process of their own, the *supervisor*, which ends them all when the test's process is gone,
    /// however it ended. Its program is looked for in this order: what [`ClusterBuilder::supervisor`] names, the
    /// variable `TESTKIT_SUPERVISOR`, `testkit-supervisor` or `kubectl-job` in the folder that Cargo builds this test's
    /// package into, and on `PATH`.
    pub fn processes(mut self) -> Self {
        self.processes = true;
        self
    }

    /// Names the supervisor's program: `testkit-supervisor`, `kubectl-job`, or a program of yours whose `main` calls
    /// [`crate::supervisor_main`] before anything else.
    pub fn supervisor(mut self, program: impl Into<PathBuf>) -> Self {
        self.supervisor = Some(program.into());
        self
    }

    /// Lets a program of this machine stand for an image, as `kubectl job --map-image NAME=PROGRAM` does; a target may
    /// also be `rootfs:DIR`, `oci:DIR`, `oci-archive:FILE` or `docker-archive:FILE`.
    ///
    /// # Panics
    /// When this is no image rule.
    #[track_caller]
    pub fn image(mut self, name: &str, target: &str) -> Self {
        match format!("{name}={target}").parse() {
            Ok(rule) => self.images.push(rule),
            Err(error) => panic!("{name:?} cannot stand for {target:?}: {error}"),
        }
        self
    }

    /// Pulls images that no program stands for from their registries. Nothing is ever pulled without.
    pub fn pull_images(mut self) -> Self {
        self.pulls_images = true;
        self
    }

    /// Sets how long [`Cluster::finished`] and the like may take by the machine's clock: 60 seconds without it. It ends
    /// tests whose processes hang; virtual time takes milliseconds.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts the cluster in a thread of its own. All controllers have seen their first lists, and nothing is left to do.
    ///
    /// # Panics
    /// When it does not start, and says why.
    pub async fn start(self) -> Cluster {
        let (core, thread) = Thread::start(self).await;
        Cluster { core, thread: Some(thread) }
    }

    /// Runs a test around which the cluster lives, in the cluster's own runtime, and ends both. For tests that spawn tasks,
    /// such as an operator: time does not pass while any of them has something to do, so even those repeat exactly.
    ///
    /// ```
    /// use testkit::{Cluster, job, kube::Api, kube::api::PostParams, k8s::api::batch::v1::Job};
    ///
    /// Cluster::builder().run(async |cluster| {
    ///     let jobs: Api<Job> = Api::default_namespaced(cluster.client());
    ///     let pi = serde_json::from_value(job("pi", serde_json::json!({})))?;
    ///     jobs.create(&PostParams::default(), &pi).await?;
    ///     cluster.finished("pi").await.assert_complete();
    ///     Ok::<_, Box<dyn std::error::Error>>(())
    /// }).unwrap();
    /// ```
    ///
    /// # Panics
    /// When the cluster does not start, or the test panics.
    pub fn run<F: Future>(self, test: impl FnOnce(Cluster) -> F) -> F::Output {
        let (time, runtime) = self.runtime();
        let (result, folder) = runtime.block_on(async {
            let core =
                Core::start(self, time).await.unwrap_or_else(|error| panic!("the cluster does not start: {error}"));
            let cluster = Cluster { core: core.clone(), thread: None };
            let result = AssertUnwindSafe(test(cluster)).catch_unwind().await;
            if result.is_err() && !core.told.load(Ordering::Relaxed) {
                story::tell(&story::reports(&core).await);
            }
            core.end().await;
            (result, core.folder.lock().take())
        });
        // What is in the folder may be in use until the last task is gone.
        drop(runtime);
        drop(folder);
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn mode(&self) -> ClockMode {
        self.clock.unwrap_or(if self.processes { ClockMode::Hybrid } else { ClockMode::Virtual })
    }

    /// A runtime of one thread, in which this cluster's time passes.
    pub(super) fn runtime(&self) -> (Time, tokio::runtime::Runtime) {
        let mode = self.mode();
        assert!(
            !(self.processes && mode == ClockMode::Virtual),
            "processes take real time: they go with ClockMode::Hybrid or ClockMode::Real, and virtual time with scripted pods"
        );
        let time = Time::new(mode, self.start);
        let runtime = time.runtime().expect("a runtime of one thread");
        (time, runtime)
    }

    /// The cluster's configuration, and the folder that it needs, if any.
    pub(super) fn config(&self, time: &Time) -> Result<(Config, Option<tempfile::TempDir>), String> {
        let mut folder = None;
        let mut config = if self.processes {
            let made = folder_of_its_own();
            let made = made.map_err(|error| format!("make a temporary folder: {error}"))?;
            let supervisor = supervisor::find(self.supervisor.as_deref())?;
            let config = Config::new(made.path().join("state"), supervisor);
            folder = Some(made);
            config
        } else {
            let pods = Pods::Scripted(self.script.clone());
            Config { pods, ..Config::new(PathBuf::new(), supervisor::none()) }
        };
        time.rule(&mut config);
        // UIDs of processes must not be those of another cluster's.
        config.entropy =
            if self.processes { Arc::new(SystemEntropy::default()) } else { Arc::new(SeededEntropy::new(self.seed)) };
        config.image_map.clone_from(&self.images);
        config.unmapped_images = if self.pulls_images { UnmappedImages::Pull } else { UnmappedImages::Host };
        Ok((config, folder))
    }
}

/// A temporary folder, by whose name one can tell whose it is.
pub(super) fn folder_of_its_own() -> std::io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix(&format!("testkit.{}.", std::process::id())).tempdir()
}
