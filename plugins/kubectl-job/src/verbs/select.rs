//! Which Jobs a command means: names, a selector, or all.

use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::Pod;
use api::resource::{JOBS, PODS};
use api::{Object, Options};
use std::sync::Arc;

use crate::exit::Failure;
use crate::target::Target;
use crate::view::facts;

/// Takes kubectl's ways of naming a Job: `pi`, `job/pi`, `jobs/pi`, `job.batch/pi`.
///
/// # Errors
/// Names of other kinds.
pub(crate) fn job_name(text: &str) -> Result<&str, Failure> {
    match text.split_once('/') {
        None => Ok(text),
        Some(("job" | "jobs" | "job.batch" | "jobs.batch" | "job.v1.batch" | "jobs.v1.batch", name)) => Ok(name),
        Some((kind, _)) => Err(Failure::usage(format!("error: {kind:?} is no Job: this command is for Jobs only"))),
    }
}

/// The names as plain Job names. `job NAME...`, as one types after `kubectl get`, is understood too.
///
/// # Errors
/// Names of other kinds.
pub(crate) fn job_names(texts: &[String]) -> Result<Vec<String>, Failure> {
    let texts = match texts {
        [first, rest @ ..] if !rest.is_empty() && matches!(first.as_str(), "job" | "jobs" | "job.batch") => rest,
        all => all,
    };
    texts.iter().map(|text| job_name(text).map(str::to_owned)).collect()
}

/// The Jobs of these names, or of the selector; the second list holds names that do not exist.
///
/// # Errors
/// The server's refusals.
pub(crate) async fn jobs(
    target: &Target,
    names: &[String],
    options: Options,
    all_namespaces: bool,
) -> anyhow::Result<(Vec<Arc<Object>>, Vec<client::Error>)> {
    let namespace = (!all_namespaces).then_some(target.namespace.as_str());
    if names.is_empty() {
        return Ok((target.client.list(&JOBS, namespace, options).await?.items, Vec::new()));
    }
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match target.client.get(&JOBS, Some(&target.namespace), name).await {
            Ok(job) => found.push(job),
            Err(error) if error.is_not_found() => missing.push(error),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((found, missing))
}

/// A Job's pods.
///
/// # Errors
/// The server's refusal.
pub(crate) async fn pods(target: &Target, job: &Job) -> anyhow::Result<Vec<Pod>> {
    let options = Options { label_selector: Some(facts::pod_selector(job)), ..Options::default() };
    let list = target.client.list(&PODS, Some(facts::namespace(job)), options).await?;
    Ok(list.items.iter().filter_map(|object| object.decode().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_named_as_with_kubectl() {
        let names = |texts: &[&str]| job_names(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(names(&["pi", "job/pi", "jobs.batch/x"]).expect("Jobs"), ["pi", "pi", "x"]);
        assert_eq!(names(&["job", "pi"]).expect("Jobs"), ["pi"]);
        assert_eq!(names(&["jobs"]).expect("a name"), ["jobs"]);
        assert!(names(&["pod/x"]).expect_err("no Job").message.contains("\"pod\" is no Job"));
    }
}
