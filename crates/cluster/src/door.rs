//! The two adapters that let the layers meet without naming each other: the API server as the client's door, and the
//! kubelet as the API server's connector.

use std::sync::Arc;

use api::logs::LogOptions;
use api::{Reply, Request, Status};
use apiserver::{ApiServer, Connector, LogStream};
use client::{ByteStream, Door, Error, EventStream};
use futures::future::{BoxFuture, FutureExt, ready};
use futures::{StreamExt, TryStreamExt, stream};
use kubelet::Kubelet;

/// The API server, as an in-process client sees it.
pub(crate) struct ServerDoor(pub(crate) Arc<ApiServer>);

impl Door for ServerDoor {
    fn call(&self, request: Request) -> Result<Reply, Status> {
        self.0.call(request)
    }

    fn watch(&self, request: Request) -> Result<EventStream, Status> {
        let watch = self.0.watch(&request)?;
        let events = stream::unfold(watch, |mut watch| async move { watch.next().await.map(|event| (event, watch)) });
        Ok(events.map(Ok).boxed())
    }

    fn logs(&self, namespace: &str, pod: &str, options: LogOptions) -> BoxFuture<'static, Result<ByteStream, Status>> {
        let (server, namespace, pod) = (self.0.clone(), namespace.to_owned(), pod.to_owned());
        async move {
            let log = server.logs(&namespace, &pod, options).await?;
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
}
