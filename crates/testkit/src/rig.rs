//! A cluster for tools that run tests of others' Jobs: in virtual, hybrid or real time, told in values and not in panics,
//! with every commit handed over as it happens.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use api::{Gvr, Uid};
use client::Client;
use clock::{ManualClock, Movable, Pull, SeededEntropy, SharedClock, SkewClock, Stepper, SystemClock};
use cluster::scripted::Script;
use cluster::{Cluster, Commit, Component, Config, ImageRule, SupervisorCommand};
use futures::future::{Either, select};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use job_controller::Decision;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::faults::Faults;

/// How long a request or the end of a cluster of processes may take by the machine's clock.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a rig's pods are, and with that how its time passes.
pub enum RigPods {
    /// Acted out, from this time on (2026-01-01T00:00:00Z without one); time stands still until it is moved.
    Scripted(Arc<dyn Script>, Option<Timestamp>),
    /// Processes of this machine.
    Processes {
        /// The program that owns them, and its arguments.
        supervisor: (PathBuf, Vec<String>),
        /// `NAME=TARGET` rules.
        images: Vec<String>,
        /// Whether time may be moved over waits in which no process runs.
        jumps: bool,
    },
}

/// A cluster, in one thread that it borrows from its caller: nothing happens between calls.
pub struct Rig {
    runtime: Runtime,
    /// Taken when it ends.
    cluster: Option<Cluster>,
    clock: SharedClock,
    movable: Option<Arc<dyn Movable>>,
    stepper: Option<Arc<Stepper>>,
    has_processes: bool,
    faults: Faults,
    committed: Arc<Notify>,
    /// Goes last.
    _folder: Option<tempfile::TempDir>,
}

impl Rig {
    /// Starts a cluster; `follow` hears of every commit from then on. The seed decides UIDs and the suffixes of names.
    ///
    /// # Errors
    /// Why it does not start.
    pub fn start(seed: u64, pods: RigPods, follow: impl Fn(&Commit) + Send + Sync + 'static) -> Result<Self, String> {
        let has_processes = matches!(pods, RigPods::Processes { .. });
        let movable = movable(&pods);
        let stepper = movable.clone().map(Stepper::new);
        let clock = stepper.as_ref().map_or_else(|| Arc::new(SystemClock) as SharedClock, |stepper| stepper.clock());
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        if let Some(stepper) = &stepper {
            stepper.install(&mut runtime);
        }
        let runtime = runtime.enable_all().build().map_err(|error| format!("make a runtime: {error}"))?;
        let (mut config, folder) = config(pods, stepper.as_ref())?;
        let faults = Faults::new();
        let doors = faults.clone();
        config.interpose = Some(Arc::new(move |component, inner| doors.interpose(component, inner)));
        if !has_processes {
            // Processes of two clusters must not have the same UIDs.
            config.entropy = Arc::new(SeededEntropy::new(seed));
        }
        config.clock = clock.clone();
        config.stepper.clone_from(&stepper);
        config.time_zone = TimeZone::UTC;
        let committed: Arc<Notify> = Arc::default();
        let bell = committed.clone();
        let started = runtime.block_on(async {
            let cluster = Cluster::start(config).await?;
            if let Some(stepper) = stepper.as_ref().filter(|_| !has_processes) {
                stepper.settled().await;
            }
            cluster.follow_commits(move |commit| {
                follow(commit);
                bell.notify_one();
            });
            Ok::<_, cluster::Error>(cluster)
        });
        let cluster = Some(started.map_err(|error| told(&error))?);
        Ok(Self { runtime, cluster, clock, movable, stepper, has_processes, faults, committed, _folder: folder })
    }

    fn cluster(&self) -> &Cluster {
        self.cluster.as_ref().expect("there until the rig is dropped")
    }

    /// A client of the cluster, for [`Rig::block_on`].
    pub fn client(&self) -> Client {
        self.cluster().client()
    }

    /// The faults at the components' doors.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Runs the cluster until a future has ended; nothing when it never would.
    pub fn block_on<F: Future>(&self, future: F) -> Option<F::Output> {
        self.runtime.block_on(async {
            match &self.stepper {
                Some(stepper) if !self.has_processes => match select(pin!(future), pin!(stepper.stalled())).await {
                    Either::Left((output, _)) => Some(output),
                    Either::Right(_) => None,
                },
                _ => tokio::time::timeout(PATIENCE, future).await.ok(),
            }
        })
    }

    /// Runs the cluster until nothing is left to do at this moment but by processes; in real time, not at all.
    pub fn settle(&self) {
        if let Some(stepper) = self.stepper.clone() {
            self.block_on(async move { stepper.settled().await });
        }
    }

    /// The time that something unfinished draws time to; nothing when a server that moves by itself would stand still.
    pub fn drawn_to(&self) -> Option<Timestamp> {
        self.movable.as_ref()?.next_pull()
    }

    /// Whether a process runs or is being started.
    pub fn is_busy(&self) -> bool {
        self.has_processes && self.cluster().busy_containers() > 0
    }

    /// Lets time pass until it is `deadline`, or something holds; asked after commits. Whether it holds.
    pub fn run_until(&self, deadline: Timestamp, mut holds: impl FnMut() -> bool) -> bool {
        self.runtime.block_on(async {
            let _aim = self.stepper.as_ref().map(|stepper| stepper.aim(deadline));
            let mut over = self.clock.wait_until(deadline, Pull::No);
            loop {
                if holds() {
                    return true;
                }
                tokio::select! {
                    biased;
                    () = self.committed.notified() => {}
                    () = &mut over => {
                        // What is due at the deadline itself still belongs to the time that was asked for.
                        if let Some(stepper) = &self.stepper {
                            stepper.settled().await;
                        }
                        return holds();
                    }
                }
            }
        })
    }

    /// An object; nothing when it is not there.
    pub fn get(&self, resource: &Gvr, namespace: Option<&str>, name: &str) -> Option<Value> {
        self.cluster().view().get(resource, namespace, name)
    }

    /// Why a Job or CronJob is as it is: its controllers' decision records.
    pub fn decisions(&self, object: &Value) -> Vec<Decision> {
        self.cluster().decisions(&Uid::from(object["metadata"]["uid"].as_str().unwrap_or_default()))
    }

    /// Ends a controller at once, with all that it remembered.
    pub fn stop(&self, component: Component) {
        self.block_on(self.cluster().stop(component));
    }

    /// Starts a controller that was stopped, with its door restored.
    ///
    /// # Errors
    /// When it does not start.
    pub fn resume(&self, component: Component) -> Result<(), String> {
        self.faults.restore(component);
        match self.block_on(self.cluster().resume(component)) {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(told(&error)),
            None => Err("it waits for ever".to_owned()),
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let Some(cluster) = self.cluster.take() else { return };
        if std::thread::panicking() {
            return;
        }
        // A component that a fault holds back may wait for ever: it goes with the runtime.
        self.block_on(cluster.shutdown());
    }
}

fn movable(pods: &RigPods) -> Option<Arc<dyn Movable>> {
    match pods {
        RigPods::Scripted(_, start) => {
            Some(Arc::new(ManualClock::new(start.unwrap_or_else(crate::simulation::start_time))))
        }
        RigPods::Processes { jumps: true, .. } => Some(Arc::new(SkewClock::default())),
        RigPods::Processes { jumps: false, .. } => None,
    }
}

fn config(pods: RigPods, stepper: Option<&Arc<Stepper>>) -> Result<(Config, Option<tempfile::TempDir>), String> {
    match (pods, stepper) {
        (RigPods::Scripted(script, _), Some(stepper)) => Ok((Config::scripted(script, stepper.clone()), None)),
        (RigPods::Scripted(..), None) => Err("scripted pods need time that moves".to_owned()),
        (RigPods::Processes { supervisor: (program, args), images, .. }, _) => {
            let folder = tempfile::Builder::new().prefix("jobtest.").tempdir();
            let folder = folder.map_err(|error| format!("make a temporary folder: {error}"))?;
            let args = args.into_iter().map(Into::into).collect();
            let mut config = Config::new(folder.path().join("state"), SupervisorCommand { program, args });
            config.image_map = images
                .iter()
                .map(|rule| rule.parse::<ImageRule>().map_err(|error| error.to_string()))
                .collect::<Result<_, _>>()?;
            Ok((config, Some(folder)))
        }
    }
}

/// An error and its causes.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What is wrong with an image rule, if anything is.
///
/// # Errors
/// The reason.
pub fn check_image_rule(rule: &str) -> Result<(), String> {
    rule.parse::<ImageRule>().map(|_| ()).map_err(|error| error.to_string())
}

/// The target of an image rule as it is meant from a folder: relative paths are made absolute.
pub fn image_target_below(target: &str, folder: &std::path::Path) -> String {
    const KINDS: [&str; 4] = ["rootfs:", "oci:", "oci-archive:", "docker-archive:"];
    let kind = KINDS.into_iter().find(|kind| target.starts_with(kind)).unwrap_or_default();
    let path = &target[kind.len()..];
    // A bare name is looked for in PATH.
    if kind.is_empty() && !path.contains('/') || target == "host:" {
        return target.to_owned();
    }
    let placed = folder.join(path);
    std::path::absolute(&placed).map_or_else(|_| target.to_owned(), |path| format!("{kind}{}", path.display()))
}
