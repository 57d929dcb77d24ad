//! `clock`: the time on the local server, and moving it.

mod until;

use anyhow::Context as _;

use client::Method;
use serde_json::Value;

use super::Setting;
use crate::cli::verbs::ClockVerb;
use crate::exit::{Code, Failure};
use crate::output;
use crate::server::start;
use crate::server::state::StateDir;
use crate::target;

/// Runs `clock ...`. No server is started for it: its clock would be the machine's.
///
/// # Errors
/// When no local server runs, or its clock cannot be moved.
pub(crate) async fn run(setting: &Setting, verb: ClockVerb) -> anyhow::Result<Code> {
    if setting.connection.is_remote() {
        let text = "error: clock is about the local server: --context, --kubeconfig and --server do not go with it";
        return Err(Failure::usage(text).into());
    }
    if let Some(word) = unsupported(&verb) {
        let text = format!(
            "error: clock {word} is not supported: a virtual clock stands still, and is moved with kubectl job clock advance DURATION"
        );
        return Err(Failure::usage(text).into());
    }
    let state = StateDir::open(setting.connection.state_dir.as_deref())?;
    if start::running(&state)?.is_none() {
        let text =
            "error: no local server runs; start one whose time can be moved: kubectl job server start --clock hybrid";
        return Err(Failure::new(Code::Failure, text.to_owned()).into());
    }
    let target = target::open(&setting.connection, setting.screen).await?;
    match verb {
        ClockVerb::Now { output } => {
            let clock = read(&target.client.document(Method::GET, "/clock").await?)?;
            output::put(&if output.is_some() { format!("{}\n", output::go_json(&clock)) } else { lines(&clock) })?;
        }
        ClockVerb::Advance { by } => {
            let by = by.0;
            if by.is_negative() {
                return Err(Failure::usage("error: time does not run back: give a positive duration").into());
            }
            let path = format!("/clock/advance?by={}ms", by.as_millis());
            let clock = read(&target.client.document(Method::POST, &path).await?)?;
            output::put(&lines(&clock))?;
        }
        ClockVerb::Until(args) => {
            let (code, clock) = until::run(setting, &target, &args).await?;
            output::put(&lines(&clock))?;
            return Ok(code);
        }
        // Refused above.
        ClockVerb::Pause(_) | ClockVerb::Resume(_) | ClockVerb::Speed(_) => {}
    }
    Ok(Code::Success)
}

/// Words that other tools have for clocks.
fn unsupported(verb: &ClockVerb) -> Option<&'static str> {
    match verb {
        ClockVerb::Pause(_) => Some("pause"),
        ClockVerb::Resume(_) => Some("resume"),
        ClockVerb::Speed(_) => Some("speed"),
        _ => None,
    }
}

fn read(bytes: &[u8]) -> anyhow::Result<Value> {
    serde_json::from_slice(bytes).context("read the server's clock")
}

/// One line a fact; what the server does not know is left out.
fn lines(clock: &Value) -> String {
    let text = |field: &str| clock[field].as_str().map(str::to_owned);
    let ahead = clock["offsetSeconds"].as_f64().filter(|seconds| *seconds >= 1.0);
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds are shown, and centuries fit")]
    let ahead = ahead.map(|seconds| jiff::SignedDuration::from_secs(seconds.round() as i64));
    let facts = [
        ("now", text("now")),
        ("mode", text("mode")),
        ("ahead", ahead.map(api::time::human_duration)),
        ("next", text("nextTimer")),
    ];
    facts.into_iter().filter_map(|(name, fact)| Some(format!("{name:<6}{}\n", fact?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::lines;

    #[test]
    fn what_is_not_known_is_left_out() {
        let clock = json!({"mode": "hybrid", "now": "2026-01-01T00:10:30Z", "offsetSeconds": 630.2});
        assert_eq!(lines(&clock), "now   2026-01-01T00:10:30Z\nmode  hybrid\nahead 10m\n");
        let clock = json!({"mode": "virtual", "now": "2026-01-01T00:00:00Z", "nextTimer": "2026-01-01T01:00:00Z"});
        assert_eq!(lines(&clock), "now   2026-01-01T00:00:00Z\nmode  virtual\nnext  2026-01-01T01:00:00Z\n");
    }
}
