//! Why a Job or CronJob is as it is: how it ended and by which field, or what it waits for and until when.
//!
//! An [`Explanation`] is the answer as a value; [`why`] is its text. Reasons come from the objects; decision records,
//! where the server keeps them, say until when exactly and which rules were used. Without them the answer says that it
//! was inferred.

mod cron_job;
mod ended;
mod waits;

use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::Pod;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::attempts::Attempts;
use crate::manifest::Source;
use crate::text::{Style, Tone, escape};
use crate::{Record, Story, facts, failure};

/// How many decisions the text shows unless it is told otherwise.
pub const DEFAULT_DEPTH: usize = 12;

/// One reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// For people; one line.
    pub text: String,
    /// The rule that was used, by its name in decision records.
    pub rule: String,
    /// The field that decided, such as `spec.parallelism`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Where the manifest says so, such as `job.yaml:7`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The name.
    pub name: String,
    /// The namespace.
    pub namespace: String,
    /// As in kubectl's STATUS column.
    pub status: String,
    /// The answer in one sentence.
    pub headline: String,
    /// What it is because of; may be empty.
    pub reasons: Vec<Reason>,
    /// What the attempt that failed last wrote last, oldest first, as far as it is known.
    pub last_lines: Vec<String>,
    /// What may help, as commands or words.
    pub hints: Vec<String>,
    /// Whether it was inferred, since the server keeps no decision records.
    pub inferred: bool,
    /// The decision records, oldest first.
    pub decisions: Vec<Record>,
}

/// How an explanation is shown.
#[derive(Clone, Copy, Debug)]
pub struct Telling<'a> {
    /// What the reader can see.
    pub style: Style,
    /// The zone of times.
    pub zone: &'a TimeZone,
    /// How many decisions to show, the newest.
    pub depth: usize,
}

/// Why the story's Job (or CronJob) is as it is, with times in UTC.
pub fn why(story: &Story, style: &Style) -> String {
    let telling = Telling { style: *style, zone: &TimeZone::UTC, depth: DEFAULT_DEPTH };
    explanation(story, &telling).text(story, &telling)
}

/// The same as a value.
pub fn explanation(story: &Story, telling: &Telling<'_>) -> Explanation {
    if story.job["kind"] == "CronJob" {
        return cron_job::explanation(story, telling);
    }
    let job = story.typed_job();
    let view = View {
        story,
        telling,
        pods: story.typed_pods(),
        attempts: Attempts::of_values(&story.pods),
        source: story.source(),
        job,
    };
    let mut explanation = match facts::outcome(&view.job) {
        Some(outcome) => ended::explanation(&view, &outcome),
        None => waits::explanation(&view),
    };
    explanation.name = facts::name(&view.job).to_owned();
    explanation.namespace = facts::namespace(&view.job).to_owned();
    explanation.status = facts::state(&view.job).to_owned();
    explanation.inferred = story.records.is_none();
    explanation.decisions = story.records.clone().unwrap_or_default();
    explanation
}

/// A story, read.
struct View<'a> {
    story: &'a Story,
    telling: &'a Telling<'a>,
    job: Job,
    pods: Vec<Pod>,
    attempts: Attempts,
    source: Source,
}

impl View<'_> {
    fn now(&self) -> Timestamp {
        self.story.now
    }

    fn style(&self) -> Style {
        self.telling.style
    }

    /// `12:04:51 (in 6s)`.
    fn when(&self, time: Timestamp) -> String {
        self.telling.when(time, self.now())
    }

    /// A reason that a field decided; `{}` in the text stands for `field=value (job.yaml:7)`.
    fn reason(&self, rule: &str, field: &str, value: impl std::fmt::Display, text: &str) -> Reason {
        reason(&self.source, rule, field, value, text)
    }

    /// The newest record of a rule whose wait is not over.
    fn pending(&self, rule: &str) -> Option<&Record> {
        let records = self.story.records.as_deref().unwrap_or_default();
        let newest = records.iter().rev().find(|record| record.rule == rule)?;
        newest.until.is_some_and(|until| until > self.now()).then_some(newest)
    }
}

/// A reason that a field decided; `{}` in the text stands for `field=value (job.yaml:7)`.
fn reason(source: &Source, rule: &str, field: &str, value: impl std::fmt::Display, text: &str) -> Reason {
    let place = source.place(field);
    let short = field.strip_prefix("spec.").unwrap_or(field);
    let value = value.to_string();
    let setting = if value.is_empty() { short.to_owned() } else { format!("{short}={value}") };
    let setting = match &place {
        Some(place) => format!("{setting} ({})", escape(place)),
        None => setting,
    };
    Reason {
        text: text.replacen("{}", &setting, 1),
        rule: rule.to_owned(),
        field: Some(field.to_owned()),
        place,
        until: None,
    }
}

impl Telling<'_> {
    /// `12:04:51`, with the date when it is not within a day of now.
    fn clock(&self, time: Timestamp, now: Timestamp) -> String {
        let is_near = time.duration_since(now).abs() < SignedDuration::from_hours(20);
        let form = if is_near { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
        time.to_zoned(self.zone.clone()).strftime(form).to_string()
    }

    /// `12:04:51 (in 6s)`, `12:04:51 (6s ago)`.
    fn when(&self, time: Timestamp, now: Timestamp) -> String {
        let span = time.duration_since(now);
        let distance = api::time::human_duration(span.abs());
        let distance = if span.is_negative() { format!("{distance} ago") } else { format!("in {distance}") };
        format!("{} ({distance})", self.clock(time, now))
    }
}

impl Explanation {
    /// As text.
    pub fn text(&self, story: &Story, telling: &Telling<'_>) -> String {
        let style = telling.style;
        let tone = match self.status.as_str() {
            "Complete" => Tone::Good,
            "Failed" => Tone::Bad,
            _ => Tone::Strong,
        };
        let mut lines = vec![style.tone(tone, &self.headline)];
        for (number, reason) in self.reasons.iter().enumerate() {
            lines.push(format!("  {}. {}", number + 1, reason.text));
        }
        let shown = self.last_lines.len().saturating_sub(failure::LOG_LINES);
        for (position, line) in self.last_lines[shown..].iter().enumerate() {
            let head = if position == 0 { "Last" } else { "" };
            lines.push(format!("  {head:<4} {} {}", style.bar(), failure::log_line(line)));
        }
        lines.extend(self.hints.iter().map(|hint| format!("  {} {hint}", style.arrow())));
        if self.inferred {
            let text = "Inferred from the object, its pods and events: this server keeps no decision records.";
            lines.push(style.tone(Tone::Faint, text));
            return lines.join("\n");
        }
        if let Some(rules) = self.rules() {
            lines.push(style.tone(Tone::Faint, &format!("Rules used: {rules}")));
        }
        let hidden = self.decisions.len().saturating_sub(telling.depth);
        let shown = &self.decisions[hidden..];
        if !shown.is_empty() {
            let older =
                if hidden > 0 { format!(" (the newest {}; {hidden} older)", shown.len()) } else { String::new() };
            lines.push(format!("Decisions{older}:"));
            let source = story.source();
            lines.extend(shown.iter().map(|record| decision(record, &source, story.now, telling)));
        }
        lines.join("\n")
    }

    /// The rules behind the reasons, each once.
    fn rules(&self) -> Option<String> {
        let mut rules: Vec<&str> = Vec::new();
        for reason in &self.reasons {
            if !reason.rule.is_empty() && !rules.contains(&reason.rule.as_str()) {
                rules.push(&reason.rule);
            }
        }
        (!rules.is_empty()).then(|| rules.join(", "))
    }
}

/// `  12:01:04  backoff   create no pods: 1 failure since the last success, until 12:01:14   [spec.backoffLimit, job.yaml:7; active 0]`.
fn decision(record: &Record, source: &Source, now: Timestamp, telling: &Telling<'_>) -> String {
    let until = record.until.map(|until| format!(", until {}", telling.clock(until, now))).unwrap_or_default();
    let waits = record.waits_for.as_deref().map(|what| format!(", waits for {}", escape(what))).unwrap_or_default();
    let place = source.place(&record.field).map(|place| format!(", {}", escape(&place))).unwrap_or_default();
    let inputs = if record.inputs.is_empty() { String::new() } else { format!("; {}", escape(&record.inputs)) };
    format!(
        "  {}  {:<12} {}{waits}{until}  [{}{place}{inputs}]",
        telling.clock(record.at, now),
        escape(&record.rule),
        escape(&record.decision),
        escape(&record.field),
    )
}

#[cfg(test)]
mod tests;
