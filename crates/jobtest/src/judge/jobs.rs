//! What is expected of Jobs.

use api::text::count;
use explain::{Attempt, Story};
use jiff::SignedDuration;

use super::{Evidence, is_source_of};
use crate::format::{AttemptExpect, ClockMode, JobExpect, LogExpect, Outcome, PodCount, Said};
use crate::perform::is_meant;
use crate::report::{Decided, Failure};
use crate::words::{self, show};
use crate::world::{JobTrack, text};

/// How far durations of processes may be off.
const SLACK: SignedDuration = SignedDuration::from_secs(2);

/// Which field of a Job's spec decides that it ends for a reason.
const DECIDING: [(&str, &str); 8] = [
    ("BackoffLimitExceeded", "backoffLimit"),
    ("DeadlineExceeded", "activeDeadlineSeconds"),
    ("FailedIndexes", "backoffLimitPerIndex"),
    ("MaxFailedIndexesExceeded", "maxFailedIndexes"),
    ("PodFailurePolicy", "podFailurePolicy"),
    ("SuccessPolicy", "successPolicy"),
    ("CompletionsReached", "completions"),
    ("JobSuspended", "suspend"),
];

pub(super) fn judge(evidence: &Evidence<'_>) -> Vec<Failure> {
    let (expect, world) = (&evidence.test.expect, evidence.world);
    let mut failures = Vec::new();
    for (track, story) in world.jobs.iter().zip(evidence.stories) {
        failures.extend(Trial { evidence, track, story, is_one_of_many: world.jobs.len() > 1 }.judge(&expect.job));
    }
    if world.jobs.is_empty()
        && let Some(said) = &expect.job.outcome
    {
        let words = if expect.cron.is_some() { "the CronJob made no Job" } else { "there is no Job" };
        failures.push(Failure::at(said.line, &said.field, said.value.name(), words));
    }
    for (name, wanted) in &expect.jobs {
        let found: Vec<_> = world
            .jobs
            .iter()
            .zip(evidence.stories)
            .filter(|(track, _)| words::matches(&name.value, track.name()))
            .collect();
        if found.is_empty() {
            let names: Vec<&str> = world.jobs.iter().map(JobTrack::name).collect();
            let got = if names.is_empty() { "no Job at all".to_owned() } else { format!("only {}", names.join(", ")) };
            failures.push(Failure::at(name.line, &name.field, format!("Job {}", name.value), got));
        }
        for (track, story) in found {
            failures.extend(Trial { evidence, track, story, is_one_of_many: false }.judge(wanted));
        }
    }
    failures
}

struct Trial<'a> {
    evidence: &'a Evidence<'a>,
    track: &'a JobTrack,
    story: &'a Story,
    is_one_of_many: bool,
}

impl Trial<'_> {
    fn judge(&self, expect: &JobExpect) -> Vec<Failure> {
        let mut failures = Vec::new();
        failures.extend(self.outcome(expect));
        failures.extend(expect.took.as_ref().and_then(|said| self.took(said)));
        failures.extend(expect.within.as_ref().and_then(|said| self.within(said)));
        failures.extend(expect.attempts.as_ref().map(|said| self.attempts(said)).unwrap_or_default());
        failures.extend(expect.pods.iter().filter_map(|said| self.count(said)));
        failures.extend(expect.logs.iter().filter_map(|said| self.log(said)));
        failures
    }

    /// The failure, with the Job's name when there are several, and the field that decided.
    fn failure<T>(&self, said: &Said<T>, want: impl Into<String>, got: impl Into<String>) -> Failure {
        let mut got = got.into();
        if self.is_one_of_many {
            got = format!("{got} for Job {}", self.track.name());
        }
        Failure { manifest: self.decided(), ..Failure::at(said.line, &said.field, want, got) }
    }

    fn verdict(&self, field: &str) -> String {
        self.track.verdict().and_then(|verdict| verdict[field].as_str()).unwrap_or_default().to_owned()
    }

    /// The field of the manifest that decided how the Job is.
    fn decided(&self) -> Option<Decided> {
        let reason = self.verdict("reason");
        let by_reason = DECIDING.iter().find(|(known, _)| *known == reason).map(|(_, field)| format!("spec.{field}"));
        let records = self.story.records.as_deref().unwrap_or_default();
        let last_record = records.iter().rev().find(|record| record.field.starts_with("spec."));
        let field = by_reason.or_else(|| last_record.map(|record| record.field.clone()))?;
        let (manifest, document) = self.evidence.test.manifests.iter().find_map(|manifest| {
            let document = manifest.documents.iter().find(|document| is_source_of(document, &self.track.job))?;
            Some((manifest, document))
        })?;
        let path =
            if document.value["kind"] == "CronJob" { format!("spec.jobTemplate.{field}") } else { field.clone() };
        let place = document.source.place(&path);
        let line = place.and_then(|place| place.rsplit_once(':').and_then(|(_, line)| line.parse().ok())).unwrap_or(0);
        let pointer = format!("/{}", field.replace('.', "/"));
        let value = self.track.job.pointer(&pointer).filter(|value| !value.is_object() && !value.is_array());
        let value = value.map(ToString::to_string).unwrap_or_default();
        Some(Decided { file: manifest.file.clone(), line, field, value })
    }

    fn outcome(&self, expect: &JobExpect) -> Option<Failure> {
        let shown = |outcome: Outcome| {
            let reason = self.verdict("reason");
            if reason.is_empty() { outcome.name().to_owned() } else { format!("{} ({reason})", outcome.name()) }
        };
        let got = self.track.outcome();
        // A Job that has ended and was deleted afterwards ended as it did.
        if let Some(said) = &expect.outcome
            && said.value != got
            && !(said.value == Outcome::Deleted && self.track.deleted_at.is_some())
        {
            return Some(self.failure(said, said.value.name(), shown(got)));
        }
        if let Some(said) = &expect.reason
            && said.value != self.verdict("reason")
        {
            return Some(self.failure(said, &said.value, shown(got)));
        }
        let said = expect.message.as_ref()?;
        let message = self.verdict("message");
        (!message.contains(&said.value))
            .then(|| self.failure(said, format!("a message with {:?}", said.value), message))
    }

    fn is_near(&self, got: SignedDuration, want: SignedDuration) -> bool {
        let slack = if self.evidence.machine.mode() == ClockMode::Virtual { SignedDuration::ZERO } else { SLACK };
        (got - want).abs() <= slack
    }

    fn took(&self, said: &Said<SignedDuration>) -> Option<Failure> {
        match self.track.took() {
            Some(took) if self.is_near(took, said.value) => None,
            Some(took) => Some(self.failure(said, show(said.value), show(took))),
            None => Some(self.failure(said, show(said.value), "it has not ended")),
        }
    }

    fn within(&self, said: &Said<SignedDuration>) -> Option<Failure> {
        match self.track.took() {
            Some(took) if took <= said.value => None,
            Some(took) => Some(self.failure(said, format!("within {}", show(said.value)), show(took))),
            None => Some(self.failure(said, format!("within {}", show(said.value)), "it has not ended")),
        }
    }

    fn attempts(&self, said: &Said<Vec<Said<AttemptExpect>>>) -> Vec<Failure> {
        if self.is_one_of_many {
            return vec![self.failure(said, "one Job", "several: list them in expect.jobs")];
        }
        let attempts = explain::attempts(self.story);
        let mut failures = Vec::new();
        if attempts.len() != said.value.len() {
            let shown: Vec<String> = attempts.iter().map(show_attempt).collect();
            let got = format!("{}: {}", attempts.len(), shown.join("; "));
            failures.push(self.failure(said, count(said.value.len(), "attempt"), got));
        }
        for (wanted, attempt) in said.value.iter().zip(&attempts) {
            failures.extend(self.attempt(wanted, attempt));
        }
        failures
    }

    fn attempt(&self, said: &Said<AttemptExpect>, attempt: &Attempt) -> Option<Failure> {
        let wanted = &said.value;
        let exit = attempt.end.as_ref().and_then(|end| end.exit_code).and_then(|code| u32::try_from(code).ok());
        let reason = attempt.end.as_ref().map(|end| end.reason.as_str()).unwrap_or_default();
        let near = |wanted: Option<SignedDuration>, got: Option<SignedDuration>| {
            wanted.is_none_or(|wanted| got.is_some_and(|got| self.is_near(got, wanted)))
        };
        let met = wanted.index.is_none_or(|index| attempt.index == Some(index))
            && wanted.exit.is_none_or(|code| exit == Some(code))
            && wanted.reason.as_ref().is_none_or(|wanted| wanted == reason)
            && near(wanted.backoff, attempt.backoff)
            && near(wanted.ran, attempt.ran());
        (!met).then(|| self.failure(said, show_wanted(wanted), show_attempt(attempt)))
    }

    fn count(&self, said: &Said<(PodCount, u32)>) -> Option<Failure> {
        let (what, wanted) = said.value;
        let status = |field: &str| {
            let count = self.track.job["status"][field].as_u64().unwrap_or(0);
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        let got = match what {
            PodCount::Created => u32::try_from(self.track.pods.pods().len()).unwrap_or(u32::MAX),
            PodCount::MaxActive => self.track.max_active,
            PodCount::Succeeded => status("succeeded"),
            PodCount::Failed => status("failed"),
        };
        (got != wanted).then(|| self.failure(said, wanted.to_string(), got.to_string()))
    }

    fn log(&self, said: &Said<LogExpect>) -> Option<Failure> {
        let wanted = &said.value;
        let attempts = explain::attempts(self.story);
        let meant = attempts.iter().filter(|attempt| is_meant(&wanted.matches, self.track, attempt));
        let runs: Vec<(&str, u32)> = meant.map(|attempt| (attempt.pod.as_str(), attempt.run)).collect();
        let of_run = |pod: &str, container: &str, run: u32| {
            runs.contains(&(pod, run)) && wanted.matches.container.as_ref().is_none_or(|name| name == container)
        };
        let texts: Vec<String> = (self.evidence.logs.iter())
            .filter(|((pod, container, run), _)| of_run(pod, container, *run))
            .map(|(_, lines)| lines.join("\n"))
            .collect();
        let got = || match texts.iter().flat_map(|text| text.lines()).next_back() {
            Some(line) => format!("{}; the last line is {line:?}", count(texts.len(), "log")),
            None if runs.is_empty() => "no such attempt".to_owned(),
            None => "no output".to_owned(),
        };
        if let Some(part) = &wanted.contains
            && !texts.iter().any(|text| text.contains(part.as_str()))
        {
            return Some(self.failure(said, format!("output with {part:?}"), got()));
        }
        if let Some(part) = &wanted.lacks
            && let Some(text) = texts.iter().find(|text| text.contains(part.as_str()))
        {
            let line = text.lines().find(|line| line.contains(part.as_str())).unwrap_or_default();
            return Some(self.failure(said, format!("no output with {part:?}"), format!("{line:?}")));
        }
        let whole = wanted.equals.as_ref()?;
        let met = !texts.is_empty() && texts.iter().all(|text| text.trim_end() == whole.trim_end());
        (!met).then(|| self.failure(said, format!("output {whole:?}"), got()))
    }
}

fn show_wanted(wanted: &AttemptExpect) -> String {
    let mut parts = Vec::new();
    parts.extend(wanted.index.map(|index| format!("index {index}")));
    parts.extend(wanted.exit.map(|code| format!("exit {code}")));
    parts.extend(wanted.reason.clone());
    parts.extend(wanted.backoff.map(|backoff| format!("back-off {}", show(backoff))));
    parts.extend(wanted.ran.map(|ran| format!("ran {}", show(ran))));
    parts.join(", ")
}

fn show_attempt(attempt: &Attempt) -> String {
    let mut parts = Vec::new();
    parts.extend(attempt.index.map(|index| format!("index {index}")));
    match &attempt.end {
        Some(end) => {
            parts.extend(end.exit_code.map(|code| format!("exit {code}")));
            if end.exit_code.is_none_or(|code| code != 0) && !end.reason.is_empty() {
                parts.push(end.reason.clone());
            }
        }
        None => parts.push("not ended".to_owned()),
    }
    parts.extend(attempt.backoff.map(|backoff| format!("back-off {}", show(backoff))));
    parts.extend(attempt.ran().map(|ran| format!("ran {}", show(ran))));
    parts.join(", ")
}

/// The name of the CronJob that a Job belongs to.
pub(super) fn cron_job_of(track: &JobTrack) -> Option<&str> {
    let owners = track.job["metadata"]["ownerReferences"].as_array()?;
    let owner = owners.iter().find(|owner| owner["kind"] == "CronJob" && owner["controller"] == true)?;
    Some(text(owner, "/name"))
}
