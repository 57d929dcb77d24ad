//! How a Job ended, and what a test may say about that. Whatever it finds wrong panics with all that explains it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use explain::facts::Verdict;
use explain::{Attempt, Record, Story, Style, facts};
use jiff::SignedDuration;
use serde_json::Value;

use super::inside::Core;
use super::story::{footer, report};

/// A Job that has finished.
///
/// A panic of its assertions holds the reason, the timeline, the last lines of every failed attempt, and the seed.
#[derive(Clone)]
pub struct Outcome {
    story: Story,
    attempts: Vec<Attempt>,
    end: Option<facts::Outcome>,
    elapsed: SignedDuration,
    footer: String,
    told: Arc<AtomicBool>,
}

impl Outcome {
    pub(super) fn new(core: &Core, story: Story) -> Self {
        let job = serde_json::from_value(story.job.clone()).unwrap_or_default();
        let attempts = explain::attempts(&story);
        let elapsed = facts::elapsed(&job, story.now).unwrap_or_default();
        Self { attempts, end: facts::outcome(&job), elapsed, footer: footer(core), told: core.told.clone(), story }
    }

    /// Whether it is `Complete`.
    pub fn is_complete(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.verdict == Verdict::Complete)
    }

    /// How it ended.
    pub fn verdict(&self) -> Verdict {
        if self.is_complete() { Verdict::Complete } else { Verdict::Failed }
    }

    /// The reason of its last condition, such as `BackoffLimitExceeded`.
    pub fn reason(&self) -> &str {
        self.end.as_ref().map_or("", |end| &end.reason)
    }

    /// The Job as it was seen last.
    pub fn job(&self) -> &Value {
        &self.story.job
    }

    /// Its `status`.
    pub fn status(&self) -> &Value {
        &self.story.job["status"]
    }

    /// Every pod that it ever had, as it was seen last.
    pub fn pods(&self) -> &[Value] {
        &self.story.pods
    }

    /// Every run of every pod, in the order in which they came up.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The exit codes of the attempts, in order; one without an exit code, as of a pod that was evicted, has none here.
    pub fn exit_codes(&self) -> Vec<i32> {
        self.attempts.iter().filter_map(|attempt| attempt.end.as_ref()?.exit_code).collect()
    }

    /// The waits between the end of each failed attempt and the next one (of the same index), to the second.
    pub fn back_offs(&self) -> Vec<SignedDuration> {
        let ended = self.attempts.iter().enumerate().filter_map(|(position, attempt)| {
            let end = attempt.end.as_ref().filter(|end| !end.is_success())?;
            let next = self.attempts[position + 1..].iter().find(|next| next.index == attempt.index)?;
            Some(next.started_at?.duration_since(end.finished_at?))
        });
        ended.collect()
    }

    /// How long it took, by the cluster's clock.
    pub fn elapsed(&self) -> SignedDuration {
        self.elapsed
    }

    /// All that its pods wrote, attempt after attempt; of the last 200 pods, as far as they were there.
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for line in self.story.logs.iter().flat_map(|log| &log.lines) {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// The controller's decisions about it, oldest first.
    pub fn decisions(&self) -> &[Record] {
        self.story.records.as_deref().unwrap_or_default()
    }

    /// Why it ended so.
    pub fn why(&self) -> String {
        explain::why(&self.story, &Style::default())
    }

    /// What happened, moment by moment.
    pub fn timeline(&self) -> String {
        explain::timeline(&self.story, &Style::default())
    }

    /// All that is known of it.
    pub fn story(&self) -> &Story {
        &self.story
    }

    /// Claims that it is `Complete`.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn assert_complete(&self) -> &Self {
        self.assert_that(self.is_complete(), &format!("it is {}, and should be Complete", self.shown()))
    }

    /// Claims that it failed for this reason, such as `DeadlineExceeded`.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn assert_failed(&self, reason: &str) -> &Self {
        let holds = !self.is_complete() && self.reason() == reason;
        self.assert_that(holds, &format!("it is {}, and should be Failed ({reason})", self.shown()))
    }

    /// Claims that it took no longer, by the cluster's clock.
    ///
    /// # Panics
    /// When it did.
    #[track_caller]
    pub fn assert_within(&self, limit: SignedDuration) -> &Self {
        self.assert_that(
            self.elapsed <= limit,
            &format!("it took {:#}, and should take {limit:#} at most", self.elapsed),
        )
    }

    /// Claims how many attempts there were.
    ///
    /// # Panics
    /// When there were more or fewer.
    #[track_caller]
    pub fn assert_attempts(&self, count: usize) -> &Self {
        let found = self.attempts.len();
        self.assert_that(
            found == count,
            &format!("it took {}, and should take {count}", api::text::count(found, "attempt")),
        )
    }

    /// Claims the exit codes of its attempts.
    ///
    /// # Panics
    /// When they are others.
    #[track_caller]
    pub fn assert_exit_codes(&self, codes: impl AsRef<[i32]>) -> &Self {
        let (found, codes) = (self.exit_codes(), codes.as_ref());
        self.assert_that(found == codes, &format!("its attempts exited with {found:?}, and should with {codes:?}"))
    }

    /// Claims the waits between its attempts.
    ///
    /// # Panics
    /// When they are others.
    #[track_caller]
    pub fn assert_back_offs(&self, waits: impl AsRef<[SignedDuration]>) -> &Self {
        let (found, waits) = (self.back_offs(), waits.as_ref());
        let shown = |waits: &[SignedDuration]| waits.iter().map(|it| format!("{it:#}")).collect::<Vec<_>>().join(", ");
        let (was, wanted) = (shown(&found), shown(waits));
        self.assert_that(found == waits, &format!("it waited [{was}] between attempts, and should [{wanted}]"))
    }

    /// Claims that a pod wrote this.
    ///
    /// # Panics
    /// When none did.
    #[track_caller]
    pub fn assert_logged(&self, text: &str) -> &Self {
        self.assert_that(self.logs().contains(text), &format!("no pod wrote {text:?}, and one should"))
    }

    /// Claims anything.
    ///
    /// # Panics
    /// When it does not hold.
    #[track_caller]
    pub fn assert_that(&self, holds: bool, otherwise: &str) -> &Self {
        if !holds {
            self.told.store(true, Ordering::Relaxed);
            panic!("Job {}: {otherwise}\n\n{}\n\n{}", self.name(), report(&self.story), self.footer);
        }
        self
    }

    fn name(&self) -> String {
        let word = |name: &str| self.story.job["metadata"][name].as_str().unwrap_or_default().to_owned();
        format!("{}/{}", word("namespace"), word("name"))
    }

    fn shown(&self) -> String {
        match &self.end {
            Some(end) if end.verdict == Verdict::Complete => "Complete".to_owned(),
            Some(end) => format!("Failed ({}: {})", end.reason, end.message),
            None => "unfinished".to_owned(),
        }
    }
}
