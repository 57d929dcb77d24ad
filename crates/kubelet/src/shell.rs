//! The kubelet's acting half: observes this node's pods, gives each a worker, and routes the ends of containers to it.
//!
//! One loop over closed events (shutdown, an end, an observation); it decides nothing about a pod. Workers are as many
//! as pods on the node; starts in flight are bounded by the runtime.

mod access;
mod config;
mod entry;
mod ephemeral;
mod files;
mod heartbeat;
mod images;
mod known;
mod last_words;
mod lifecycle;
mod names;
mod node;
mod perform;
mod pod_logs;
mod prepare;
mod prober;
mod sessions;
mod statuses;
mod updates;
mod volumes;
mod worker;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use api::logs::LogOptions;
use api::resource::PODS;
use api::{Object, Status, Uid};
use client::{Client, Observation, Selection, observe};
use clock::SharedClock;
use controller::budget;
use controller::correlator::Source;
use controller::{Recorder, RecorderTask};
use futures::{Stream, StreamExt};
use parking_lot::Mutex;
use tokio::sync::{OnceCell, watch};
use tokio::task::{JoinHandle, JoinSet};
use tracing::{error, warn};

use crate::addresses::Pool;
use crate::logs::{LogStream, Logs};
use crate::plan::NodeFacts;
use crate::runtime::{ExitReceiver, Exited, Runtime};
pub use config::KubeletConfig;
use entry::PodEntry;
use files::{remove, sweep};
use known::{Known, Pods};
use pod_logs::Readable;
pub use sessions::{ForwardTarget, connect};

/// A runtime with what belongs to it.
pub struct Containers {
    /// Starts and signals.
    pub runtime: Arc<dyn Runtime>,
    /// Its ends.
    pub exits: ExitReceiver,
    /// Where it writes output.
    pub logs: Arc<Logs>,
}

/// A running kubelet.
pub struct Kubelet {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    tasks: Mutex<Option<(JoinHandle<()>, RecorderTask)>>,
}

/// What the loop and the workers share.
struct Shared {
    config: KubeletConfig,
    client: Client,
    clock: SharedClock,
    runtime: Arc<dyn Runtime>,
    logs: Arc<Logs>,
    recorder: Recorder,
    node: NodeFacts,
    addresses: Option<Pool>,
    names: names::Names,
    pods: Pods,
    /// Containers that are being prepared or started.
    starting: AtomicUsize,
    images: Arc<::images::Store>,
    /// Whether the kernel puts layers over an image, once that was tried.
    layers: OnceCell<bool>,
}

impl Kubelet {
    /// Starts a kubelet on the current tokio runtime: registers the node and runs its pods until [`Kubelet::shutdown`].
    pub fn start(config: KubeletConfig, client: Client, clock: SharedClock, containers: Containers) -> Self {
        let Containers { runtime, exits, logs } = containers;
        let source = Source { component: "kubelet".to_owned(), host: Some(config.node_name.clone()) };
        let (recorder, recorder_task) = Recorder::start_for(client.clone(), Arc::clone(&clock), source);
        let recorder = recorder.limited(budget::UPSTREAM);
        let node = NodeFacts { host_ip: config.host_ip.clone(), runtime_name: runtime.name().to_owned() };
        let addresses = config.pod_range.map(Pool::new);
        let pods = Pods::default();
        let images = ::images::Store::new(config.state_directory.join(images::IMAGES));
        let shared = Arc::new(Shared {
            config,
            client,
            clock,
            runtime,
            logs,
            recorder,
            node,
            addresses,
            names: names::Names::default(),
            pods,
            starting: AtomicUsize::new(0),
            images,
            layers: OnceCell::new(),
        });
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(run(Arc::clone(&shared), exits, stopped));
        Self { shared, stop, tasks: Mutex::new(Some((task, recorder_task))) }
    }

    /// Opens the log of a container.
    ///
    /// # Errors
    /// Upstream's `BadRequest` texts when there is no such container, or it has not run; `NotFound` for the pod.
    pub fn logs(&self, namespace: &str, name: &str, options: &LogOptions) -> Result<LogStream, Status> {
        let not_found = || Status::not_found(&PODS, name);
        let (uid, known) = self.shared.pods.named(namespace, name).ok_or_else(not_found)?;
        let (container, run) = match &known {
            Known::Live(entry) => pod_logs::choose(name, &Readable::of(&entry.facts, &entry.memory.lock()), options)?,
            Known::Ended(ended) => pod_logs::choose(name, &ended.logs, options)?,
        };
        let path = Logs::path(&self.shared.log_root(), uid.as_str(), &container, run);
        Ok(self.shared.logs.read(&path, pod_logs::read_options(options, self.shared.clock.now())))
    }

    /// Whether this machine was found to give no sandboxes; until that is tried, it is not.
    pub fn lacks_sandboxes(&self) -> bool {
        self.shared.runtime.lacks_sandboxes()
    }

    /// Containers that run now.
    pub fn running_containers(&self) -> usize {
        self.shared.runtime.running()
    }

    /// Containers that run or are being started: whoever moves the time waits for them, since the kernel and the
    /// supervisor are at work for them.
    pub fn busy_containers(&self) -> usize {
        self.shared.starting.load(Ordering::SeqCst) + self.shared.runtime.running()
    }

    /// Kills all containers and ends all tasks. What the pods' statuses say stays as it is. Takes at most some 10 s,
    /// and usually milliseconds. A second call does nothing.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        self.shared.images.close();
        let tasks = self.tasks.lock().take();
        if let Some((task, recorder)) = tasks {
            if let Err(error) = task.await {
                error!(%error, "the kubelet had ended in a panic");
            }
            self.shared.runtime.shutdown().await;
            recorder.shutdown().await;
        }
    }
}

impl Kubelet {
    /// Removes what all pods have left on disk. For a kubelet whose API server ends with it, after
    /// [`Kubelet::shutdown`]: any other reads its pods' logs again after a restart.
    pub fn remove_all_files(&self) {
        for uid in self.shared.uids_on_disk() {
            self.shared.clean_up(&uid);
        }
    }
}

impl Shared {
    /// Whether this machine lets the runtime make sandboxes.
    async fn has_sandboxes(&self) -> bool {
        // Asks the supervisor the first time.
        let _starting = perform::Starting::count(self);
        self.runtime.has_sandboxes().await
    }
}

/// Makes the node known, and says from then on that it is there if somebody wants to know.
async fn be_there(shared: Arc<Shared>) {
    node::register(Arc::clone(&shared)).await;
    if shared.config.heartbeat {
        heartbeat::run(shared).await;
    }
}

async fn run(shared: Arc<Shared>, mut exits: ExitReceiver, mut stopped: watch::Receiver<bool>) {
    let mut workers = JoinSet::new();
    let mut swept = false;
    workers.spawn(be_there(Arc::clone(&shared)));
    workers.spawn(names::follow(Arc::clone(&shared)));
    let selection = Selection {
        field_selector: Some(format!("spec.nodeName={}", shared.config.node_name)),
        ..Selection::default()
    };
    let mut observations: Box<dyn Stream<Item = Observation> + Send + Unpin> =
        Box::new(observe(shared.client.clone(), Arc::clone(&shared.clock), PODS, selection));
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => break,
            Some(exited) = exits.recv() => route(&shared, exited),
            Some(result) = workers.join_next() => {
                if let Err(error) = result {
                    error!(%error, "a pod's worker ended in a panic");
                }
            }
            Some(observation) = observations.next() => match observation {
                Observation::Restarted { objects, .. } => {
                    if !std::mem::replace(&mut swept, true) {
                        sweep(&shared, &objects);
                    }
                    restart(&shared, &mut workers, &objects);
                }
                Observation::Applied(object) => apply(&shared, &mut workers, &object),
                Observation::Deleted(object) => gone(&shared, &object.meta().uid),
                Observation::Reached(_) => {}
            },
        }
    }
    workers.shutdown().await;
}

/// Hands an end to the pod's worker. The id names pod, container and run; a pod that is gone needs no telling.
fn route(shared: &Shared, exited: Exited) {
    let Some(uid) = exited.id.0.split('_').next() else { return };
    if let Some(entry) = shared.pods.live(&Uid::from(uid)) {
        entry.tell(|inbox| inbox.exits.push(exited));
    }
}

fn restart(shared: &Arc<Shared>, workers: &mut JoinSet<()>, objects: &[Arc<Object>]) {
    let present: HashSet<&Uid> = objects.iter().map(|object| &object.meta().uid).collect();
    // In an order of their own, not the map's, which differs from run to run.
    let missing: BTreeSet<Uid> = shared.pods.uids().into_iter().filter(|uid| !present.contains(uid)).collect();
    for uid in &missing {
        gone(shared, uid);
    }
    for object in objects {
        apply(shared, workers, object);
    }
}

fn apply(shared: &Arc<Shared>, workers: &mut JoinSet<()>, object: &Arc<Object>) {
    let meta = object.meta();
    if let Some(known) = shared.pods.get(&meta.uid) {
        let told = match &known {
            Known::Live(entry) => entry.tell(|inbox| inbox.object = Some(Arc::clone(object))),
            Known::Ended(_) => false,
        };
        if !told && statuses::awaits_delete(meta) {
            // Deleted before its last status was written: the grace period is this kubelet's to end.
            workers.spawn(statuses::delete(Arc::clone(shared), meta.uid.clone(), known.key().clone()));
        }
        return;
    }
    match PodEntry::new(object, shared.clock.now(), shared.addresses.as_ref()) {
        Ok(entry) => {
            let entry = Arc::new(entry);
            shared.pods.insert(&entry);
            workers.spawn(worker::run(Arc::clone(shared), entry));
        }
        Err(error) => warn!(pod = %meta.key(), %error, "pod cannot be read and is passed over"),
    }
}

fn gone(shared: &Shared, uid: &Uid) {
    let told = match shared.pods.get(uid) {
        None => return,
        Some(Known::Live(entry)) => entry.tell(|inbox| inbox.gone = true),
        Some(Known::Ended(_)) => false,
    };
    if !told {
        forget(shared, uid);
    }
}

/// Drops a pod of which nothing runs any more.
fn forget(shared: &Shared, uid: &Uid) {
    shared.pods.remove(uid);
    names::forget(shared, uid);
    shared.clean_up(uid.as_str());
}
