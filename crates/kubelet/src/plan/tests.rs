//! The plan as tables: a pod, a script of what happens, and what is decided after each step.

mod laws;
mod probes;
mod restarts;
mod stopping;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::runtime::ExitStatus;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap() + SignedDuration::from_secs(seconds)
}

fn node() -> NodeFacts {
    NodeFacts { host_ip: "127.0.0.1".to_owned(), runtime_name: "process".to_owned() }
}

/// Containers by name: `i:` in front makes an init container, `s:` a sidecar.
fn pod(policy: RestartPolicy, names: &[&str]) -> PodFacts {
    let container = |name: &&str| {
        let (kind, name) = name.split_once(':').unwrap_or(("", name));
        let (init, sidecar) = (!kind.is_empty(), kind == "s");
        ContainerFacts { name: name.to_owned(), image: "img".to_owned(), init, sidecar, ..ContainerFacts::default() }
    };
    PodFacts {
        name: "p".to_owned(),
        namespace: "ns".to_owned(),
        uid: "u".to_owned(),
        restart_policy: policy,
        containers: names.iter().map(container).collect(),
        active_deadline_seconds: None,
        grace_seconds: 30,
        host_network: false,
        ip: None,
        readiness_gates: Vec::new(),
    }
}

/// A pod, its memory and the time.
struct Story {
    pod: PodFacts,
    memory: Memory,
    now: i64,
    /// What was decided while things were told.
    told: Plan,
    /// The messages of all events.
    messages: Vec<String>,
}

impl Story {
    fn new(pod: PodFacts) -> Self {
        let memory = Memory::new(&pod, at(0));
        Self { pod, memory, now: 0, told: Plan::default(), messages: Vec::new() }
    }

    fn index(&self, name: &str) -> usize {
        self.pod.containers.iter().position(|container| container.name == name).unwrap()
    }

    /// Plans, requires the fixpoint, and says what was decided in one line.
    fn step(&mut self) -> String {
        let plan = plan(&self.pod, &mut self.memory, at(self.now)).following(std::mem::take(&mut self.told));
        let again = super::plan(&self.pod, &mut self.memory, at(self.now));
        assert!(again.is_idle() && again.probes.is_empty() || again.delete, "{again:?}");
        let name = |index: usize| self.pod.containers[index].name.as_str();
        let mut words: Vec<String> = Vec::new();
        self.messages.extend(plan.events.iter().map(|event| event.message.clone()));
        words.extend(plan.signals.iter().map(|(index, signal)| format!("kill {} {signal}", name(*index))));
        words.extend(plan.starts.iter().map(|(index, run)| format!("start {}#{run}", name(*index))));
        words.extend(plan.hooks.iter().map(|(index, hook)| format!("hook {}.{hook:?}", name(*index))));
        words.extend(plan.probes.iter().map(|(index, kind)| format!("probe {}.{kind:?}", name(*index))));
        words.extend(plan.events.iter().map(|event| event.reason.to_owned()));
        words.extend(plan.wake_at.into_iter().map(|wake| format!("wake {}", wake.duration_since(at(0)).as_secs())));
        words.extend(plan.look_at.map(|look| format!("look {}", look.duration_since(at(0)).as_secs())));
        words.push(self.memory.phase.as_str().to_owned());
        words.extend(plan.delete.then(|| "delete".to_owned()));
        words.join(" ")
    }

    /// Reads one word of a script: `a+` started, `a=1` exited, `a!` cannot start, `@30` time, `del=5` deleted;
    /// `a.Liveness=ok` a probe has answered (`bad`, `error`), `a.PreStop=ok` a hook has run.
    fn tell(&mut self, word: &str) {
        if let Some(time) = word.strip_prefix('@') {
            self.now = time.parse().unwrap();
        } else if let Some(grace) = word.strip_prefix("del=") {
            self.memory.observe_deletion(grace.parse().unwrap(), at(self.now));
        } else if let Some(name) = word.strip_suffix('+') {
            let index = self.index(name);
            self.memory.started(index, format!("{name}-id"), at(self.now));
        } else if let Some(name) = word.strip_suffix('!') {
            let index = self.index(name);
            self.memory.start_failed(index, format!("{name}-id"), "exec: no".to_owned(), at(self.now));
        } else {
            let (name, code) = word.split_once('=').unwrap();
            if let Some((name, what)) = name.split_once('.') {
                return self.tell_answer(name, what, code);
            }
            let index = self.index(name);
            self.memory.exited(index, ExitStatus::Code(code.parse().unwrap()), at(self.now), None);
        }
    }

    fn tell_answer(&mut self, name: &str, what: &str, answer: &str) {
        let (index, now) = (self.index(name), at(self.now));
        let kind = match what {
            "Startup" => ProbeKind::Startup,
            "Liveness" => ProbeKind::Liveness,
            "Readiness" => ProbeKind::Readiness,
            hook => {
                let hook = if hook == "PreStop" { Hook::PreStop } else { Hook::PostStart };
                return self.memory.hooked(&self.pod, index, hook, answer == "ok", now, &mut self.told);
            }
        };
        let answer = match answer {
            "ok" => Answer::Success,
            "bad" => Answer::Failure("no".to_owned()),
            _ => Answer::Error("cannot".to_owned()),
        };
        let event = self.memory.probed(&self.pod, index, kind, Probed::new(answer), now);
        self.told.events.extend(event);
    }

    fn condition(&mut self, name: &str) -> Value {
        let conditions = self.status()["conditions"].as_array().unwrap().clone();
        conditions.into_iter().find(|condition| condition["type"] == name).unwrap()
    }

    fn status(&mut self) -> Value {
        status(&self.pod, &mut self.memory, &node(), at(self.now))
    }
}

/// Plays a script of `(what happens, what is decided)`.
fn check(pod: PodFacts, script: &[(&str, &str)]) -> Story {
    let mut story = Story::new(pod);
    for (number, (words, expected)) in script.iter().enumerate() {
        words.split_whitespace().for_each(|word| story.tell(word));
        assert_eq!(story.step(), *expected, "step {number}: {words:?}");
    }
    story
}

use RestartPolicy::{Always, Never, OnFailure};

#[test]
fn never_runs_once() {
    check(pod(Never, &["a"]), &[("", "start a#0 Pending"), ("a+", "Running"), ("a=0", "Succeeded")]);
    check(pod(Never, &["a"]), &[("", "start a#0 Pending"), ("a+", "Running"), ("a=1", "Failed"), ("@900", "Failed")]);
}

#[test]
fn pod_waits_for_its_last_container() {
    let script = [
        ("", "start a#0 start b#0 Pending"),
        ("a+", "Pending"),
        ("b+", "Running"),
        ("a=1", "Running"),
        ("b=0", "Failed"),
    ];
    check(pod(Never, &["a", "b"]), &script);
}

#[test]
fn failures_restart_with_doubling_waits() {
    let script = [
        ("", "start a#0 Pending"),
        ("a+ @1 a=1", "start a#1 Running"),
        ("a+ @2 a=1", "BackOff wake 12 Running"),
        ("@12", "start a#2 Running"),
        ("a+ @13 a=1", "BackOff wake 33 Running"),
        ("@33", "start a#3 Running"),
        ("a+ @34 a=0", "Succeeded"),
    ];
    check(pod(OnFailure, &["a"]), &script);
}

#[test]
fn wait_is_capped_and_forgotten_after_ten_quiet_minutes() {
    let mut story = check(pod(Always, &["a"]), &[("", "start a#0 Pending"), ("a+ a=1", "start a#1 Running")]);
    for expected in [10, 20, 40, 80, 160, 300, 300] {
        story.tell("a+");
        story.tell("a=1");
        let wake = story.now + expected;
        assert_eq!(story.step(), format!("BackOff wake {wake} Running"));
        story.now = wake;
        assert!(story.step().starts_with("start a#"));
    }
    story.tell("a+");
    story.now += 601;
    story.tell("a=1");
    assert!(story.step().starts_with("start a#"));
}

#[test]
fn program_that_cannot_start_counts_as_failure() {
    let mut story = check(pod(Never, &["a"]), &[("", "start a#0 Pending"), ("a!", "Failed")]);
    let end = story.status()["containerStatuses"][0]["state"]["terminated"].clone();
    assert_eq!(
        (&end["reason"], &end["exitCode"], &end["message"]),
        (&"StartError".into(), &128.into(), &"exec: no".into())
    );
    check(
        pod(OnFailure, &["a"]),
        &[("", "start a#0 Pending"), ("a!", "start a#1 Running"), ("a!", "BackOff wake 10 Running")],
    );
}

#[test]
fn init_containers_run_one_after_the_other() {
    let script = [
        ("", "start i#0 Pending"),
        ("i+", "Pending"),
        ("i=0", "start j#0 Pending"),
        ("j+ j=0", "start a#0 Pending"),
        ("a+", "Running"),
        ("a=0", "Succeeded"),
    ];
    check(pod(Never, &["i:i", "i:j", "a"]), &script);
    check(pod(Never, &["i:i", "a"]), &[("", "start i#0 Pending"), ("i+ i=1", "Failed")]);
    check(pod(OnFailure, &["i:i", "a"]), &[("", "start i#0 Pending"), ("i+ i=1", "start i#1 Pending")]);
}

#[test]
fn sidecar_starts_first_and_goes_last_and_does_not_count() {
    let script = [
        ("", "start s#0 Pending"),
        ("s+", "start a#0 Pending"),
        ("a+", "Running"),
        ("a=0", "kill s 15 Killing wake 30 Running"),
        ("s=143", "Succeeded"),
    ];
    check(pod(Never, &["s:s", "a"]), &script);
}

#[test]
fn deletion_terminates_then_kills_then_lets_go() {
    let script = [
        ("", "start a#0 Pending"),
        ("a+ del=30", "kill a 15 Killing wake 30 Running"),
        ("@30", "kill a 9 Running"),
        ("a=137", "Failed delete"),
    ];
    check(pod(Always, &["a"]), &script);
}

#[test]
fn container_that_ends_well_while_deleted_has_succeeded() {
    let script =
        [("", "start a#0 Pending"), ("a+ del=30", "kill a 15 Killing wake 30 Running"), ("a=0", "Succeeded delete")];
    check(pod(Always, &["a"]), &script);
}

#[test]
fn later_shorter_grace_wins_and_longer_does_not() {
    let script = [
        ("", "start a#0 Pending"),
        ("a+ del=30", "kill a 15 Killing wake 30 Running"),
        ("@1 del=60", "wake 30 Running"),
        ("@2 del=5", "wake 7 Running"),
        ("@3 del=0", "kill a 9 Running"),
    ];
    check(pod(Never, &["a"]), &script);
}

#[test]
fn pod_deleted_before_it_started_ends_first() {
    let mut story = check(pod(Never, &["a"]), &[("del=30", "Failed delete")]);
    let end = &story.status()["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(end["reason"], "ContainerStatusUnknown");
}

#[test]
fn active_deadline_stops_the_pod_as_failed() {
    let mut facts = pod(OnFailure, &["a"]);
    facts.active_deadline_seconds = Some(10);
    let script = [
        ("", "start a#0 wake 10 Pending"),
        ("a+", "wake 10 Running"),
        ("@10", "kill a 15 DeadlineExceeded Killing wake 40 Running"),
        ("a=0", "Failed"),
    ];
    let mut story = check(facts, &script);
    let status = story.status();
    assert_eq!(status["reason"], "DeadlineExceeded");
    assert_eq!(status["message"], "Pod was active on the node longer than the specified deadline");
}

#[test]
fn blocked_container_waits_and_is_tried_again() {
    let mut story = check(pod(Never, &["a"]), &[("", "start a#0 Pending")]);
    story.memory.blocked(0, "CreateContainerConfigError", "configmap \"x\" not found".to_owned(), true, at(0));
    assert_eq!(story.step(), "look 1 Pending");
    let waiting = story.status()["containerStatuses"][0]["state"]["waiting"].clone();
    assert_eq!(waiting, json!({"reason": "CreateContainerConfigError", "message": "configmap \"x\" not found"}));
    story.now = 1;
    assert_eq!(story.step(), "start a#0 Pending");
}

#[test]
fn status_reads_as_upstream_writes_it() {
    let mut story = check(
        pod(OnFailure, &["b", "a"]),
        &[
            ("", "start b#0 start a#0 Pending"),
            ("a+ b+ @5 b=3", "start b#1 Running"),
            ("b+ b=3", "BackOff wake 15 Running"),
        ],
    );
    let status = story.status();
    assert_eq!(status["containerStatuses"][0]["name"], "a");
    let b = &status["containerStatuses"][1];
    assert_eq!(b["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert_eq!(b["state"]["waiting"]["message"], "back-off 10s restarting failed container=b pod=p_ns(u)");
    assert_eq!(b["lastState"]["terminated"]["exitCode"], 3);
    assert_eq!(
        (&b["restartCount"], &b["ready"], &b["containerID"]),
        (&1.into(), &false.into(), &"process://b-id".into())
    );
    let condition =
        |name: &str| status["conditions"].as_array().unwrap().iter().find(|c| c["type"] == name).cloned().unwrap();
    assert_eq!(condition("Ready")["message"], "containers with unready status: [b]");
    assert_eq!(condition("Initialized")["status"], "True");
    assert_eq!(condition("PodReadyToStartContainers")["status"], "True");
    story.tell("@15");
    story.step();
    story.tell("b+");
    story.tell("b=0");
    story.tell("a=0");
    story.step();
    let status = story.status();
    assert_eq!(status["phase"], "Succeeded");
    let ready = status["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").cloned().unwrap();
    assert_eq!((&ready["status"], &ready["reason"]), (&"False".into(), &"PodCompleted".into()));
}

#[test]
fn recovered_pod_goes_on_where_it_was() {
    let facts = pod(Never, &["a"]);
    let status = json!({"phase": "Running", "startTime": "2023-11-14T22:13:20Z", "containerStatuses": [
        {"name": "a", "restartCount": 0, "state": {"running": {"startedAt": "2023-11-14T22:13:20Z"}}}]});
    let memory = Memory::recovered(&facts, &status, at(60));
    let mut story = Story { memory, now: 60, ..Story::new(facts) };
    assert_eq!(story.step(), "Failed");
}

proptest! {
    #[test]
    fn terminal_phase_never_changes(
        policy in prop_oneof![Just(Never), Just(OnFailure), Just(Always)],
        steps in proptest::collection::vec((0_usize..6, 0_usize..3, 0_i64..400), 1..60),
    ) {
        let mut story = Story::new(pod(policy, &["i:i", "a", "b"]));
        let mut terminal: Option<Phase> = None;
        for (what, index, number) in steps {
            let name = ["i", "a", "b"][index];
            let starting = matches!(story.memory.containers[index].state, State::Starting);
            match what {
                0 | 1 if starting => story.tell(&format!("{name}+")),
                2 if starting => story.tell(&format!("{name}!")),
                2 | 3 => story.tell(&format!("{name}={}", number % 2)),
                4 => story.now += number,
                5 if number < 40 => story.tell(&format!("del={number}")),
                _ => {}
            }
            let plan = plan(&story.pod, &mut story.memory, at(story.now));
            let phase = story.memory.phase;
            if let Some(terminal) = terminal {
                prop_assert_eq!(phase, terminal);
                prop_assert!(plan.starts.is_empty() && plan.signals.is_empty());
            }
            if phase.is_terminal() {
                prop_assert!(story.memory.containers.iter().all(|container| !container.state.is_alive()));
                terminal = Some(phase);
            }
            let status = story.status();
            prop_assert_eq!(status["phase"].as_str(), Some(phase.as_str()));
        }
    }
}
