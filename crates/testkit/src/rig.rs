//! A cluster for tools that run tests of others' Jobs: in virtual, hybrid or real time, told in values and not in panics,
//! with every commit handed over as it happens.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use api::{Gvr, Uid};
use client::Client;
use clock::SeededEntropy;
use cluster::scripted::Script;
use cluster::{Cluster, Commit, Component, Config, ImageRule, ImageTarget, Pods, SupervisorCommand};
use explain::Record;
use futures::future::{Either, select};
use jiff::Timestamp;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::cluster::ClockMode;
use crate::errors::told;
use crate::faults::Faults;
use crate::supervisor;
use crate::time::{Time, start_time};

/// How long a request to a cluster of processes may take by the machine's clock.
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
    time: Time,
    has_processes: bool,
    faults: Faults,
    /// Goes last.
    _folder: Option<tempfile::TempDir>,
}

impl Rig {
    /// Starts a cluster; `follow` hears of every commit from then on. The seed decides UIDs and the suffixes of names.
    ///
    /// # Errors
    /// Why it does not start.
    pub fn start(seed: u64, pods: RigPods, follow: impl Fn(&Commit) + Send + Sync + 'static) -> Result<Self, String> {
        let rig = Self::open(seed, pods, false)?;
        if !rig.has_processes {
            rig.settle();
        }
        rig.cluster().follow_commits(follow);
        Ok(rig)
    }

    /// The same, with nobody who follows, and maybe something left to do.
    pub(crate) fn open(seed: u64, pods: RigPods, over_http: bool) -> Result<Self, String> {
        let has_processes = matches!(pods, RigPods::Processes { .. });
        let time = time(&pods);
        let runtime = time.runtime().map_err(|error| format!("make a runtime: {error}"))?;
        let (mut config, folder) = config(pods)?;
        time.rule(&mut config);
        config.over_http = over_http;
        let faults = Faults::new();
        faults.stand_in(&mut config);
        if !has_processes {
            // Processes of two clusters must not have the same UIDs.
            config.entropy = Arc::new(SeededEntropy::new(seed));
        }
        let cluster = runtime.block_on(Cluster::start(config)).map_err(|error| told(&error))?;
        Ok(Self { runtime, cluster: Some(cluster), time, has_processes, faults, _folder: folder })
    }

    /// The cluster itself.
    pub(crate) fn cluster(&self) -> &Cluster {
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
        self.time.clock.now()
    }

    /// Runs the cluster until a future has ended; nothing when it never would.
    pub fn block_on<F: Future>(&self, future: F) -> Option<F::Output> {
        self.runtime.block_on(async {
            match &self.time.stepper {
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
        if let Some(stepper) = self.time.stepper.clone() {
            self.block_on(async move { stepper.settled().await });
        }
    }

    /// The time that something unfinished draws time to; nothing when a server that moves by itself would stand still.
    pub fn drawn_to(&self) -> Option<Timestamp> {
        self.time.drawn_to()
    }

    /// Whether a process runs or is being started.
    pub fn is_busy(&self) -> bool {
        self.has_processes && self.cluster().busy_containers() > 0
    }

    /// Lets time pass until it is `deadline`, or something holds; asked after commits. Whether it holds.
    pub fn run_until(&self, deadline: Timestamp, mut holds: impl FnMut() -> bool) -> bool {
        self.runtime.block_on(self.cluster().run_until(deadline, |_| holds()))
    }

    /// An object; nothing when it is not there.
    pub fn get(&self, resource: &Gvr, namespace: Option<&str>, name: &str) -> Option<Value> {
        self.cluster().view().get(resource, namespace, name)
    }

    /// Why a Job or CronJob is as it is: its controllers' decision records.
    pub fn records(&self, object: &Value) -> Vec<Record> {
        self.cluster().records(&uid(object))
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
        self.runtime.block_on(self.time.end(cluster));
    }
}

/// The UID of an object.
pub(crate) fn uid(object: &Value) -> Uid {
    Uid::from(object["metadata"]["uid"].as_str().unwrap_or_default())
}

fn time(pods: &RigPods) -> Time {
    match pods {
        RigPods::Scripted(_, start) => Time::new(ClockMode::Virtual, start.unwrap_or_else(start_time)),
        RigPods::Processes { jumps: true, .. } => Time::new(ClockMode::Hybrid, start_time()),
        RigPods::Processes { jumps: false, .. } => Time::new(ClockMode::Real, start_time()),
    }
}

fn config(pods: RigPods) -> Result<(Config, Option<tempfile::TempDir>), String> {
    match pods {
        RigPods::Scripted(script, _) => {
            Ok((Config { pods: Pods::Scripted(script), ..Config::new(PathBuf::new(), supervisor::none()) }, None))
        }
        RigPods::Processes { supervisor: (program, args), images, .. } => {
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

/// What is wrong with an image rule, if anything is.
///
/// # Errors
/// The reason.
pub fn check_image_rule(rule: &str) -> Result<(), String> {
    rule.parse::<ImageRule>().map(|_| ()).map_err(|error| error.to_string())
}

/// The target of an image rule as it is meant from a folder: relative paths are made absolute.
pub fn image_target_below(target: &str, folder: &Path) -> String {
    ImageTarget::below(target, folder)
}
