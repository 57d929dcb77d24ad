//! Pods of a server, and what becomes of them.

use std::time::Duration;

use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::registry::USER;
use crate::https::Endpoint;
use crate::server::Server;
use crate::shell;

const PODS: &str = "/api/v1/namespaces/default/pods";
const LIMIT: Duration = Duration::from_secs(40);

pub(super) struct Pods {
    endpoint: Endpoint,
}

/// A pod of one container that runs what its image says.
pub(super) fn container(image: &str, more: Value) -> Value {
    let mut container = json!({"name": "c", "image": image, "imagePullPolicy": "IfNotPresent"});
    for (name, value) in more.as_object().into_iter().flatten() {
        container[name] = value.clone();
    }
    json!({"restartPolicy": "Never", "containers": [container]})
}

impl Pods {
    pub(super) fn of(server: &Server) -> anyhow::Result<Self> {
        Ok(Self { endpoint: server.endpoint()? })
    }

    fn post(&self, path: &str, object: &Value) -> anyhow::Result<()> {
        let answer = self.endpoint.connect()?.post(path, object.to_string().as_bytes())?;
        ensure!(answer.status == 201, "POST {path}: {}", String::from_utf8_lossy(&answer.body));
        Ok(())
    }

    fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self.endpoint.connect()?.get(path)?.json())
    }

    pub(super) fn create(&self, name: &str, spec: &Value) -> anyhow::Result<()> {
        self.post(PODS, &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}))
    }

    /// Credentials for a registry.
    pub(super) fn secret(&self, name: &str, host: &str, password: &str) -> anyhow::Result<()> {
        let mut auths = json!({});
        auths[host] = json!({"username": USER, "password": password});
        let text = STANDARD.encode(json!({ "auths": auths }).to_string());
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": text}});
        self.post("/api/v1/namespaces/default/secrets", &secret)
    }

    pub(super) fn container(&self, name: &str) -> anyhow::Result<Value> {
        Ok(self.get(&format!("{PODS}/{name}"))?["status"]["containerStatuses"][0].clone())
    }

    pub(super) fn log(&self, name: &str) -> anyhow::Result<String> {
        let answer = self.endpoint.connect()?.get(&format!("{PODS}/{name}/log"))?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// Waits until a pod has succeeded.
    pub(super) fn ends(&self, name: &str) -> Result<(), String> {
        self.until(name, |pod| pod["status"]["phase"] == "Succeeded")
    }

    /// Waits until a container waits for a reason, with a message that holds a text.
    pub(super) fn waits(&self, name: &str, reason: &str, text: &str) -> Result<(), String> {
        self.until(name, |pod| {
            let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
            waiting["reason"] == reason && waiting["message"].as_str().is_some_and(|message| message.contains(text))
        })
    }

    fn until(&self, name: &str, met: impl Fn(&Value) -> bool) -> Result<(), String> {
        let path = format!("{PODS}/{name}");
        let seen = shell::until(LIMIT, || self.get(&path).ok().filter(|pod| met(pod)));
        seen.map(drop).ok_or_else(|| match self.get(&path) {
            Ok(pod) => format!("{}", pod["status"]["containerStatuses"]),
            Err(error) => format!("{error:#}"),
        })
    }

    /// Whether Events of a reason hold these texts.
    pub(super) fn told(&self, expected: &[(&str, &str)]) -> Result<(), String> {
        let events = || self.get("/api/v1/namespaces/default/events").map_err(|error| format!("{error:#}"));
        let holds = |events: &Value, reason: &str, text: &str| {
            let mut items = events["items"].as_array().into_iter().flatten();
            items.any(|event| {
                event["reason"] == reason && event["message"].as_str().is_some_and(|said| said.contains(text))
            })
        };
        for (reason, text) in expected {
            let told = shell::until(LIMIT, || events().ok().filter(|events| holds(events, reason, text)));
            told.ok_or_else(|| format!("no Event {reason}: {text}"))?;
        }
        Ok(())
    }
}
