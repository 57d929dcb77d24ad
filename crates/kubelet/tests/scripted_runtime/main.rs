//! The scripted runtime: the contract every runtime passes, and the times that its scripts ask for.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../process_runtime/contract.rs"]
mod contract;

use std::sync::Arc;

use api::k8s::api::core::v1::Pod;
use clock::{Clock, ManualClock, SharedClock, SystemClock};
use contract::{Bench, Does, next_exit, script};
use jiff::{SignedDuration, Timestamp};
use kubelet::logs::Logs;
use kubelet::runtime::scripted::{Act, AnnotationScript, Attempt, EXIT, LOG, OnTerm, RUN, Run, ScriptedRuntime, TERM};
use kubelet::runtime::{ContainerSpec, ExitStatus, Runtime, StartError};

fn bench(script: Arc<dyn kubelet::runtime::scripted::Script>, clock: SharedClock) -> Bench {
    let logs = Arc::new(Logs::in_memory());
    let (runtime, exits) = ScriptedRuntime::start(script, clock, Arc::clone(&logs));
    Bench {
        runtime: Arc::new(runtime) as Arc<dyn Runtime>,
        exits,
        logs,
        directory: tempfile::tempdir().unwrap(),
        sandbox: None,
    }
}

fn container(bench: &Bench, name: &str, does: Does<'_>) -> ContainerSpec {
    let annotations = match does {
        Does::Exits(lines, code) => vec![(RUN, "0s".to_owned()), (LOG, lines.to_owned()), (EXIT, code.to_string())],
        Does::EndsOnTerm(code) => {
            vec![(RUN, "forever".to_owned()), (LOG, "ready".to_owned()), (TERM, format!("0s:{code}"))]
        }
        Does::IgnoresTerm => {
            vec![(RUN, "forever".to_owned()), (LOG, "ready".to_owned()), (TERM, "ignores".to_owned())]
        }
    };
    let mut pod = Pod::default();
    pod.metadata.annotations = Some(annotations.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
    ContainerSpec { pod: Arc::new(pod), ..script(bench, name, "") }
}

#[tokio::test]
async fn scripted_runtime_keeps_the_contract() {
    contract::suite(|| bench(Arc::new(AnnotationScript), Arc::new(SystemClock)), container).await;
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[tokio::test]
async fn ends_come_in_the_order_of_their_times_and_say_when_they_were() {
    let clock = Arc::new(ManualClock::new(second(0)));
    let durations = |attempt: &Attempt| {
        let seconds = attempt.container.trim_start_matches('c').parse().unwrap();
        Act::Run(Run::exits(0, SignedDuration::from_secs(seconds)))
    };
    let mut bench = bench(Arc::new(durations), clock.clone());
    for name in ["30", "10", "20"] {
        let mut spec = script(&bench, name, "");
        spec.id = kubelet::runtime::ContainerId::of_run(name, name, 0);
        bench.runtime.start(spec).await.unwrap();
    }
    assert_eq!(bench.runtime.running(), 3);
    clock.advance_to(second(25));
    let ends = [next_exit(&mut bench).await, next_exit(&mut bench).await];
    assert_eq!(ends.map(|end| end.finished_at), [second(10), second(20)]);
    assert_eq!(bench.runtime.running(), 1);
    clock.advance_to(second(30));
    assert_eq!(next_exit(&mut bench).await.finished_at, second(30));
}

#[tokio::test]
async fn a_slow_end_on_term_is_cut_short_by_kill_and_by_the_runs_own_end() {
    let clock = Arc::new(ManualClock::new(second(0)));
    let slow = OnTerm::Ends { after: SignedDuration::from_secs(20), exit: ExitStatus::Code(7) };
    let act = move |attempt: &Attempt| match attempt.container.as_str() {
        "short" => Act::Run(Run::exits(0, SignedDuration::from_secs(5)).on_term(slow)),
        _ => Act::Run(Run::never_ends().on_term(slow)),
    };
    let mut bench = bench(Arc::new(act), clock.clone());
    let mut ids = Vec::new();
    for name in ["short", "slow", "killed"] {
        let mut spec = script(&bench, name, "");
        spec.id = kubelet::runtime::ContainerId::of_run(name, name, 0);
        ids.push(spec.id.clone());
        bench.runtime.start(spec).await.unwrap();
        bench.runtime.kill(ids.last().unwrap(), 15);
    }
    clock.advance_to(second(10));
    assert_eq!((next_exit(&mut bench).await.status, clock.now()), (ExitStatus::Code(0), second(10)));
    bench.runtime.kill(&ids[2], 9);
    let killed = next_exit(&mut bench).await;
    assert_eq!((killed.status, killed.finished_at), (ExitStatus::Signal(9), second(10)));
    clock.advance_to(second(20));
    assert_eq!(next_exit(&mut bench).await.status, ExitStatus::Code(7));
}

#[tokio::test]
async fn a_refused_start_is_followed_by_no_end_and_a_count_of_runs_goes_over_pods() {
    let act = |attempt: &Attempt| match attempt.number {
        0 => Act::Refuse(StartError::Exec("no".to_owned())),
        number => Act::Run(Run::exits(number.cast_signed(), SignedDuration::ZERO)),
    };
    let mut bench = bench(Arc::new(act), Arc::new(SystemClock));
    let owned = |name: &str| {
        let owner = api::k8s::apimachinery::pkg::apis::meta::v1::OwnerReference {
            uid: "job".to_owned(),
            controller: Some(true),
            ..Default::default()
        };
        let mut pod = Pod::default();
        pod.metadata.owner_references = Some(vec![owner]);
        ContainerSpec { pod: Arc::new(pod), ..script(&bench, name, "") }
    };
    let specs = ["a", "b", "c"].map(owned);
    let mut started = Vec::new();
    for spec in specs {
        started.push(bench.runtime.start(spec).await.is_ok());
    }
    assert_eq!(started, [false, true, true]);
    let codes = [next_exit(&mut bench).await, next_exit(&mut bench).await].map(|end| end.status.exit_code());
    assert_eq!(codes, [1, 2]);
    assert!(bench.exits.try_recv().is_err());
}
