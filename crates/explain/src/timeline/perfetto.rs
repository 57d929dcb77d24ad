//! The chart as a trace in Chrome's JSON format, which Perfetto (ui.perfetto.dev) and `chrome://tracing` open: a track for
//! each lane, with a slice for each attempt and each back-off before one, and a track for the moments of the Job.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Bar, Chart, Lane};

/// The one process of a trace: the Job.
const PROCESS: u32 = 1;
/// Its own track; lanes follow.
const JOB_TRACK: usize = 0;

impl Chart {
    /// As a trace. Times are microseconds of the server's clock, since 1970; what still runs goes on to the chart's end.
    pub fn perfetto(&self) -> Value {
        let mut events = vec![
            json!({"ph": "M", "pid": PROCESS, "name": "process_name", "args": {"name": format!("job/{}", self.name)}}),
        ];
        events.extend(named(JOB_TRACK, "job"));
        events.push(slice(JOB_TRACK, &self.status, "job", (self.start, self.end), json!({"ended": self.ended})));
        for mark in &self.marks {
            events.push(json!({
                "ph": "i", "s": "p", "pid": PROCESS, "tid": JOB_TRACK, "ts": mark.at.as_microsecond(),
                "name": mark.what, "cat": "condition", "args": {"more": mark.more},
            }));
        }
        for (position, lane) in self.lanes.iter().enumerate() {
            events.extend(named(position + 1, &lane.label));
            events.extend(self.slices(position + 1, lane));
        }
        json!({"displayTimeUnit": "ms", "traceEvents": events})
    }

    fn slices(&self, track: usize, lane: &Lane) -> Vec<Value> {
        let mut events = Vec::new();
        let mut free_from = Timestamp::MIN;
        for bar in &lane.bars {
            let end = bar.end.unwrap_or(self.end).max(bar.start);
            events.extend(backoff(track, bar, free_from));
            let args = json!({
                "pod": bar.pod, "attempt": bar.number, "index": lane.index, "exitCode": bar.exit_code,
                "standing": bar.standing,
            });
            let name = format!("#{} {}", bar.number, bar.told);
            events.push(slice(track, &name, "attempt", (bar.start, end), args));
            free_from = end;
        }
        events
    }
}

/// What came before an attempt that repeats another. Slices of a track may not overlap, so it begins no earlier than the
/// last one ended.
fn backoff(track: usize, bar: &Bar, free_from: Timestamp) -> Option<Value> {
    let seconds = bar.backoff_seconds.filter(|seconds| *seconds > 0)?;
    let begun = bar.start.checked_sub(SignedDuration::from_secs(seconds)).ok()?.max(free_from);
    let name = format!("back-off {}", crate::duration::show(SignedDuration::from_secs(seconds)));
    (begun < bar.start).then(|| slice(track, &name, "back-off", (begun, bar.start), json!({"seconds": seconds})))
}

fn slice(track: usize, name: &str, category: &str, (start, end): (Timestamp, Timestamp), args: Value) -> Value {
    let microseconds = end.as_microsecond() - start.as_microsecond();
    json!({
        "ph": "X", "pid": PROCESS, "tid": track, "ts": start.as_microsecond(), "dur": microseconds, "name": name,
        "cat": category, "args": args,
    })
}

/// The name of a track, and its place from the top.
fn named(track: usize, name: &str) -> [Value; 2] {
    let told = |what: &str, args: Value| json!({"ph": "M", "pid": PROCESS, "tid": track, "name": what, "args": args});
    [told("thread_name", json!({"name": name})), told("thread_sort_index", json!({"sort_index": track}))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{at, condition, pod, story};

    fn trace() -> Vec<Value> {
        let status = json!({"startTime": at(0), "failed": 2, "succeeded": 1,
            "conditions": [condition("Complete", "CompletionsReached", 40)]});
        let mut story = story(json!({"completions": 1, "parallelism": 1}), status, 100);
        story.pods =
            vec![pod("a", None, 0, Some((2, 3))), pod("b", None, 12, Some((14, 3))), pod("c", None, 34, Some((40, 0)))];
        Chart::of(&story).perfetto()["traceEvents"].as_array().expect("a list").clone()
    }

    #[test]
    fn attempts_and_back_offs_are_slices_of_a_track_in_microseconds() {
        let told: Vec<(String, i64, i64)> = (trace().iter())
            .filter(|event| event["ph"] == "X" && event["tid"] == 1)
            .map(|event| {
                let number = |field: &str| event[field].as_i64().expect("a number");
                let since = number("ts") - at(0).as_microsecond();
                (event["name"].as_str().expect("a name").to_owned(), since, number("dur"))
            })
            .collect();
        let wanted = [
            ("#1 exit 3", 0, 2_000_000),
            ("back-off 10s", 2_000_000, 10_000_000),
            ("#2 exit 3", 12_000_000, 2_000_000),
            ("back-off 20s", 14_000_000, 20_000_000),
            ("#3 exit 0", 34_000_000, 6_000_000),
        ];
        assert_eq!(told, wanted.map(|(name, since, long)| (name.to_owned(), since, long)));
    }

    #[test]
    fn conditions_are_instants_and_tracks_have_names() {
        let trace = trace();
        let complete =
            trace.iter().find(|event| event["ph"] == "i" && event["name"] == "Complete").expect("an instant");
        assert_eq!(complete["ts"], at(40).as_microsecond());
        assert_eq!(complete["args"]["more"], "CompletionsReached");
        let names: Vec<&Value> =
            trace.iter().filter(|event| event["name"] == "thread_name").map(|event| &event["args"]["name"]).collect();
        assert_eq!(names, ["job", "pod"]);
    }

    #[test]
    fn what_runs_goes_on_to_now_and_each_index_has_a_track() {
        let mut story = story(
            json!({"completions": 2, "parallelism": 2, "completionMode": "Indexed"}),
            json!({"startTime": at(0)}),
            20,
        );
        story.pods = vec![pod("a", Some(0), 5, None), pod("b", Some(1), 0, Some((3, 0)))];
        let trace = Chart::of(&story).perfetto();
        let events = trace["traceEvents"].as_array().expect("a list");
        let running = events.iter().find(|event| event["args"]["standing"] == "running").expect("a slice");
        assert_eq!((&running["tid"], &running["dur"]), (&json!(1), &json!(15_000_000)));
        assert!(events.iter().any(|event| event["tid"] == 2 && event["args"]["name"] == "idx1"), "{events:#?}");
    }
}
