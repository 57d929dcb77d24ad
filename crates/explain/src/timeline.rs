//! Attempts over time: a chart of lanes, one per index or per pod at a time, with back-offs between.
//!
//! [`Chart`] is the value; it is drawn as text, as a Mermaid diagram, as SVG and as a trace for Perfetto.

mod drawing;
mod perfetto;
mod svg;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::attempts::Attempts;
use crate::text::Style;
use crate::{Attempt, Story, facts};

/// The timeline of a story as text.
pub fn timeline(story: &Story, style: &Style) -> String {
    Chart::of(story).text(*style, &TimeZone::UTC)
}

/// How an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// It runs.
    Running,
    /// It ended well.
    Succeeded,
    /// It did not.
    Failed,
}

/// One attempt on a lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bar {
    /// The attempt's number.
    pub number: u32,
    /// The pod.
    pub pod: String,
    /// When it began.
    pub start: Timestamp,
    /// When it ended, once it has.
    pub end: Option<Timestamp>,
    /// How it stands.
    pub standing: Standing,
    /// In words: `exit 3`.
    pub told: String,
    /// The exit code, if a container exited.
    pub exit_code: Option<i32>,
    /// The back-off before it, in seconds.
    pub backoff_seconds: Option<i64>,
}

/// Attempts that follow each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lane {
    /// `idx2`, or the place among the pods of a time.
    pub label: String,
    /// The completion index of an Indexed Job.
    pub index: Option<u32>,
    /// The attempts, in order.
    pub bars: Vec<Bar>,
}

/// A moment of the Job itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// What, such as `created`, `deadline`, `Failed`.
    pub what: String,
    /// More about it; may be empty.
    pub more: String,
}

/// A Job over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chart {
    /// The Job's name.
    pub name: String,
    /// As in kubectl's STATUS column.
    pub status: String,
    /// Where the chart begins: when the Job was created or the first attempt began.
    pub start: Timestamp,
    /// Where it ends: when the Job ended, or now.
    pub end: Timestamp,
    /// Whether the Job has ended.
    pub ended: bool,
    /// Lanes with attempts.
    pub lanes: Vec<Lane>,
    /// Moments of the Job, in order.
    pub marks: Vec<Mark>,
}

impl Chart {
    /// The chart of a story.
    pub fn of(story: &Story) -> Self {
        let job = story.typed_job();
        let attempts = Attempts::of_values(&story.pods);
        let marks = marks(&job);
        let bars: Vec<(Option<u32>, Bar)> =
            attempts.list().iter().filter_map(|attempt| Some((attempt.index, bar(attempt)?))).collect();
        let ends = bars.iter().filter_map(|(_, bar)| bar.end);
        let ended_at = facts::ended_at(&job);
        let last = ends.chain(ended_at).max();
        let end = if ended_at.is_some() { last.unwrap_or(story.now) } else { story.now };
        let created = job.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let start = bars.iter().map(|(_, bar)| bar.start).chain(created).min().unwrap_or(end);
        Self {
            name: facts::name(&job).to_owned(),
            status: facts::state(&job).to_owned(),
            start,
            end: end.max(start),
            ended: ended_at.is_some(),
            lanes: lanes(bars),
            marks,
        }
    }
}

fn bar(attempt: &Attempt) -> Option<Bar> {
    let standing = match &attempt.end {
        None => Standing::Running,
        Some(end) if end.is_success() => Standing::Succeeded,
        Some(_) => Standing::Failed,
    };
    let start = attempt.started_at.or(attempt.created_at)?;
    let end = attempt.end.as_ref().map(|end| end.finished_at.unwrap_or(start).max(start));
    Some(Bar {
        number: attempt.number,
        pod: attempt.pod.clone(),
        start,
        end,
        standing,
        told: attempt.end.as_ref().map_or_else(|| "runs".to_owned(), crate::attempts::End::show),
        exit_code: attempt.end.as_ref().and_then(|end| end.exit_code),
        backoff_seconds: attempt.backoff.map(|backoff| backoff.as_secs()),
    })
}

/// Puts each index on a lane of its own; other attempts go on the lane of the failed one that they may repeat, else on
/// any that is free.
fn lanes(bars: Vec<(Option<u32>, Bar)>) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::new();
    for (index, bar) in bars {
        let ended = |lane: &Lane| lane.bars.last().and_then(|last| last.end).filter(|end| *end <= bar.start);
        let place = match index {
            Some(_) => lanes.iter().position(|lane| lane.index == index),
            None => {
                let failed = |lane: &Lane| lane.bars.last().is_some_and(|last| last.standing == Standing::Failed);
                let free =
                    lanes.iter().enumerate().filter_map(|(place, lane)| Some((failed(lane), ended(lane)?, place)));
                free.max().map(|(_, _, place)| place)
            }
        };
        match place {
            Some(place) => lanes[place].bars.push(bar),
            None => lanes.push(Lane { label: String::new(), index, bars: vec![bar] }),
        }
    }
    lanes.sort_by_key(|lane| lane.index);
    let count = lanes.len();
    for (place, lane) in lanes.iter_mut().enumerate() {
        lane.label = match lane.index {
            Some(index) => format!("idx{index}"),
            None if count == 1 => "pod".to_owned(),
            None => format!("pod {}", place + 1),
        };
    }
    lanes
}

fn marks(job: &api::k8s::api::batch::v1::Job) -> Vec<Mark> {
    let (status, spec) = (job.status.as_ref(), facts::spec(job));
    let mut marks = Vec::new();
    let mut mark = |at: Option<Timestamp>, what: &str, more: String| {
        if let Some(at) = at {
            marks.push(Mark { at, what: what.to_owned(), more });
        }
    };
    mark(job.metadata.creation_timestamp.as_ref().map(|time| time.0), "created", String::new());
    let start = status.and_then(|status| status.start_time.as_ref()).map(|time| time.0);
    if let Some(seconds) = spec.active_deadline_seconds {
        let due = start.and_then(|start| start.checked_add(jiff::SignedDuration::from_secs(seconds)).ok());
        mark(due, "deadline", format!("{seconds}s"));
    }
    for condition in status.and_then(|status| status.conditions.as_deref()).unwrap_or_default() {
        if condition.status == "True" {
            let at = condition.last_transition_time.as_ref().map(|time| time.0);
            mark(at, &condition.type_, condition.reason.clone().unwrap_or_default());
        }
    }
    marks.sort_by_key(|mark| mark.at);
    marks
}

#[cfg(test)]
mod tests;
