//! Charts as text.

use serde_json::json;

use super::*;
use crate::samples::{condition, pod, story};

const PLAIN: Style = Style { ascii: true, colour: false, width: 55 };

fn lines(story: &Story) -> Vec<String> {
    timeline(story, &PLAIN).lines().map(str::to_owned).collect()
}

#[test]
fn attempts_back_offs_and_the_end_lie_on_one_scale() {
    let status = json!({"startTime": "2026-01-01T12:00:00Z", "failed": 2, "succeeded": 1,
        "conditions": [condition("Complete", "CompletionsReached", 40)]});
    let mut story = story(json!({"completions": 1, "parallelism": 1, "activeDeadlineSeconds": 300}), status, 100);
    story.pods =
        vec![pod("a", None, 0, Some((2, 3))), pod("b", None, 12, Some((14, 3))), pod("c", None, 34, Some((40, 0)))];
    let expected = [
        "        0s        10s       20s       30s       40s",
        "pod  #1 ##x......#2 ##x................#3 ######v",
        "job     |---------------------------------------| Complete",
        "created 12:00:00 - Complete 12:00:40 (CompletionsReached) - deadline 12:05:00 (300s)",
        "# runs   . back-off   v succeeded   x failed   > goes on",
    ];
    assert_eq!(lines(&story), expected);
}

#[test]
fn each_index_has_a_lane_and_a_retry_that_is_to_come_is_dotted() {
    let status = json!({"startTime": "2026-01-01T12:00:00Z"});
    let mut story = story(json!({"completions": 3, "parallelism": 3, "completionMode": "Indexed"}), status, 20);
    story.pods =
        vec![pod("a", Some(0), 0, Some((10, 0))), pod("b", Some(1), 0, Some((5, 1))), pod("c", Some(2), 0, None)];
    let drawn = lines(&story);
    assert!(drawn[1].starts_with("idx0  #1 ") && drawn[1].ends_with("#v"), "{drawn:#?}");
    assert!(
        drawn[2].starts_with("idx1  #1 ") && drawn[2].contains("#x.........") && drawn[2].ends_with(".."),
        "{drawn:#?}"
    );
    assert!(drawn[3].starts_with("idx2  #1 ") && drawn[3].ends_with("#>"), "{drawn:#?}");
    assert!(drawn[4].ends_with("> Running"), "{drawn:#?}");
}

#[test]
fn pods_of_a_time_share_lanes_and_retries_follow_failures() {
    let mut story = story(json!({"completions": 3, "parallelism": 2}), json!({}), 60);
    story.pods =
        vec![pod("a", None, 0, Some((10, 0))), pod("b", None, 0, Some((5, 1))), pod("c", None, 20, Some((30, 0)))];
    let chart = Chart::of(&story);
    let names: Vec<Vec<&str>> =
        chart.lanes.iter().map(|lane| lane.bars.iter().map(|bar| bar.pod.as_str()).collect()).collect();
    assert_eq!(names, [vec!["a"], vec!["b", "c"]]);
    assert_eq!(chart.lanes[1].bars[1].backoff_seconds, None, "a success came in between");
}

#[test]
fn a_job_without_pods_has_a_timeline() {
    let drawn = lines(&story(json!({}), json!({}), 0));
    assert!(drawn[1].starts_with("job"), "{drawn:#?}");
}

#[test]
fn many_lanes_give_way_to_those_with_failures() {
    let mut story = story(json!({"completions": 100, "completionMode": "Indexed"}), json!({}), 10);
    let code = |index: u32| if index == 99 { 1 } else { 0 };
    story.pods = (0..100).map(|index| pod(&format!("p{index}"), Some(index), 0, Some((5, code(index))))).collect();
    let drawn = lines(&story);
    assert!(drawn.iter().any(|line| line.starts_with("idx99 ")), "{drawn:#?}");
    assert!(drawn.iter().any(|line| line.contains("60 more lanes without a failure")), "{drawn:#?}");
}

#[test]
fn diagrams_hold_every_attempt_and_nothing_that_breaks_them() {
    let mut story = story(json!({}), json!({}), 10);
    story.pods = vec![pod("a<b", None, 0, Some((5, 1)))];
    let chart = Chart::of(&story);
    assert!(chart.mermaid().contains("  attempt 1 exit 1 :crit, 2026-01-01T12:00:00, 2026-01-01T12:00:05\n"));
    assert!(chart.svg().contains("<title>#1 a&lt;b exit 1</title>"));
    assert!(chart.html("why <b>").contains("<pre>why &lt;b&gt;</pre>"));
}
