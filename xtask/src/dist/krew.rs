//! The plugin's manifest for krew: <https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/>. It goes into an index of
//! our own (`plugins/job.yaml` in a Git repository: `kubectl krew index add`), since krew's default index takes no
//! name as short as `job`.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Archive, name, version};

/// The name below which krew knows the plugin.
pub(super) const PLUGIN: &str = "job";

/// The manifest, as YAML.
///
/// # Errors
/// When an archive has no plain name.
pub(super) fn manifest(archives: &[Archive], download_url: &str, homepage: &str) -> anyhow::Result<String> {
    // Selectors of a manifest may not overlap: where there is a static program, it serves both libcs.
    let chosen = archives.iter().filter(|archive| {
        let has_static = |other: &Archive| other.platform.is_static && other.platform.arch == archive.platform.arch;
        archive.platform.is_static || !archives.iter().any(has_static)
    });
    let platforms = chosen.map(|archive| platform(archive, download_url)).collect::<anyhow::Result<Vec<Value>>>()?;
    let manifest = json!({
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": PLUGIN},
        "spec": {
            "version": format!("v{}", version()),
            "homepage": homepage,
            "shortDescription": "Run and test Kubernetes Jobs locally",
            "description": "Runs Jobs and CronJobs on this machine, without a cluster: an API server in memory, a Job\n\
                            controller that behaves as upstream's does, and pods that are processes. Time can be skipped,\n\
                            and every decision is explained. The same verbs work against a real cluster.\n",
            "platforms": platforms,
        },
    });
    serde_yaml::to_string(&manifest).context("write the manifest")
}

fn platform(archive: &Archive, download_url: &str) -> anyhow::Result<Value> {
    let file = name(&archive.path);
    let root = file.strip_suffix(".tar.gz").context("an archive's name")?;
    let copied = |from: &str| json!({"from": format!("{root}/{from}"), "to": "."});
    Ok(json!({
        "selector": {"matchLabels": {"os": archive.platform.os, "arch": archive.platform.arch}},
        "uri": format!("{}/{file}", download_url.trim_end_matches('/')),
        "sha256": archive.sum,
        "bin": "kubectl-job",
        // krew refuses a plugin that does not bring its licence along.
        "files": [copied("kubectl-job"), copied("LICENSE")],
    }))
}
