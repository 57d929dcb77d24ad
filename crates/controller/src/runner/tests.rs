//! The runner with a controller that counts, finite or endless sources and a clock that the test moves.

use std::sync::atomic::{AtomicUsize, Ordering};

use api::{Object, Revision};
use clock::{Clock, ManualClock};
use futures::stream;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;

use super::*;

fn object(name: &str) -> Arc<Object> {
    let value = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": "default" } });
    Arc::new(Object::from_value(&value).expect("an object"))
}

fn listed(names: &[&str]) -> Observation {
    Observation::Restarted { objects: names.iter().map(|name| object(name)).collect(), revision: Revision(1) }
}

fn endless(observations: Vec<Observation>) -> impl Stream<Item = Observation> + Send {
    stream::iter(observations).chain(stream::pending())
}

fn manual() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_second(1_000).expect("in range")))
}

/// What a reconcile of the test controller does.
type Act = fn(&Counting, &str) -> Result<Outcome, String>;

struct Counting {
    act: Act,
    log: Mutex<Vec<String>>,
    changed: Notify,
    flying: AtomicUsize,
    most_flying: AtomicUsize,
    hang: bool,
}

impl Counting {
    fn new(act: Act) -> Arc<Self> {
        Arc::new(Self::value(act))
    }

    fn value(act: Act) -> Self {
        Self {
            act,
            log: Mutex::default(),
            changed: Notify::new(),
            flying: AtomicUsize::new(0),
            most_flying: AtomicUsize::new(0),
            hang: false,
        }
    }

    fn times(&self, key: &str) -> usize {
        self.log.lock().iter().filter(|entry| *entry == key).count()
    }

    async fn until(&self, reached: impl Fn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while !reached(self) {
            let changed = self.changed.notified();
            if reached(self) {
                return;
            }
            tokio::time::timeout_at(deadline, changed).await.expect("the state is reached in time");
        }
    }
}

impl Controller for Counting {
    type Key = String;
    type Error = String;

    fn name(&self) -> &'static str {
        "counting"
    }

    fn observe(&self, _source: usize, observation: Observation, _now: Timestamp, queue: &mut Queue<String>) {
        match observation {
            Observation::Restarted { objects, .. } => {
                for object in objects {
                    queue.add(object.meta().name.clone());
                }
            }
            Observation::Applied(object) | Observation::Deleted(object) => {
                queue.add(object.meta().name.clone());
            }
            Observation::Reached(_) => {}
        }
    }

    fn keys(&self) -> Vec<String> {
        Vec::new()
    }

    async fn reconcile(&self, key: String) -> Result<Outcome, String> {
        let flying = self.flying.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_flying.fetch_max(flying, Ordering::SeqCst);
        self.log.lock().push(key.clone());
        self.changed.notify_waiters();
        if self.hang {
            future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        self.flying.fetch_sub(1, Ordering::SeqCst);
        (self.act)(self, &key)
    }
}

#[tokio::test]
async fn every_listed_key_is_reconciled_by_at_most_the_workers_given() {
    let controller = Counting::new(|_, _| Ok(Outcome::done()));
    let names = ["a", "b", "c", "d", "e"];
    let runner = Runner::new(controller.clone(), manual()).workers(2).source(endless(vec![listed(&names)]));
    let handle = runner.start();
    controller.until(|controller| controller.log.lock().len() == 5).await;
    assert!(controller.most_flying.load(Ordering::SeqCst) <= 2);
    handle.shutdown().await;
}

#[tokio::test]
async fn no_reconcile_starts_before_every_source_has_listed() {
    let controller = Counting::new(|_, _| Ok(Outcome::done()));
    let (send, receive) = futures::channel::mpsc::unbounded();
    let runner = Runner::new(controller.clone(), manual()).source(endless(vec![listed(&["a"])])).source(receive);
    let handle = runner.start();
    send.unbounded_send(Observation::Applied(object("b"))).expect("the runner listens");
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert!(controller.log.lock().is_empty());
    send.unbounded_send(listed(&[])).expect("the runner listens");
    handle.synced().await;
    controller.until(|controller| controller.log.lock().len() == 2).await;
    handle.shutdown().await;
}

#[tokio::test]
async fn a_panic_is_retried_with_backoff_and_harms_no_other_key() {
    let clock = manual();
    let controller = Counting::new(|controller, key| {
        assert!(key != "poison" || controller.times("poison") > 2, "the poison acts");
        Ok(Outcome::done())
    });
    let runner = Runner::new(controller.clone(), clock.clone()).source(endless(vec![listed(&["poison", "a"])]));
    let handle = runner.start();
    controller.until(|controller| controller.times("a") == 1 && controller.times("poison") == 1).await;
    for (times, seconds) in [(2, 1), (3, 2)] {
        let next = clock.now() + jiff::SignedDuration::from_secs(seconds);
        while clock.next_deadline() != Some(next) {
            tokio::task::yield_now().await;
        }
        assert_eq!(controller.times("poison"), times - 1);
        clock.advance_to(next);
        controller.until(|controller| controller.times("poison") == times).await;
    }
    assert_eq!(controller.times("a"), 1);
    handle.shutdown().await;
}

#[tokio::test]
async fn an_error_is_retried_and_a_wake_up_comes_when_its_time_has_come() {
    let clock = manual();
    let controller = Counting::new(|controller, key| match controller.times(key) {
        1 => Err("not yet".to_owned()),
        2 => Ok(Outcome::wake_at(Timestamp::from_second(5_000).expect("in range"))),
        _ => Ok(Outcome::done()),
    });
    let handle = Runner::new(controller.clone(), clock.clone()).source(endless(vec![listed(&["a"])])).start();
    for second in [1_001, 5_000] {
        let deadline = Timestamp::from_second(second).expect("in range");
        while clock.next_deadline() != Some(deadline) {
            tokio::task::yield_now().await;
        }
        clock.advance_to(deadline);
    }
    controller.until(|controller| controller.times("a") == 3).await;
    handle.shutdown().await;
}

#[tokio::test]
async fn shutdown_ends_reconciles_that_would_never_end() {
    let controller = Arc::new(Counting { hang: true, ..Counting::value(|_, _| Ok(Outcome::done())) });
    let handle = Runner::new(controller.clone(), manual()).source(endless(vec![listed(&["a"])])).start();
    controller.until(|controller| controller.times("a") == 1).await;
    handle.shutdown().await;
    assert_eq!(Arc::strong_count(&controller), 1, "no task is left that holds the controller");
}
