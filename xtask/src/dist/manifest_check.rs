//! What krew's own validator asks of a manifest (`cmd/validate-krew-manifest` and `internal/index/validation`), asked here,
//! where krew is not at hand: the rules that our manifest could break.

use std::collections::BTreeSet;
use std::fs::File;

use anyhow::{Context as _, ensure};
use flate2::read::GzDecoder;
use serde_json::Value;

use super::{Archive, krew, name};

/// Checks a manifest against the archives that it names.
///
/// # Errors
/// The rule that is broken.
pub(super) fn check(text: &str, archives: &[Archive]) -> anyhow::Result<()> {
    let manifest: Value = serde_yaml::from_str(text).context("the manifest is no YAML")?;
    let at = |pointer: &str| {
        manifest.pointer(pointer).and_then(Value::as_str).with_context(|| format!("{pointer} is missing"))
    };
    ensure!(at("/apiVersion")? == "krew.googlecontainertools.github.com/v1alpha2" && at("/kind")? == "Plugin");
    ensure!(at("/metadata/name")? == krew::PLUGIN, "a manifest is named as its file");
    let version = at("/spec/version")?.strip_prefix('v').context("versions begin with v")?;
    ensure!(version.split('.').count() == 3, "{version} is no semantic version");
    let short = at("/spec/shortDescription")?;
    ensure!(short.len() <= 50 && !short.contains('\n'), "the short description is one short line");
    ensure!(at("/spec/homepage")?.starts_with("https://"), "the homepage is an https address");
    at("/spec/description")?;
    let platforms = manifest.pointer("/spec/platforms").and_then(Value::as_array).context("there are no platforms")?;
    ensure!(!platforms.is_empty(), "there are no platforms");
    let mut selectors = BTreeSet::new();
    for platform in platforms {
        ensure!(selectors.insert(platform["selector"].to_string()), "two platforms have one selector");
        check_platform(platform, archives)?;
    }
    Ok(())
}

fn check_platform(platform: &Value, archives: &[Archive]) -> anyhow::Result<()> {
    let text = |field: &str| platform[field].as_str().with_context(|| format!("a platform has no {field}"));
    let uri = text("uri")?;
    ensure!(uri.starts_with("https://") && uri.ends_with(".tar.gz"), "{uri} is no archive that krew downloads");
    let archive = archives.iter().find(|archive| uri.ends_with(name(&archive.path)));
    let archive = archive.with_context(|| format!("{uri} names no archive"))?;
    ensure!(text("sha256")? == archive.sum, "the sum of {uri} is another one");
    let packed = packed(archive)?;
    let mut extracted = BTreeSet::new();
    for file in platform["files"].as_array().context("a platform has no files")? {
        let from = file["from"].as_str().context("a file comes from somewhere")?;
        ensure!(packed.contains(from), "{from} is not in {uri}");
        ensure!(file["to"] == ".", "files go into the plugin's folder");
        extracted.insert(from.rsplit('/').next().unwrap_or(from).to_owned());
    }
    ensure!(extracted.contains("LICENSE"), "krew wants a licence beside the program");
    ensure!(extracted.contains(text("bin")?), "the program is not among the files");
    Ok(())
}

fn packed(archive: &Archive) -> anyhow::Result<BTreeSet<String>> {
    let mut tar = tar::Archive::new(GzDecoder::new(File::open(&archive.path)?));
    tar.entries()?.map(|entry| Ok(entry?.path()?.display().to_string())).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{Archive, Platform, archive, sum};
    use super::*;

    fn made(folder: &std::path::Path) -> Archive {
        let root = folder.join("kubectl-job-v0.1.0-linux-amd64");
        fs::create_dir(&root).expect("made");
        for file in ["kubectl-job", "LICENSE"] {
            fs::write(root.join(file), file).expect("written");
        }
        let path = folder.join("kubectl-job-v0.1.0-linux-amd64.tar.gz");
        archive::write(&root, &path).expect("packed");
        let sum = sum(&path).expect("summed");
        let platform =
            Platform { triple: "x86_64-unknown-linux-gnu".to_owned(), os: "linux", arch: "amd64", is_static: false };
        Archive { platform, path, sum }
    }

    #[test]
    fn our_manifest_is_right_and_broken_ones_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let archives = [made(folder.path())];
        let text = krew::manifest(&archives, "https://example.com/v0.1.0/", "https://example.com").expect("written");
        check(&text, &archives).expect("right");
        for (from, to) in [
            (archives[0].sum.as_str(), "00"),
            ("v0.1.0\n", "0.1\n"),
            ("/LICENSE", "/COPYING"),
            ("linux-amd64.tar.gz", "linux-arm64.tar.gz"),
            ("bin: kubectl-job", "bin: job"),
            ("https://example.com\n", "http://example.com\n"),
        ] {
            let broken = text.replace(from, to);
            assert_ne!(broken, text, "{from}");
            assert!(check(&broken, &archives).is_err(), "{to}");
        }
    }

    #[test]
    fn a_static_program_takes_the_place_of_the_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let dynamic = made(folder.path());
        let other = tempfile::tempdir().expect("a folder");
        let mut fixed = made(other.path());
        fixed.platform.is_static = true;
        let archives = [dynamic, fixed];
        let text = krew::manifest(&archives, "https://example.com", "https://example.com").expect("written");
        assert_eq!(text.matches("uri:").count(), 1);
        check(&text, &archives[1..]).expect("right");
    }
}
