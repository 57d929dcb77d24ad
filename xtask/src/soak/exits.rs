//! Each of the 256 exit codes, and each common signal, comes back as it was, in every kind of sandbox.

use std::path::Path;

use anyhow::ensure;
use serde_json::{Value, json};

use super::jobs::{self, Kind};
use crate::e2e::report::Report;
use crate::https::Endpoint;
use crate::server::Server;

/// Those whose default is to end a process, real-time ones among them.
const SIGNALS: [i32; 21] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 25, 31, 34, 64];

/// Runs the section.
///
/// # Errors
/// When the server does not start or breaks off.
pub(super) fn run(binary: &Path, report: &mut Report) -> anyhow::Result<()> {
    report.group("exit codes and signals");
    let server = Server::start(binary, &[])?;
    let endpoint = server.endpoint()?;
    for (kind, what) in [(Kind::Named, "for a host name"), (Kind::Volume, "with a volume")] {
        let label = format!("{kind:?}").to_lowercase();
        let codes: Vec<i32> = (0..256).collect();
        let script = "exit $JOB_COMPLETION_INDEX";
        let wrong = mismatches(&endpoint, &format!("codes-{label}"), kind, script, &codes)?;
        report.check(&format!("256 exit codes of sandboxes {what}"), none(&wrong));
        let list = SIGNALS.map(|signal| signal.to_string()).join(" ");
        let script =
            format!("ulimit -c 0; set -- {list}; shift $JOB_COMPLETION_INDEX; kill -$1 $$$$; sleep 5; exit 99");
        let expected = SIGNALS.map(|signal| 128 + signal);
        let wrong = mismatches(&endpoint, &format!("signals-{label}"), kind, &script, &expected)?;
        report.check(&format!("{} signals of sandboxes {what}", SIGNALS.len()), none(&wrong));
    }
    server.stop()
}

fn none(wrong: &[String]) -> Result<(), String> {
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Runs one pod per expected code and answers with those that ended in another way.
fn mismatches(
    endpoint: &Endpoint,
    name: &str,
    kind: Kind,
    script: &str,
    expected: &[i32],
) -> anyhow::Result<Vec<String>> {
    let mut job = jobs::job(name, kind, expected.len(), 32, script);
    // Each index fails by itself and once, so all of them run.
    job["spec"]["backoffLimitPerIndex"] = json!(0);
    jobs::finish(endpoint, &job)?;
    let pods = jobs::pods(endpoint, name)?;
    ensure!(pods.len() == expected.len(), "{} pods ran instead of {}", pods.len(), expected.len());
    let wrong = |pod: &Value| {
        let code = *expected.get(jobs::index(pod)?)?;
        let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
        let reason = if code == 0 { "Completed" } else { "Error" };
        let phase = if code == 0 { "Succeeded" } else { "Failed" };
        let right = ended["exitCode"] == code && ended["reason"] == reason && pod["status"]["phase"] == phase;
        (!right).then(|| format!("expected {code} ({reason}), got {ended}"))
    };
    Ok(pods.iter().filter_map(wrong).collect())
}
