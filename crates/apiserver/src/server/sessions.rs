//! Which pod and container a session means, before the kubelet is asked (`streamLocation` and `validateContainer` of
//! `pkg/registry/core/pod/strategy.go`).

use std::sync::Arc;

use api::{Request, Response, Status, Verb};
use serde_json::Value;

use super::ApiServer;
use crate::connector::Connector;
use crate::verbs;

impl ApiServer {
    /// The pod of a session, which must have a host.
    pub(crate) fn session_pod(&self, namespace: &str, name: &str) -> Result<Value, Status> {
        let request = Request::new(Verb::Get, api::resource::PODS, Some(namespace), Some(name));
        match verbs::read::get(self, &self.target(&request)?, &request)?.response {
            Response::Object { object, .. } => Ok(object.to_value()),
            Response::List(_) | Response::Status(_) => Err(Status::internal("a pod is an object")),
        }
    }

    /// The kubelet.
    pub(crate) fn connector(&self) -> Result<Arc<dyn Connector>, Status> {
        let missing = || Status::failure(503, api::Reason::UNAVAILABLE, "no kubelet is connected to this API server");
        self.connector.get().cloned().ok_or_else(missing)
    }
}

/// Refuses a pod that runs nowhere yet.
pub(crate) fn check_host(pod: &Value) -> Result<(), Status> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    match pod["spec"]["nodeName"].as_str() {
        None | Some("") => Err(Status::bad_request(format!("pod {name} does not have a host assigned"))),
        Some(_) => Ok(()),
    }
}

/// The container that is meant: the named one, or the only one.
pub(crate) fn container(pod: &Value, wanted: Option<&str>) -> Result<String, Status> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let of = |list: &str| pod["spec"][list].as_array().map(Vec::as_slice).unwrap_or_default();
    let names = ["initContainers", "containers", "ephemeralContainers"].into_iter().flat_map(of);
    let names: Vec<&str> = names.filter_map(|container| container["name"].as_str()).collect();
    match wanted.filter(|wanted| !wanted.is_empty()) {
        Some(wanted) if names.contains(&wanted) => Ok(wanted.to_owned()),
        Some(wanted) => Err(Status::bad_request(format!("container {wanted} is not valid for pod {name}"))),
        None => match of("containers") {
            [only] => Ok(only["name"].as_str().unwrap_or_default().to_owned()),
            [] => Err(Status::bad_request(format!("a container name must be specified for pod {name}"))),
            _ => {
                let names = names.join(" ");
                let text = format!("a container name must be specified for pod {name}, choose one of: [{names}]");
                Err(Status::bad_request(text))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_only_container_need_not_be_named() {
        let pod = json!({
            "metadata": {"name": "p"},
            "spec": {"initContainers": [{"name": "i"}], "containers": [{"name": "c"}]},
        });
        assert_eq!(container(&pod, None).unwrap(), "c");
        assert_eq!(container(&pod, Some("")).unwrap(), "c");
        assert_eq!(container(&pod, Some("i")).unwrap(), "i");
        assert_eq!(container(&pod, Some("x")).unwrap_err().message, "container x is not valid for pod p");
        assert_eq!(check_host(&pod).unwrap_err().message, "pod p does not have a host assigned");
    }

    #[test]
    fn several_containers_are_listed_in_upstreams_order() {
        let pod = json!({
            "metadata": {"name": "p"},
            "spec": {"nodeName": "n", "initContainers": [{"name": "i"}], "containers": [{"name": "b"}, {"name": "a"}]},
        });
        let refused = container(&pod, None).unwrap_err();
        assert_eq!(
            (refused.code, refused.message.as_str()),
            (400, "a container name must be specified for pod p, choose one of: [i b a]",)
        );
        assert!(check_host(&pod).is_ok());
    }
}
