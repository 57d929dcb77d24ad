//! The objects that a server makes of itself when it starts: the priority classes of the system, and the Service
//! `kubernetes` with its endpoints (`pkg/controlplane/controller/kubernetesservice`).
//!
//! Priority classes of the system cannot be deleted, as upstream; the Service and its endpoints come back at once when
//! somebody deletes them ([`ApiServer::keep_address`]).

use std::net::SocketAddr;
use std::sync::Arc;

use api::{Body, Gvr, ObjectKey, Request, Verb};
use futures::FutureExt;
use serde_json::{Value, json};
use store::{Change, Expected, ResourceIndex};

use super::ApiServer;

const PRIORITY_CLASSES: Gvr = Gvr::known("scheduling.k8s.io", "v1", "priorityclasses");
const SERVICES: Gvr = Gvr::known("", "v1", "services");
const ENDPOINTS: Gvr = Gvr::known("", "v1", "endpoints");
const ENDPOINT_SLICES: Gvr = Gvr::known("discovery.k8s.io", "v1", "endpointslices");

const NAMESPACE: &str = "default";
const NAME: &str = "kubernetes";
/// The port at which clients inside of a cluster find the API.
const PORT: u16 = 443;

impl ApiServer {
    /// Creates what every cluster has whatever its namespaces.
    pub fn create_system_objects(&self) {
        for class in registry::priority_class::system_classes() {
            self.create_own(&PRIORITY_CLASSES, None, class);
        }
    }

    /// Says where the server can be reached. The namespace `default` has to exist.
    pub fn publish_address(&self, address: SocketAddr) {
        let (ip, port) = (address.ip().to_string(), address.port());
        let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        let ports = json!([{"name": "https", "port": PORT, "protocol": "TCP", "targetPort": port}]);
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": NAME, "labels": {"component": "apiserver", "provider": "kubernetes"}},
            "spec": {
                "type": "ClusterIP", "clusterIP": self.service_range.api_server().to_string(), "ipFamilyPolicy": "SingleStack",
                "sessionAffinity": "None", "ports": ports,
            },
        });
        if !self.create_own(&SERVICES, Some(NAMESPACE), service) {
            self.change_own(json!({"spec": {"ports": ports}}));
        }
        let endpoint_ports = json!([{"name": "https", "port": port, "protocol": "TCP"}]);
        self.put_own(&ENDPOINTS, |endpoints| {
            endpoints["metadata"]["labels"] = json!({"endpointslice.kubernetes.io/skip-mirror": "true"});
            endpoints["subsets"] = json!([{"addresses": [{"ip": ip}], "ports": endpoint_ports}]);
        });
        self.put_own(&ENDPOINT_SLICES, |slice| {
            slice["metadata"]["labels"] = json!({"kubernetes.io/service-name": NAME});
            slice["addressType"] = family.into();
            slice["endpoints"] = json!([{"addresses": [ip], "conditions": {"ready": true}}]);
            slice["ports"] = endpoint_ports.clone();
        });
    }

    /// Says where the server can be reached again, whenever what says it is gone. Does not end.
    pub async fn keep_address(self: Arc<Self>, address: SocketAddr) {
        let resources = [SERVICES, ENDPOINTS, ENDPOINT_SLICES];
        let found = resources.iter().filter_map(|resource| self.catalogue.find(resource));
        let indexes: Vec<ResourceIndex> = found.map(|served| ResourceIndex(served.stored)).collect();
        let mut commits: Vec<_> = indexes.iter().map(|index| self.commits(*index)).collect();
        let key = ObjectKey::namespaced(NAMESPACE, NAME);
        loop {
            if indexes.iter().any(|index| self.store.get(*index, &key).is_none()) {
                self.publish_address(address);
            }
            futures::future::select_all(commits.iter_mut().map(|commits| commits.rung().boxed())).await;
        }
    }

    /// Returns whether the object is new.
    fn create_own(&self, resource: &Gvr, namespace: Option<&str>, object: Value) -> bool {
        let request = Request::new(Verb::Create, resource.clone(), namespace, None).body(Body::Object(object));
        self.call(Request { trusted: true, ..request }).is_ok()
    }

    fn change_own(&self, patch: Value) {
        let body = Body::Patch(api::PatchType::Merge, patch);
        let request = Request::new(Verb::Patch, SERVICES, Some(NAMESPACE), Some(NAME)).body(body);
        // Refused only when somebody made a Service of that name which cannot be this one: it is theirs then.
        let _theirs = self.call(Request { trusted: true, ..request });
    }

    /// Writes endpoints past their validation, which takes no address of the loopback: the only ones this server has.
    fn put_own(&self, resource: &Gvr, fill: impl Fn(&mut Value)) {
        let Some(served) = self.catalogue.find(resource) else { return };
        let (index, key) = (ResourceIndex(served.stored), ObjectKey::namespaced(NAMESPACE, NAME));
        let before = self.store.get(index, &key);
        let mut object = before.as_ref().map_or_else(|| self.blank(served.strategy), |before| before.to_value());
        fill(&mut object);
        served.strategy.default(&mut object);
        let expected = before.map_or(Expected::Absent, |before| Expected::At(before.meta().revision));
        // Lost only to somebody who writes the same object at this moment.
        let _raced = self.store.commit(index, &key, expected, Change::Put(object));
    }

    /// Rewrites a stored object past admission and validation: as it would be if an earlier, laxer server had let it in.
    /// For tests of what components make of that; no request leads here. Answers whether there was such an object, and
    /// nobody wrote it at the same moment.
    pub fn rewrite_stored(&self, resource: &Gvr, key: &ObjectKey, edit: impl FnOnce(&mut Value)) -> bool {
        let Some(served) = self.catalogue.find(resource) else { return false };
        let index = ResourceIndex(served.stored);
        let Some(before) = self.store.get(index, key) else { return false };
        let mut object = before.to_value();
        edit(&mut object);
        self.store.commit(index, key, Expected::At(before.meta().revision), Change::Put(object)).is_ok()
    }

    fn blank(&self, strategy: &dyn registry::Strategy) -> Value {
        let kind = &strategy.descriptor().kind;
        let created = api::time::rfc3339(api::time::whole_seconds(self.clock.now()));
        json!({
            "apiVersion": kind.api_version(), "kind": kind.kind,
            "metadata": {
                "name": NAME, "namespace": NAMESPACE, "uid": self.entropy.uid(), "creationTimestamp": created, "generation": 1,
            },
        })
    }
}
