//! Starts and ends the system controllers together.

use client::{Client, Error};
use clock::SharedClock;
use controller::{Recorder, RecorderTask, RunnerHandle};

use crate::garbage::Resource;
use crate::{
    disruption, endpoints, event_expiry, garbage, namespaces, pod_gc, quotas, replication, root_certificate, scheduler,
    service_accounts,
};

/// What the system controllers need to know of the cluster.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// All resources whose objects may own, be owned, or live in a namespace. Events are passed over by the garbage
    /// collector, and go with their namespace.
    pub resources: Vec<Resource>,
    /// The CA certificate, in PEM, to publish in every namespace, if any.
    pub root_certificate: Option<String>,
    /// Leave scheduling to somebody else.
    pub without_scheduler: bool,
    /// The PersistentVolumeClaims that pods may name.
    pub claims: scheduler::plan::Claims,
    /// How many pods that have ended may stay, with 0 all; [`pod_gc::DEFAULT_THRESHOLD`] unless it is given.
    pub terminated_pods_max: Option<usize>,
}

/// The running system controllers.
pub struct SystemControllers {
    runners: Vec<RunnerHandle>,
    recorders: Vec<RecorderTask>,
}

impl SystemControllers {
    /// Creates the system namespaces and starts all controllers. When it returns, the namespaces exist and every
    /// controller has seen its first lists.
    ///
    /// # Errors
    /// When the namespaces cannot be created; nothing was started then.
    pub async fn start(client: Client, clock: SharedClock, config: Config) -> Result<Self, Error> {
        namespaces::create_system_namespaces(&client).await?;
        let namespaced = config.resources.iter().filter(|resource| resource.namespaced);
        let namespaced = namespaced.map(|resource| resource.gvr.clone()).collect();
        let mut running = Self { runners: Vec::new(), recorders: Vec::new() };
        running.runners.push(namespaces::start(client.clone(), clock.clone(), namespaced));
        running.runners.push(service_accounts::start(client.clone(), clock.clone()));
        running.runners.push(event_expiry::start(client.clone(), clock.clone()));
        if let Some(certificate) = &config.root_certificate {
            running.runners.push(root_certificate::start(client.clone(), clock.clone(), certificate));
        }
        if !config.without_scheduler {
            let component = scheduler::plan::SCHEDULER_NAME;
            let recorder = running.recorder(&client, &clock, component);
            running.runners.push(scheduler::start(client.clone(), clock.clone(), recorder, config.claims));
        }
        if config.resources.iter().any(|resource| resource.gvr == disruption::BUDGETS) {
            let recorder = running.recorder(&client, &clock, disruption::COMPONENT);
            let resources = config.resources.clone();
            running.runners.push(disruption::start(client.clone(), clock.clone(), recorder, resources));
        }
        if config.resources.iter().any(|resource| resource.gvr == replication::REPLICATION_CONTROLLERS) {
            let recorder = running.recorder(&client, &clock, replication::COMPONENT);
            running.runners.push(replication::start(client.clone(), clock.clone(), recorder));
        }
        if config.resources.iter().any(|resource| resource.gvr == endpoints::SLICES) {
            running.runners.push(endpoints::start(client.clone(), clock.clone()));
        }
        let threshold = config.terminated_pods_max.unwrap_or(pod_gc::DEFAULT_THRESHOLD);
        running.runners.push(pod_gc::start(client.clone(), clock.clone(), threshold));
        running.runners.push(quotas::start(client.clone(), clock.clone(), &config.resources));
        let recorder = running.recorder(&client, &clock, garbage::COMPONENT);
        running.runners.push(garbage::start(client, clock, config.resources, recorder));
        for runner in &running.runners {
            runner.synced().await;
        }
        Ok(running)
    }

    fn recorder(&mut self, client: &Client, clock: &SharedClock, component: &str) -> Recorder {
        let (recorder, task) = Recorder::start(client.clone(), clock.clone(), component);
        self.recorders.push(task);
        recorder
    }

    /// Ends all controllers and waits for them; events already reported are still posted.
    pub async fn shutdown(self) {
        futures::future::join_all(self.runners.into_iter().map(RunnerHandle::shutdown)).await;
        futures::future::join_all(self.recorders.into_iter().map(RecorderTask::shutdown)).await;
    }
}
