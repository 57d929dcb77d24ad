//! The composition root: API server, controllers and kubelet in one process, as a value.
//!
//! The components know each other only through the API; this crate hands each of them a client, a clock and the two
//! adapters in `door`.

mod advice;
mod config;
mod door;
mod kubeconfig;
mod network;
mod parts;
mod pods;
mod time;

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock, Weak};

use advice::Node;
use api::{Gvr, Kind, ObjectKey, Options, Uid, resource};
use apiserver::ApiServer;
use apiserver::http::pki::Identity;
use apiserver::http::{Local, Serving};
use client::Client;
use clock::{SharedClock, Stepper};
use jiff::Timestamp;
use job_controller::Decision;
use kubelet::Kubelet;
use parking_lot::Mutex;
use registry::Catalogue;
use service_proxy::{ProxyConfig, ServiceProxy};
use store::Bounds;
use system_controllers::Resource;
use system_controllers::scheduler::plan::Claims;
use tokio::task::JoinHandle;

pub use apiserver::Commit;
pub use config::{
    Component, Config, Error, ImageRule, ImageTarget, Interpose, Pods, SupervisorCommand, UnmappedImages,
};
pub use kubeconfig::CONTEXT;
pub use kubelet::runtime::scripted;
pub use time::View;

use door::{KubeletConnector, ServerDoor};
use network::Network;
use parts::Parts;

/// Random bytes of a bearer token.
const TOKEN_BYTES: usize = 32;

/// The entry point of the supervisor process: what the hidden subcommand of the binary calls before anything else.
pub fn supervisor_main() -> ExitCode {
    kubelet::supervisor::main()
}

/// Everything in one process.
pub struct Cluster {
    server: Arc<ApiServer>,
    client: Client,
    parts: Arc<Parts>,
    kubelet: Arc<Kubelet>,
    /// None where pods are acted out: there is nothing to connect to.
    proxy: Option<ServiceProxy>,
    clock: SharedClock,
    stepper: Option<Arc<Stepper>>,
    serving: Mutex<Option<Serving>>,
    /// Keeps the objects that say where the API is served.
    keeper: Mutex<Option<JoinHandle<()>>>,
    local: Arc<Local>,
    token: String,
    /// Keeps its addresses for it.
    _network: Network,
}

/// Where a cluster can be reached over HTTPS.
#[derive(Clone)]
pub struct Endpoint {
    /// The address listened on.
    pub address: SocketAddr,
    /// The text of a kubeconfig with CA and token. Write it with mode 0600.
    pub kubeconfig: String,
}

impl Cluster {
    /// Starts a cluster within the current tokio runtime. When it returns, the system namespaces exist and every
    /// controller has seen its first lists.
    ///
    /// # Errors
    /// When a part does not come up.
    pub async fn start(config: Config) -> Result<Self, Error> {
        if config.stepper.is_some() && !Stepper::fits_current_runtime() {
            return Err(Error::ManyThreads);
        }
        let network = match config.pods {
            Pods::Processes { .. } => Network::claim(),
            Pods::Scripted(_) => Network::acted(),
        };
        let node: Arc<OnceLock<Weak<Kubelet>>> = Arc::default();
        let server = ApiServer::new(apiserver::Config {
            catalogue: Catalogue::default(),
            clock: config.clock.clone(),
            entropy: config.entropy.clone(),
            bounds: Bounds::default(),
            advice: Arc::new(advisor(node.clone(), matches!(config.pods, Pods::Scripted(_)))),
            service_range: network.services,
            plain_api: config.plain_api,
        });
        server.create_system_objects();
        let client = Client::in_process(Arc::new(ServerDoor(server.clone())));
        let token = clock::secret_hex(TOKEN_BYTES);
        let local = Arc::new(Local::new(server.clone(), apiserver::http::Token::new(token.clone())));
        let door = if config.over_http { over_http(&local, &token)? } else { client.clone() };
        let parts = Arc::new(Parts::new(door, &config, system_config(&server, &config)));
        let kubelet = Arc::new(pods::start(&config, &network, parts.client(Component::Kubelet))?);
        // Set once, here.
        let _ = node.set(Arc::downgrade(&kubelet));
        server.connect(Arc::new(KubeletConnector(kubelet.clone())));
        if let Some(stepper) = &config.stepper {
            let is_hybrid = matches!(config.pods, Pods::Processes { .. });
            give_clock(stepper, &server, is_hybrid.then_some(&kubelet));
        }
        let log = parts.decision_log();
        server.publish_decisions(Arc::new(move |uid| log.of(uid).iter().map(record_value).collect()));
        parts.start_all().await?;
        let proxy = network.pods.filter(|_| matches!(config.pods, Pods::Processes { .. })).map(|_| {
            let proxy = ProxyConfig { node_name: config.node_name.clone() };
            ServiceProxy::start(proxy, parts.client(Component::Proxy), config.clock.clone())
        });
        Ok(Self {
            server,
            client,
            parts,
            kubelet,
            proxy,
            clock: config.clock,
            stepper: config.stepper,
            serving: Mutex::default(),
            keeper: Mutex::default(),
            local,
            token,
            _network: network,
        })
    }

    /// A client that calls this cluster in process.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// A client that speaks HTTP to this cluster, over streams in this process.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn http_client(&self) -> Result<Client, Error> {
        Ok(over_http(&self.local, &self.token)?)
    }

    /// kube's own client of this cluster, over streams in this process. Its connections belong to the current runtime,
    /// which must be the cluster's.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn kube_client(&self) -> Result<client::kube::Client, Error> {
        Ok(client::kube_over_streams(&Local::url(), &self.token, opener(&self.local))?)
    }

    /// Serves the API over HTTPS with a certificate authority of its own and the cluster's bearer token, and tells pods
    /// of it. A second call replaces the first socket.
    ///
    /// # Errors
    /// When the listener is not on loopback, or no certificate can be made.
    pub async fn serve_https(&self, listener: TcpListener) -> Result<Endpoint, Error> {
        let listener = asynchronous(listener).map_err(Error::Listener)?;
        let identity = Identity::generate()?;
        let (ca_pem, token) = (identity.ca_pem().to_owned(), self.token.clone());
        let http = apiserver::http::Config { listener, identity, token: apiserver::http::Token::new(token.clone()) };
        let serving = apiserver::http::serve(self.server.clone(), http)?;
        let address = serving.local_addr();
        self.parts.publish_certificate(&ca_pem).await;
        // After the certificate: who knows the address can trust it.
        self.server.publish_address(address);
        let keeper = tokio::spawn(self.server.clone().keep_address(address));
        let before = self.keeper.lock().replace(keeper);
        if let Some(before) = before {
            stop(before).await;
        }
        let before = self.serving.lock().replace(serving);
        if let Some(before) = before {
            before.shutdown().await;
        }
        Ok(Endpoint { address, kubeconfig: kubeconfig::text(address, &ca_pem, &token) })
    }

    /// Why a Job or CronJob is as it is: its controllers' decision records, oldest first. Those of objects that are gone
    /// stay until [`job_controller::MAX_GONE`] others went.
    pub fn decisions(&self, object: &Uid) -> Vec<Decision> {
        self.parts.decisions(object)
    }

    /// The same records in the shape in which people are told of them.
    pub fn records(&self, object: &Uid) -> Vec<explain::Record> {
        self.decisions(object).iter().map(record).collect()
    }

    /// [`Cluster::records`] for whoever asks from elsewhere; once the cluster has ended there are none.
    pub fn record_keeper(&self) -> impl Fn(&Uid) -> Vec<explain::Record> + Send + Sync + 'static {
        let parts = Arc::downgrade(&self.parts);
        let records = |parts: Arc<Parts>, object: &Uid| parts.decisions(object).iter().map(record).collect();
        move |object| parts.upgrade().map(|parts| records(parts, object)).unwrap_or_default()
    }

    /// Stops a controller and forgets all that it knew, as if its process had died: what it was doing is cut at its next
    /// wait. The kubelet is not a part that can be stopped; its pods would be nobody's.
    pub async fn stop(&self, component: Component) {
        self.parts.stop(component).await;
    }

    /// Starts a controller that was stopped, and waits until it has seen its first lists. One that runs goes on.
    ///
    /// # Errors
    /// When its first calls fail.
    pub async fn resume(&self, component: Component) -> Result<(), Error> {
        self.parts.start(component).await
    }

    /// Calls back with every commit from now on, after it happened. A second callback is ignored. It must be quick, and
    /// must not write.
    pub fn follow_commits(&self, follow: impl Fn(&Commit) + Send + Sync + 'static) {
        self.server.follow_commits(follow);
    }

    /// Rewrites a stored object past admission and validation, as if an earlier, laxer server had let it in; `false` when
    /// there is none. For tests of what controllers make of it.
    pub fn rewrite_stored(&self, resource: &Gvr, key: &ObjectKey, edit: impl FnOnce(&mut serde_json::Value)) -> bool {
        self.server.rewrite_stored(resource, key, edit)
    }

    /// Where objects of a kind are, and whether they are in namespaces; nothing for a kind that is not served.
    pub fn resource_of(&self, kind: &Kind) -> Option<(Gvr, bool)> {
        let descriptor = self.server.catalogue().of_kind(kind)?.descriptor();
        Some((descriptor.resource(), descriptor.namespaced))
    }

    /// Containers that run now.
    pub fn running_containers(&self) -> usize {
        self.kubelet.running_containers()
    }

    /// Containers that run or are being started.
    pub fn busy_containers(&self) -> usize {
        self.kubelet.busy_containers()
    }

    /// Whether nobody would miss the cluster: no connection is open over HTTPS, no container runs, and no Job has work
    /// left to do.
    pub async fn is_idle(&self) -> bool {
        let open = self.serving.lock().as_ref().map_or(0, Serving::open_connections);
        open == 0 && self.running_containers() == 0 && self.unfinished_jobs().await == 0
    }

    async fn unfinished_jobs(&self) -> usize {
        let list = self.client.list(&resource::JOBS, None, Options::default()).await;
        let items = list.map(|list| list.items).unwrap_or_default();
        let unfinished = |job: &serde_json::Value| {
            let ended = |condition| api::conditions::is_true(job, condition);
            !ended("Complete") && !ended("Failed") && job["spec"]["suspend"] != true
        };
        items.iter().filter(|job| unfinished(&job.to_value())).count()
    }

    /// When the last request came in over HTTPS; when serving began, if there was none.
    pub fn last_request_at(&self) -> Option<Timestamp> {
        self.serving.lock().as_ref().map(Serving::last_request_at)
    }

    /// Ends everything in order: no new requests, no new decisions, then all containers, then their files. Bounded by
    /// the supervisor's patience of some seconds; usually milliseconds.
    pub async fn shutdown(self) {
        let serving = self.serving.lock().take();
        if let Some(serving) = serving {
            serving.shutdown().await;
        }
        let keeper = self.keeper.lock().take();
        if let Some(keeper) = keeper {
            stop(keeper).await;
        }
        self.parts.stop_all().await;
        if let Some(proxy) = &self.proxy {
            proxy.shutdown().await;
        }
        self.kubelet.shutdown().await;
        // The pods were in memory only: nobody can ask for their logs any more.
        self.kubelet.remove_all_files();
    }
}

fn record(decision: &Decision) -> explain::Record {
    let Decision { at, note } = decision;
    explain::Record {
        at: *at,
        rule: note.rule.to_owned(),
        inputs: note.inputs.clone(),
        decision: note.decision.clone(),
        field: note.field.to_owned(),
        waits_for: note.waits_for.map(str::to_owned),
        until: note.until,
    }
}

fn record_value(decision: &Decision) -> serde_json::Value {
    serde_json::to_value(record(decision)).expect("a record is plain data")
}

fn over_http(local: &Arc<Local>, token: &str) -> Result<Client, client::Error> {
    Client::over_streams(&Local::url(), token, opener(local))
}

/// Opens connections, which do not keep the server: to one that is gone they are closed.
fn opener(local: &Arc<Local>) -> impl Fn() -> tokio::io::DuplexStream + Clone + Send + Sync + 'static {
    let weak = Arc::downgrade(local);
    move || weak.upgrade().map_or_else(|| tokio::io::duplex(1).0, |local| local.connect())
}

/// Lets clients of the server move the clock, and holds it while processes run, if there are any.
fn give_clock(stepper: &Arc<Stepper>, server: &ApiServer, processes: Option<&Arc<Kubelet>>) {
    if let Some(kubelet) = processes {
        let kubelet = Arc::downgrade(kubelet);
        stepper.hold_while(move || kubelet.upgrade().is_some_and(|kubelet| kubelet.busy_containers() > 0));
    }
    server.control_clock(Arc::new(time::Control { stepper: stepper.clone(), is_hybrid: processes.is_some() }));
}

/// Warns of what the node does not honour, as far as it is known when an object comes in.
fn advisor(
    node: Arc<OnceLock<Weak<Kubelet>>>,
    are_acted: bool,
) -> impl Fn(&serde_json::Value) -> Vec<String> + Send + Sync {
    move |object| {
        let kubelet = node.get().and_then(Weak::upgrade);
        let sandboxes = kubelet.is_none_or(|kubelet| !kubelet.lacks_sandboxes());
        advice::advice(object, if are_acted { Node::Acts } else { Node::Runs { sandboxes } })
    }
}

/// Ends a task that does not end by itself.
async fn stop(task: JoinHandle<()>) {
    task.abort();
    // An error says that it was cut off, as it was to be.
    let _cut = task.await;
}

fn asynchronous(listener: TcpListener) -> std::io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

/// All resources that are stored, for garbage collection and namespace deletion.
fn system_config(server: &ApiServer, config: &Config) -> system_controllers::Config {
    let resources = server.catalogue().stored().map(|strategy| {
        let descriptor = strategy.descriptor();
        Resource { gvr: descriptor.resource(), kind: descriptor.kind.clone(), namespaced: descriptor.namespaced }
    });
    let terminated_pods_max = config.terminated_pods_max;
    // The API serves no claims, and a process has none. A pod that is acted out needs nothing behind its volumes.
    let claims = match config.pods {
        Pods::Processes { .. } => Claims::None,
        Pods::Scripted(_) => Claims::PassedOver,
    };
    system_controllers::Config { resources: resources.collect(), terminated_pods_max, claims, ..Default::default() }
}
