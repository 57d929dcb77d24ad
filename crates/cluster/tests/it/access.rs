//! Pods that speak to the API: where it is, and credentials that are worth nothing without the pod.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use api::resource::{CONFIG_MAPS, SERVICE_ACCOUNTS};
use api::{Gvr, Options, PatchType};
use client::{Client, ConnectOptions};
use serde_json::{Value, json};

use super::common::{PODS, http_client, log, start, until, until_none};

const REVIEWS: Gvr = Gvr::known("authentication.k8s.io", "v1", "selfsubjectreviews");
const ENDPOINTS: Gvr = Gvr::known("", "v1", "endpoints");
const SERVICES: Gvr = Gvr::known("", "v1", "services");

/// A pod that prints its environment and stays.
fn pod(name: &str, spec: Value) -> Value {
    let script = "env; echo end; exec sleep 1000";
    let container = json!({"name": "c", "image": "x", "command": ["sh", "-c", script]});
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    });
    for (field, value) in spec.as_object().expect("a spec") {
        pod["spec"][field] = value.clone();
    }
    pod
}

/// Runs the pod and answers with the variables that its container has.
async fn environment(client: &Client, pod: Value) -> Vec<(String, String)> {
    let name = pod["metadata"]["name"].as_str().expect("a name").to_owned();
    client.create(&PODS, Some("default"), pod).await.expect("created");
    until(client, &PODS, &name, |pod| pod["status"]["phase"] == "Running").await;
    loop {
        let text = log(client, &name).await;
        if text.lines().any(|line| line == "end") {
            let pairs = text.lines().filter_map(|line| line.split_once('='));
            return pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        }
        tokio::task::yield_now().await;
    }
}

fn value<'a>(environment: &'a [(String, String)], name: &str) -> Option<&'a str> {
    environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

async fn connect(kubeconfig: PathBuf) -> Client {
    let options = ConnectOptions { kubeconfig: Some(kubeconfig), ..ConnectOptions::default() };
    Client::connect(options).await.expect("connects").0
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[tokio::test]
async fn a_pod_speaks_to_the_api_for_as_long_as_it_is_there() {
    let own = start().await;
    let served = http_client(&own).await;
    let environment = environment(&served, pod("robot", json!({}))).await;
    let (host, port) = (value(&environment, "KUBERNETES_SERVICE_HOST"), value(&environment, "KUBERNETES_SERVICE_PORT"));
    let kubeconfig = PathBuf::from(value(&environment, "KUBECONFIG").expect("KUBECONFIG"));
    let text = std::fs::read_to_string(&kubeconfig).expect("the pod can read it");
    let server = format!("https://{}:{}", host.expect("a host"), port.expect("a port"));
    assert!(text.contains(&server), "{server} is not in {text}");
    assert_eq!(value(&environment, "KUBERNETES_PORT_443_TCP"), Some(server.replace("https", "tcp").as_str()));
    let directory = kubeconfig.parent().expect("a directory");
    assert_eq!(mode(directory), 0o700);
    for file in ["kubeconfig", "token", "ca.crt", "namespace"] {
        assert_eq!(mode(&directory.join(file)), 0o600, "{file}");
    }
    let robot = connect(kubeconfig.clone()).await;
    let child = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "child"}});
    robot.create(&CONFIG_MAPS, Some("default"), child).await.expect("the pod may create");
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let user = robot.create(&REVIEWS, None, review).await.expect("an answer").to_value();
    assert_eq!(user["status"]["userInfo"]["username"], "system:serviceaccount:default:default");
    assert_eq!(user["status"]["userInfo"]["extra"]["authentication.kubernetes.io/pod-name"], json!(["robot"]));
    served.delete(&PODS, Some("default"), "robot", &Default::default()).await.expect("deleted");
    until_none(&served, &PODS, "app=robot").await;
    let refused = robot.list(&CONFIG_MAPS, Some("default"), Options::default()).await.expect_err("the pod is gone");
    assert!(refused.to_string().contains("401 Unauthorized"), "{refused}");
    while directory.exists() {
        tokio::task::yield_now().await;
    }
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn what_says_where_the_api_is_comes_back() {
    let own = start().await;
    let served = http_client(&own).await;
    for resource in [SERVICES, ENDPOINTS] {
        let before = served.get(&resource, Some("default"), "kubernetes").await.expect("it is there");
        served.delete(&resource, Some("default"), "kubernetes", &Default::default()).await.expect("deleted");
        let uid = before.meta().uid.to_string();
        let after = until(&served, &resource, "kubernetes", |object| object["metadata"]["uid"] != uid.as_str()).await;
        let field = if resource == SERVICES { "spec" } else { "subsets" };
        assert_eq!(after[field]["ports"], before.to_value()[field]["ports"]);
    }
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn who_wants_no_token_gets_none() {
    let own = start().await;
    let served = http_client(&own).await;
    let bare = environment(&served, pod("bare", json!({"automountServiceAccountToken": false}))).await;
    assert!(value(&bare, "KUBERNETES_SERVICE_HOST").is_some());
    assert_eq!(value(&bare, "KUBECONFIG"), None);
    let patch = (PatchType::Merge, json!({"automountServiceAccountToken": false}));
    served.patch(&SERVICE_ACCOUNTS, Some("default"), "default", None, patch).await.expect("changed");
    let quiet = environment(&served, pod("quiet", json!({}))).await;
    assert_eq!(value(&quiet, "KUBECONFIG"), None, "the account says no");
    let loud = environment(&served, pod("loud", json!({"automountServiceAccountToken": true}))).await;
    assert!(value(&loud, "KUBECONFIG").is_some(), "the pod says yes, which goes before the account");
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn a_spec_goes_before_what_is_around_it() {
    let own = start().await;
    let served = http_client(&own).await;
    let ports = json!([{"name": "web", "port": 80}]);
    let service =
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "my-db"}, "spec": {"ports": ports}});
    let service = served.create(&SERVICES, Some("default"), service).await.expect("created").to_value();
    let address = service["spec"]["clusterIP"].as_str();
    let mut own_config = pod("own", json!({}));
    own_config["spec"]["containers"][0]["env"] =
        json!([{"name": "KUBECONFIG", "value": "/mine"}, {"name": "DB", "value": "$(MY_DB_SERVICE_HOST)"}]);
    let variables = environment(&served, own_config).await;
    assert_eq!(value(&variables, "KUBECONFIG"), Some("/mine"));
    assert_eq!((value(&variables, "DB"), value(&variables, "MY_DB_SERVICE_PORT_WEB")), (address, Some("80")));
    let unlinked = environment(&served, pod("unlinked", json!({"enableServiceLinks": false}))).await;
    assert_eq!(value(&unlinked, "MY_DB_SERVICE_HOST"), None);
    assert!(value(&unlinked, "KUBERNETES_SERVICE_HOST").is_some(), "the API server is always told of");
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn a_cluster_that_is_not_served_tells_of_no_api() {
    let own = start().await;
    let client = own.cluster.client();
    let variables = environment(&client, pod("alone", json!({}))).await;
    assert_eq!((value(&variables, "KUBECONFIG"), value(&variables, "KUBERNETES_SERVICE_HOST")), (None, None));
    own.cluster.shutdown().await;
}
