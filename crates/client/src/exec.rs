//! Commands in containers that run: the streams of one, and how it ended. Over WebSockets, by kube's client.

use api::k8s::api::core::v1::Pod;
use futures::future::BoxFuture;
use kube::Api;
use kube::api::{AttachParams, AttachedProcess, TerminalSize};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::Error;

/// A command to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecOptions {
    /// The container; the pod's only one without it.
    pub container: Option<String>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Give it a standard input.
    pub stdin: bool,
    /// Give it a terminal; it has no standard error of its own then.
    pub tty: bool,
}

/// A command that runs in a container. It is cut off when this is dropped.
pub struct Exec {
    /// Its standard input.
    pub stdin: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    /// Its standard output.
    pub stdout: Option<Box<dyn AsyncRead + Send + Unpin>>,
    /// Its standard error.
    pub stderr: Option<Box<dyn AsyncRead + Send + Unpin>>,
    /// Tells its terminal how wide and high it is. A size that finds no room is lost: a later one counts.
    pub resize: Option<Box<dyn FnMut(u16, u16) + Send>>,
    /// How it ends: its exit code. Read its output first, or at the same time.
    pub ended: BoxFuture<'static, Result<i32, Error>>,
}

/// Starts a command.
pub(crate) async fn start(
    client: kube::Client,
    namespace: &str,
    pod: &str,
    options: ExecOptions,
) -> Result<Exec, kube::Error> {
    let pods: Api<Pod> = Api::namespaced(client, namespace);
    let mut parameters =
        AttachParams::default().stdin(options.stdin).stdout(true).stderr(!options.tty).tty(options.tty);
    if let Some(container) = options.container {
        parameters = parameters.container(container);
    }
    let mut process = pods.exec(pod, options.command, &parameters).await?;
    let resize = process.terminal_size().map(|mut sizes| {
        let tell = move |width, height| drop(sizes.try_send(TerminalSize { width, height }));
        Box::new(tell) as Box<dyn FnMut(u16, u16) + Send>
    });
    Ok(Exec {
        stdin: process.stdin().map(|stream| Box::new(stream) as _),
        stdout: process.stdout().map(|stream| Box::new(stream) as _),
        stderr: process.stderr().map(|stream| Box::new(stream) as _),
        resize,
        ended: Box::pin(ended(process)),
    })
}

async fn ended(mut process: AttachedProcess) -> Result<i32, Error> {
    let status = match process.take_status() {
        Some(status) => status.await,
        None => None,
    };
    let Some(status) = status else {
        return Err(Error::Unexpected("a session that ended without a word on how the command did"));
    };
    if status.status.as_deref() == Some("Success") {
        return Ok(0);
    }
    let causes = status.details.and_then(|details| details.causes).unwrap_or_default();
    let code = causes.into_iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    match code.and_then(|cause| cause.message?.parse().ok()) {
        Some(code) => Ok(code),
        None => Err(Error::Status(api::Status::internal(status.message.unwrap_or_default()))),
    }
}
