//! The cluster of one test: what the driver needs of it, in one place for scripted pods and for processes.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::logs::LogOptions;
use api::resource::PODS;
use api::{Gvr, Options, Reason, Reply, Request, Status, Verb};
use client::{Client, Error};
use explain::Record;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use testkit::{Act, Attempt, Component, Refusal, Rig, RigPods};

use crate::format::{ClockMode, Test};
use crate::script::{Blows, script};
use crate::world::World;

/// The lines that a run of a container wrote: by pod, container and restart.
pub(crate) type Logs = BTreeMap<(String, String, u32), Vec<String>>;

/// How processes of a test's pods are owned: the program with the hidden subcommand, and its arguments.
pub type Supervisor = (std::path::PathBuf, Vec<String>);

/// A cluster that a test runs in.
pub(crate) struct Machine {
    rig: Rig,
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) blows: Blows,
    logs: Arc<Mutex<Logs>>,
    mode: ClockMode,
}

impl Machine {
    /// Starts it.
    pub(crate) fn start(
        test: &Test,
        mode: ClockMode,
        seed: u64,
        supervisor: Option<&Supervisor>,
    ) -> Result<Self, String> {
        let (blows, logs) = (Blows::default(), Arc::<Mutex<Logs>>::default());
        let pods = if mode == ClockMode::Virtual {
            let (act, book) = (script(test.pods.clone(), blows.clone()), logs.clone());
            RigPods::Scripted(Arc::new(move |attempt: &Attempt| noted(&book, attempt, act(attempt))), test.start_at)
        } else {
            let supervisor = supervisor.cloned().ok_or("no program to own processes was given")?;
            RigPods::Processes { supervisor, images: test.images.clone(), jumps: mode == ClockMode::Hybrid }
        };
        let world = Arc::new(Mutex::new(World::new(test, Timestamp::UNIX_EPOCH)));
        let follower = world.clone();
        let rig = Rig::start(seed, pods, move |commit| follower.lock().saw(commit))?;
        world.lock().begin(rig.now());
        Ok(Self { rig, world, blows, logs, mode })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.rig.now()
    }

    pub(crate) fn mode(&self) -> ClockMode {
        self.mode
    }

    /// Sends a request as a user would.
    pub(crate) fn call(&self, request: Request) -> Result<Reply, Error> {
        let client = self.rig.client();
        let answer = self.rig.block_on(async move { client.call(request).await });
        answer.unwrap_or_else(|| Err(Error::Transport("the request was never answered".into())))
    }

    /// An object; nothing when it is not there.
    pub(crate) fn get(&self, resource: &Gvr, namespace: Option<&str>, name: &str) -> Option<Value> {
        self.rig.get(resource, namespace, name)
    }

    /// All objects of a kind.
    pub(crate) fn list(&self, resource: &Gvr) -> Vec<Value> {
        let list = self.call(Request::new(Verb::List, resource.clone(), None, None).options(Options::default()));
        match list.map(|reply| reply.response) {
            Ok(api::Response::List(list)) => list.items.iter().map(|object| object.to_value()).collect(),
            _ => Vec::new(),
        }
    }

    /// Lets time pass until it is `deadline`, or something holds after a commit.
    pub(crate) fn run_until(&self, deadline: Timestamp, holds: impl FnMut() -> bool) {
        self.rig.run_until(deadline, holds);
    }

    /// Runs it until nothing is left to do at this moment.
    pub(crate) fn settle(&self) {
        self.rig.settle();
    }

    /// The time that something unfinished draws time to.
    pub(crate) fn drawn_to(&self) -> Option<Timestamp> {
        self.rig.drawn_to()
    }

    /// Whether a process runs: then something may happen though nothing draws time.
    pub(crate) fn is_busy(&self) -> bool {
        self.rig.is_busy()
    }

    pub(crate) fn stop(&self, component: Component) {
        self.rig.stop(component);
    }

    pub(crate) fn resume(&self, component: Component) -> Result<(), String> {
        self.rig.resume(component)
    }

    /// Refuses the next requests of a component, or loses their answers.
    pub(crate) fn refuse(&self, component: Component, verb: Verb, resource: Gvr, times: u64, code: Option<u16>) {
        let status = code.map(|code| {
            let reason = match code {
                403 => Reason::FORBIDDEN,
                409 => Reason::CONFLICT,
                429 => Reason::TOO_MANY_REQUESTS,
                500 => Reason::INTERNAL,
                _ => Reason::UNAVAILABLE,
            };
            Status::failure(code, reason, "refused by the test")
        });
        self.rig.faults().refuse(Refusal { component, verb, resource, times, status });
    }

    /// The controllers' decisions on an object.
    pub(crate) fn records(&self, object: &Value) -> Vec<Record> {
        self.rig.records(object)
    }

    /// All output so far.
    pub(crate) fn logs(&self) -> Logs {
        self.logs.lock().clone()
    }

    /// Reads the output of containers that have ended and were not read yet: of processes, while their pods are there.
    pub(crate) fn read_logs(&self) {
        if self.mode == ClockMode::Virtual {
            return;
        }
        let runs: Vec<(String, String, String, u32, bool)> = self.world.lock().readable_runs();
        for (namespace, pod, container, restart, previous) in runs {
            let key = (pod.clone(), container.clone(), restart);
            if self.logs.lock().contains_key(&key) {
                continue;
            }
            let options = LogOptions { container: Some(container), previous, ..LogOptions::default() };
            let lines = self.rig.block_on(read_lines(self.rig.client(), namespace, pod, options));
            if let Some(lines) = lines.flatten() {
                self.logs.lock().insert(key, lines);
            }
        }
    }

    /// Namespace and name of each pod of a node.
    pub(crate) fn pods_of_node(&self, node: &str) -> Vec<(String, String)> {
        let there = self.list(&PODS);
        let of_node = there.iter().filter(|pod| pod["spec"]["nodeName"] == node);
        let name = |pod: &Value, field: &str| pod["metadata"][field].as_str().unwrap_or_default().to_owned();
        of_node.map(|pod| (name(pod, "namespace"), name(pod, "name"))).collect()
    }
}

/// Keeps what a scripted run prints.
fn noted(book: &Mutex<Logs>, attempt: &Attempt, act: Act) -> Act {
    if let Act::Run(run) = &act {
        let key = (attempt.pod_name().to_owned(), attempt.container.clone(), attempt.run);
        book.lock().insert(key, run.lines.clone());
    }
    act
}

async fn read_lines(client: Client, namespace: String, pod: String, options: LogOptions) -> Option<Vec<String>> {
    use futures::StreamExt;
    let mut stream = client.logs(&namespace, &pod, options).await.ok()?;
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.ok()?);
    }
    Some(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
}
