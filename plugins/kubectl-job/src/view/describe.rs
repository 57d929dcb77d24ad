//! The describe screen: verdict, conditions, policy, attempts, events, in this order, since that is the order in which
//! people ask.

use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::{Event, Pod};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::attempts::{Attempt, Attempts};
use super::table::{lay_out, map_text};
use super::{facts, stuck};
use crate::duration;
use crate::screen::{Screen, Tone, escape};

/// What the screen is made of.
pub(crate) struct Description<'a> {
    /// The Job.
    pub(crate) job: &'a Job,
    /// Its pods.
    pub(crate) pods: &'a [Pod],
    /// Events about the Job and its pods.
    pub(crate) events: &'a [Event],
    /// Where the Job was found, such as `local`.
    pub(crate) target: &'a str,
    /// The time.
    pub(crate) now: Timestamp,
    /// The zone in which times are shown.
    pub(crate) zone: &'a TimeZone,
}

impl Description<'_> {
    /// The whole screen.
    pub(crate) fn text(&self, screen: Screen) -> String {
        let attempts = Attempts::of(self.pods);
        let mut text = self.verdict(screen);
        text.push_str(&self.conditions());
        text.push_str(&self.policies());
        text.push_str(&self.attempts(&attempts));
        text.push_str(&self.events());
        text
    }

    fn clock(&self, time: Timestamp) -> String {
        time.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string()
    }

    fn verdict(&self, screen: Screen) -> String {
        let (job, spec) = (self.job, facts::spec(self.job));
        let dot = screen.dot();
        let state = facts::state(job);
        let (tone, reason) = match facts::outcome(job) {
            Some(outcome) if outcome.verdict == facts::Verdict::Failed => (Tone::Bad, outcome.reason),
            Some(outcome) => (Tone::Good, outcome.reason),
            None => (Tone::Strong, String::new()),
        };
        let reason = if reason.is_empty() { reason } else { format!(" ({})", escape(&reason)) };
        let mut text = format!(
            "Name: {}   Namespace: {}   Target: {}\nLabels: {}\n",
            escape(facts::name(job)),
            escape(facts::namespace(job)),
            escape(self.target),
            escape(&map_text(job.metadata.labels.as_ref())),
        );
        text.push_str(&format!("Status: {}{}\n", screen.tone(tone, &format!("{state}{reason}")), self.times()));
        text.push_str(&format!(
            "Pods:   {} active {dot} {} succeeded {dot} {} failed   Completions {}   Parallelism {}   Mode {}\n",
            facts::active(job),
            facts::succeeded(job),
            facts::failed(job),
            facts::completions(job),
            spec.parallelism.unwrap_or(1),
            spec.completion_mode.as_deref().unwrap_or("NonIndexed"),
        ));
        text.push_str(&format!("Limits: {}\n", self.limits(screen).join("   ")));
        if let Some(stuck) = stuck::find(job, self.pods) {
            text.push_str(&format!("{} {}\n", screen.tone(Tone::Warn, "Stuck: "), escape(&stuck.text)));
            if let Some(hint) = stuck.hint {
                text.push_str(&format!("        {}\n", escape(&hint)));
            }
        }
        text
    }

    fn times(&self) -> String {
        let status = self.job.status.as_ref();
        let start = status.and_then(|status| status.start_time.as_ref());
        let end = status.and_then(|status| status.completion_time.as_ref()).or_else(|| {
            facts::condition(self.job, "Failed").and_then(|condition| condition.last_transition_time.as_ref())
        });
        let mut text = String::new();
        if let Some(start) = start {
            text.push_str(&format!("   Started {}", self.clock(start.0)));
        }
        if let Some(end) = end {
            text.push_str(&format!("   Ended {}", self.clock(end.0)));
        }
        if let Some(span) = facts::elapsed(self.job, self.now) {
            text.push_str(&format!("   Duration {}", duration::show(span)));
        }
        text
    }

    fn limits(&self, screen: Screen) -> Vec<String> {
        let spec = facts::spec(self.job);
        let failed = facts::failed(self.job);
        let mut limits = Vec::new();
        match (spec.backoff_limit, spec.backoff_limit_per_index) {
            (_, Some(per_index)) => limits.push(format!("backoffLimitPerIndex {per_index}")),
            (limit, None) => limits.push(format!("backoffLimit {} ({failed} failed)", limit.unwrap_or(6))),
        }
        if let Some(limit) = spec.max_failed_indexes {
            limits.push(format!("maxFailedIndexes {limit}"));
        }
        if let Some(seconds) = spec.active_deadline_seconds {
            let used = facts::elapsed(self.job, self.now).map(|span| format!(" ({} used)", duration::show(span)));
            limits.push(format!("activeDeadline {seconds}s{}", used.unwrap_or_default()));
        }
        if let Some(seconds) = spec.ttl_seconds_after_finished {
            limits.push(format!("TTL {seconds}s{}", self.deleted_at(seconds, screen)));
        }
        limits
    }

    fn deleted_at(&self, ttl_seconds: i32, screen: Screen) -> String {
        let ended = ["Complete", "Failed"]
            .into_iter()
            .find_map(|name| facts::condition(self.job, name)?.last_transition_time.as_ref())
            .and_then(|time| time.0.checked_add(jiff::SignedDuration::from_secs(ttl_seconds.into())).ok());
        ended.map(|time| format!(" {} deletes {}", screen.arrow(), self.clock(time))).unwrap_or_default()
    }

    fn conditions(&self) -> String {
        let conditions = self.job.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        if conditions.is_empty() {
            return "Conditions: <none>\n".to_owned();
        }
        let rows: Vec<Vec<String>> = conditions
            .iter()
            .map(|condition| {
                let time = condition.last_transition_time.as_ref().map(|time| self.clock(time.0)).unwrap_or_default();
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                let (reason, message) = (text(&condition.reason), text(&condition.message));
                vec![condition.type_.clone(), condition.status.clone(), time, reason, message]
            })
            .collect();
        format!("Conditions:\n{}\n", indent(&lay_out(rows.iter().map(Vec::as_slice))))
    }

    fn policies(&self) -> String {
        let spec = facts::spec(self.job);
        let failure = spec.pod_failure_policy.as_ref().map(|policy| format!("{} rules", policy.rules.len()));
        let success = spec.success_policy.as_ref().map(|policy| format!("{} rules", policy.rules.len()));
        let none = || "<none>".to_owned();
        format!(
            "Pod failure policy: {}   Success policy: {}\n",
            failure.unwrap_or_else(none),
            success.unwrap_or_else(none)
        )
    }

    fn attempts(&self, attempts: &Attempts) -> String {
        if attempts.list().is_empty() {
            return "Attempts: <none>\n".to_owned();
        }
        let headings = ["#", "POD", "START", "RUN", "EXIT", "REASON", "MESSAGE"].map(str::to_owned).to_vec();
        let mut rows = vec![headings];
        rows.extend(attempts.list().iter().map(|attempt| self.attempt(attempt)));
        format!("Attempts:\n{}\n", indent(&lay_out(rows.iter().map(Vec::as_slice))))
    }

    fn attempt(&self, attempt: &Attempt) -> Vec<String> {
        let number =
            attempt.index.map_or_else(|| attempt.number.to_string(), |index| format!("idx{index}.{}", attempt.number));
        let start = attempt.started_at.map(|time| self.clock(time)).unwrap_or_default();
        let running = || attempt.started_at.map(|start| self.now.duration_since(start));
        let span = match &attempt.end {
            Some(_) => attempt.ran(),
            None => running(),
        };
        let span = span.map(duration::show).unwrap_or_default();
        let (exit, reason, message) = match &attempt.end {
            Some(end) => {
                let code = end.exit_code.map_or_else(|| "-".to_owned(), |code| code.to_string());
                (code, end.reason.clone(), end.message.clone())
            }
            None => (String::new(), "Running".to_owned(), String::new()),
        };
        vec![number, attempt.pod.clone(), start, span, exit, reason, message]
    }

    fn events(&self) -> String {
        if self.events.is_empty() {
            return "Events: <none>\n".to_owned();
        }
        let mut rows = vec![["TYPE", "REASON", "AGE", "OBJECT", "MESSAGE"].map(str::to_owned).to_vec()];
        rows.extend(self.events.iter().map(|event| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let object = &event.involved_object;
            let object = format!("{}/{}", text(&object.kind).to_lowercase(), text(&object.name));
            let age = facts::age(event_time(event).as_ref(), self.now);
            let count = event.count.filter(|count| *count > 1).map(|count| format!(" (x{count})")).unwrap_or_default();
            vec![text(&event.type_), text(&event.reason), format!("{age}{count}"), object, text(&event.message)]
        }));
        format!("Events:\n{}\n", indent(&lay_out(rows.iter().map(Vec::as_slice))))
    }
}

/// When an event last happened.
pub(crate) fn event_time(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    let first = event.first_timestamp.as_ref().map(|time| time.0);
    let created = event.metadata.creation_timestamp.as_ref().map(|time| time.0);
    series.or(last).or(event.event_time.as_ref().map(|time| time.0)).or(first).or(created)
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_screen_tells_verdict_conditions_attempts_and_events_in_order() {
        let job: Job = serde_json::from_value(json!({
            "metadata": {"name": "migrate", "namespace": "default", "uid": "j"},
            "spec": {"backoffLimit": 0, "activeDeadlineSeconds": 300, "ttlSecondsAfterFinished": 600, "completions": 1, "parallelism": 1,
                "template": {"spec": {"containers": [{"name": "app", "image": "app:1"}]}}},
            "status": {"failed": 1, "startTime": "2026-01-01T12:01:03Z", "conditions": [{
                "type": "Failed", "status": "True", "lastTransitionTime": "2026-01-01T12:01:36Z",
                "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}]},
        }))
        .expect("a Job");
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "migrate-9hq4d", "uid": "p"},
            "status": {"phase": "Failed", "containerStatuses": [{"name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": 3, "reason": "Error", "startedAt": "2026-01-01T12:01:03Z", "finishedAt": "2026-01-01T12:01:36Z"}}}]},
        }))
        .expect("a Pod");
        let event: Event = serde_json::from_value(json!({
            "metadata": {}, "involvedObject": {"kind": "Job", "name": "migrate"}, "type": "Normal", "reason": "SuccessfulCreate",
            "message": "Created pod: migrate-9hq4d", "lastTimestamp": "2026-01-01T12:01:03Z",
        }))
        .expect("an Event");
        let description = Description {
            job: &job,
            pods: &[pod],
            events: &[event],
            target: "local",
            now: "2026-01-01T12:02:03Z".parse().expect("a time"),
            zone: &TimeZone::UTC,
        };
        let text = description.text(Screen { ascii: true, ..Screen::default() });
        let expected = "\
Name: migrate   Namespace: default   Target: local
Labels: <none>
Status: Failed (BackoffLimitExceeded)   Started 12:01:03   Ended 12:01:36   Duration 33s
Pods:   0 active - 0 succeeded - 1 failed   Completions 0/1   Parallelism 1   Mode NonIndexed
Limits: backoffLimit 0 (1 failed)   activeDeadline 300s (33s used)   TTL 600s -> deletes 12:11:36
Conditions:
  Failed   True   12:01:36   BackoffLimitExceeded   Job has reached the specified backoff limit
Pod failure policy: <none>   Success policy: <none>
Attempts:
  #   POD             START      RUN   EXIT   REASON   MESSAGE
  1   migrate-9hq4d   12:01:03   33s   3      Error
Events:
  TYPE     REASON             AGE   OBJECT        MESSAGE
  Normal   SuccessfulCreate   60s   job/migrate   Created pod: migrate-9hq4d
";
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), expected);
    }
}
