//! A container's image: found, pulled or unpacked as [`crate::image::source`] says, with Events in upstream's words
//! (`pkg/kubelet/images/image_manager.go`), and its root file system made ready for one run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::k8s::api::core::v1::{Container, Secret};
use images::{Identity, Image, Login, Name, RunConfig};
use jiff::SignedDuration;

use super::Shared;
use super::entry::PodEntry;
use super::perform::tell;
use super::prepare::Refusal;
use crate::image::ImageSource;
use crate::plan::{ImageStatus, PodEvent};
use crate::runtime::sandbox::Root;
use crate::sandbox;

/// Below a pod's own directory: what its containers write beside their images' files.
const ROOTS: &str = "roots";
/// Below the state directory.
pub(super) const IMAGES: &str = "images";
/// Below that: where it is tried whether the kernel puts layers over each other.
const TRIAL: &str = "trial";

/// An image that is there, for one container.
pub(super) struct Ready {
    /// Its files, which nobody writes.
    base: PathBuf,
    /// What it says of its programs.
    pub(super) config: RunConfig,
    /// Who its program runs as, unless the pod says so.
    pub(super) identity: Identity,
    /// Whether people were told how it came here.
    pub(super) told: bool,
}

/// Sees to it that a container's image is there; `None` where the host's files stand for it.
pub(super) async fn ensure(
    shared: &Shared,
    pod: &PodEntry,
    (index, container): (usize, &Container),
    source: ImageSource<'_>,
) -> Result<Option<Ready>, Refusal> {
    let image = &pod.facts.containers[index].image;
    let (found, told) = match source {
        ImageSource::Host | ImageSource::Program(_) => return Ok(None),
        ImageSource::Invalid(text) => {
            let message = format!("Failed to apply default image tag {image:?}: {text}");
            tell(shared, pod, &PodEvent::warning(index, "InspectFailed", message.clone()));
            return Err(Refusal::Name(message));
        }
        ImageSource::Rootfs(directory) if directory.is_dir() => (directory_as_image(directory), false),
        ImageSource::Rootfs(directory) => {
            let text = format!("{}: no such directory", directory.display());
            return Err(failed(shared, pod, index, &text));
        }
        ImageSource::Local(local) => {
            let imported = shared.images.import(local).await;
            (imported.map_err(|error| failed(shared, pod, index, &error.to_string()))?, false)
        }
        ImageSource::Nowhere => return Err(nowhere(shared, pod, index, container)),
        ImageSource::Registry(name) => of_registry(shared, pod, (index, container), &name).await?,
    };
    let id = found.digest.clone().unwrap_or_else(|| found.id.clone());
    pod.memory.lock().has_image(index, ImageStatus { image: image.clone(), id });
    let user = pod.pod.spec.as_ref().and_then(|spec| sandbox::user(spec, container));
    let user = user.map_or_else(|| found.config.user.clone(), |user| user.to_string());
    let identity = images::identity(&found.root, &user).map_err(|error| Refusal::Create(error.to_string()))?;
    Ok(Some(Ready { base: found.root.clone(), config: found.config.clone(), identity, told }))
}

fn directory_as_image(directory: &Path) -> Arc<Image> {
    let (id, config) = (String::new(), RunConfig::default());
    Arc::new(Image { id, root: directory.to_owned(), config, digest: None, size: 0 })
}

/// An image of a registry, as the container's policy has it, and whether people were told of it.
async fn of_registry(
    shared: &Shared,
    pod: &PodEntry,
    (index, container): (usize, &Container),
    name: &Name,
) -> Result<(Arc<Image>, bool), Refusal> {
    let policy = container.image_pull_policy.as_deref().unwrap_or("IfNotPresent");
    if policy != "Always"
        && let Some(found) = shared.images.find(name)
    {
        return Ok((Arc::new(found), false));
    }
    let image = &pod.facts.containers[index].image;
    if policy == "Never" {
        return Err(never(shared, pod, index));
    }
    let logins = logins(shared, pod, name).await;
    tell(shared, pod, &PodEvent::normal(index, "Pulling", format!("Pulling image {image:?}")));
    let began = shared.clock.now();
    let pulled = shared.images.pull(name, logins).await;
    let pulled = pulled.map_err(|error| failed(shared, pod, index, &error.to_string()))?;
    let took = duration_text(shared.clock.now().duration_since(began));
    let message = format!(
        "Successfully pulled image {image:?} in {took} ({took} including waiting). Image size: {} bytes.",
        pulled.size
    );
    tell(shared, pod, &PodEvent::normal(index, "Pulled", message));
    Ok((pulled, true))
}

/// An image that no rule maps, where only those are there.
fn nowhere(shared: &Shared, pod: &PodEntry, index: usize, container: &Container) -> Refusal {
    if container.image_pull_policy.as_deref() == Some("Never") {
        return never(shared, pod, index);
    }
    let image = &pod.facts.containers[index].image;
    tell(shared, pod, &PodEvent::normal(index, "Pulling", format!("Pulling image {image:?}")));
    let text = format!(
        "images are strict here, and {image:?} is not mapped: map it with --map-image {image}=PROGRAM, \
         or leave out --strict-images"
    );
    failed(shared, pod, index, &text)
}

fn never(shared: &Shared, pod: &PodEntry, index: usize) -> Refusal {
    let image = &pod.facts.containers[index].image;
    let message = format!("Container image {image:?} is not present with pull policy of Never");
    tell(shared, pod, &PodEvent::warning(index, "ErrImageNeverPull", message.clone()));
    Refusal::NeverPull(message)
}

fn failed(shared: &Shared, pod: &PodEntry, index: usize, text: &str) -> Refusal {
    let image = &pod.facts.containers[index].image;
    tell(shared, pod, &PodEvent::warning(index, "Failed", format!("Failed to pull image {image:?}: {text}")));
    Refusal::Pull(text.to_owned())
}

/// The logins for a registry in the pod's secrets.
async fn logins(shared: &Shared, pod: &PodEntry, name: &Name) -> Vec<Login> {
    let spec = pod.pod.spec.as_ref();
    let names = spec.and_then(|spec| spec.image_pull_secrets.as_deref()).unwrap_or_default();
    let (mut logins, mut missing) = (Vec::new(), Vec::new());
    for reference in names {
        let secret = shared.client.api::<Secret>(Some(pod.namespace())).get(&reference.name).await;
        match secret.ok().and_then(|secret| logins_of(&secret, name)) {
            Some(found) => logins.extend(found),
            None => missing.push(reference.name.as_str()),
        }
    }
    if !missing.is_empty() {
        let message = format!(
            "Unable to retrieve some image pull secrets ({}); attempting to pull the image may not succeed.",
            missing.join(", ")
        );
        let event = PodEvent::warning(0, "FailedToRetrieveImagePullSecret", message);
        tell(shared, pod, &PodEvent { container: None, ..event });
    }
    logins
}

/// `None` when a secret holds no credentials.
fn logins_of(secret: &Secret, name: &Name) -> Option<Vec<Login>> {
    let data = secret.data.as_ref()?;
    let forms = [(".dockerconfigjson", false), (".dockercfg", true)];
    let (text, old) = forms.iter().find_map(|(key, old)| Some((data.get(*key)?, *old)))?;
    images::logins(&text.0, old, name).ok()
}

/// Whole milliseconds as Go prints durations: `1.5s`, `250ms`, `1m2.003s`.
fn duration_text(duration: SignedDuration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or_default();
    if millis == 0 {
        return "0s".to_owned();
    }
    if millis < 1000 {
        return format!("{millis}ms");
    }
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let seconds = format!("{}.{:03}", rest / 1000, rest % 1000);
    let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// A root for one run, whose writes are its own: a layer over the image where the kernel gives it, else a copy. What the
/// run before has written goes.
pub(super) async fn private_root(
    shared: &Shared,
    pod: &PodEntry,
    container: &str,
    ready: &Ready,
) -> Result<Root, Refusal> {
    let (base, own) = (ready.base.clone(), roots(shared, pod).join(container));
    let layered = has_layers(shared).await;
    let made = tokio::task::spawn_blocking(move || {
        images::remove_tree(&own)?;
        std::fs::create_dir_all(&own)?;
        if layered {
            return Ok(Root { base, layer: Some(own) });
        }
        let copy = own.join("copy");
        images::copy_tree(&base, &copy)?;
        Ok(Root { base: copy, layer: None })
    });
    let failed = |error: std::io::Error| Refusal::Runtime(format!("make a root: {error}"));
    made.await.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(failed)
}

fn roots(shared: &Shared, pod: &PodEntry) -> PathBuf {
    shared.scratch(pod.uid.as_str()).join(ROOTS)
}

/// Removes what a pod's containers have written beside their images, once nothing of it runs any more.
pub(super) fn remove_roots(shared: &Shared, pod: &PodEntry) {
    super::remove(&roots(shared, pod));
}

/// Whether the kernel lets this user put layers over each other where the state lies; tried once.
async fn has_layers(shared: &Shared) -> bool {
    let trial = shared.config.state_directory.join(IMAGES).join(TRIAL);
    let (base, layer) = (trial.join("base"), trial.join("layer"));
    let made = |path: &Path| std::fs::create_dir_all(path).is_ok();
    let tried = async {
        let root = Root { base: base.clone(), layer: Some(layer.clone()) };
        made(&base) && made(&layer) && shared.runtime.has_layers(root).await
    };
    let holds = *shared.layers.get_or_init(|| tried).await;
    if trial.exists() {
        super::remove(&trial);
    }
    holds
}

/// Upstream's numbers of signals by name, as images name them.
pub(super) fn stop_signal(config: &RunConfig) -> Option<i32> {
    let text = config.stop_signal.as_deref()?;
    if let Ok(number) = text.parse() {
        return (1..=64).contains(&number).then_some(number);
    }
    let name = if text.starts_with("SIG") { text.to_owned() } else { format!("SIG{text}") };
    name.parse::<nix::sys::signal::Signal>().ok().map(|signal| signal as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_printed_as_go_prints_them() {
        let cases =
            [(0, "0s"), (250, "250ms"), (1500, "1.5s"), (62_003, "1m2.003s"), (120_000, "2m0s"), (3_600_000, "1h0m0s")];
        for (millis, text) in cases {
            assert_eq!(duration_text(SignedDuration::from_millis(millis)), text);
        }
    }

    #[test]
    fn an_image_names_the_signal_that_stops_it() {
        let signal =
            |text: &str| stop_signal(&RunConfig { stop_signal: Some(text.to_owned()), ..RunConfig::default() });
        assert_eq!([signal("SIGQUIT"), signal("QUIT"), signal("3")], [Some(3); 3]);
        assert_eq!([signal("SIGNONE"), signal("99"), stop_signal(&RunConfig::default())], [None; 3]);
    }
}
