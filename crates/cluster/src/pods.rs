//! The kubelet, over the runtime that the configuration asks for.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;

use client::Client;
use kubelet::logs::Logs;
use kubelet::runtime::Runtime;
use kubelet::runtime::process::{ProcessConfig, ProcessRuntime};
use kubelet::runtime::scripted::ScriptedRuntime;
use kubelet::{Containers, Kubelet, KubeletConfig};

use crate::config::{Config, Error, Pods};
use crate::network::Network;

/// Pods that a node acts out at one time: they cost memory only.
const SCRIPTED_PODS_MAX: u32 = 200_000;

/// Where the kubelet writes down which supervisor there is.
const RECORDS: &str = "supervisors";

/// Starts the kubelet.
///
/// # Errors
/// When the state directory cannot be made, or the supervisor does not start.
pub(crate) fn start(config: &Config, network: &Network, client: Client) -> Result<Kubelet, Error> {
    let clock = config.clock.clone();
    let (mut kubelet, containers) = match &config.pods {
        Pods::Processes { state_dir, supervisor } => {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(state_dir);
            made.map_err(|source| Error::StateDir { path: state_dir.clone(), source })?;
            let process = ProcessConfig {
                supervisor_program: supervisor.program.clone(),
                supervisor_args: supervisor.args.clone(),
                records: Some(state_dir.join(RECORDS)),
            };
            let logs = Arc::new(Logs::default());
            let (runtime, exits) = ProcessRuntime::start(&process, clock.clone(), logs.clone())?;
            let mut kubelet = KubeletConfig::new(&config.node_name, state_dir.clone());
            kubelet.log_archive.clone_from(&config.log_archive);
            kubelet.image_rules.clone_from(&config.image_map);
            kubelet.heartbeat = config.stepper.is_none();
            kubelet.unmapped_images = config.unmapped_images;
            (kubelet, Containers { runtime: Arc::new(runtime) as Arc<dyn Runtime>, exits, logs })
        }
        Pods::Scripted(script) => {
            let logs = Arc::new(Logs::in_memory());
            let (runtime, exits) = ScriptedRuntime::start(script.clone(), clock.clone(), logs.clone());
            let mut kubelet = KubeletConfig::new(&config.node_name, PathBuf::new());
            kubelet.pods_max = SCRIPTED_PODS_MAX;
            kubelet.heartbeat = config.stepper.is_none();
            (kubelet, Containers { runtime: Arc::new(runtime) as Arc<dyn Runtime>, exits, logs })
        }
    };
    kubelet.pod_range = network.pods;
    Ok(Kubelet::start(kubelet, client, clock, containers))
}
