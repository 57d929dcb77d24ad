//! `lint`: what becomes of each field on the local server, and what is likely to go wrong with a Job anywhere.
//!
//! The server's own opinion comes from one inside this command, by dry runs, after a pod has shown what the machine
//! gives: nothing here repeats what it knows.

mod files;
mod report;
mod server;

use std::collections::BTreeSet;

use super::Setting;
use crate::cli::lint::LintArgs;
use crate::exit::{Code, Failure};
use crate::lint::{self, Field, Finding, RULES, Severity};
use crate::output;

/// All that was found of one object.
struct Checked {
    /// `Job migrate`.
    object: String,
    findings: Vec<Finding>,
    fields: Vec<Field>,
}

/// Runs the verb: 0 when nothing is wrong, 1 when something is, 2 when a file cannot be read.
///
/// # Errors
/// Files that cannot be read or are no YAML; a server that cannot be started.
pub(crate) async fn run(setting: &Setting, args: LintArgs) -> anyhow::Result<Code> {
    if args.rules {
        output::put(&report::rules())?;
        return Ok(Code::Success);
    }
    if setting.connection.is_named() {
        let text = "error: lint looks at files: --context, --kubeconfig and --server do not go with it";
        return Err(Failure::usage(text).into());
    }
    if !args.stray.is_empty() {
        let files: String = args.stray.iter().map(|file| format!(" -f {file}")).collect();
        return Err(Failure::usage(format!("error: files are named with -f: kubectl job lint{files}")).into());
    }
    let ignored = ignored(&args)?;
    let documents = files::documents(&args)?;
    let opinions = server::ask(&documents, &setting.time).await?;
    let mut checked = Vec::new();
    for (document, opinion) in documents.iter().zip(&opinions.of) {
        let mut findings = lint::findings(document);
        // What the server refuses is said once, in the words that say more.
        let told: BTreeSet<String> = findings.iter().map(|finding| finding.field.clone()).collect();
        findings.extend(opinion.refusals.iter().filter(|refusal| !told.contains(&refusal.field)).cloned());
        findings.retain(|finding| !ignored.contains(finding.rule.id));
        findings.sort_by(|left, right| left.place.cmp(&right.place));
        let fields = lint::fields(document, opinions.sandboxes, &opinion.warnings);
        checked.push(Checked { object: files::object(document), findings, fields });
    }
    output::put(&report::text(&checked, &args, setting.screen))?;
    Ok(code(&checked, args.strict))
}

fn ignored(args: &LintArgs) -> Result<BTreeSet<&str>, Failure> {
    let ids = args.ignore.iter().flat_map(|ids| ids.split(',')).map(str::trim).filter(|id| !id.is_empty());
    let ids: BTreeSet<&str> = ids.collect();
    match ids.iter().find(|id| !RULES.iter().any(|rule| rule.id == **id)) {
        Some(unknown) => {
            Err(Failure::usage(format!("error: --ignore {unknown}: no such rule; list them: kubectl job lint --rules")))
        }
        None => Ok(ids),
    }
}

fn code(checked: &[Checked], strict: bool) -> Code {
    let limit = if strict { Severity::Warning } else { Severity::Error };
    let is_bad = |object: &Checked| {
        object.findings.iter().any(|finding| finding.severity >= limit)
            || (strict && object.fields.iter().any(|field| field.fate.is_bad()))
    };
    if checked.iter().any(is_bad) { Code::Failure } else { Code::Success }
}
