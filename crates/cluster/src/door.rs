//! The two adapters that let the layers meet without naming each other: the API server as the client's door, and the
//! kubelet as the API server's connector.

use std::sync::Arc;

use api::logs::LogOptions;
use api::session::{Refused, SessionOptions};
use api::{Reply, Request, Status};
use apiserver::{ApiServer, Connected, Connector, Duplex, LogStream, Ports, Session};
use client::{ByteStream, Door, Error, EventStream};
use futures::future::{BoxFuture, FutureExt, ready};
use futures::{StreamExt, TryStreamExt, stream};
use kubelet::{ForwardTarget, Kubelet};

/// The API server, as an in-process client sees it.
pub(crate) struct ServerDoor(pub(crate) Arc<ApiServer>);

impl Door for ServerDoor {
    fn call(&self, request: Request) -> Result<Reply, Status> {
        self.0.call(request)
    }

    fn awaited(&self, request: &Request) -> Option<BoxFuture<'static, ()>> {
        self.0.awaited(request).map(FutureExt::boxed)
    }

    fn watch(&self, request: Request) -> Result<EventStream, Status> {
        let watch = self.0.watch(&request)?;
        let events = stream::unfold(watch, |mut watch| async move { watch.next().await.map(|event| (event, watch)) });
        Ok(events.map(Ok).boxed())
    }

    fn logs(&self, namespace: &str, pod: &str, options: LogOptions) -> BoxFuture<'static, Result<ByteStream, Status>> {
        let (server, namespace, pod) = (self.0.clone(), namespace.to_owned(), pod.to_owned());
        async move {
            let log = server.logs(&namespace, &pod, options).await?.unwrap_or_else(|| stream::empty().boxed());
            Ok(log.map(|chunk| chunk.map_err(Error::Status)).boxed())
        }
        .boxed()
    }
}

/// The kubelet, as the API server sees it.
pub(crate) struct KubeletConnector(pub(crate) Arc<Kubelet>);

impl Connector for KubeletConnector {
    fn logs(&self, namespace: &str, pod: &str, options: LogOptions) -> BoxFuture<'static, Result<LogStream, Status>> {
        let log = self.0.logs(namespace, pod, &options);
        ready(log.map(|log| log.map_err(Status::internal).boxed())).boxed()
    }

    fn exec(
        &self,
        namespace: &str,
        pod: &str,
        options: SessionOptions,
    ) -> BoxFuture<'static, Result<Session, Refused>> {
        let (kubelet, namespace, pod) = (self.0.clone(), namespace.to_owned(), pod.to_owned());
        async move { kubelet.exec(&namespace, &pod, options).await.map(session) }.boxed()
    }

    fn attach(
        &self,
        namespace: &str,
        pod: &str,
        options: SessionOptions,
    ) -> BoxFuture<'static, Result<Session, Refused>> {
        ready(self.0.attach(namespace, pod, &options).map(session)).boxed()
    }

    fn port_forward(&self, namespace: &str, pod: &str) -> BoxFuture<'static, Result<Arc<dyn Ports>, Refused>> {
        let ports = self.0.port_forward(namespace, pod).map(|pod| Arc::new(PodPorts(pod)) as Arc<dyn Ports>);
        ready(ports).boxed()
    }
}

fn session(session: kubelet::runtime::Session) -> Session {
    Session { stdin: session.stdin, resize: session.resize, events: session.events }
}

/// The ports of a pod.
struct PodPorts(ForwardTarget);

impl Ports for PodPorts {
    fn pod(&self) -> &str {
        &self.0.pod
    }

    fn connect(&self, port: u16) -> BoxFuture<'static, Connected> {
        let target = self.0.clone();
        async move { Ok(Box::new(kubelet::connect(&target, port).await?) as Box<dyn Duplex>) }.boxed()
    }
}
