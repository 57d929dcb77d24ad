//! Where the objects of a run come from: flags, files, a kustomization, or a copy of what is on the server.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::read;
use crate::cli::run::RunArgs;
use crate::exit::{Code, Failure};
use crate::manifest::{self, Document, Source};
use crate::target::Target;
use crate::verbs::kind::{self, Kind};
use crate::verbs::select;
use crate::{job, objects};

/// The objects to create, in order; `None` when they are a copy of what is on the server.
///
/// # Errors
/// Wrong flags, files or manifests.
pub(super) fn documents(args: &RunArgs) -> anyhow::Result<Option<Vec<Document>>> {
    if args.from.is_some() {
        return Ok(None);
    }
    let mut documents = match &args.kustomize {
        Some(folder) => kustomized(folder)?,
        None if args.files.is_empty() => {
            let value = job::from_flags(args.name.as_deref(), &args.job, &args.command)?;
            let mut document = Document { value, source: Source::default() };
            suffix(args, &mut document.value);
            return Ok(Some(vec![document]));
        }
        None => of_files(&args.files)?,
    };
    let shown = args.kustomize.as_ref().map_or_else(|| args.files.join(", "), |folder| folder.display().to_string());
    let mut jobs = documents.iter_mut().filter(|document| objects::is_job(&document.value)).peekable();
    if jobs.peek().is_none() {
        return Err(Failure::usage(format!("error: no Job in {shown}: {}", what_to_do(&documents))).into());
    }
    for document in jobs {
        job::copy::adapt(&mut document.value, &args.job, &[])?;
        suffix(args, &mut document.value);
    }
    Ok(Some(documents))
}

/// A manifest of a CronJob is a likely slip, and there is a way.
fn what_to_do(documents: &[Document]) -> String {
    let cron_job = documents.iter().find(|document| document.value["kind"] == "CronJob");
    if let Some(slip) = documents.iter().find_map(|document| slip(&document.value)) {
        return format!("run needs an object of kind Job in batch/v1; {slip}");
    }
    match cron_job.and_then(|document| document.value.pointer("/metadata/name")?.as_str()) {
        Some(name) => format!(
            "run needs an object of kind Job in batch/v1; a CronJob is created with kubectl and run with: kubectl job cron trigger {name}"
        ),
        None => "run needs an object of kind Job in batch/v1".to_owned(),
    }
}

/// What is wrong with an object that is nearly a Job.
fn slip(object: &Value) -> Option<String> {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    match kind {
        "Job" => Some(format!("apiVersion is {version:?}: write batch/v1")),
        _ if kind.eq_ignore_ascii_case("job") || kind.eq_ignore_ascii_case("jobs") => {
            Some(format!("kind is {kind:?}: write Job"))
        }
        "" if object.get("spec").is_some() => Some("there is no kind: write kind: Job".to_owned()),
        _ => None,
    }
}

fn of_files(files: &[String]) -> anyhow::Result<Vec<Document>> {
    let mut documents = Vec::new();
    for file in files {
        documents.extend(manifest::parse(if file == "-" { "STDIN" } else { file }, &read(file)?)?);
    }
    Ok(documents)
}

/// The objects of a kustomization, as kubectl builds them.
fn kustomized(folder: &Path) -> anyhow::Result<Vec<Document>> {
    let shown = folder.display().to_string();
    let output = Command::new("kubectl").arg("kustomize").arg(folder).output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = format!(
                "error: -k {shown}: kustomizations are built by kubectl, which is not on PATH; build it elsewhere and pipe it in: kustomize build {shown} | kubectl job run -f -"
            );
            return Err(Failure::usage(text).into());
        }
        Err(error) => return Err(Failure::new(Code::Server, format!("error: start kubectl kustomize: {error}")).into()),
    };
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let words = words.trim().trim_start_matches("error: ");
        return Err(Failure::usage(format!("error: kubectl kustomize {shown}: {words}")).into());
    }
    let text = String::from_utf8(output.stdout).map_err(|_| Failure::usage(format!("error: {shown}: no UTF-8")))?;
    // Lines of what kubectl built are lines of no file.
    let bare = |document: Document| Document { source: document.source.without_lines(), ..document };
    Ok(manifest::parse(&shown, &text)?.into_iter().map(bare).collect())
}

/// A copy of a CronJob's Job, or of a Job, with what flags change of it.
///
/// # Errors
/// Names of other kinds, or of nothing.
pub(super) async fn copied(args: &RunArgs, from: &str, target: &Target) -> anyhow::Result<Vec<Document>> {
    if !from.contains('/') && from != select::LAST {
        let text = format!("error: --from {from}: say of what kind it is: --from cronjob/{from} or --from job/{from}");
        return Err(Failure::usage(text).into());
    }
    let (kind, name) = kind::one(from, Kind::Job)?;
    let original = select::one(target, &kind.resource(), &name).await??.to_value();
    let name = args.name.as_deref().map(job::checked_name).transpose()?;
    let mut value = match kind {
        Kind::CronJob => job::copy::of_cron_job(&original, name),
        Kind::Job => job::copy::of_job(&original, name),
    };
    job::copy::adapt(&mut value, &args.job, &args.command)?;
    suffix(args, &mut value);
    Ok(vec![Document { value, source: Source::default() }])
}

/// `--suffix`: the name becomes a prefix.
fn suffix(args: &RunArgs, job: &mut Value) {
    if !args.how.suffix {
        return;
    }
    if let Some(metadata) = job["metadata"].as_object_mut()
        && let Some(name) = metadata.remove("name")
    {
        metadata.insert("generateName".to_owned(), format!("{}-", name.as_str().unwrap_or_default()).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_nearly_a_job_is_told_what_it_lacks() {
        let slip = |version: &str, kind: &str| slip(&json!({"apiVersion": version, "kind": kind, "spec": {}}));
        assert_eq!(slip("batch/v1", "job").as_deref(), Some("kind is \"job\": write Job"));
        assert_eq!(slip("batch/v2", "Job").as_deref(), Some("apiVersion is \"batch/v2\": write batch/v1"));
        assert_eq!(slip("batch/v1", "CronJob"), None);
    }
}
