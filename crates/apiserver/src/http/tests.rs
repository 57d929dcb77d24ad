//! The shell against a real [`ApiServer`], over real TLS sockets.

pub(super) mod client;
mod conformance;
mod identity;
mod limits;
mod negotiation;
mod resources;
mod security;
mod watches;

use std::sync::Arc;

use clock::{SystemClock, SystemEntropy};
use registry::Catalogue;
use serde_json::{Value, json};

use super::{Config, Serving, Token, serve};
use crate::ApiServer;
use crate::http::pki::Identity;
use client::Client;

pub(super) const TOKEN: &str = "the-token";
const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub(super) const PODS: &str = "/api/v1/namespaces/default/pods";
const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";

/// A server with one namespace, `default`, its service account, and a client of it.
pub(super) struct Fixture {
    pub(super) serving: Serving,
    pub(super) ca_pem: String,
    pub(super) api: Arc<ApiServer>,
}

impl Fixture {
    pub(super) async fn start() -> Self {
        let api = ApiServer::new(crate::Config {
            catalogue: Catalogue::default(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy::default()),
            bounds: store::Bounds::default(),
            advice: Arc::new(|_| Vec::new()),
            service_range: Default::default(),
            plain_api: false,
        });
        let identity = Identity::generate().unwrap();
        let ca_pem = identity.ca_pem().to_owned();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let serving = serve(api.clone(), Config { listener, identity, token: Token::new(TOKEN) }).unwrap();
        let fixture = Self { serving, ca_pem, api };
        let mut client = fixture.client(false).await;
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}});
        assert_eq!(client.post("/api/v1/namespaces", &namespace).await.code, 201);
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        assert_eq!(client.post("/api/v1/namespaces/default/serviceaccounts", &account).await.code, 201);
        fixture
    }

    pub(super) async fn client(&self, http2: bool) -> Client {
        Client::connect(self.serving.local_addr(), &self.ca_pem, http2).await
    }
}

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}})
}

pub(super) fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": "i", "command": ["true"]}]},
    })
}
