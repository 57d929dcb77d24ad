//! Time on the local server: jumped over, acted out, moved by hand.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

use crate::program::{Program, Said, manifest};

fn json(said: &Said) -> Value {
    assert_eq!(said.code, 0, "{}", said.err);
    serde_json::from_str(&said.out).expect("JSON")
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("{value} is a time")).parse().expect("a time")
}

fn now(program: &Program) -> Timestamp {
    time(&json(&program.say(&["clock", "now", "-o", "json"]))["now"])
}

#[test]
fn six_default_retries_of_a_real_process_are_not_waited_for_in_hybrid_time() {
    let program = Program::new();
    assert_eq!(program.say(&["server", "start", "--clock", "hybrid"]).code, 0);
    program.file("job.yaml", &manifest("fails", "backoffLimit: 6", "exit 3"));
    let begin = Instant::now();
    let said = program.say(&["run", "-f", "job.yaml"]);
    let took = begin.elapsed();
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.err.contains("BackoffLimitExceeded"), "{}", said.err);
    // Ten and a half minutes are jumped over, not waited for, on however slow a machine.
    assert!(took < Duration::from_secs(63), "{took:?}");
    let job = json(&program.say(&["get", "fails", "-o", "json"]));
    let conditions = job["status"]["conditions"].as_array().expect("conditions");
    let failed = conditions.iter().find(|condition| condition["type"] == "Failed").expect("failed");
    let seconds = time(&failed["lastTransitionTime"]).duration_since(time(&job["status"]["startTime"])).as_secs();
    // 10 + 20 + 40 + 80 + 160 + 320, and a second that the first pod may have come to its end in.
    assert!((630..=631).contains(&seconds), "{seconds}");
    let listed = program.say(&["get", "--no-headers"]).out;
    let age = listed.split_whitespace().last().expect("an age").to_owned();
    assert!(age.starts_with("10m"), "{listed}");
    let status = program.say(&["server", "status"]).out;
    assert!(status.contains("clock       hybrid"), "{status}");
}

#[test]
fn virtual_time_acts_out_what_annotations_say_and_is_moved_by_hand() {
    let program = Program::new();
    assert_eq!(program.say(&["server", "start", "--clock", "virtual"]).code, 0);
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: acted}\nspec:\n  template:\n    metadata:\n      annotations:\n        \
               kubectl-job/run: 1h\n        kubectl-job/exit: '1,0'\n        kubectl-job/log: hello\n    spec:\n      restartPolicy: Never\n      \
               containers: [{name: main, image: nothing-of-this-name}]\n";
    program.file("job.yaml", job);
    let said = program.say(&["run", "-f", "job.yaml"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("hello"), "{}", said.out);
    let job = json(&program.say(&["get", "acted", "-o", "json"]));
    let took = time(&job["status"]["completionTime"]).duration_since(time(&job["status"]["startTime"]));
    assert_eq!(took.as_secs(), 2 * 3600 + 10);
    let before = now(&program);
    assert_eq!(now(&program), before, "it stands still");
    let said = program.say(&["clock", "advance", "90m"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(now(&program).duration_since(before).as_secs(), 90 * 60);
}

#[test]
fn a_clock_that_is_the_machines_says_how_to_get_another() {
    let program = Program::new();
    let said = program.say(&["clock", "now"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("server start --clock hybrid"), "{}", said.err);
    assert_eq!(program.say(&["server", "start"]).code, 0);
    assert!(program.say(&["clock", "now"]).out.contains("mode  real"));
    let said = program.say(&["clock", "advance", "1h"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("--clock hybrid or --clock virtual"), "{}", said.err);
    let said = program.say(&["server", "start", "--clock", "hybrid"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("with other options"), "{}", said.err);
}
