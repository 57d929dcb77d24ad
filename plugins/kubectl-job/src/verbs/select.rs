//! Which Jobs a command means: names, `@last`, a selector, or all.

use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::Pod;
use api::resource::{JOBS, PODS};
use api::{Gvr, Object, Options};
use std::sync::Arc;

use crate::exit::{Code, Failure};
use crate::target::Target;
use crate::view::facts;

/// Stands for the Job that was created last.
pub(crate) const LAST: &str = "@last";
/// The most names that a hint offers.
const OFFERED: usize = 3;

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
    objects(target, &JOBS, names, options, all_namespaces).await
}

/// The same for another kind.
///
/// # Errors
/// The server's refusals.
pub(crate) async fn objects(
    target: &Target,
    resource: &Gvr,
    names: &[String],
    options: Options,
    all_namespaces: bool,
) -> anyhow::Result<(Vec<Arc<Object>>, Vec<client::Error>)> {
    let namespace = (!all_namespaces).then_some(target.namespace.as_str());
    if names.is_empty() {
        return Ok((target.client.list(resource, namespace, options).await?.items, Vec::new()));
    }
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match one(target, resource, name).await? {
            Ok(job) => found.push(job),
            Err(error) => missing.push(error),
        }
    }
    Ok((found, missing))
}

/// The names with `@last` replaced by the name that it stands for.
///
/// # Errors
/// When there is no Job to stand for.
pub(crate) async fn resolve(target: &Target, names: Vec<String>) -> anyhow::Result<Vec<String>> {
    let mut resolved = Vec::with_capacity(names.len());
    for name in names {
        resolved.push(if name == LAST { last(target, &JOBS).await?.meta().name.clone() } else { name });
    }
    Ok(resolved)
}

/// One object by name, or the newest of its kind; inside, what to say when there is none of that name.
///
/// # Errors
/// Other refusals of the server.
pub(crate) async fn one(
    target: &Target,
    resource: &Gvr,
    name: &str,
) -> anyhow::Result<Result<Arc<Object>, client::Error>> {
    if name == LAST {
        return Ok(Ok(last(target, resource).await?));
    }
    match target.client.get(resource, Some(&target.namespace), name).await {
        Ok(object) => Ok(Ok(object)),
        Err(client::Error::Status(mut status)) if status.code == 404 => {
            let similar = similar(target, resource, name).await;
            if !similar.is_empty() {
                status.message = format!("{}; did you mean {}?", status.message, similar.join(" or "));
            }
            Ok(Err(client::Error::Status(status)))
        }
        Err(error) => Err(error.into()),
    }
}

/// The object of this namespace that was created last.
async fn last(target: &Target, resource: &Gvr) -> anyhow::Result<Arc<Object>> {
    let list = target.client.list(resource, Some(&target.namespace), Options::default()).await?;
    // Creation times have whole seconds; of one second, what was written last counts.
    let newest = list.items.into_iter().max_by_key(|object| (object.meta().creation_timestamp, object.meta().revision));
    let none = || {
        let text = format!("error: {LAST}: there are no {} in namespace {}", resource.plural, target.namespace);
        Failure::new(Code::Failure, text)
    };
    Ok(newest.ok_or_else(none)?)
}

/// Names of the kind that this one may be a slip for.
pub(crate) async fn similar(target: &Target, resource: &Gvr, name: &str) -> Vec<String> {
    let listed = target.client.list(resource, Some(&target.namespace), Options::default()).await;
    let items = listed.map(|list| list.items).unwrap_or_default();
    let names = items.iter().map(|object| object.meta().name.clone());
    names.filter(|other| is_similar(name, other)).take(OFFERED).collect()
}

/// Whether one name may be a slip for the other: one contains the other, or at most two letters differ.
pub(crate) fn is_similar(left: &str, right: &str) -> bool {
    let longer = left.len().max(right.len());
    right.contains(left) || left.contains(right) || distance(left, right) <= (longer / 3).min(2)
}

/// Letters to add, drop or change to make one text of the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, letter) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, other) in right.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
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

    #[test]
    fn slips_are_similar_and_other_names_are_not() {
        assert_eq!((distance("migrate", "migrate"), distance("migrate", "migarte"), distance("", "ab")), (0, 2, 2));
        assert!(is_similar("migrte", "migrate"));
        assert!(is_similar("migrate", "migrate-2"));
        assert!(!is_similar("migrate", "index") && !is_similar("pi", "x"));
    }
}
