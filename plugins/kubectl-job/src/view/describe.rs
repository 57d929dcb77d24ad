//! The describe screen: verdict, limits with what was used of them, conditions, policies, attempts, fidelity, events, in
//! this order, since that is the order in which people ask. The same as a value for `-o json`.

mod attempts;
mod policies;

use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::{Event, Pod};
use explain::Story;
use explain::manifest::Source;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::table::{lay_out, map_text};
use super::{facts, stuck};
use crate::duration;
use crate::lint::Field;
use crate::screen::{Screen, Tone, escape};

/// What the screen is made of.
pub(crate) struct Description<'a> {
    /// All that is known of the Job.
    pub(crate) story: &'a Story,
    /// Where the Job was found, such as `local`.
    pub(crate) target: &'a str,
    /// Fields that the server does not honour as a cluster would; `None` where that cannot be told.
    pub(crate) fidelity: Option<&'a [Field]>,
    /// The zone in which times are shown.
    pub(crate) zone: &'a TimeZone,
}

/// A description with its objects decoded.
struct Reading<'a> {
    given: &'a Description<'a>,
    screen: Screen,
    job: Job,
    pods: Vec<Pod>,
    source: Source,
}

impl Description<'_> {
    /// The whole screen.
    pub(crate) fn text(&self, screen: Screen) -> String {
        let reading = self.read(screen);
        let mut text = reading.head();
        text.push_str(&reading.status());
        text.push_str(&reading.conditions());
        text.push_str(&policies::text(&reading));
        text.push_str(&attempts::text(&reading));
        text.push_str(&reading.fidelity());
        text.push_str(&reading.events());
        text
    }

    /// The same as a value.
    pub(crate) fn value(&self) -> Value {
        let reading = self.read(Screen::default());
        let job = &reading.job;
        let outcome = facts::outcome(job);
        json!({
            "name": facts::name(job),
            "namespace": facts::namespace(job),
            "target": self.target,
            "source": reading.source.file(),
            "status": facts::state(job),
            "reason": outcome.map(|outcome| outcome.reason),
            "seconds": facts::elapsed(job, self.story.now).map(|span| span.as_secs_f64()),
            "pods": {"active": facts::active(job), "succeeded": facts::succeeded(job), "failed": facts::failed(job)},
            "conditions": self.story.job["status"]["conditions"],
            "attempts": attempts::value(&reading),
            "fidelity": self.fidelity,
            "stuck": reading.stuck().map(|stuck| stuck.text),
            "events": self.story.events,
            "job": self.story.job,
        })
    }

    fn read(&self, screen: Screen) -> Reading<'_> {
        let pods = self.story.pods.iter().filter_map(|pod| serde_json::from_value(pod.clone()).ok()).collect();
        let job = serde_json::from_value(self.story.job.clone()).unwrap_or_default();
        Reading { given: self, screen, job, pods, source: self.story.source() }
    }
}

impl Reading<'_> {
    fn now(&self) -> Timestamp {
        self.given.story.now
    }

    fn clock(&self, time: Timestamp) -> String {
        time.to_zoned(self.given.zone.clone()).strftime("%H:%M:%S").to_string()
    }

    /// ` (job.yaml:7)` for a field of the manifest.
    fn place(&self, field: &str) -> String {
        self.source.place(field).map(|place| format!(" ({})", escape(&place))).unwrap_or_default()
    }

    fn stuck(&self) -> Option<stuck::Stuck> {
        stuck::find(&self.job, &self.pods, &stuck::Troubles::of(&self.given.story.events))
    }

    fn head(&self) -> String {
        let source = self.source.file().map(|file| format!("   Source: {}", escape(file))).unwrap_or_default();
        format!(
            "Name: {}   Namespace: {}   Target: {}{source}\nLabels: {}\n",
            escape(facts::name(&self.job)),
            escape(facts::namespace(&self.job)),
            escape(self.given.target),
            escape(&map_text(self.job.metadata.labels.as_ref())),
        )
    }

    fn status(&self) -> String {
        let (job, spec, screen) = (&self.job, facts::spec(&self.job), self.screen);
        let dot = screen.dot();
        let (tone, reason) = match facts::outcome(job) {
            Some(outcome) if outcome.verdict == facts::Verdict::Failed => (Tone::Bad, outcome.reason),
            Some(outcome) => (Tone::Good, outcome.reason),
            None => (Tone::Strong, String::new()),
        };
        let reason = if reason.is_empty() { reason } else { format!(" ({})", escape(&reason)) };
        let state = screen.tone(tone, &format!("{}{reason}", facts::state(job)));
        let mut text = format!("Status: {state}{}\n", self.times());
        text.push_str(&format!(
            "Pods:   {} active {dot} {} succeeded {dot} {} failed   Completions {}   Parallelism {}   Mode {}\n",
            facts::active(job),
            facts::succeeded(job),
            facts::failed(job),
            facts::completions(job),
            spec.parallelism.unwrap_or(1),
            spec.completion_mode.as_deref().unwrap_or("NonIndexed"),
        ));
        text.push_str(&format!("Limits: {}\n", self.limits().join("   ")));
        if let Some(stuck) = self.stuck() {
            text.push_str(&format!("{} {}\n", screen.tone(Tone::Warn, "Stuck: "), escape(&stuck.text)));
            if let Some(hint) = stuck.hint {
                text.push_str(&format!("        {}\n", escape(&hint)));
            }
        }
        text
    }

    fn times(&self) -> String {
        let start = self.job.status.as_ref().and_then(|status| status.start_time.as_ref());
        let mut text = String::new();
        if let Some(start) = start {
            text.push_str(&format!("   Started {}", self.clock(start.0)));
        }
        if let Some(end) = facts::ended_at(&self.job) {
            let how = if facts::condition(&self.job, "Failed").is_some() { "Failed" } else { "Completed" };
            text.push_str(&format!("   {how} {}", self.clock(end)));
        }
        if let Some(span) = facts::elapsed(&self.job, self.now()) {
            text.push_str(&format!("   Duration {}", duration::show(span)));
        }
        text
    }

    fn limits(&self) -> Vec<String> {
        let spec = facts::spec(&self.job);
        let failed = facts::failed(&self.job);
        let mut limits = Vec::new();
        match (spec.backoff_limit, spec.backoff_limit_per_index) {
            (_, Some(per_index)) => {
                limits.push(format!("backoffLimitPerIndex {per_index}{}", self.place("spec.backoffLimitPerIndex")));
            }
            (limit, None) => {
                let limit = limit.unwrap_or(6);
                let sign = if failed > limit { format!(" {}", self.screen.bad()) } else { String::new() };
                limits.push(format!("backoffLimit {limit} ({failed} used{sign}){}", self.place("spec.backoffLimit")));
            }
        }
        if let Some(limit) = spec.max_failed_indexes {
            let failed = facts::indexes(self.job.status.as_ref().and_then(|status| status.failed_indexes.as_deref()));
            let failed: u32 = failed.iter().map(|(first, last)| last - first + 1).sum();
            limits.push(format!("maxFailedIndexes {limit} ({failed} used){}", self.place("spec.maxFailedIndexes")));
        }
        if let Some(seconds) = spec.active_deadline_seconds {
            let used = facts::elapsed(&self.job, self.now()).map(|span| format!(" ({} used)", duration::show(span)));
            let (used, place) = (used.unwrap_or_default(), self.place("spec.activeDeadlineSeconds"));
            limits.push(format!("activeDeadline {seconds}s{used}{place}"));
        }
        if let Some(seconds) = spec.ttl_seconds_after_finished {
            let due = facts::ended_at(&self.job)
                .and_then(|end| end.checked_add(jiff::SignedDuration::from_secs(seconds.into())).ok())
                .map(|due| format!(" {} deletes {}", self.screen.arrow(), self.clock(due)));
            limits.push(format!("TTL {seconds}s{}", due.unwrap_or_default()));
        }
        limits
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

    fn fidelity(&self) -> String {
        match self.given.fidelity {
            None => String::new(),
            Some([]) => "Fidelity: every field is honoured\n".to_owned(),
            Some(fields) => {
                let lines: Vec<String> = fields.iter().map(|field| self.fate(field)).collect();
                format!("Fidelity:\n{}\n", indent(&lines.join("\n")))
            }
        }
    }

    /// One field as `lint` tells of it; without a manifest there is no place.
    fn fate(&self, field: &Field) -> String {
        let place = self.place(&field.field);
        let tone = if field.fate.is_bad() { Tone::Warn } else { Tone::Faint };
        let fate = self.screen.tone(tone, field.fate.name());
        let words = if field.text.is_empty() {
            String::new()
        } else {
            format!(" {} {}", self.screen.dash(), escape(&field.text))
        };
        format!("{fate}: {}{place}{words}", escape(&field.field))
    }

    fn events(&self) -> String {
        let events = self.given.story.events.iter();
        let events: Vec<Event> = events.filter_map(|event| serde_json::from_value(event.clone()).ok()).collect();
        if events.is_empty() {
            return "Events: <none>\n".to_owned();
        }
        let mut rows = vec![["TYPE", "REASON", "AGE", "OBJECT", "MESSAGE"].map(str::to_owned).to_vec()];
        rows.extend(events.iter().map(|event| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let object = &event.involved_object;
            let object = format!("{}/{}", text(&object.kind).to_lowercase(), text(&object.name));
            let age = facts::age(event_time(event).as_ref(), self.now());
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
mod tests;
