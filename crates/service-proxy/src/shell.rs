//! The acting half: observes, keeps the listeners that the table wants, and owns the connections.
//!
//! One loop over closed events: shutdown, an observation, a connection, a retry. Connections go on when their Service is
//! gone, as upstream's do; they end with the proxy.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use api::{Gvr, Uid};
use client::{Client, Observation, Selection, observe};
use clock::{Pull, SharedClock};
use controller::correlator::Source as EventSource;
use controller::{Recorder, RecorderTask, Severity};
use futures::stream::{BoxStream, SelectAll};
use futures::{FutureExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tracing::{error, warn};

use crate::choice::Choices;
use crate::listener::{Accepted, Listener};
use crate::listening::{Listening, Verdict, verdict};
use crate::relay;
use crate::table::{Front, Source, State};

const SERVICES: Gvr = Gvr::known("", "v1", "services");
const ENDPOINTS: Gvr = Gvr::known("", "v1", "endpoints");
const SLICES: Gvr = Gvr::known("discovery.k8s.io", "v1", "endpointslices");

/// Most connections at a time; others wait in the kernel until one ends.
const CONNECTIONS_MAX: usize = 4096;
/// Most connections that were accepted and wait for their endpoint.
const ACCEPTED_MAX: usize = 64;
/// Most addresses that are bound at a time.
const LISTENERS_MAX: usize = 4096;
/// When an address that could not be bound is tried again.
const BIND_RETRY: SignedDuration = SignedDuration::from_secs(5);

/// The wait before it is looked again whether an endpoint listens, at first and at most.
const FIRST_LOOK: SignedDuration = SignedDuration::from_millis(20);
const LONGEST_LOOK: SignedDuration = SignedDuration::from_secs(1);

/// Settings of a proxy.
#[derive(Clone, Debug)]
pub struct ProxyConfig {
    /// The node's name, which its Events tell.
    pub node_name: String,
}

/// A running proxy.
pub struct ServiceProxy {
    stop: watch::Sender<bool>,
    tasks: Mutex<Option<(JoinHandle<()>, RecorderTask)>>,
}

impl ServiceProxy {
    /// Starts a proxy on the current tokio runtime, until [`ServiceProxy::shutdown`].
    pub fn start(config: ProxyConfig, client: Client, clock: SharedClock) -> Self {
        let source = EventSource { component: "kube-proxy".to_owned(), host: Some(config.node_name) };
        let (recorder, recorder_task) = Recorder::start_for(client.clone(), Arc::clone(&clock), source);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(Proxy::new(clock, recorder).run(client, stopped));
        Self { stop, tasks: Mutex::new(Some((task, recorder_task))) }
    }

    /// Closes all listeners and connections. A second call does nothing.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        let tasks = self.tasks.lock().take();
        if let Some((task, recorder)) = tasks {
            if let Err(error) = task.await {
                error!(%error, "the Service proxy had ended in a panic");
            }
            recorder.shutdown().await;
        }
    }
}

/// An address of the table that is bound.
struct Open {
    front: Front,
    choices: Choices,
    listener: Listener,
}

struct Proxy {
    clock: SharedClock,
    recorder: Recorder,
    state: State,
    open: BTreeMap<SocketAddr, Open>,
    /// When to look again at what could not be bound.
    retry_at: Option<Timestamp>,
    /// The wait for an endpoint to listen; it grows until something is observed.
    look: SignedDuration,
    /// What was said about which Service, so that it is said once.
    said: BTreeSet<(Uid, String)>,
    inlet: mpsc::Sender<Accepted>,
    accepted: mpsc::Receiver<Accepted>,
    connections: JoinSet<()>,
}

type Observations = SelectAll<BoxStream<'static, (Source, Observation)>>;

impl Proxy {
    fn new(clock: SharedClock, recorder: Recorder) -> Self {
        let (inlet, accepted) = mpsc::channel(ACCEPTED_MAX);
        Self {
            clock,
            recorder,
            state: State::default(),
            open: BTreeMap::new(),
            retry_at: None,
            look: FIRST_LOOK,
            said: BTreeSet::new(),
            inlet,
            accepted,
            connections: JoinSet::new(),
        }
    }

    async fn run(mut self, client: Client, mut stopped: watch::Receiver<bool>) {
        let mut observations = self.observations(&client);
        loop {
            let retry_at = self.retry_at.unwrap_or(Timestamp::MAX);
            let changed = tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => break,
                Some((source, observation)) = observations.next() => {
                    self.observe(source, observation);
                    // What has come already is taken in before anything is done about it.
                    while let Some(Some((source, observation))) = observations.next().now_or_never() {
                        self.observe(source, observation);
                    }
                    self.look = FIRST_LOOK;
                    true
                }
                Some(accepted) = self.accepted.recv(), if self.connections.len() < CONNECTIONS_MAX => {
                    self.take(accepted);
                    false
                }
                Some(_ended) = self.connections.join_next() => false,
                () = self.clock.wait_until(retry_at, Pull::No), if self.retry_at.is_some() => true,
            };
            if changed {
                self.listen().await;
            }
        }
        for (_, open) in std::mem::take(&mut self.open) {
            open.listener.close().await;
        }
        self.connections.shutdown().await;
    }

    fn observations(&self, client: &Client) -> Observations {
        let sources = [(SERVICES, Source::Services), (SLICES, Source::Slices), (ENDPOINTS, Source::Endpoints)];
        let follow = |(resource, source): (Gvr, Source)| {
            let observations = observe(client.clone(), Arc::clone(&self.clock), resource, Selection::default());
            observations.map(move |observation| (source, observation)).boxed()
        };
        futures::stream::select_all(sources.map(follow))
    }

    fn observe(&mut self, source: Source, observation: Observation) {
        match observation {
            Observation::Restarted { objects, .. } => {
                self.state.clear(source);
                objects.iter().for_each(|object| self.state.apply(source, object));
            }
            Observation::Applied(object) => self.state.apply(source, &object),
            Observation::Deleted(object) => {
                self.state.remove(source, &object);
                if source == Source::Services {
                    self.said.retain(|(uid, _)| *uid != object.meta().uid);
                }
            }
            Observation::Reached(_) => {}
        }
    }

    /// Brings the listeners in line with the table.
    async fn listen(&mut self) {
        self.retry_at = None;
        let mut table = self.state.table();
        table.retain(|_, front| !front.backends.is_empty());
        let surplus: Vec<SocketAddr> =
            self.open.keys().filter(|address| !table.contains_key(address)).copied().collect();
        for address in surplus {
            if let Some(open) = self.open.remove(&address) {
                open.listener.close().await;
            }
        }
        let mut unbound = Vec::new();
        for (address, front) in table {
            match self.open.get_mut(&address) {
                Some(open) => open.front = front,
                None => unbound.push((address, front)),
            }
        }
        self.bind_all(unbound);
        self.tell_unhonoured();
    }

    /// Binds what may be bound by now.
    fn bind_all(&mut self, unbound: Vec<(SocketAddr, Front)>) {
        if unbound.is_empty() {
            return;
        }
        let listening = listening();
        for (address, front) in unbound {
            let verdict = listening.as_ref().map(|listening| verdict(address, &front.backends, listening));
            match verdict {
                None | Some(Verdict::Listen) => self.bind(address, front),
                Some(Verdict::Direct | Verdict::Wait) => self.retry_after(self.look),
            }
        }
        self.look = self.look.saturating_mul(2).min(LONGEST_LOOK);
    }

    fn retry_after(&mut self, wait: SignedDuration) {
        let at = self.clock.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
        self.retry_at = Some(self.retry_at.map_or(at, |known| known.min(at)));
    }

    fn bind(&mut self, address: SocketAddr, front: Front) {
        if self.open.len() >= LISTENERS_MAX {
            warn!(%address, "too many ports of Services: this one is not bound");
            return;
        }
        match Listener::open(address, self.inlet.clone()) {
            Ok(listener) => {
                self.said.retain(|(uid, text)| *uid != front.service.uid || !text.contains(&address.to_string()));
                self.open.insert(address, Open { front, choices: Choices::default(), listener });
            }
            Err(error) => {
                let text = format!("Cannot listen at {address}: {error}");
                if self.said.insert((front.service.uid.clone(), text.clone())) {
                    self.recorder.event(&front.service, Severity::Warning, "ListenFailed", text);
                }
                self.retry_after(BIND_RETRY);
            }
        }
    }

    fn tell_unhonoured(&mut self) {
        for (service, notes) in self.state.notes() {
            let text = format!("This machine's proxy cannot honour these fields: {}", notes.join(", "));
            if self.said.insert((service.uid.clone(), text.clone())) {
                self.recorder.event(service, Severity::Warning, "NotHonoured", text);
            }
        }
    }

    /// Sends a connection on its way.
    fn take(&mut self, Accepted { front, client, stream }: Accepted) {
        let Some(open) = self.open.get_mut(&front) else { return relay::reset(stream) };
        let now = self.clock.now();
        let order = open.choices.order(&open.front.backends, open.front.affinity, client.ip(), now);
        self.connections.spawn(relay::relay(stream, order));
    }
}

/// Who listens on this machine; `None` where the system does not say.
fn listening() -> Option<Listening> {
    let four = std::fs::read_to_string("/proc/net/tcp").ok()?;
    // A machine may be without IPv6.
    let six = std::fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    Some(Listening::read(&[&four, &six]))
}
