//! The `default` ServiceAccount of every namespace (`pkg/controller/serviceaccount/serviceaccounts_controller.go`).

use api::resource::SERVICE_ACCOUNTS;
use client::Client;
use clock::SharedClock;
use controller::RunnerHandle;
use serde_json::json;

use crate::per_namespace::{self, Wanted};

/// Starts the controller.
pub fn start(client: Client, clock: SharedClock) -> RunnerHandle {
    let wanted = Wanted {
        name: "service-account",
        resource: SERVICE_ACCOUNTS,
        object_name: "default",
        template: json!({ "apiVersion": "v1", "kind": "ServiceAccount" }),
        kept_fields: &[],
    };
    per_namespace::start(client, clock, wanted)
}
