//! Jobs made from flags, in the shape that `kubectl create job` gives them.

pub(crate) mod copy;

use serde_json::{Map, Value, json};

use crate::cli::run::{JobFlags, Restart};
use crate::exit::Failure;

/// A Job from the flags of `run`. Fields that no flag sets are left to the server's defaults.
///
/// # Errors
/// Missing image, environment without `=`, a name or number out of range.
pub(crate) fn from_flags(name: Option<&str>, flags: &JobFlags, command: &[String]) -> Result<Value, Failure> {
    let Some(image) = flags.image.as_deref().filter(|image| !image.is_empty()) else {
        let is_file = |name: &&str| [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending));
        return Err(Failure::usage(match name.filter(is_file) {
            Some(file) => format!("error: a manifest is named with -f: kubectl job run -f {file}"),
            None => "error: say what to run: --image IMAGE [-- COMMAND...], -f FILE for a manifest, or --from cronjob/NAME for a copy".to_owned(),
        }));
    };
    let base = base_name(image);
    let mut metadata = Map::new();
    match name {
        Some(name) => metadata.insert("name".to_owned(), checked_name(name)?.into()),
        None => metadata.insert("generateName".to_owned(), format!("{base}-").into()),
    };
    let mut container = json!({"name": container_name(name.unwrap_or(&base)), "image": image});
    if let [word] = command
        && word.contains(' ')
        && !std::path::Path::new(word).exists()
    {
        return Err(Failure::usage(format!(
            "error: {word:?} is one word, and there is no program of that name: leave the quotes out, or run it in a shell: -- sh -c '{word}'"
        )));
    }
    if !command.is_empty() {
        container["command"] = json!(command);
    }
    if !flags.env.is_empty() {
        container["env"] = flags.env.iter().map(|pair| variable(pair)).collect::<Result<_, _>>()?;
    }
    let restart = flags.restart.unwrap_or(Restart::Never).name();
    let mut spec = json!({"template": {"spec": {"containers": [container], "restartPolicy": restart}}});
    set_fields(&mut spec, flags);
    Ok(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}))
}

/// Sets the fields of a Job's spec that flags name.
fn set_fields(spec: &mut Value, flags: &JobFlags) {
    let numbers = [
        ("completions", flags.completions.map(i64::from)),
        ("parallelism", flags.parallelism.map(i64::from)),
        ("backoffLimit", flags.backoff_limit.map(i64::from)),
        ("activeDeadlineSeconds", flags.deadline.map(|span| whole_seconds(span.0))),
        ("ttlSecondsAfterFinished", flags.ttl.map(|span| whole_seconds(span.0))),
    ];
    for (field, number) in numbers {
        if let Some(number) = number {
            spec[field] = number.into();
        }
    }
    if flags.indexed {
        spec["completionMode"] = "Indexed".into();
    }
}

/// Part of a second counts as a whole one, so that `--deadline 500ms` is no deadline of zero.
fn whole_seconds(duration: jiff::SignedDuration) -> i64 {
    duration.as_secs() + i64::from(duration.subsec_nanos() > 0)
}

/// A name that a Job may have.
///
/// # Errors
/// Any other name.
pub(crate) fn checked_name(name: &str) -> Result<&str, Failure> {
    match api::names::dns_subdomain_errors(name).as_slice() {
        [] => Ok(name),
        errors => Err(Failure::usage(format!("error: {name:?} is no name for a Job: {}", errors.join("; ")))),
    }
}

/// `NAME=VALUE` as a container has it.
///
/// # Errors
/// A text without `=` or a name.
pub(crate) fn variable(pair: &str) -> Result<Value, Failure> {
    match pair.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(json!({"name": name, "value": value})),
        _ => Err(Failure::usage(format!("error: --env {pair:?}: write NAME=VALUE"))),
    }
}

/// `registry/team/My_App:1.4` -> `my-app`.
fn base_name(image: &str) -> String {
    let path = image.split('@').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let name = last.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let name: String = name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    match name.trim_matches('-') {
        "" => "job".to_owned(),
        name => name.to_owned(),
    }
}

/// Container names are labels, while Job names may have dots and be longer.
fn container_name(name: &str) -> String {
    let name: String = name.replace('.', "-").chars().take(63).collect();
    name.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn flags_make_the_job_that_kubectl_would_make() {
        let flags = JobFlags {
            image: Some("busybox".to_owned()),
            env: vec!["A=b=c".to_owned()],
            completions: Some(3),
            indexed: true,
            deadline: Some(crate::duration::Span(SignedDuration::from_millis(1_500))),
            ..JobFlags::default()
        };
        let job = from_flags(Some("hello"), &flags, &["sh".to_owned()]).expect("it is right");
        let expected = json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "hello"},
            "spec": {
                "completions": 3, "completionMode": "Indexed", "activeDeadlineSeconds": 2,
                "template": {"spec": {"restartPolicy": "Never", "containers": [
                    {"name": "hello", "image": "busybox", "command": ["sh"], "env": [{"name": "A", "value": "b=c"}]}]}},
            },
        });
        assert_eq!(job, expected);
    }

    #[test]
    fn a_job_without_a_name_is_named_after_its_image() {
        let of = |image: &str| {
            let flags = JobFlags { image: Some(image.to_owned()), ..JobFlags::default() };
            from_flags(None, &flags, &[]).expect("it is right")["metadata"]["generateName"].clone()
        };
        assert_eq!(of("registry:5000/team/My_App:1.4"), "my-app-");
        assert_eq!(of("perl@sha256:abc"), "perl-");
    }

    #[test]
    fn what_is_missing_or_wrong_is_said() {
        let refusal = |name, flags: &JobFlags| from_flags(name, flags, &[]).expect_err("it is wrong").message;
        assert!(refusal(None, &JobFlags::default()).contains("--image IMAGE"));
        let image = Some("x".to_owned());
        let flags = JobFlags { image: image.clone(), env: vec!["A".to_owned()], ..JobFlags::default() };
        assert_eq!(refusal(Some("a"), &flags), "error: --env \"A\": write NAME=VALUE");
        let flags = JobFlags { image, ..JobFlags::default() };
        assert!(refusal(Some("Not_Good"), &flags).contains("is no name for a Job"));
    }
}
