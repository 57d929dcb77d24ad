//! The two kinds that verbs are about, and how people name objects of them.

use api::Gvr;
use api::resource::{CRON_JOBS, JOBS};

use crate::exit::Failure;

/// A kind with a Job in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A Job.
    Job,
    /// A CronJob.
    CronJob,
}

impl Kind {
    /// Takes kubectl's ways of naming a kind.
    pub(crate) fn of(word: &str) -> Option<Self> {
        match word {
            "job" | "jobs" | "job.batch" | "jobs.batch" | "job.v1.batch" | "jobs.v1.batch" => Some(Self::Job),
            "cj" | "cronjob" | "cronjobs" | "cronjob.batch" | "cronjobs.batch" | "cronjob.v1.batch"
            | "cronjobs.v1.batch" => Some(Self::CronJob),
            _ => None,
        }
    }

    /// Its resource.
    pub(crate) fn resource(self) -> Gvr {
        match self {
            Self::Job => JOBS,
            Self::CronJob => CRON_JOBS,
        }
    }

    /// As manifests spell it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Job => "Job",
            Self::CronJob => "CronJob",
        }
    }

    /// As `-o name` spells it.
    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::Job => "job.batch",
            Self::CronJob => "cronjob.batch",
        }
    }
}

/// One object: `pi`, `job/pi`, `cj/nightly`. A bare name is of the kind given.
///
/// # Errors
/// Names of other kinds.
pub(crate) fn one(text: &str, bare: Kind) -> Result<(Kind, String), Failure> {
    let Some((word, name)) = text.split_once('/') else { return Ok((bare, text.to_owned())) };
    let kind = Kind::of(word).ok_or_else(|| {
        Failure::usage(format!("error: {word:?} is neither a Job nor a CronJob: this command is for these only"))
    })?;
    Ok((kind, name.to_owned()))
}

/// Several objects, also as `cj NAME...`; kinds may be mixed.
///
/// # Errors
/// Names of other kinds.
pub(crate) fn several(texts: &[String]) -> Result<Vec<(Kind, String)>, Failure> {
    let (bare, texts) = match texts {
        [first, rest @ ..] if !rest.is_empty() && Kind::of(first).is_some() => {
            (Kind::of(first).unwrap_or(Kind::Job), rest)
        }
        all => (Kind::Job, all),
    };
    texts.iter().map(|text| one(text, bare)).collect()
}

/// What `get` is asked for: one kind, and names of it. A kind alone means all of it.
///
/// # Errors
/// Names of other kinds, or of both.
pub(crate) fn listed(texts: &[String]) -> Result<(Kind, Vec<String>), Failure> {
    if let [word] = texts
        && let Some(kind) = Kind::of(word)
    {
        return Ok((kind, Vec::new()));
    }
    let objects = several(texts)?;
    let kind = objects.first().map_or(Kind::Job, |(kind, _)| *kind);
    if objects.iter().any(|(other, _)| *other != kind) {
        return Err(Failure::usage(
            "error: Jobs and CronJobs have different columns: ask for them one after the other",
        ));
    }
    Ok((kind, objects.into_iter().map(|(_, name)| name).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn kinds_are_named_as_with_kubectl() {
        let named = |words: &[&str]| several(&texts(words)).expect("they are right");
        let nightly = || (Kind::CronJob, "nightly".to_owned());
        assert_eq!(named(&["pi", "cj/nightly"]), [(Kind::Job, "pi".to_owned()), nightly()]);
        assert_eq!(named(&["cronjobs", "nightly"]), [nightly()]);
        assert_eq!(named(&["cj"]), [(Kind::Job, "cj".to_owned())]);
        assert!(several(&texts(&["pod/x"])).expect_err("another kind").message.contains("neither a Job nor a CronJob"));
    }

    #[test]
    fn a_kind_alone_lists_all_of_it() {
        assert_eq!(listed(&texts(&["cj"])).expect("right"), (Kind::CronJob, Vec::new()));
        assert_eq!(listed(&texts(&["jobs"])).expect("right"), (Kind::Job, Vec::new()));
        assert_eq!(listed(&[]).expect("right"), (Kind::Job, Vec::new()));
        assert!(listed(&texts(&["pi", "cj/nightly"])).is_err());
    }
}
