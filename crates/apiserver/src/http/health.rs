//! `/version`, `/livez`, `/readyz` and `/healthz`: constant answers, open to everyone on this host.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;

use super::payload::Payload;
use super::query::Query;
use super::reply::{TEXT, respond};

/// The Kubernetes release whose behaviour this server follows, in the form that kubectl parses.
pub(super) const GIT_VERSION: &str = "v1.36.2+kubectl-job";

/// What `/version` answers.
pub(super) fn version() -> Bytes {
    let version = json!({
        "major": "1",
        "minor": "36",
        "emulationMajor": "1",
        "emulationMinor": "36",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35",
        "gitVersion": GIT_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": platform(),
    });
    version.to_string().into()
}

/// Go's name of the platform, which clients show.
fn platform() -> String {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{}/{arch}", std::env::consts::OS)
}

/// Answers a health path (`healthz.go` of the apiserver); only readiness ends when the server is shutting down.
pub(super) fn check(path: &str, query: &Query<'_>, closing: bool) -> Option<Response<Payload>> {
    let name = match path {
        "/livez" | "/readyz" | "/healthz" => &path[1..],
        _ => return None,
    };
    let failed = closing && name == "readyz";
    let shutdown = match (name, failed) {
        ("readyz", false) => "[+]shutdown ok\n",
        ("readyz", true) => "[-]shutdown failed: reason withheld\n",
        _ => "",
    };
    let (code, text) = match failed {
        true => (StatusCode::INTERNAL_SERVER_ERROR, format!("[+]ping ok\n{shutdown}{name} check failed\n")),
        false if query.get("verbose").is_some() => {
            (StatusCode::OK, format!("[+]ping ok\n{shutdown}{name} check passed\n"))
        }
        false => (StatusCode::OK, "ok".to_owned()),
    };
    Some(respond(code, TEXT, Bytes::from(text)))
}
