//! The kubeconfig of a local server: the only place where its token and its CA leave the process.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The name of cluster, user and context in the file.
pub const CONTEXT: &str = "kubectl-job";

/// The text of a kubeconfig. It is JSON, which every YAML reader reads, and needs no YAML writer.
pub(crate) fn text(address: SocketAddr, ca_pem: &str, token: &str) -> String {
    let cluster: Value = json!({
        "server": format!("https://{address}"),
        "certificate-authority-data": STANDARD.encode(ca_pem),
    });
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": cluster}],
        "users": [{"name": CONTEXT, "user": {"token": token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT, "namespace": "default"}}],
        "current-context": CONTEXT,
    });
    let mut text = serde_json::to_string_pretty(&config).expect("plain data");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_names_server_ca_and_token() {
        let address = "127.0.0.1:6443".parse().expect("an address");
        let config: Value = serde_json::from_str(&text(address, "PEM", "secret")).expect("JSON");
        assert_eq!(config["clusters"][0]["cluster"]["server"], "https://127.0.0.1:6443");
        assert_eq!(config["clusters"][0]["cluster"]["certificate-authority-data"], "UEVN");
        assert_eq!(config["users"][0]["user"]["token"], "secret");
        assert_eq!(config["current-context"], CONTEXT);
    }
}
