//! `version`: of this program, of the server, and of the Kubernetes whose behaviour it has.

use anyhow::Context as _;
use client::Method;
use serde_json::{Value, json};

use super::Setting;
use crate::cli::about::VersionArgs;
use crate::exit::Code;
use crate::server::start;
use crate::server::state::StateDir;
use crate::{output, target};

/// The Kubernetes whose behaviour the local server has.
pub(crate) const PROFILE: &str = "v1.36";

/// Runs the verb. No server is started for it.
///
/// # Errors
/// A server that was named and cannot be reached.
pub(crate) async fn run(setting: &Setting, args: VersionArgs) -> anyhow::Result<Code> {
    let server = if args.client { Ok(None) } else { server(setting).await };
    // What is known is said before the error, as kubectl does.
    let (server, error) = match server {
        Ok(server) => (server, None),
        Err(error) => (None, Some(error)),
    };
    let mut versions = json!({
        "clientVersion": {"version": env!("CARGO_PKG_VERSION"), "kubernetesProfile": PROFILE},
    });
    if let Some(server) = &server {
        versions["serverVersion"] = server.clone();
    }
    let text = match args.output.as_deref() {
        Some("json") => format!("{}\n", output::go_json(&versions)),
        Some(_) => output::yaml(&versions),
        None => lines(server.as_ref(), args.client || error.is_some()),
    };
    output::put(&text)?;
    error.map_or(Ok(Code::Success), Err)
}

/// What the server says of itself; none when no local server runs.
async fn server(setting: &Setting) -> anyhow::Result<Option<Value>> {
    if !setting.connection.is_remote() {
        let state = StateDir::open(setting.connection.state_dir.as_deref())?;
        if start::running(&state)?.is_none() {
            return Ok(None);
        }
    }
    let target = target::open(&setting.connection, setting.screen).await?;
    let answer = target.client.document(Method::GET, "/version").await?;
    let mut version: Value = serde_json::from_slice(&answer).context("read the server's version")?;
    version["target"] = target.name().into();
    Ok(Some(version))
}

fn lines(server: Option<&Value>, is_unknown: bool) -> String {
    let client = format!("Client Version: v{}\nKubernetes Profile: {PROFILE}\n", env!("CARGO_PKG_VERSION"));
    match server {
        Some(server) => {
            let text = |field: &str| crate::screen::escape(server[field].as_str().unwrap_or("unknown")).into_owned();
            format!("{client}Server Version: {} ({})\n", text("gitVersion"), text("target"))
        }
        None if is_unknown => client,
        None => format!("{client}Server Version: none, no local server runs\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_run_is_told_from_one_that_was_not_asked() {
        assert!(lines(None, false).ends_with("Server Version: none, no local server runs\n"));
        assert!(!lines(None, true).contains("Server"));
        let server = json!({"gitVersion": "v1.36.0", "target": "local"});
        assert!(lines(Some(&server), false).ends_with("Server Version: v1.36.0 (local)\n"));
    }
}
