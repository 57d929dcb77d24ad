//! The inside of a test's cluster: everything that lives in the one thread that its runtime has, and the way in there
//! from other threads.
//!
//! Whatever is asked of the cluster is a task of its own runtime, also when the test runs elsewhere: so its time knows of
//! all work, and what happens does not depend on which thread asked. A task that nobody waits for any more is cut off,
//! so that time never goes on behind the test's back.

use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use cluster::Endpoint;
use explain::Manifest;
use futures::FutureExt;
use jiff::Timestamp;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet};

use super::builder::ClusterBuilder;
use super::recorder::Recorder;
use super::requests::Refusals;
use crate::errors::told;
use crate::faults::Faults;
use crate::time::Time;

/// What a cluster is, apart from its thread.
pub(super) struct Core {
    pub(super) seed: u64,
    pub(super) start: Timestamp,
    pub(super) patience: Duration,
    pub(super) time: Time,
    pub(super) recorder: Arc<Recorder>,
    pub(super) faults: Faults,
    pub(super) refusals: Refusals,
    /// Made with the first request of the test's own client.
    pub(super) kube: OnceLock<client::kube::Client>,
    pub(super) handle: Handle,
    /// What was applied, for line numbers.
    pub(super) manifests: Mutex<Vec<Manifest>>,
    /// Whether people were told why the test fails.
    pub(super) told: Arc<AtomicBool>,
    pub(super) endpoint: tokio::sync::Mutex<Option<Endpoint>>,
    /// Goes last of all.
    pub(super) folder: Mutex<Option<TempDir>>,
    /// Taken when it ends.
    cluster: Mutex<Option<Arc<cluster::Cluster>>>,
    tasks: Mutex<JoinSet<()>>,
}

/// The cluster has ended already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended;

impl Core {
    /// Starts the cluster in the current runtime.
    ///
    /// # Errors
    /// Why it does not start.
    pub(super) async fn start(builder: ClusterBuilder, time: Time) -> Result<Arc<Self>, String> {
        let (mut config, folder) = builder.config(&time)?;
        let faults = Faults::new();
        faults.stand_in(&mut config);
        let cluster = cluster::Cluster::start(config).await.map_err(|error| told(&error))?;
        let recorder = Arc::new(Recorder::new(&cluster.view()));
        let follower = recorder.clone();
        cluster.follow_commits(move |commit| follower.take(commit));
        if let Some(stepper) = &time.stepper {
            stepper.settled().await;
        }
        let start = time.clock.now();
        Ok(Arc::new(Self {
            seed: builder.seed,
            start,
            patience: builder.patience,
            time,
            recorder,
            faults,
            refusals: Refusals::default(),
            kube: OnceLock::new(),
            handle: Handle::current(),
            manifests: Mutex::default(),
            told: Arc::default(),
            endpoint: tokio::sync::Mutex::default(),
            folder: Mutex::new(folder),
            cluster: Mutex::new(Some(Arc::new(cluster))),
            tasks: Mutex::default(),
        }))
    }

    /// Does something in the cluster's runtime; what panics there panics here.
    pub(super) async fn call<T, F>(&self, work: impl FnOnce(Arc<cluster::Cluster>) -> F) -> Result<T, Ended>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let Some(cluster) = self.cluster.lock().clone() else { return Err(Ended) };
        let (sender, answer) = oneshot::channel();
        let work = AssertUnwindSafe(work(cluster)).catch_unwind();
        let task = {
            let mut tasks = self.tasks.lock();
            while tasks.try_join_next().is_some() {}
            // Whoever no longer waits needs no answer.
            tasks.spawn_on(async move { _ = sender.send(work.await) }, &self.handle)
        };
        let _cut = Cut(task);
        match answer.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(Ended),
        }
    }

    /// Ends the cluster, in its own runtime.
    pub(super) async fn end(&self) {
        let cluster = self.cluster.lock().take();
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        tasks.shutdown().await;
        // Nobody else holds it: what did was a task.
        let Some(cluster) = cluster.and_then(Arc::into_inner) else { return };
        self.time.end(cluster).await;
    }
}

/// Cuts a task off when nobody waits for it.
struct Cut(AbortHandle);

impl Drop for Cut {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The thread of a cluster that lives beside its test. Dropping it ends both and waits for that.
pub(super) struct Thread {
    stop: Option<oneshot::Sender<()>>,
    join: Option<JoinHandle<()>>,
}

impl Thread {
    /// Starts a cluster in a thread of its own.
    pub(super) async fn start(builder: ClusterBuilder) -> (Arc<Core>, Self) {
        let (started, core) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let serve = move || serve(builder, started, stopped);
        let join = std::thread::Builder::new().name("testkit".to_owned()).spawn(serve).expect("a thread");
        let mut thread = Self { stop: Some(stop), join: Some(join) };
        match core.await {
            Ok(Ok(core)) => (core, thread),
            Ok(Err(error)) => panic!("the cluster does not start: {error}"),
            Err(_) => match thread.join.take().map(JoinHandle::join) {
                Some(Err(panic)) => resume_unwind(panic),
                _ => panic!("the cluster's thread ended before the cluster had started"),
            },
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop = None;
        let Some(join) = self.join.take() else { return };
        // A test may let the last handle go in the cluster's own thread, which cannot wait for itself.
        if join.thread().id() != std::thread::current().id() {
            // A panic was told of where it happened.
            let _ = join.join();
        }
    }
}

/// The thread's whole life.
fn serve(builder: ClusterBuilder, started: oneshot::Sender<Result<Arc<Core>, String>>, stopped: oneshot::Receiver<()>) {
    let (time, runtime) = builder.runtime();
    let folder = runtime.block_on(async {
        let core = match Core::start(builder, time).await {
            Ok(core) => core,
            Err(error) => {
                // Without a receiver nobody wants to know.
                let _ = started.send(Err(error));
                return None;
            }
        };
        let _ = started.send(Ok(core.clone()));
        // An error says that the handle is gone, which is the signal.
        let _ = stopped.await;
        core.end().await;
        core.folder.lock().take()
    });
    // What is in the folder may be in use until the last task is gone.
    drop(runtime);
    drop(folder);
}
