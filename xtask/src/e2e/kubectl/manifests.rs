//! Every manifest of `testdata/jobs` is one that the server takes: a dry run of each, by kubectl.

use std::fs;

use anyhow::Context as _;

use crate::e2e::report::Report;
use crate::e2e::session::Session;
use crate::workspace;

/// Runs the checks. Files whose kind the server does not serve are named as left out.
///
/// # Errors
/// When kubectl cannot be started.
pub(super) fn run(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    let resources = session.outcome("api-resources --no-headers")?.stdout;
    for file in workspace::files(&workspace::jobs())? {
        let text = fs::read_to_string(&file)?;
        let kind = text
            .lines()
            .find_map(|line| line.strip_prefix("kind: "))
            .with_context(|| format!("{} has no kind", file.display()))?;
        let name = file.strip_prefix(workspace::jobs())?.display().to_string();
        if text.contains("name: process-item-$ITEM") {
            // A template, not yet a manifest.
            continue;
        }
        if !resources.lines().any(|line| line.split_whitespace().last() == Some(kind)) {
            report.left_out(&name, &format!("the server does not serve {kind}"));
            continue;
        }
        let outcome = session.outcome(&format!("create --dry-run=server -o name -f {}", file.display()))?;
        report.check(
            &format!("create --dry-run=server -f {name}"),
            if outcome.succeeded() { Ok(()) } else { Err(outcome.stderr) },
        );
    }
    Ok(())
}
