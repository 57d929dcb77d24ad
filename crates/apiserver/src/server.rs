//! The server as a value: catalogue, store, clock and the wake-ups of open watches.

mod pages;
pub(crate) mod sessions;
mod system;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use api::logs::LogOptions;
use api::{Body, Gvr, Object, ObjectKey, Reply, Request, Revision, Status, Verb};
use clock::{SharedClock, SharedEntropy};
use fields::RecentManagers;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use registry::service::ServiceRange;
use registry::{Catalogue, Strategy};
use serde_json::Value;
use store::{Bounds, ResourceIndex, Store};

use crate::bell::{Bell, Listener};
use crate::clock::ClockControl;
use crate::connector::{Connector, LogStream};
use crate::decisions::Decisions;
use crate::tokens::Tokens;
use crate::verbs;
use crate::watch::Watch;

pub(crate) use pages::{Page, Pages};

/// How long a read waits for a revision that was not reached yet.
const REVISION_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a request waits for what a controller is about to make: upstream tries ten times, 150 ms apart.
const PATIENCE: SignedDuration = SignedDuration::from_millis(1_500);

/// What a server is made of.
pub struct Config {
    /// The kinds it serves.
    pub catalogue: Catalogue,
    /// Where it reads the time.
    pub clock: SharedClock,
    /// Where UIDs and name suffixes come from.
    pub entropy: SharedEntropy,
    /// How much history watches may ask for.
    pub bounds: Bounds,
    /// What the rest of the cluster has to say of an object that a client writes, as texts for `Warning` headers.
    pub advice: Advice,
    /// Where the addresses of Services come from.
    pub service_range: ServiceRange,
    /// Whether paths that no Kubernetes API server has (`/clock`, `/decisions`) are hidden: a stand-in for a real cluster.
    pub plain_api: bool,
}

/// Comments on an object that a client writes, such as the fields that no component honours.
pub type Advice = Arc<dyn Fn(&Value) -> Vec<String> + Send + Sync>;

/// A Kubernetes API server without a transport.
pub struct ApiServer {
    pub(crate) store: Store,
    pub(crate) clock: SharedClock,
    pub(crate) entropy: SharedEntropy,
    pub(crate) pages: Pages,
    pub(crate) tokens: Tokens,
    /// Held while a write takes what no other object of its kind may have.
    pub(crate) allocations: Mutex<()>,
    pub(crate) managers: Mutex<RecentManagers>,
    advice: Advice,
    pub(crate) service_range: ServiceRange,
    catalogue: Catalogue,
    namespaces: Option<ResourceIndex>,
    /// One per resource: what open watches sleep on.
    bells: Vec<Bell>,
    /// Rung for commits to any resource.
    any: Bell,
    connector: OnceLock<Arc<dyn Connector>>,
    follower: OnceLock<Follower>,
    pub(crate) clock_control: OnceLock<Arc<dyn ClockControl>>,
    pub(crate) decisions: OnceLock<Decisions>,
    plain_api: bool,
}

/// Hears of every commit.
type Follower = Box<dyn Fn(&Commit) + Send + Sync>;

/// One commit, as it happened.
#[derive(Clone, Debug)]
pub struct Commit {
    /// When.
    pub time: Timestamp,
    /// What it did to its object: `ADDED`, `MODIFIED` or `DELETED`.
    pub verb: &'static str,
    /// The resource.
    pub resource: Gvr,
    /// The object after it; for a delete, its last state.
    pub object: Arc<Object>,
}

/// A resource that a request names.
pub(crate) struct Target<'a> {
    /// Where its objects are stored.
    pub(crate) index: ResourceIndex,
    /// Its position in the catalogue, which differs from `index` when it is a view of a stored kind.
    pub(crate) position: usize,
    pub(crate) strategy: &'a dyn Strategy,
    pub(crate) resource: Gvr,
}

impl ApiServer {
    /// An empty server.
    pub fn new(config: Config) -> Arc<Self> {
        let namespaces = config.catalogue.find(&api::resource::NAMESPACES).map(|served| ResourceIndex(served.stored));
        let bells = config.catalogue.iter().map(|_| Bell::default()).collect();
        let server = Arc::new(Self {
            store: Store::new(config.bounds),
            clock: config.clock,
            entropy: config.entropy,
            pages: Pages::default(),
            tokens: Tokens::default(),
            allocations: Mutex::new(()),
            managers: Mutex::default(),
            advice: config.advice,
            service_range: config.service_range,
            catalogue: config.catalogue,
            namespaces,
            bells,
            any: Bell::default(),
            connector: OnceLock::new(),
            follower: OnceLock::new(),
            clock_control: OnceLock::new(),
            decisions: OnceLock::new(),
            plain_api: config.plain_api,
        });
        let weak = Arc::downgrade(&server);
        server.store.listen(move |resource, revision| {
            if let Some(server) = weak.upgrade() {
                server.bells[resource.0].ring();
                server.any.ring();
                server.tell_follower(revision);
            }
        });
        server
    }

    /// Fills in the path to the kubelet. A second connector is ignored.
    pub fn connect(&self, connector: Arc<dyn Connector>) {
        let _ = self.connector.set(connector);
    }

    /// Whether it hides the paths that no Kubernetes API server has.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain_api
    }

    /// The kinds served.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The time by the server's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The revision of the last commit: where a watch that wants only what comes next begins.
    pub fn watch_revision(&self) -> Revision {
        self.store.revision()
    }

    /// Waits until a revision is reached, for as long as upstream waits for one (`blockTimeout` of its watch cache).
    pub async fn reached(&self, revision: Revision) {
        if self.store.revision() >= revision {
            return;
        }
        let reached = async {
            let mut commits = self.any.listen();
            while self.store.revision() < revision {
                commits.rung().await;
            }
        };
        // Whoever reads next says what is wrong when the time was up.
        let _ = tokio::time::timeout(REVISION_TIMEOUT, reached).await;
    }

    /// Waits until something is committed after a revision.
    pub async fn committed_after(&self, revision: Revision) {
        let mut commits = self.any.listen();
        while self.store.revision() <= revision {
            commits.rung().await;
        }
    }

    /// Calls back with every commit from now on, after it happened. A second callback is ignored. It must be quick, and
    /// must not write.
    pub fn follow_commits(&self, follow: impl Fn(&Commit) + Send + Sync + 'static) {
        let _ = self.follower.set(Box::new(follow));
    }

    fn tell_follower(&self, revision: Revision) {
        let Some(follow) = self.follower.get() else { return };
        let before = Revision(revision.0 - 1);
        // Gone already only when the log holds less than what is committed at one moment.
        let Some(event) = self.store.events_after(before, 1).ok().and_then(|events| events.into_iter().next()) else {
            return;
        };
        let resource = self.catalogue.at(event.resource.0).descriptor().resource();
        let verb = match event.kind {
            store::EventKind::Created => "ADDED",
            store::EventKind::Updated => "MODIFIED",
            store::EventKind::Deleted => "DELETED",
        };
        follow(&Commit { time: self.clock.now(), verb, resource, object: event.object.clone() });
    }

    /// Performs any request but a watch.
    ///
    /// # Errors
    /// The `Status` that upstream would answer with.
    pub fn call(&self, request: Request) -> Result<Reply, Status> {
        let Gvr { group, version, plural } = &request.resource;
        if let Some(review) = self.catalogue.review(group, version, plural) {
            return verbs::review::create(self, review, request);
        }
        let target = self.target(&request)?;
        let strategy = target.strategy;
        let reply = match (request.verb, request.subresource.as_deref()) {
            (_, Some("scale")) => verbs::scale::call(self, &target, request),
            (Verb::Get, _) => verbs::read::get(self, &target, &request),
            (Verb::List, None) => verbs::read::list(self, &target, &request),
            (Verb::Create, None) => verbs::create::create(self, &target, request),
            (Verb::Create, Some("binding")) => verbs::binding::create(self, &target, request),
            (Verb::Create, Some("eviction")) => verbs::eviction::create(self, &target, request),
            (Verb::Create, Some("token")) => verbs::token::create(self, &target, request),
            (Verb::Update, _) => verbs::update::update(self, &target, request),
            (Verb::Patch, _) => verbs::update::patch(self, &target, request),
            (Verb::Delete, None) => verbs::delete::delete(self, &target, &request),
            (Verb::DeleteCollection, None) => verbs::delete::collection(self, &target, &request),
            _ => Err(Status::method_not_allowed()),
        };
        Ok(verbs::versions::reply(strategy, reply?))
    }

    /// What a request should wait for before it is made, for a second at the most: the service account that a controller
    /// is about to make in the namespace of a new pod. Nothing, as a rule. Upstream's admission waits as well.
    pub fn awaited(self: &Arc<Self>, request: &Request) -> Option<impl Future<Output = ()> + Send + 'static> {
        let Body::Object(object) = &request.body else { return None };
        if request.verb != Verb::Create || request.subresource.is_some() {
            return None;
        }
        let (resource, name) = registry::admission::awaited(&request.resource, object)?;
        let index = ResourceIndex(self.catalogue.find(&resource)?.stored);
        let namespace = request.namespace.as_deref()?;
        let key = ObjectKey::namespaced(namespace, name);
        let settled = self.store.get(index, &key).is_some()
            || self.namespace(namespace).is_none_or(|namespace| namespace.meta().is_deleting());
        (!settled).then(|| self.clone().wait_for(index, key))
    }

    async fn wait_for(self: Arc<Self>, index: ResourceIndex, key: ObjectKey) {
        let mut commits = self.commits(index);
        let deadline = self.clock.now().saturating_add(PATIENCE).expect("seconds keep their unit");
        let mut over = self.clock.sleep_until(deadline);
        while self.store.get(index, &key).is_none() {
            tokio::select! {
                biased;
                () = &mut over => return,
                () = commits.rung() => {}
            }
        }
    }

    /// Opens a watch.
    ///
    /// # Errors
    /// `410 Expired` when the history asked for is gone, and whatever a list would refuse.
    pub fn watch(self: &Arc<Self>, request: &Request) -> Result<Watch, Status> {
        let target = self.target(request)?;
        Watch::open(self, &target, request)
    }

    /// Opens a container's log; `None` when the pod has no host that could be asked.
    ///
    /// # Errors
    /// 404 when there is no such pod, 400 when it has no such container, and what the kubelet refuses.
    pub async fn logs(
        &self,
        namespace: &str,
        name: &str,
        mut options: LogOptions,
    ) -> Result<Option<LogStream>, Status> {
        let pod = self.session_pod(namespace, name)?;
        options.container = Some(sessions::container(&pod, options.container.as_deref())?);
        if sessions::check_host(&pod).is_err() {
            return Ok(None);
        }
        self.connector()?.logs(namespace, name, options).await.map(Some)
    }

    /// Subscribes to the commits of a resource.
    pub(crate) fn commits(&self, resource: ResourceIndex) -> Listener {
        self.bells[resource.0].listen()
    }

    /// All warnings about an object that a client writes: the kind's own and the cluster's.
    pub(crate) fn warnings(&self, target: &Target<'_>, new: &Value, old: Option<&Value>) -> Vec<String> {
        let mut warnings = target.strategy.warnings(new, old);
        if old.is_none_or(|old| old["spec"] != new["spec"]) {
            warnings.extend((self.advice)(new));
        }
        warnings
    }

    /// The namespace object of that name.
    pub(crate) fn namespace(&self, name: &str) -> Option<Arc<Object>> {
        self.store.get(self.namespaces?, &ObjectKey::cluster(name))
    }

    /// The resource that a request names.
    pub(crate) fn target(&self, request: &Request) -> Result<Target<'_>, Status> {
        let served = self.catalogue.find(&request.resource).ok_or_else(Status::no_such_resource)?;
        let strategy = served.strategy;
        let descriptor = strategy.descriptor();
        let known = |name: &str| descriptor.subresources.contains(&name);
        if request.subresource.as_deref().is_some_and(|name| !known(name)) {
            return Err(Status::no_such_resource());
        }
        if !descriptor.namespaced && request.namespace.is_some() {
            return Err(Status::no_such_resource());
        }
        let (index, position) = (ResourceIndex(served.stored), served.position);
        Ok(Target { index, position, strategy, resource: request.resource.clone() })
    }
}
