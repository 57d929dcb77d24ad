//! The controllers, each of which can be stopped and started anew by itself: what one remembers is its own.

use std::sync::Arc;

use api::{Object, Uid, resource};
use client::{Client, Observation, Selection, observe};
use clock::SharedClock;
use controller::RunnerHandle;
use futures::StreamExt;
use jiff::tz::TimeZone;
use job_controller::{CronJobController, Decision, DecisionLog, JobController, TtlController};
use parking_lot::Mutex;
use system_controllers::{SystemControllers, root_certificate};

use crate::config::{Component, Config, Error, Interpose};

/// The order in which controllers start; they end in the opposite one.
const ORDER: [Component; 4] = [Component::System, Component::Jobs, Component::Expiry, Component::CronJobs];

pub(crate) struct Parts {
    client: Client,
    clock: SharedClock,
    time_zone: TimeZone,
    interpose: Option<Interpose>,
    system_config: system_controllers::Config,
    decisions: DecisionLog,
    /// Never held across an await.
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    jobs: Option<JobController>,
    cron_jobs: Option<CronJobController>,
    expiry: Option<TtlController>,
    system: Option<SystemControllers>,
    /// Publishes the certificate of what is served.
    certificate: Option<RunnerHandle>,
}

impl Running {
    fn has(&self, component: Component) -> bool {
        match component {
            Component::Jobs => self.jobs.is_some(),
            Component::CronJobs => self.cron_jobs.is_some(),
            Component::Expiry => self.expiry.is_some(),
            Component::System => self.system.is_some(),
            Component::Kubelet | Component::Proxy => true,
        }
    }
}

impl Parts {
    pub(crate) fn new(client: Client, config: &Config, system_config: system_controllers::Config) -> Self {
        Self {
            client,
            clock: config.clock.clone(),
            time_zone: config.time_zone.clone(),
            interpose: config.interpose.clone(),
            system_config,
            decisions: DecisionLog::default(),
            running: Mutex::default(),
        }
    }

    /// A component's own way to the API, under the name that upstream's has in `managedFields`.
    pub(crate) fn client(&self, component: Component) -> Client {
        let name = match component {
            Component::Kubelet => "kubelet",
            Component::Proxy => "kube-proxy",
            _ => "kube-controller-manager",
        };
        let client = self.client.acting_as(name);
        match &self.interpose {
            Some(interpose) => client.through(|transport| interpose(component, transport)),
            None => client,
        }
    }

    /// The records of all controllers that decide about one object, oldest first.
    pub(crate) fn decisions(&self, object: &Uid) -> Vec<Decision> {
        self.decisions.of(object)
    }

    /// The log of all records.
    pub(crate) fn decision_log(&self) -> DecisionLog {
        self.decisions.clone()
    }

    pub(crate) async fn start_all(&self) -> Result<(), Error> {
        for component in ORDER {
            self.start(component).await?;
        }
        Ok(())
    }

    pub(crate) async fn stop_all(&self) {
        let certificate = self.running.lock().certificate.take();
        if let Some(certificate) = certificate {
            certificate.shutdown().await;
        }
        for component in ORDER.into_iter().rev() {
            self.stop(component).await;
        }
    }

    /// Keeps an authority's certificate in every namespace, and waits until the first has it.
    pub(crate) async fn publish_certificate(&self, ca_pem: &str) {
        let client = self.client(Component::System);
        let publisher = root_certificate::start(client, self.clock.clone(), ca_pem);
        let before = self.running.lock().certificate.replace(publisher);
        if let Some(before) = before {
            before.shutdown().await;
        }
        let selection = Selection {
            namespace: Some("kube-system".to_owned()),
            field_selector: Some(format!("metadata.name={}", root_certificate::NAME)),
            ..Selection::default()
        };
        let mut maps = observe(self.client.clone(), self.clock.clone(), resource::CONFIG_MAPS, selection);
        let holds = |map: &Arc<Object>| map.field("/data/ca.crt").is_some_and(|found| found == *ca_pem);
        while let Some(observation) = maps.next().await {
            match observation {
                Observation::Restarted { objects, .. } if objects.iter().any(holds) => return,
                Observation::Applied(map) if holds(&map) => return,
                _ => {}
            }
        }
    }

    pub(crate) async fn start(&self, component: Component) -> Result<(), Error> {
        if self.running.lock().has(component) {
            return Ok(());
        }
        let (client, clock) = (self.client(component), self.clock.clone());
        match component {
            Component::Jobs => {
                let jobs = JobController::start(client, clock, self.decisions.clone());
                jobs.synced().await;
                self.running.lock().jobs = Some(jobs);
            }
            Component::CronJobs => {
                let cron_jobs = CronJobController::start(client, clock, self.time_zone.clone(), self.decisions.clone());
                cron_jobs.synced().await;
                self.running.lock().cron_jobs = Some(cron_jobs);
            }
            Component::Expiry => {
                let expiry = TtlController::start(client, clock, self.decisions.clone());
                expiry.synced().await;
                self.running.lock().expiry = Some(expiry);
            }
            Component::System => {
                let system = SystemControllers::start(client, clock, self.system_config.clone()).await?;
                self.running.lock().system = Some(system);
            }
            Component::Kubelet | Component::Proxy => {}
        }
        Ok(())
    }

    pub(crate) async fn stop(&self, component: Component) {
        match component {
            Component::Jobs => {
                let jobs = self.running.lock().jobs.take();
                if let Some(jobs) = jobs {
                    jobs.shutdown().await;
                }
            }
            Component::CronJobs => {
                let cron_jobs = self.running.lock().cron_jobs.take();
                if let Some(cron_jobs) = cron_jobs {
                    cron_jobs.shutdown().await;
                }
            }
            Component::Expiry => {
                let expiry = self.running.lock().expiry.take();
                if let Some(expiry) = expiry {
                    expiry.shutdown().await;
                }
            }
            Component::System => {
                let system = self.running.lock().system.take();
                if let Some(system) = system {
                    system.shutdown().await;
                }
            }
            Component::Kubelet | Component::Proxy => {}
        }
    }
}
