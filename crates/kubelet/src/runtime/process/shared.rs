//! What the tasks of the process runtime share: the containers, the processes between start and end, and the commands that
//! wait to be sent.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clock::SharedClock;
use dashmap::DashMap;
use parking_lot::Mutex;
use tokio::sync::{Notify, OnceCell, Semaphore, mpsc, oneshot};

use super::taps::Taps;
use crate::logs::Logs;
use crate::runtime::{ContainerId, ExitStatus, Exited, StartError, Started, wire};

/// Starts that the supervisor has not answered yet. With three descriptors each they stay below the 253 of one message.
const STARTS_IN_FLIGHT_MAX: usize = 64;

/// What the runtime's tasks share.
pub(super) struct Shared {
    pub(super) clock: SharedClock,
    pub(super) logs: Arc<Logs>,
    pub(super) next_token: AtomicU64,
    pub(super) containers: DashMap<ContainerId, Container>,
    pub(super) live: Mutex<HashMap<u64, Live>>,
    pub(super) outbox: Mutex<Outbox>,
    pub(super) outbox_filled: Notify,
    pub(super) starts: Arc<Semaphore>,
    pub(super) exits: mpsc::Sender<Exited>,
    /// Whether the machine lets this user make sandboxes, once that was tried.
    pub(super) has_sandboxes: OnceCell<bool>,
    /// A token was freed.
    pub(super) ended: Notify,
    /// Nothing starts any more. Set once, under the lock of `supervisor`.
    pub(super) closed: AtomicBool,
    pub(super) supervisor: Mutex<Option<Child>>,
}

/// A container that was not reported as ended.
pub(super) struct Container {
    pub(super) token: u64,
    pub(super) taps: Arc<Taps>,
}

/// A process between its start command and its end: a container's main process, or one beside it.
pub(super) struct Live {
    pub(super) container: ContainerId,
    pub(super) is_main: bool,
    pub(super) program: String,
    pub(super) started: Option<Answer>,
    pub(super) exited: End,
}

pub(super) type Answer = oneshot::Sender<Result<Started, StartError>>;
pub(super) type End = oneshot::Sender<(ExitStatus, jiff::Timestamp)>;

/// What comes of a start command: whether the process runs, and how it ended.
pub(super) struct Fate {
    pub(super) started: oneshot::Receiver<Result<Started, StartError>>,
    pub(super) ended: oneshot::Receiver<(ExitStatus, jiff::Timestamp)>,
}

/// Commands that were not sent yet. Bounded by the starts in flight and by a few kills per container.
#[derive(Default)]
pub(super) struct Outbox {
    pub(super) bytes: Vec<u8>,
    pub(super) descriptors: Vec<OwnedFd>,
}

impl Shared {
    pub(super) fn new(clock: SharedClock, logs: Arc<Logs>, exits: mpsc::Sender<Exited>, supervisor: Child) -> Self {
        Self {
            clock,
            logs,
            next_token: AtomicU64::new(1),
            containers: DashMap::new(),
            live: Mutex::default(),
            outbox: Mutex::default(),
            outbox_filled: Notify::new(),
            starts: Arc::new(Semaphore::new(STARTS_IN_FLIGHT_MAX)),
            exits,
            has_sandboxes: OnceCell::new(),
            ended: Notify::new(),
            closed: AtomicBool::new(false),
            supervisor: Mutex::new(Some(supervisor)),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn signal(&self, token: u64, signal: i32) {
        wire::encode_kill(&mut self.outbox.lock().bytes, token, signal);
        self.outbox_filled.notify_one();
    }
}

pub(super) fn not_running() -> StartError {
    StartError::Exec("cannot exec in a stopped container".to_owned())
}

pub(super) fn supervisor_is_gone() -> StartError {
    StartError::Runtime("the pod supervisor is gone".to_owned())
}
