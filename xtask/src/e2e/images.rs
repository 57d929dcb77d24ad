//! Images from a real registry, Debian's `docker-registry`, on loopback: pulled, run, and refused in upstream's words when
//! it has no such image, wants to know who asks, gives other bytes than it promised, or is gone. And never pulled unless
//! that was asked for.

mod image;
mod pods;
mod registry;

use std::fs;

use serde_json::json;

use super::Context;
use super::report::Report;
use crate::server::Server;
use image::Image;
use pods::{Pods, container};
use registry::Registry;

/// Runs the suite.
///
/// # Errors
/// When the registry, its image or a server cannot be had.
pub(super) fn run(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    report.group("images from a registry");
    let folder = tempfile::Builder::new().prefix("images-").tempdir()?;
    let image = Image::make(folder.path())?;
    let registry = Registry::start(folder.path(), "open", false)?;
    registry.push("team/v1", "v1", &image)?;
    registry.push("team/broken", "v1", &image)?;
    // Other bytes, so that one image does not stand for another.
    registry.push("team/other", "v1", &Image::another(folder.path(), "other")?)?;
    registry.push("team/evil", "v1", &Image::evil(folder.path())?)?;
    let server = Server::start(&context.binary, &["--pull"])?;
    let pods = Pods::of(&server)?;
    pulled(&pods, &registry, report)?;
    refused(&pods, &registry, &image, report)?;
    credentials(&pods, folder.path(), report)?;
    let name = registry.name("team/other");
    drop(registry);
    gone(&pods, &name, report)?;
    server.stop()?;
    never_unasked(context, folder.path(), &image, report)
}

fn pulled(pods: &Pods, registry: &Registry, report: &mut Report) -> anyhow::Result<()> {
    let name = registry.name("team/v1");
    pods.create("first", &container(&name, json!({})))?;
    let ended = pods.ends("first");
    let said = pods.log("first")?;
    let right = said == "entry argument from-image /work\n";
    report.check("an image is pulled and its config honoured", ended.and(if right { Ok(()) } else { Err(said) }));
    let id = pods.container("first")?["imageID"].as_str().unwrap_or_default().to_owned();
    let whole = id.starts_with(&format!("{}@sha256:", name.trim_end_matches(":v1")));
    report.check("imageID is the digest of its manifest", if whole { Ok(()) } else { Err(id) });
    report.check(
        "the pull is told",
        pods.told(&[
            ("Pulling", &format!("Pulling image \"{name}\"")),
            ("Pulled", &format!("Successfully pulled image \"{name}\" in ")),
            ("Pulled", " bytes."),
        ]),
    );
    pods.create("second", &container(&name, json!({"imagePullPolicy": "Never"})))?;
    report.check("what was pulled is there for Never", pods.ends("second"));
    let present = format!("Container image \"{name}\" already present on machine and can be accessed by the pod");
    report.check("and is not pulled again", pods.told(&[("Pulled", &present)]));
    for number in 0..5 {
        pods.create(&format!("many-{number}"), &container(&registry.name("team/other"), json!({})))?;
    }
    report.check("many pods run an image at once", (0..5).try_for_each(|number| pods.ends(&format!("many-{number}"))));
    let asked = registry.count("GET", "/v2/team/other/blobs/");
    report.check("and its parts are fetched once", if asked == 2 { Ok(()) } else { Err(format!("{asked} times")) });
    Ok(())
}

fn refused(pods: &Pods, registry: &Registry, image: &Image, report: &mut Report) -> anyhow::Result<()> {
    let missing = registry.name("team/v1").replace(":v1", ":v2");
    pods.create("missing", &container(&missing, json!({})))?;
    let text = format!(
        "Back-off pulling image \"{missing}\": ErrImagePull: failed to pull and unpack image \"{missing}\": failed to resolve reference \"{missing}\": {missing}: not found"
    );
    report.check("a tag that is not there is not found", pods.waits("missing", "ImagePullBackOff", &text));
    report.check(
        "the failure is told",
        pods.told(&[
            ("Failed", &format!("Failed to pull image \"{missing}\": ")),
            ("Failed", "Error: ErrImagePull"),
            ("BackOff", &format!("Back-off pulling image \"{missing}\"")),
        ]),
    );
    pods.create("never", &container(&missing, json!({"imagePullPolicy": "Never"})))?;
    let text = format!("Container image \"{missing}\" is not present with pull policy of Never");
    report.check("Never pulls nothing", pods.waits("never", "ErrImageNeverPull", &text));
    pods.create("invalid", &container("Not A Name", json!({})))?;
    let text = "Failed to apply default image tag \"Not A Name\": couldn't parse image name \"Not A Name\": invalid reference format";
    report.check("a name that is none is refused", pods.waits("invalid", "InvalidImageName", text));
    registry.tamper(&image.layer)?;
    pods.create("tampered", &container(&registry.name("team/broken"), json!({"imagePullPolicy": "Always"})))?;
    // It has the same config as the image that is there, so what is asked for is only the manifest.
    report.check("what is there by its digest is not fetched again", pods.ends("tampered"));
    let evil = registry.name("team/evil");
    pods.create("evil", &container(&evil, json!({})))?;
    report.check("a layer that leaves its root is refused", pods.waits("evil", "ImagePullBackOff", "leaves the image"));
    let escaped = std::path::Path::new("/tmp/made-by-an-evil-image").exists();
    report.check("and has made nothing", if escaped { Err("it has".to_owned()) } else { Ok(()) });
    Ok(())
}

fn credentials(pods: &Pods, folder: &std::path::Path, report: &mut Report) -> anyhow::Result<()> {
    let registry = Registry::start(folder, "closed", true)?;
    let own = Image::another(folder, "secret")?;
    registry.push("team/secret", "v1", &own)?;
    let name = registry.name("team/secret");
    pods.create("stranger", &container(&name, json!({})))?;
    let denied = "pull access denied, repository does not exist or may require authorization: authorization failed";
    report.check("a stranger is refused", pods.waits("stranger", "ImagePullBackOff", denied));
    pods.secret("wrong", &registry.host(), "guess")?;
    let mut spec = container(&name, json!({}));
    spec["imagePullSecrets"] = json!([{"name": "wrong"}]);
    pods.create("guesser", &spec)?;
    report.check("a wrong password is refused", pods.waits("guesser", "ImagePullBackOff", denied));
    pods.secret("right", &registry.host(), registry::PASSWORD)?;
    spec["imagePullSecrets"] = json!([{"name": "absent"}, {"name": "right"}]);
    registry.tamper(&own.layer)?;
    pods.create("cheated", &spec)?;
    report.check("other bytes than were promised are refused", pods.waits("cheated", "ImagePullBackOff", "igest"));
    report.check(
        "a secret that is missing is told",
        pods.told(&[(
            "FailedToRetrieveImagePullSecret",
            "Unable to retrieve some image pull secrets (absent); attempting to pull the image may not succeed.",
        )]),
    );
    registry.mend(&own.layer)?;
    report.check("and once they are right it runs", pods.ends("cheated"));
    Ok(())
}

fn gone(pods: &Pods, name: &str, report: &mut Report) -> anyhow::Result<()> {
    pods.create("offline", &container(name, json!({})))?;
    report.check("what is there needs no registry", pods.ends("offline"));
    pods.create("unreachable", &container(name, json!({"imagePullPolicy": "Always"})))?;
    let refused = pods.waits("unreachable", "ImagePullBackOff", "refused");
    report.check("a registry that is gone is told", refused);
    Ok(())
}

/// Without the flag nobody is asked.
fn never_unasked(
    context: &Context<'_>,
    folder: &std::path::Path,
    image: &Image,
    report: &mut Report,
) -> anyhow::Result<()> {
    let registry = Registry::start(folder, "unasked", false)?;
    registry.push("team/v1", "v1", image)?;
    let before = registry.count("GET", "/v2/");
    let server = Server::start(&context.binary, &[])?;
    let pods = Pods::of(&server)?;
    pods.create("plain", &container(&registry.name("team/v1"), json!({"imagePullPolicy": "Always"})))?;
    report.check("without --pull an image is a name", pods.waits("plain", "ErrImagePull", "is not downloaded"));
    let asked = registry.count("GET", "/v2/") - before;
    report.check("and no registry is asked", if asked == 0 { Ok(()) } else { Err(format!("{asked} requests")) });
    server.stop()?;
    let server = Server::start(&context.binary, &[&format!("--map-image=boxed=oci:{}", image.layout.display())])?;
    let pods = Pods::of(&server)?;
    pods.create("boxed", &container("boxed", json!({})))?;
    report.check("an image of this machine runs without a registry", pods.ends("boxed"));
    let images = server.state().join("data/images");
    server.stop()?;
    let kept = fs::read_dir(images.join("roots")).map_or(0, Iterator::count);
    let right = if kept == 1 { Ok(()) } else { Err(format!("{kept} roots")) };
    report.check("and is kept in the state directory", right);
    Ok(())
}
