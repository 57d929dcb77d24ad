//! A cluster as a value, for tests that are async.

mod builder;
mod inside;
mod job;
mod manifests;
mod outcome;
mod recorder;
mod requests;
mod snapshot;
mod story;

use std::future::Future;
use std::panic::Location;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use api::resource::PODS;
use api::{Body, Gvr, Request, Status, Verb};
use client::kube;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub use builder::{ClockMode, ClusterBuilder};
use inside::{Core, Thread};
pub use job::{CronJobHandle, JobHandle};
pub use outcome::{Outcome, Verdict};
pub use snapshot::Snapshot;

use crate::faults::Faults;

/// A whole cluster, for one test: API server, controllers, scheduler and kubelet in this process. No port is opened, and
/// nothing is shared with any other cluster, so tests run beside each other. Dropping it ends all of it: no task, no
/// thread, no process, no file is left.
///
/// Time passes only while a call of this value lets it: [`finished`](Self::finished), [`advance`](Self::advance),
/// [`run_until`](Self::run_until) and what is built on them. Between the test's own requests it stands still, and each
/// request comes in when nothing else is left to do, so what a test sees does not depend on how fast anything ran.
///
/// ```
/// use testkit::{Cluster, Run, job, k8s::api::batch::v1::Job, kube::Api, kube::api::PostParams, seconds};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Two runs fail, the third succeeds. Nothing is executed: the script says how pods end, and what they print.
/// let script = |attempt: &testkit::Attempt| match attempt.number {
///     0 | 1 => Run::exits(1, seconds(1)).prints("db not ready"),
///     _ => Run::exits(0, seconds(5)),
/// };
/// let cluster = Cluster::builder().script(script).start().await;
///
/// let jobs: Api<Job> = Api::default_namespaced(cluster.client());
/// let migrate = serde_json::from_value(job("migrate", serde_json::json!({"backoffLimit": 4})))?;
/// jobs.create(&PostParams::default(), &migrate).await?;
///
/// cluster.never(|now| now.active_pods("migrate") > 1);
/// let outcome = cluster.finished("migrate").await; // 37 seconds for the cluster, milliseconds for you
/// outcome.assert_complete();
/// assert_eq!(outcome.exit_codes(), [1, 1, 0]);
/// assert_eq!(outcome.back_offs(), [seconds(10), seconds(20)]);
/// outcome.assert_within(seconds(60));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Cluster {
    core: Arc<Core>,
    /// None when the cluster lives around its test.
    thread: Option<Thread>,
}

impl Cluster {
    /// A cluster in virtual time whose pods behave as their annotations say.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A cluster to be set up.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::new()
    }

    /// A client, as everybody uses it. Its requests stay in this process.
    pub fn client(&self) -> kube::Client {
        requests::client(&self.core)
    }

    /// The text of a kubeconfig, for other programs. The first call opens a socket on 127.0.0.1, which is open until the
    /// cluster ends.
    ///
    /// # Panics
    /// When no socket can be opened.
    pub async fn kubeconfig(&self) -> String {
        let mut endpoint = self.core.endpoint.lock().await;
        if let Some(endpoint) = &*endpoint {
            return endpoint.kubeconfig.clone();
        }
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let served = self.call(|cluster| async move { cluster.serve_https(listener).await }).await;
        endpoint.insert(served.expect("the API is served")).kubeconfig.clone()
    }

    /// The path of such a kubeconfig, for the variable `KUBECONFIG`. The file goes with the cluster.
    ///
    /// # Panics
    /// When no socket can be opened, or no file made.
    pub async fn kubeconfig_file(&self) -> PathBuf {
        let text = self.kubeconfig().await;
        story::write_private(&self.core, "kubeconfig", &text).expect("a file in a temporary folder")
    }

    /// The time in the cluster.
    pub fn now(&self) -> Timestamp {
        self.core.time.clock.now()
    }

    /// How much time has passed in the cluster since it started.
    pub fn elapsed(&self) -> SignedDuration {
        self.now().duration_since(self.core.start)
    }

    /// What it draws UIDs and the suffixes of names from.
    pub fn seed(&self) -> u64 {
        self.core.seed
    }

    /// Lets time pass, through every timer on the way, and returns when all that was due has been done.
    ///
    /// # Panics
    /// When the clock is the machine's, which nobody can move.
    pub async fn advance(&self, duration: SignedDuration) {
        self.advance_to(self.now().saturating_add(duration).expect("seconds keep their unit")).await;
    }

    /// Lets time pass until it is `time`.
    ///
    /// # Panics
    /// When the clock is the machine's.
    pub async fn advance_to(&self, time: Timestamp) {
        let moved = self.call(move |cluster| async move { cluster.advance_to(time).await }).await;
        moved.expect("a clock that can be moved: ClockMode::Virtual or ClockMode::Hybrid");
        self.check().await;
    }

    /// Lets time pass until the next moment that anything waits for, and answers with it; nothing when nothing does.
    ///
    /// # Panics
    /// When the clock is the machine's.
    pub async fn advance_to_next_timer(&self) -> Option<Timestamp> {
        self.settle().await;
        let next = self.core.time.stepper.as_ref().and_then(|stepper| stepper.next_timer())?;
        self.advance_to(next).await;
        Some(next)
    }

    /// Waits until nothing is left to do at this moment. With processes: until the cluster itself has nothing left to do.
    ///
    /// # Panics
    /// When the clock is the machine's, since then there is always more to come.
    pub async fn settle(&self) {
        let stepper = self.core.time.stepper.clone();
        let stepper = stepper.expect("a clock that can be moved: ClockMode::Virtual or ClockMode::Hybrid");
        self.call(move |_| async move { _ = stepper.settled().await }).await;
        self.check().await;
    }

    /// Lets time pass until the state is as wanted. Conditions are asked after commits; one must not call the cluster.
    ///
    /// # Panics
    /// When it is not within that time of the cluster.
    pub async fn run_until(
        &self,
        within: SignedDuration,
        what: &str,
        holds: impl FnMut(&Snapshot<'_>) -> bool + Send + 'static,
    ) {
        if !self.try_run_until(within, holds).await {
            self.fail(&format!("not within {within:#}: {what}")).await;
        }
    }

    /// The same, but answers whether the state is as wanted.
    ///
    /// # Panics
    /// When what must [never](Self::never) be so came true.
    pub async fn try_run_until(
        &self,
        within: SignedDuration,
        mut holds: impl FnMut(&Snapshot<'_>) -> bool + Send + 'static,
    ) -> bool {
        let (recorder, patience) = (self.core.recorder.clone(), self.core.patience);
        let deadline = self.now().saturating_add(within).expect("seconds keep their unit");
        let held = self.call(move |cluster| async move {
            let held = cluster.run_until(deadline, |_| recorder.is_broken() || recorder.now(|now| holds(now)));
            tokio::time::timeout(patience, held).await
        });
        let held = held.await;
        self.check().await;
        held.unwrap_or(false)
    }

    /// Lets time pass until a Job in the namespace `default` is `Complete` or `Failed`.
    ///
    /// # Panics
    /// See [`JobHandle::finished`].
    pub async fn finished(&self, job: &str) -> Outcome {
        self.job(job).finished().await
    }

    /// A Job in the namespace `default`, whether it is there or not.
    pub fn job(&self, name: &str) -> JobHandle<'_> {
        self.job_in("default", name)
    }

    /// A Job, whether it is there or not.
    pub fn job_in(&self, namespace: &str, name: &str) -> JobHandle<'_> {
        JobHandle::new(self, namespace, name)
    }

    /// A CronJob in the namespace `default`.
    pub fn cron(&self, name: &str) -> CronJobHandle<'_> {
        CronJobHandle::new(self, "default", name)
    }

    /// Applies manifests, YAML or JSON, as `kubectl apply --server-side` does, and answers with the objects. Fields that
    /// the API does not know are refused.
    ///
    /// # Errors
    /// What is no manifest, with its line, and what the API refuses.
    pub async fn apply(&self, manifests: &str) -> Result<Vec<Value>, ApplyError> {
        manifests::apply(self, "manifest", manifests).await
    }

    /// Applies the manifests of a file.
    ///
    /// # Errors
    /// A file that cannot be read; else as [`Cluster::apply`].
    pub async fn apply_file(&self, path: impl Into<PathBuf>) -> Result<Vec<Value>, ApplyError> {
        let path = path.into();
        let text =
            std::fs::read_to_string(&path).map_err(|error| ApplyError(format!("{}: {error}", path.display())))?;
        manifests::apply(self, &path.display().to_string(), &text).await
    }

    /// Evicts a pod of the namespace `default`, as `kubectl drain` does.
    ///
    /// # Panics
    /// When the API refuses it, as it does for a disruption budget.
    pub async fn evict(&self, pod: &str) {
        let mut request = Request::new(Verb::Create, PODS, Some("default"), Some(pod));
        request.subresource = Some("eviction".to_owned());
        let metadata = json!({"name": pod, "namespace": "default"});
        self.quiet().await;
        let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata});
        let request = request.body(Body::Object(eviction));
        let answer = self.call(move |cluster| async move { cluster.client().call(request).await }).await;
        if let Err(error) = answer {
            self.fail(&format!("pod {pod} cannot be evicted: {error}")).await;
        }
    }

    /// Refuses the next requests of [`Cluster::client`] of that kind with 503 Service Unavailable: for tests of how a
    /// client tries again.
    pub fn fail_requests(&self, verb: Verb, resource: &Gvr, times: u64) {
        let reason = api::Reason("ServiceUnavailable".into());
        self.fail_requests_with(verb, resource, times, Status::failure(503, reason, "refused by the test"));
    }

    /// Refuses them with a `Status` of your own.
    pub fn fail_requests_with(&self, verb: Verb, resource: &Gvr, times: u64, status: Status) {
        self.core.refusals.add(verb, resource, times, status);
    }

    /// The faults between the cluster's own components and the API.
    pub fn faults(&self) -> &Faults {
        &self.core.faults
    }

    /// Forbids a condition: it is looked at after every commit, those before this call too. The call in which it comes
    /// true panics, or the end of the cluster does. It must not call the cluster.
    ///
    /// # Panics
    /// When the condition was true already.
    #[track_caller]
    pub fn never(&self, condition: impl Fn(&Snapshot<'_>) -> bool + Send + 'static) {
        self.core.recorder.forbid(Box::new(condition), Location::caller());
        if let Some(broken) = self.core.recorder.take_broken() {
            panic!("{broken}");
        }
    }

    /// Looks at the state as it is now; in virtual time, when nothing is left to do at this moment.
    pub async fn look<T>(&self, look: impl FnOnce(&Snapshot<'_>) -> T) -> T {
        self.quiet().await;
        self.core.recorder.now(look)
    }

    /// Every commit so far: `REVISION TIME VERB RESOURCE KEY OBJECT`, a line each. The same test with the same seed in
    /// virtual time gives the same text.
    pub async fn event_log(&self) -> String {
        self.quiet().await;
        self.core.recorder.event_log()
    }

    /// Ends the cluster without blocking the test's runtime, as dropping it does for some milliseconds.
    pub async fn close(mut self) {
        if let Some(thread) = self.thread.take() {
            // An error says that the runtime is shutting down, which waits for blocking tasks itself.
            let _ = tokio::task::spawn_blocking(move || drop(thread)).await;
        }
    }

    async fn call<T, F>(&self, work: impl FnOnce(Arc<cluster::Cluster>) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.core.call(work).await.expect("the cluster lives as long as its value")
    }

    /// In virtual time, waits until nothing is left to do: what is asked now does not depend on how fast anything ran.
    async fn quiet(&self) {
        if self.core.time.mode == ClockMode::Virtual {
            self.settle().await;
        }
    }

    /// Panics when what must never be so came true.
    async fn check(&self) {
        if let Some(broken) = self.core.recorder.take_broken() {
            self.fail(&broken).await;
        }
    }

    /// Panics with all that explains it.
    async fn fail(&self, what: &str) -> ! {
        let reports = story::reports(&self.core).await;
        panic!("{what}\n\n{reports}")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let broken = self.core.recorder.take_broken();
            self.thread = None;
            if let Some(broken) = broken {
                panic!("{broken}");
            }
        } else if self.thread.is_some() && !self.core.told.load(Ordering::Relaxed) {
            story::tell(&futures::executor::block_on(story::reports(&self.core)));
        }
    }
}

/// Manifests that cannot be applied, and why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ApplyError(pub(crate) String);
