//! The kubelet as a whole: pods in an API, real processes, statuses back.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod changed;
mod fake_api;
mod images;
mod lifecycle;
mod rootfs;
mod servers;
mod updates;

use std::sync::{Arc, Mutex};

use api::logs::LogOptions;
use clock::{ManualClock, SharedClock, SystemClock};
use fake_api::{FakeApi, wait_for};

use api::session::Streams;
use futures::StreamExt;
use kubelet::logs::Logs;
use kubelet::runtime::process::{ProcessConfig, ProcessRuntime};
use kubelet::runtime::{ContainerId, ContainerSpec, ExecSpec, Runtime, RuntimeFuture, Session, StartError, Started};
use kubelet::{Containers, Kubelet, KubeletConfig};
use serde_json::{Value, json};

struct Node {
    api: Arc<FakeApi>,
    kubelet: Kubelet,
    directory: tempfile::TempDir,
}

fn node() -> Node {
    node_with(|runtime| runtime)
}

/// A node whose kubelet sees its runtime through something of the test's.
fn node_with(see: impl FnOnce(Arc<dyn Runtime>) -> Arc<dyn Runtime>) -> Node {
    node_at(Arc::new(SystemClock), see)
}

/// The same, by another clock.
fn node_at(clock: SharedClock, see: impl FnOnce(Arc<dyn Runtime>) -> Arc<dyn Runtime>) -> Node {
    node_set(clock, see, |_| {})
}

/// The same with settings of the test's.
fn node_set(
    clock: SharedClock,
    see: impl FnOnce(Arc<dyn Runtime>) -> Arc<dyn Runtime>,
    set: impl FnOnce(&mut KubeletConfig),
) -> Node {
    let api = Arc::new(FakeApi::default());
    let directory = tempfile::tempdir().unwrap();
    let logs = Arc::new(Logs::default());
    let config = ProcessConfig {
        supervisor_program: env!("CARGO_BIN_EXE_pod-supervisor").into(),
        supervisor_args: Vec::new(),
        records: None,
    };
    let (runtime, exits) = ProcessRuntime::start(&config, Arc::new(SystemClock), Arc::clone(&logs)).unwrap();
    let containers = Containers { runtime: see(Arc::new(runtime)), exits, logs };
    let mut config = KubeletConfig::new("n", directory.path().to_owned());
    config.image_rules = vec!["mapped=/bin/echo".parse().unwrap(), "environment=/usr/bin/env".parse().unwrap()];
    set(&mut config);
    let kubelet = Kubelet::start(config, api.client(), clock, containers);
    Node { api, kubelet, directory }
}

fn shell(policy: &str, script: &str) -> Value {
    json!({"restartPolicy": policy, "containers": [{"name": "c", "image": "busybox", "command": ["sh", "-c", script]}]})
}

impl Node {
    fn phase(&self, name: &str) -> String {
        let pod = self.api.get("pods", name).unwrap_or_default();
        pod["status"]["phase"].as_str().unwrap_or("gone").to_owned()
    }

    async fn reaches(&self, name: &str, phase: &str) {
        wait_for(&format!("{name} to be {phase}"), || self.phase(name) == phase).await;
    }

    fn container(&self, name: &str) -> Value {
        self.api.get("pods", name).unwrap()["status"]["containerStatuses"][0].clone()
    }

    async fn waits_with(&self, name: &str, reason: &str) -> Value {
        let waiting = || self.container(name)["state"]["waiting"].clone();
        wait_for(reason, || waiting()["reason"] == reason).await;
        waiting()
    }

    fn log_options(&self, follow: bool) -> LogOptions {
        LogOptions { follow, ..LogOptions::default() }
    }

    async fn log(&self, name: &str, options: &LogOptions) -> Result<String, String> {
        let mut stream = self.kubelet.logs("default", name, options).map_err(|status| status.message)?;
        let mut all = Vec::new();
        while let Some(bytes) = stream.next().await {
            all.extend_from_slice(&bytes.unwrap());
        }
        Ok(String::from_utf8(all).unwrap())
    }
}

#[tokio::test]
async fn pod_runs_to_its_end_and_its_log_stays() {
    let node = node();
    node.api.add_pod("ok", shell("Never", "echo hello; echo world"));
    node.reaches("ok", "Succeeded").await;
    let end = node.container("ok")["state"]["terminated"].clone();
    assert_eq!((&end["exitCode"], &end["reason"]), (&0.into(), &"Completed".into()));
    assert_eq!(node.log("ok", &node.log_options(false)).await.unwrap(), "hello\nworld\n");
    let tail = LogOptions { tail_lines: Some(1), ..LogOptions::default() };
    assert_eq!(node.log("ok", &tail).await.unwrap(), "world\n");
    let limited = LogOptions { limit_bytes: Some(3), ..LogOptions::default() };
    assert_eq!(node.log("ok", &limited).await.unwrap(), "hel");
    let stamped = LogOptions { timestamps: true, tail_lines: Some(1), ..LogOptions::default() };
    let line = node.log("ok", &stamped).await.unwrap();
    assert!(line.ends_with("Z world\n") && line.len() == "2026-01-01T00:00:00.000000000Z world\n".len(), "{line}");
    let future = LogOptions { since_time: Some("2999-01-01T00:00:00Z".parse().unwrap()), ..LogOptions::default() };
    assert_eq!(node.log("ok", &future).await.unwrap(), "");
    node.kubelet.shutdown().await;
}

#[tokio::test]
async fn the_node_renews_its_lease() {
    let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
    let node = node_at(clock.clone(), |runtime| runtime);
    let renewed = || node.api.get("leases", "n").unwrap_or_default()["spec"]["renewTime"].clone();
    wait_for("a lease", || renewed() == "2026-01-01T00:00:00.000000Z").await;
    let lease = node.api.get("leases", "n").unwrap();
    let (spec, owner) = (&lease["spec"], &lease["metadata"]["ownerReferences"][0]);
    assert_eq!((&spec["holderIdentity"], &spec["leaseDurationSeconds"]), (&json!("n"), &json!(40)));
    let uid = node.api.get("nodes", "n").unwrap()["metadata"]["uid"].clone();
    assert_eq!((&owner["kind"], &owner["name"], &owner["uid"]), (&json!("Node"), &json!("n"), &uid));
    clock.advance_to("2026-01-01T00:00:10Z".parse().unwrap());
    wait_for("a renewal", || renewed() == "2026-01-01T00:00:10.000000Z").await;
    node.kubelet.shutdown().await;
}

#[tokio::test]
async fn failure_and_signal_show_as_upstream_shows_them() {
    let node = node();
    node.api.add_pod("bad", shell("Never", "exit 3"));
    node.api.add_pod("killed", shell("Never", "kill -9 $$$$"));
    node.reaches("bad", "Failed").await;
    node.reaches("killed", "Failed").await;
    let end = |name: &str| node.container(name)["state"]["terminated"].clone();
    assert_eq!((&end("bad")["exitCode"], &end("bad")["reason"]), (&3.into(), &"Error".into()));
    assert_eq!(end("killed")["exitCode"], 137);
}

#[tokio::test]
async fn command_that_does_not_exist_is_a_start_error() {
    let node = node();
    let spec =
        json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "x", "command": ["no-such-program"]}]});
    node.api.add_pod("missing", spec);
    node.reaches("missing", "Failed").await;
    let end = node.container("missing")["state"]["terminated"].clone();
    assert_eq!((&end["exitCode"], &end["reason"]), (&128.into(), &"StartError".into()));
    assert_eq!(end["message"], "exec: \"no-such-program\": executable file not found in $PATH");
}

#[tokio::test]
async fn image_without_command_waits_unless_it_is_mapped() {
    let node = node();
    node.api.add_pod("unmapped", json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "nginx"}]}));
    let waiting = node.waits_with("unmapped", "ErrImagePull").await;
    assert!(waiting["message"].as_str().unwrap().contains("--map-image nginx=PROGRAM"), "{waiting}");
    let refused = node.log("unmapped", &node.log_options(false)).await.unwrap_err();
    assert_eq!(refused, "container \"c\" in pod \"unmapped\" is waiting to start: image can't be pulled");
    let mapped = json!({"restartPolicy": "Never", "containers": [
        {"name": "c", "image": "mapped:v2", "args": ["$(X)", "$$(X)"], "env": [{"name": "X", "value": "1"}]}]});
    node.api.add_pod("mapped", mapped);
    node.reaches("mapped", "Succeeded").await;
    assert_eq!(node.log("mapped", &node.log_options(false)).await.unwrap(), "1 $(X)\n");
}

#[tokio::test]
async fn a_program_that_stands_for_an_image_is_told_the_address_of_its_pod() {
    let node = node();
    for (name, container) in [
        ("told", json!({"name": "c", "image": "environment"})),
        ("untold", json!({"name": "c", "image": "environment", "command": ["env"]})),
    ] {
        node.api.add_pod(name, json!({"restartPolicy": "Never", "containers": [container]}));
        node.reaches(name, "Succeeded").await;
        let text = node.log(name, &node.log_options(false)).await.unwrap();
        assert_eq!(text.lines().any(|line| line == "KUBECTL_JOB_POD_IP=127.0.0.1"), name == "told", "{text}");
    }
}

#[tokio::test]
async fn missing_config_map_holds_the_container_until_it_comes() {
    let node = node();
    let mut spec = shell("Never", "echo $A");
    spec["containers"][0]["env"] = json!([{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}}]);
    node.api.add_pod("env", spec);
    let waiting = node.waits_with("env", "CreateContainerConfigError").await;
    assert_eq!(waiting["message"], "configmap \"cm\" not found");
    node.api.add("configmaps", json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm", "namespace": "default"}, "data": {"k": "v"}}));
    node.reaches("env", "Succeeded").await;
    assert_eq!(node.log("env", &node.log_options(false)).await.unwrap(), "v\n");
}

#[tokio::test]
async fn terminal_phase_is_written_before_the_object_goes() {
    let node = node();
    node.api.add_pod("sleeper", shell("Always", "exec sleep 1000"));
    node.reaches("sleeper", "Running").await;
    node.api.delete_pod("sleeper", None);
    wait_for("the pod to go", || node.api.get("pods", "sleeper").is_none()).await;
    let history = node.api.history("sleeper");
    assert_eq!(history[history.len() - 3..], ["deleting Running", "deleting Failed", "gone"], "{history:?}");
    assert_eq!(node.kubelet.running_containers(), 0);
    wait_for("its files to go", || !node.directory.path().join("pods").read_dir().unwrap().any(|_| true)).await;
}

#[tokio::test]
async fn logs_of_a_pod_that_is_gone_are_handed_to_the_archive_as_they_were() {
    let node = node_set(
        Arc::new(SystemClock),
        |runtime| runtime,
        |config| {
            let archive = config.state_directory.join("archive");
            std::fs::create_dir(&archive).unwrap();
            config.log_archive = Some(archive);
        },
    );
    node.api.add_pod(
        "twice",
        shell("OnFailure", "if [ -e done ]; then echo second; exit 0; fi; touch done; echo first; exit 1"),
    );
    node.api.add_pod("silent", shell("Never", "exit 0"));
    node.reaches("twice", "Succeeded").await;
    node.reaches("silent", "Succeeded").await;
    let uid = node.api.get("pods", "twice").unwrap()["metadata"]["uid"].as_str().unwrap().to_owned();
    let log = |root: &str, run: u32| std::fs::read(Logs::path(&node.directory.path().join(root), &uid, "c", run));
    let written = [log("logs", 0).unwrap(), log("logs", 1).unwrap()];
    for name in ["twice", "silent"] {
        node.api.delete_pod(name, None);
    }
    let scratch = node.directory.path().join("pods");
    wait_for("the pods' files to go", || !scratch.read_dir().unwrap().any(|_| true)).await;
    assert_eq!([log("archive", 0).unwrap(), log("archive", 1).unwrap()], written);
    assert!(log("logs", 0).is_err());
    assert_eq!(node.directory.path().join("archive").read_dir().unwrap().count(), 1);
    node.kubelet.shutdown().await;
}

#[tokio::test]
async fn process_that_ignores_term_is_killed_after_the_grace_period() {
    let node = node();
    let mut spec = shell("Never", "trap '' TERM; echo ready; while :; do sleep 1000; done");
    spec["terminationGracePeriodSeconds"] = 1.into();
    node.api.add_pod("stubborn", spec);
    node.reaches("stubborn", "Running").await;
    // The trap must be set before the signal comes.
    let mut log = node.kubelet.logs("default", "stubborn", &node.log_options(true)).unwrap();
    assert_eq!(log.next().await.unwrap().unwrap(), "ready\n");
    let begin = std::time::Instant::now();
    node.api.delete_pod("stubborn", None);
    wait_for("the pod to go", || node.api.get("pods", "stubborn").is_none()).await;
    assert!(begin.elapsed() >= std::time::Duration::from_millis(900), "{:?}", begin.elapsed());
    assert!(log.next().await.is_none());
}

#[tokio::test]
async fn forced_delete_kills_at_once() {
    let node = node();
    node.api.add_pod("forced", shell("Never", "trap '' TERM; while :; do sleep 1000; done"));
    node.reaches("forced", "Running").await;
    node.api.delete_pod("forced", Some(0));
    wait_for("nothing to run", || node.kubelet.running_containers() == 0).await;
    let status = node.kubelet.logs("default", "forced", &node.log_options(false)).err();
    wait_for("the pod to be forgotten", || node.kubelet.logs("default", "forced", &LogOptions::default()).is_err())
        .await;
    drop(status);
}

/// A runtime whose containers die late: it keeps signals until they are asked for.
struct Slow {
    inner: Arc<dyn Runtime>,
    kept: Mutex<Vec<(ContainerId, i32)>>,
}

impl Runtime for Slow {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn start(&self, spec: ContainerSpec) -> RuntimeFuture<'_, Result<Started, StartError>> {
        self.inner.start(spec)
    }

    fn exec(&self, spec: ExecSpec) -> RuntimeFuture<'_, Result<Session, StartError>> {
        self.inner.exec(spec)
    }

    fn attach(&self, id: &ContainerId, streams: Streams) -> Option<Session> {
        self.inner.attach(id, streams)
    }

    fn kill(&self, id: &ContainerId, signal: i32) {
        self.kept.lock().unwrap().push((id.clone(), signal));
    }

    fn running(&self) -> usize {
        self.inner.running()
    }

    fn shutdown(&self) -> RuntimeFuture<'_, ()> {
        self.inner.shutdown()
    }
}

// One worker, so that a pod which keeps it busy stops every other task, but not the test.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn pod_that_is_gone_waits_for_its_processes_at_rest() {
    let slow = Arc::new(Mutex::new(None));
    let node = node_with(|inner| {
        let runtime = Arc::new(Slow { inner, kept: Mutex::default() });
        *slow.lock().unwrap() = Some(Arc::clone(&runtime));
        runtime
    });
    let slow = slow.lock().unwrap().take().unwrap();
    node.api.add_pod("late", shell("Never", "sleep 1000"));
    node.reaches("late", "Running").await;
    node.api.delete_pod("late", Some(0));
    wait_for("the signal", || !slow.kept.lock().unwrap().is_empty()).await;
    node.api.add_pod("other", shell("Never", "sleep 0.1"));
    node.reaches("other", "Succeeded").await;
    for (id, signal) in slow.kept.lock().unwrap().drain(..) {
        slow.inner.kill(&id, signal);
    }
    wait_for("the process to end", || node.kubelet.running_containers() == 0).await;
}

#[tokio::test]
async fn failed_container_restarts_and_keeps_its_previous_log() {
    let node = node();
    node.api.add_pod(
        "again",
        shell("OnFailure", "if [ -e done ]; then echo second; exec sleep 1000; fi; touch done; echo first; exit 1"),
    );
    wait_for("the second run", || {
        let container = node.container("again");
        container["restartCount"] == 1 && container["state"]["running"].is_object()
    })
    .await;
    let container = node.container("again");
    assert_eq!(container["lastState"]["terminated"]["exitCode"], 1);
    let previous = LogOptions { previous: true, ..LogOptions::default() };
    assert_eq!(node.log("again", &previous).await.unwrap(), "first\n");
    let mut stream = node.kubelet.logs("default", "again", &node.log_options(true)).unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "second\n");
    node.kubelet.shutdown().await;
}

#[tokio::test]
async fn log_refusals_are_upstreams() {
    let node = node();
    let spec = json!({"restartPolicy": "Never", "containers": [
        {"name": "a", "image": "x", "command": ["sleep", "1000"]}, {"name": "b", "image": "x", "command": ["sleep", "1000"]}]});
    node.api.add_pod("two", spec);
    node.reaches("two", "Running").await;
    let of = |container: Option<&str>, previous| LogOptions {
        container: container.map(str::to_owned),
        previous,
        ..LogOptions::default()
    };
    let cases = [
        (of(None, false), "a container name must be specified for pod two, choose one of: [a b]"),
        (of(Some("z"), false), "container z is not valid for pod two"),
        (of(Some("a"), true), "previous terminated container \"a\" in pod \"two\" not found"),
    ];
    for (options, message) in cases {
        assert_eq!(node.log("two", &options).await.unwrap_err(), message);
    }
    assert_eq!(node.log("none", &of(None, false)).await.unwrap_err(), "pods \"none\" not found");
    node.kubelet.shutdown().await;
}

#[tokio::test]
async fn events_tell_the_story() {
    let node = node();
    let mut spec = shell("Never", "true");
    spec["containers"][0]["volumeDevices"] = json!([{"name": "d", "devicePath": "/d"}]);
    node.api.add_pod("told", spec);
    node.reaches("told", "Succeeded").await;
    let told = || -> Vec<(String, String)> {
        let text = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
        node.api.all("events").iter().map(|event| (text(event, "reason"), text(event, "message"))).collect()
    };
    wait_for("four events", || told().len() >= 4).await;
    let pair = |reason: &str, message: &str| (reason.to_owned(), message.to_owned());
    for expected in [
        pair("NotHonoured", "A local process cannot honour these fields: spec.containers[0].volumeDevices"),
        pair("Pulled", "Container image \"busybox\" already present on machine and can be accessed by the pod"),
        pair("Created", "Container created"),
        pair("Started", "Container started"),
    ] {
        assert!(told().contains(&expected), "{:?}", told());
    }
    let node_object = node.api.get("nodes", "n").unwrap();
    assert!(api::conditions::is_true(&node_object, "Ready"), "{node_object}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_pods_end_each_once() {
    let node = node();
    for number in 0..200 {
        node.api.add_pod(&format!("many-{number}"), shell("Never", &format!("exit {}", number % 2)));
    }
    wait_for("all to end", || {
        node.api.all("pods").iter().all(|pod| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")))
    })
    .await;
    for number in 0..200 {
        assert_eq!(node.phase(&format!("many-{number}")), if number % 2 == 0 { "Succeeded" } else { "Failed" });
    }
    assert_eq!(node.kubelet.running_containers(), 0);
    node.kubelet.shutdown().await;
}

#[tokio::test]
async fn shutdown_leaves_no_container() {
    let node = node();
    node.api.add_pod("long", shell("Always", "exec sleep 1000"));
    node.reaches("long", "Running").await;
    assert_eq!(node.kubelet.running_containers(), 1);
    node.kubelet.shutdown().await;
    wait_for("nothing to run", || node.kubelet.running_containers() == 0).await;
}
