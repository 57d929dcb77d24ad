//! The `kube-root-ca.crt` ConfigMap of every namespace (`pkg/controller/certificates/rootcacertpublisher`): how pods
//! come to trust the API server.

use api::resource::CONFIG_MAPS;
use client::Client;
use clock::SharedClock;
use controller::RunnerHandle;
use serde_json::json;

use crate::per_namespace::{self, Wanted};

/// The ConfigMap's name.
pub const NAME: &str = "kube-root-ca.crt";

/// Starts the controller; `certificate` is the server's CA in PEM.
pub fn start(client: Client, clock: SharedClock, certificate: &str) -> RunnerHandle {
    let wanted = Wanted {
        name: "root-certificate",
        resource: CONFIG_MAPS,
        object_name: NAME,
        template: json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": { "ca.crt": certificate } }),
        kept_fields: &["data"],
    };
    per_namespace::start(client, clock, wanted)
}
