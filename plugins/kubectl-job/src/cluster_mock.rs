//! Temporary: the composition root's face until it exists.
#![allow(dead_code, clippy::unused_async, missing_docs)]
pub(crate) struct SupervisorCommand {
    pub program: std::path::PathBuf,
    pub args: Vec<std::ffi::OsString>,
}
pub(crate) struct Config {
    pub state_dir: std::path::PathBuf,
    pub supervisor: SupervisorCommand,
    pub image_map: Vec<(String, String)>,
    pub clock: clock::SharedClock,
    pub entropy: clock::SharedEntropy,
    pub node_name: String,
}
pub(crate) struct Endpoint {
    pub address: std::net::SocketAddr,
    pub kubeconfig: String,
}
pub(crate) struct Cluster;
#[derive(Debug, thiserror::Error)]
#[error("the cluster is not part of this build")]
pub(crate) struct Error;
impl Cluster {
    pub(crate) async fn start(_c: Config) -> Result<Self, Error> {
        Err(Error)
    }
    pub(crate) fn client(&self) -> client::Client {
        panic!()
    }
    pub(crate) async fn serve_https(&self, _l: std::net::TcpListener) -> Result<Endpoint, Error> {
        Err(Error)
    }
    pub(crate) fn is_idle(&self) -> bool {
        true
    }
    pub(crate) fn last_request_at(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
    pub(crate) async fn shutdown(self) {}
}
pub(crate) fn supervisor_main() -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}
#[derive(Default)]
pub(crate) struct ConnectOptions {
    pub kubeconfig: Option<std::path::PathBuf>,
    pub context: Option<String>,
    pub server: Option<String>,
}
pub(crate) async fn connect(_o: ConnectOptions) -> Result<(client::Client, String), client::Error> {
    Err(client::Error::Config("no HTTP in this build".into()))
}
