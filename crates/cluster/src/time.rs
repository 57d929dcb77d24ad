//! Moving the cluster's time: to a moment, or until the state is as wanted.

use std::sync::Arc;

use api::{Gvr, Object, Options, Request, Response, Status, Verb};
use apiserver::{ApiServer, ClockControl, ClockStatus};
use clock::{Clock, Pull, Stepper, SystemClock};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{Cluster, Error};

/// The state at one moment, for conditions. Reading it is not a request of anybody.
pub struct View<'a> {
    server: &'a Arc<ApiServer>,
}

impl View<'_> {
    /// One object.
    pub fn get(&self, resource: &Gvr, namespace: Option<&str>, name: &str) -> Option<Value> {
        let request = Request::new(Verb::Get, resource.clone(), namespace, Some(name));
        match self.server.call(request).ok()?.response {
            Response::Object { object, .. } => Some(object.to_value()),
            Response::List(_) | Response::Status(_) => None,
        }
    }

    /// All objects of a kind with these labels, in the order of their keys.
    pub fn list(&self, resource: &Gvr, namespace: Option<&str>, label_selector: &str) -> Vec<Arc<Object>> {
        let label_selector = (!label_selector.is_empty()).then(|| label_selector.to_owned());
        let options = Options { label_selector, ..Options::default() };
        let request = Request::new(Verb::List, resource.clone(), namespace, None).options(options);
        match self.server.call(request).map(|reply| reply.response) {
            Ok(Response::List(list)) => list.items,
            _ => Vec::new(),
        }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.server.now()
    }
}

/// The clock's door in the API server.
pub(crate) struct Control {
    pub(crate) stepper: Arc<Stepper>,
    /// Whether real time goes on.
    pub(crate) is_hybrid: bool,
}

impl Control {
    fn read(stepper: &Stepper, is_hybrid: bool) -> ClockStatus {
        let now = stepper.clock().now();
        let offset = is_hybrid.then(|| now.duration_since(SystemClock.now()));
        ClockStatus {
            mode: if is_hybrid { "hybrid" } else { "virtual" },
            now,
            offset,
            next_timer: stepper.next_timer(),
        }
    }
}

impl ClockControl for Control {
    fn status(&self) -> ClockStatus {
        Self::read(&self.stepper, self.is_hybrid)
    }

    fn advance(&self, duration: SignedDuration) -> BoxFuture<'static, Result<ClockStatus, Status>> {
        let (stepper, is_hybrid) = (self.stepper.clone(), self.is_hybrid);
        async move {
            let until = stepper.clock().now().saturating_add(duration).expect("seconds keep their unit");
            stepper.advance_to(until).await;
            Ok(Self::read(&stepper, is_hybrid))
        }
        .boxed()
    }
}

impl Cluster {
    /// The time by the cluster's clock.
    pub fn now(&self) -> Timestamp {
        self.server.now()
    }

    /// The state as it is now.
    pub fn view(&self) -> View<'_> {
        View { server: &self.server }
    }

    /// Lets time pass until it is `time`, through every timer on the way, and returns when all that was due by then has
    /// been done.
    ///
    /// # Errors
    /// When the clock is the machine's.
    pub async fn advance_to(&self, time: Timestamp) -> Result<(), Error> {
        self.stepper()?.advance_to(time).await;
        Ok(())
    }

    /// Lets time pass until the state is as wanted, or it is `deadline`; whether it is as wanted. The condition is asked
    /// after commits, not at every moment. The machine's clock is waited for.
    pub async fn run_until(&self, deadline: Timestamp, mut holds: impl FnMut(&View<'_>) -> bool) -> bool {
        let view = self.view();
        let _aim = self.stepper.as_ref().map(|stepper| stepper.aim(deadline));
        let mut over = self.clock.wait_until(deadline, Pull::No);
        loop {
            let seen = self.server.watch_revision();
            if holds(&view) {
                return true;
            }
            tokio::select! {
                biased;
                () = self.server.committed_after(seen) => {}
                () = &mut over => {
                    // What is due at the deadline itself still belongs to the time that was asked for.
                    if let Some(stepper) = &self.stepper {
                        stepper.settled().await;
                    }
                    return holds(&view);
                }
            }
        }
    }

    fn stepper(&self) -> Result<&Arc<Stepper>, Error> {
        self.stepper.as_ref().ok_or(Error::Immovable)
    }
}
