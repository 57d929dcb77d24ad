//! Containers whose files are an image's: what they see and are told, and what they cannot reach.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;

use api::logs::LogOptions;
use api::session::Streams;
use kubelet::runtime::sandbox::Root;
use kubelet::runtime::{ContainerId, ContainerSpec, ExecSpec, Runtime, RuntimeFuture, Session, StartError, Started};
use serde_json::{Value, json};

use super::fake_api::wait_for;
use super::{Node, node_set, rootfs};

/// A directory to be root in, another that stands for the host, and a node that knows the first as image `disk`.
struct Bench {
    node: Node,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::seeing(|runtime| runtime)
    }

    fn seeing(see: impl FnOnce(Arc<dyn Runtime>) -> Arc<dyn Runtime>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        rootfs::fill(&folder.path().join("root"));
        fs::create_dir(folder.path().join("host")).unwrap();
        fs::write(folder.path().join("host/secret"), "host").unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let rules = [format!("disk=rootfs:{}", at("root")), format!("app=oci:{}", at("layout"))];
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let node = node_set(Arc::new(clock::SystemClock), see, |config| config.image_rules = rules);
        Self { node, folder }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn text_of(&self, path: &str) -> String {
        self.at(path).display().to_string()
    }

    /// Runs a container to its end; what it has printed.
    async fn run(&self, name: &str, spec: Value) -> String {
        self.node.api.add_pod(name, spec);
        let ended = || matches!(self.node.phase(name).as_str(), "Succeeded" | "Failed");
        wait_for(&format!("{name} to end"), ended).await;
        self.node.log(name, &LogOptions::default()).await.unwrap_or_else(|text| format!("{text}\n"))
    }

    fn told(&self) -> Vec<(String, String)> {
        let text = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
        self.node.api.all("events").iter().map(|event| (text(event, "reason"), text(event, "message"))).collect()
    }

    fn host_is_whole(&self) -> bool {
        fs::read_dir(self.at("host")).unwrap().count() == 1
            && fs::read_to_string(self.at("host/secret")).unwrap() == "host"
    }
}

fn shell(image: &str, script: &str) -> Value {
    json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": image, "command": ["sh", "-c", script]}]})
}

#[tokio::test]
async fn a_container_sees_its_image_and_what_every_container_has() {
    let bench = Bench::new();
    let mut spec = shell(
        "disk",
        "echo made >/made; cat /made; ls /dev; cat /etc/hosts | while read a b; do echo $b; done; id -u; echo words >/dev/termination-log; echo in >/data/x; ls -d /proc/self; cat /dev/null; ls /host-of-the-test 2>&1",
    );
    spec["volumes"] = json!([{"name": "v", "emptyDir": {}}]);
    spec["containers"][0]["volumeMounts"] = json!([{"name": "v", "mountPath": "/data"}]);
    let said = bench.run("plain", spec).await;
    assert!(
        said.starts_with("made\nfd\nfull\nnull\n") && said.contains("\nshm\n") && said.contains("\nplain\n"),
        "{said}"
    );
    assert!(said.contains("\n0\n/proc/self\n") && said.contains("No such file"), "{said}");
    let end = bench.node.container("plain")["state"]["terminated"].clone();
    assert_eq!(end["message"], "words\n");
    assert!(!bench.at("root/made").exists() && !bench.at("root/data/x").exists());
}

#[tokio::test]
async fn what_a_run_writes_is_gone_with_it() {
    let bench = Bench::new();
    let mut spec = shell("disk", "[ -e /made ] && echo there; touch /made; mkdir /shut; chmod 0 /shut; exit 1");
    spec["restartPolicy"] = "OnFailure".into();
    bench.node.api.add_pod("again", spec);
    wait_for("the second run", || bench.node.container("again")["restartCount"].as_u64() >= Some(1)).await;
    let ended = || bench.node.container("again")["state"]["waiting"]["reason"] == "CrashLoopBackOff";
    wait_for("its end", ended).await;
    let options = LogOptions::default();
    assert_eq!(bench.node.log("again", &options).await.unwrap(), "");
    bench.node.api.delete_pod("again", Some(0));
    let pods = bench.node.directory.path().join("pods");
    wait_for("its files to go", || fs::read_dir(&pods).map_or(0, Iterator::count) == 0).await;
}

/// A runtime whose kernel knows no layers.
struct NoLayers(Arc<dyn Runtime>);

impl Runtime for NoLayers {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn start(&self, spec: ContainerSpec) -> RuntimeFuture<'_, Result<Started, StartError>> {
        let root = spec.sandbox.as_ref().and_then(|sandbox| sandbox.root.as_ref());
        assert!(root.is_none_or(|root: &Root| root.layer.is_none()));
        self.0.start(spec)
    }

    fn exec(&self, spec: ExecSpec) -> RuntimeFuture<'_, Result<Session, StartError>> {
        self.0.exec(spec)
    }

    fn attach(&self, id: &ContainerId, streams: Streams) -> Option<Session> {
        self.0.attach(id, streams)
    }

    fn kill(&self, id: &ContainerId, signal: i32) {
        self.0.kill(id, signal);
    }

    fn has_sandboxes(&self) -> RuntimeFuture<'_, bool> {
        self.0.has_sandboxes()
    }

    fn running(&self) -> usize {
        self.0.running()
    }

    fn shutdown(&self) -> RuntimeFuture<'_, ()> {
        self.0.shutdown()
    }
}

#[tokio::test]
async fn without_layers_each_run_has_a_copy() {
    let bench = Bench::seeing(|runtime| Arc::new(NoLayers(runtime)));
    assert_eq!(bench.run("copied", shell("disk", "echo made >/made; cat /made; echo x >/etc/passwd")).await, "made\n");
    assert!(!bench.at("root/made").exists());
    assert!(fs::read_to_string(bench.at("root/etc/passwd")).unwrap().starts_with("root:"));
}

#[tokio::test]
async fn links_of_an_image_lead_nowhere_out_of_it() {
    let bench = Bench::new();
    let (root, host) = (bench.at("root"), bench.text_of("host"));
    let ups = "../../../../../../../../../..";
    for (name, target) in [
        ("abs", host.clone()),
        ("up", format!("{ups}{host}")),
        ("file", format!("{host}/secret")),
        ("etc/hosts", format!("{ups}{host}/secret")),
        ("etc/resolv.conf", format!("{host}/new")),
        ("words", format!("{host}/words")),
        ("proc", host.clone()),
        ("dev", format!("{ups}{host}")),
        ("through", format!("/proc/1/root{host}")),
    ] {
        symlink(target, root.join(name)).unwrap();
    }
    let script = format!(
        "for path in /abs/secret /up/secret /file /through/secret {host}/secret; do cat $path; done; echo evil >/abs/made; \
         echo evil >/file; echo evil >{host}/secret; touch /up/made /through/made; exit 0"
    );
    let mut spec = shell("disk", &script);
    spec["volumes"] = json!([{"name": "v", "emptyDir": {}}]);
    spec["containers"][0]["terminationMessagePath"] = "/words".into();
    spec["containers"][0]["volumeMounts"] =
        json!([{"name": "v", "mountPath": "/abs/volume"}, {"name": "v", "mountPath": "/through/volume"}]);
    spec["containers"][0]["workingDir"] = "/up/work".into();
    let said = bench.run("links", spec).await;
    assert!(!said.contains("host\n") && !said.contains("hostevil"), "{said}");
    assert!(bench.host_is_whole(), "{said}");
}

#[tokio::test]
async fn an_images_config_is_honoured_and_the_pods_goes_before_it() {
    let bench = Bench::new();
    let script = "echo $0 $1 $A $B $HOME; readlink /proc/self/cwd; id -u; id -g";
    let config = json!({"Entrypoint": ["sh", "-c", script, "entry"], "Cmd": ["cmd"], "Env": ["A=image", "B=image"],
        "User": "app", "WorkingDir": "/work/here"});
    rootfs::layout(&bench.at("layout"), &bench.at("root"), config);
    let own = json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "app", "env": [{"name": "B", "value": "pod"}]}]});
    assert_eq!(bench.run("own", own).await, "entry cmd image pod /srv/app\n/work/here\n7\n8\n");
    let status = bench.node.container("own");
    assert!(status["imageID"].as_str().unwrap().starts_with("sha256:"), "{status}");
    let other = json!({"restartPolicy": "Never", "securityContext": {"runAsUser": 9, "runAsGroup": 10},
        "containers": [{"name": "c", "image": "app", "args": ["arg"], "workingDir": "/tmp"}]});
    assert_eq!(bench.run("other", other).await, "entry arg image image /\n/tmp\n9\n10\n");
    let root = json!({"restartPolicy": "Never", "securityContext": {"runAsNonRoot": true},
        "containers": [{"name": "c", "image": "app"}]});
    bench.node.api.add_pod("named", root);
    let waiting = bench.node.waits_with("named", "CreateContainerConfigError").await;
    let message = waiting["message"].as_str().unwrap();
    assert!(
        message.starts_with("container has runAsNonRoot and image has non-numeric user (app), cannot verify"),
        "{message}"
    );
}

#[tokio::test]
async fn an_image_names_the_signal_that_stops_its_containers() {
    let bench = Bench::new();
    let script = "trap 'echo quit; exit 3' QUIT; trap '' TERM; echo ready; while :; do sleep 0.05; done";
    rootfs::layout(
        &bench.at("layout"),
        &bench.at("root"),
        json!({"Cmd": ["sh", "-c", script], "StopSignal": "SIGQUIT"}),
    );
    bench.node.api.add_pod("stop", json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "app"}]}));
    bench.node.reaches("stop", "Running").await;
    let options = LogOptions { follow: true, ..LogOptions::default() };
    let mut log = bench.node.kubelet.logs("default", "stop", &options).unwrap();
    assert_eq!(futures::StreamExt::next(&mut log).await.unwrap().unwrap(), "ready\n");
    bench.node.api.delete_pod("stop", None);
    let mut said = String::new();
    while let Some(bytes) = futures::StreamExt::next(&mut log).await {
        said.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap());
    }
    // The shell tells of its child, too.
    assert!(said.contains("quit\n"), "{said}");
}

#[tokio::test]
async fn an_image_that_cannot_be_had_backs_off_in_upstreams_words() {
    let bench = Bench::new();
    bench.node.api.add_pod("none", json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "app"}]}));
    let waiting = bench.node.waits_with("none", "ImagePullBackOff").await;
    let message = waiting["message"].as_str().unwrap();
    assert!(message.starts_with("Back-off pulling image \"app\": ErrImagePull: "), "{message}");
    bench
        .node
        .api
        .add_pod("bad", json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "Not:A:Name"}]}));
    let waiting = bench.node.waits_with("bad", "InvalidImageName").await;
    let text = "Failed to apply default image tag \"Not:A:Name\": couldn't parse image name \"Not:A:Name\": invalid reference format";
    assert_eq!(waiting["message"], text);
    wait_for("all to be told", || bench.told().iter().any(|(reason, _)| reason == "InspectFailed")).await;
    let told = bench.told();
    for (reason, message) in [
        ("Failed", "Error: ErrImagePull"),
        ("BackOff", "Back-off pulling image \"app\""),
        ("Failed", "Error: ImagePullBackOff"),
        ("InspectFailed", text),
    ] {
        assert!(told.contains(&(reason.to_owned(), message.to_owned())), "{reason}: {told:?}");
    }
    assert!(told.iter().any(|(_, message)| message.starts_with("Failed to pull image \"app\": ")), "{told:?}");
}

#[tokio::test]
async fn rights_are_given_up_by_what_runs_beside_as_well() {
    let bench = Bench::new();
    let script = "while read name value rest; do case $name in CapBnd:|NoNewPrivs:) echo $name $value;; esac; done </proc/self/status; sleep 1000";
    let mut spec = shell("disk", script);
    spec["containers"][0]["securityContext"] =
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    bench.node.api.add_pod("bound", spec);
    bench.node.reaches("bound", "Running").await;
    let expected = "NoNewPrivs: 1\n";
    let log = || async { bench.node.log("bound", &LogOptions::default()).await.unwrap_or_default() };
    let mut said = log().await;
    while !said.contains(expected) {
        tokio::task::yield_now().await;
        said = log().await;
    }
    assert!(said.contains("CapBnd: 0000000000000000\n"), "{said}");
    let script = script.replace("; sleep 1000", "");
    let options = api::session::SessionOptions {
        container: Some("c".to_owned()),
        command: ["sh", "-c", &script].map(str::to_owned).to_vec(),
        streams: Streams { stdout: true, ..Streams::default() },
    };
    let mut session = bench.node.kubelet.exec("default", "bound", options).await.unwrap();
    let mut output = Vec::new();
    while let Some(event) = session.events.recv().await {
        if let api::session::SessionEvent::Output(_, bytes) = event {
            output.extend_from_slice(&bytes);
        }
    }
    let output = String::from_utf8(output).unwrap();
    assert!(output.contains(expected) && output.contains("CapBnd: 0000000000000000\n"), "{output}");
}
