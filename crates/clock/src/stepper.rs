//! Moves a clock when nothing else is left to do.
//!
//! Quiescence is tokio's: a current-thread runtime calls its `on_thread_park` hook when no task is runnable, the main
//! future included, and looks again after it, so what the hook wakes is run. The hook is the only place that moves time,
//! hence no step of this process is ever runnable at a jump. What it cannot see is work in flight in the kernel: a
//! simulation has none (its streams are in memory), and a server with real processes says how many containers run or
//! are being started ([`Stepper::hold_while`]). A client's request may be in flight: time may pass at any moment.
//!
//! Moves are explicit (to a time, through every timer on the way, of all kinds and in order) or, when the stepper is
//! [automatic](Stepper::automatic), to the next timer that pulls. Never "until idle": idle watches re-open on a timer.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, RuntimeFlavor};
use tokio::sync::oneshot;

use crate::{Movable, Pull, SharedClock};

type Hold = Box<dyn Fn() -> bool + Send + Sync>;

/// Moves one clock from the hook of one runtime.
pub struct Stepper {
    clock: Arc<dyn Movable>,
    automatic: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether real work goes on that the hook cannot see.
    hold: Option<Hold>,
    /// Times that somebody advances to, and how many do.
    targets: BTreeMap<Timestamp, usize>,
    settled: Vec<oneshot::Sender<Settled>>,
    stalled: Vec<oneshot::Sender<()>>,
    jumps: u64,
}

/// Says that nothing was runnable.
#[derive(Clone, Copy, Debug)]
pub struct Settled(());

impl Stepper {
    /// A stepper that moves only when somebody advances.
    pub fn new(clock: Arc<dyn Movable>) -> Arc<Self> {
        Arc::new(Self { clock, automatic: false, state: Mutex::default() })
    }

    /// A stepper that also moves by itself, to the next timer that pulls.
    pub fn automatic(clock: Arc<dyn Movable>) -> Arc<Self> {
        Arc::new(Self { clock, automatic: true, state: Mutex::default() })
    }

    /// Makes the runtimes of a builder move the clock. It must build current-thread runtimes, and one at a time: of two
    /// that share a clock, one may be busy when the other is not.
    pub fn install(self: &Arc<Self>, builder: &mut Builder) {
        let stepper = self.clone();
        builder.on_thread_park(move || stepper.step());
    }

    /// Whether the current runtime can have this hook: it has one thread.
    pub fn fits_current_runtime() -> bool {
        Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread
    }

    /// The clock that is moved.
    pub fn clock(&self) -> SharedClock {
        self.clock.clone()
    }

    /// The earliest time that anything waits for.
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.clock.next_timer()
    }

    /// How often time has jumped.
    pub fn jumps(&self) -> u64 {
        self.state.lock().jumps
    }

    /// Time does not jump while this holds: work goes on that no task of this process waits to run for.
    pub fn hold_while(&self, hold: impl Fn() -> bool + Send + Sync + 'static) {
        self.state.lock().hold = Some(Box::new(hold));
    }

    /// Waits until nothing is runnable.
    pub async fn settled(&self) -> Settled {
        let (sender, settled) = oneshot::channel();
        self.state.lock().settled.push(sender);
        settled.await.unwrap_or(Settled(()))
    }

    /// Waits until nothing is runnable, nobody advances, and no timer pulls: from here on nothing happens by itself.
    /// For whoever owns the runtime and would wait for ever.
    pub async fn stalled(&self) {
        let (sender, stalled) = oneshot::channel();
        self.state.lock().stalled.push(sender);
        if stalled.await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Lets time pass until it is `time`, through every timer on the way, and returns when all that was due by then has
    /// been done.
    pub async fn advance_to(self: &Arc<Self>, time: Timestamp) {
        let _target = self.aim(time);
        self.clock.wait_until(time, Pull::No).await;
        self.settled().await;
    }

    /// Lets time pass, no further than to `time`, for as long as the returned value lives.
    pub fn aim(self: &Arc<Self>, time: Timestamp) -> impl Drop + Send + use<> {
        *self.state.lock().targets.entry(time).or_default() += 1;
        Target { stepper: self.clone(), time }
    }

    /// Called when nothing is runnable.
    fn step(&self) {
        let mut state = self.state.lock();
        if !state.settled.is_empty() {
            let settled = std::mem::take(&mut state.settled);
            drop(state);
            // Whoever no longer waits needs no telling.
            for waiting in settled {
                let _ = waiting.send(Settled(()));
            }
            return;
        }
        if state.hold.as_ref().is_some_and(|hold| hold()) {
            return;
        }
        let target = state.targets.keys().next_back().copied();
        let pull = if self.automatic { self.clock.next_pull() } else { None };
        // Whatever draws time on, it stops at each timer on the way: a leap would skip the ticks of a schedule.
        let bound = target.max(pull);
        match self.clock.next_timer().filter(|next| bound.is_some_and(|bound| *next <= bound)) {
            Some(next) => {
                if next > self.clock.now() {
                    state.jumps += 1;
                    drop(state);
                    self.clock.jump_to(next);
                }
            }
            None => {
                let stalled = std::mem::take(&mut state.stalled);
                drop(state);
                for waiting in stalled {
                    let _ = waiting.send(());
                }
            }
        }
    }
}

/// Counts one that advances.
struct Target {
    stepper: Arc<Stepper>,
    time: Timestamp,
}

impl Drop for Target {
    fn drop(&mut self) {
        let mut state = self.stepper.state.lock();
        if let Some(count) = state.targets.get_mut(&self.time) {
            *count -= 1;
            if *count == 0 {
                state.targets.remove(&self.time);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use super::*;
    use crate::{Clock, ManualClock, SkewClock};

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn run<F: Future>(stepper: &Arc<Stepper>, future: F) -> F::Output {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        stepper.install(&mut builder);
        builder.enable_all().build().expect("a runtime").block_on(future)
    }

    fn virtual_time() -> (Arc<ManualClock>, Arc<Stepper>) {
        let clock = Arc::new(ManualClock::new(second(0)));
        (clock.clone(), Stepper::new(clock))
    }

    /// Ticks every `period` seconds for ever; the times at which it did.
    fn tick(clock: Arc<dyn Movable>, period: i64, pull: Pull) -> Arc<Mutex<Vec<i64>>> {
        let ticks = Arc::new(Mutex::new(Vec::new()));
        let seen = ticks.clone();
        tokio::spawn(async move {
            for round in 1.. {
                clock.wait_until(second(round * period), pull).await;
                // Work that takes some turns of the runtime, at the same time.
                for _ in 0..50 {
                    tokio::task::yield_now().await;
                }
                seen.lock().push(clock.now().as_second());
            }
        });
        ticks
    }

    #[test]
    fn an_advance_goes_through_every_timer_of_all_kinds() {
        let (clock, stepper) = virtual_time();
        run(&stepper, async {
            let (schedule, work) = (tick(clock.clone(), 10, Pull::No), tick(clock.clone(), 7, Pull::Yes));
            stepper.advance_to(second(35)).await;
            assert_eq!(*schedule.lock(), [10, 20, 30]);
            assert_eq!(*work.lock(), [7, 14, 21, 28, 35]);
            assert_eq!(clock.now(), second(35));
        });
    }

    #[test]
    fn work_draws_an_automatic_clock_on_and_schedules_do_not() {
        let clock = Arc::new(ManualClock::new(second(0)));
        let stepper = Stepper::automatic(clock.clone());
        run(&stepper, async {
            let schedule = tick(clock.clone(), 10, Pull::No);
            clock.sleep_until(second(25)).await;
            stepper.settled().await;
            assert_eq!(*schedule.lock(), [10, 20]);
            stepper.stalled().await;
            assert_eq!(clock.now(), second(25));
        });
    }

    #[test]
    fn time_stands_while_real_work_goes_on() {
        let clock = Arc::new(SkewClock::default());
        let stepper = Stepper::automatic(clock.clone());
        let running = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let held = running.clone();
        stepper.hold_while(move || held.load(std::sync::atomic::Ordering::SeqCst));
        run(&stepper, async {
            let in_an_hour = clock.now().saturating_add(jiff::SignedDuration::from_hours(1)).expect("in range");
            let sleep = tokio::spawn(clock.sleep_until(in_an_hour));
            for _ in 0..3 {
                stepper.settled().await;
                assert_eq!(stepper.jumps(), 0);
            }
            running.store(false, std::sync::atomic::Ordering::SeqCst);
            sleep.await.expect("the sleeper ends");
            assert!(clock.now() >= in_an_hour);
            assert_eq!(stepper.jumps(), 1);
        });
    }
}
