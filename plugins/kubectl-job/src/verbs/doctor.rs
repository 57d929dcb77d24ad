//! `doctor`: what this machine gives, and what to do about what it does not.

mod machine;
mod tools;
mod trial;

use serde::Serialize;
use serde_json::json;

use super::Setting;
use crate::cli::about::DoctorArgs;
use crate::exit::{Code, Failure};
use crate::output;
use crate::screen::{Screen, Tone, escape};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// As it should be.
    Ok,
    /// Something is less than it could be.
    Warning,
    /// Jobs do not run as they should.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    /// What was looked at.
    id: &'static str,
    level: Level,
    /// What was found.
    text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Check {
    fn ok(id: &'static str, text: impl Into<String>) -> Self {
        Self { id, level: Level::Ok, text: text.into(), next: None }
    }

    fn warning(id: &'static str, text: impl Into<String>, next: impl Into<String>) -> Self {
        Self { id, level: Level::Warning, text: text.into(), next: Some(next.into()) }
    }

    fn problem(id: &'static str, text: impl Into<String>, next: impl Into<String>) -> Self {
        Self { id, level: Level::Problem, text: text.into(), next: Some(next.into()) }
    }
}

/// Runs the verb; exit code 1 when there is a problem.
///
/// # Errors
/// Flags of a real cluster: this is about the machine.
pub(crate) async fn run(setting: &Setting, args: DoctorArgs) -> anyhow::Result<Code> {
    if setting.connection.is_named() {
        let text = "error: doctor is about this machine: --context, --kubeconfig and --server do not go with it";
        return Err(Failure::usage(text).into());
    }
    let mut checks = machine::checks(setting);
    checks.extend(trial::checks(&setting.time).await);
    checks.extend(tools::checks());
    let worst = checks.iter().map(|check| check.level).max().unwrap_or(Level::Ok);
    let text = if args.output.is_some() {
        format!("{}\n", output::go_json(&json!({"worst": worst, "checks": checks})))
    } else {
        checks.iter().map(|check| lines(check, setting.screen)).collect()
    };
    let text = if setting.screen.stdout_colour { text } else { anstream::adapter::strip_str(&text).to_string() };
    output::put(&text)?;
    Ok(if worst == Level::Problem { Code::Failure } else { Code::Success })
}

fn lines(check: &Check, screen: Screen) -> String {
    let (word, tone) = match check.level {
        Level::Ok => ("ok", Tone::Good),
        Level::Warning => ("warning", Tone::Warn),
        Level::Problem => ("problem", Tone::Bad),
    };
    let word = screen.tone(tone, &format!("{word:<8}"));
    let next = check.next.as_ref().map(|next| format!("{:<25}{} {}\n", "", screen.arrow(), escape(next)));
    format!("{word} {:<15} {}\n{}", check.id, escape(&check.text), next.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_is_a_line_and_its_next_step_another() {
        let screen = Screen { ascii: true, ..Screen::PLAIN };
        let text = lines(&Check::warning("kubectl", "not on PATH", "install it"), screen);
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(plain, "warning  kubectl         not on PATH\n                         -> install it\n");
        assert_eq!(lines(&Check::ok("proc", "mounted"), screen).lines().count(), 1);
    }
}
