//! Every manifest of `testdata/jobs` is one that the server takes: a dry run of each, by kubectl.

use std::fs;

use crate::e2e::report::Report;
use crate::e2e::session::Session;
use crate::workspace;

/// Runs the checks.
///
/// # Errors
/// When kubectl cannot be started.
pub(super) fn run(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    for file in workspace::files(&workspace::jobs())? {
        let text = fs::read_to_string(&file)?;
        let name = file.strip_prefix(workspace::jobs())?.display().to_string();
        if text.contains("name: process-item-$ITEM") {
            // A template, not yet a manifest.
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
