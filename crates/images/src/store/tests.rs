//! Images of this machine: layouts and archives, whole and broken.

use serde_json::json;

use super::*;
use crate::layer::tests::Archive;
use crate::layout::digest_of;

struct Bench {
    folder: tempfile::TempDir,
    store: Arc<Store>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path().join("images"));
        Self { folder, store }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn put(&self, layout: &str, bytes: &[u8]) -> serde_json::Value {
        let digest = digest_of(bytes);
        let blobs = self.at(layout).join("blobs/sha256");
        fs::create_dir_all(&blobs).expect("folders");
        fs::write(blobs.join(&digest[7..]), bytes).expect("a file");
        json!({"mediaType": "application/x", "digest": digest, "size": bytes.len()})
    }

    /// A layout with one image, and the digests of its layers as they are.
    fn layout(&self, name: &str, layers: &[Vec<u8>]) -> PathBuf {
        let diff_ids: Vec<String> = layers.iter().map(|layer| digest_of(layer)).collect();
        let config = json!({"config": {"Entrypoint": ["/bin/app"], "Env": ["A=1"]}, "rootfs": {"diff_ids": diff_ids}});
        let layers: Vec<_> = layers.iter().map(|layer| self.put(name, layer)).collect();
        let config = self.put(name, config.to_string().as_bytes());
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers}).to_string();
        let mut descriptor = self.put(name, manifest.as_bytes());
        descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": "v1"});
        let index = json!({"schemaVersion": 2, "manifests": [descriptor]});
        fs::write(self.at(name).join("index.json"), index.to_string()).expect("a file");
        self.at(name)
    }

    fn archive(&self, directory: &Path) -> PathBuf {
        let path = self.at("archive.tar");
        let mut builder = tar::Builder::new(File::create(&path).expect("a file"));
        builder.append_dir_all(".", directory).expect("written");
        builder.finish().expect("written");
        path
    }

    fn roots(&self) -> usize {
        fs::read_dir(self.at("images/roots")).map_or(0, Iterator::count)
    }
}

fn layers() -> Vec<Vec<u8>> {
    let lower = Archive::default().program("bin/app", b"app").file("etc/motd", "old");
    vec![lower.bytes(), Archive::default().file("etc/motd", "new").bytes()]
}

#[tokio::test]
async fn a_layout_becomes_a_root() {
    let bench = Bench::new();
    let layout = bench.layout("layout", &layers());
    let image = bench.store.import(&Local::Layout(layout.clone(), Some("v1".to_owned()))).await.expect("imported");
    assert_eq!(fs::read_to_string(image.root.join("etc/motd")).expect("a file"), "new");
    assert_eq!((image.config.entrypoint.as_slice(), image.digest.as_ref()), (&["/bin/app".to_owned()][..], None));
    assert!(image.id.starts_with("sha256:") && image.size > 0);
    let again = bench.store.import(&Local::Layout(layout.clone(), None)).await.expect("imported");
    assert_eq!((again, bench.roots()), (image, 1));
    let error = bench.store.import(&Local::Layout(layout, Some("v2".to_owned()))).await.expect_err("no such tag");
    assert_eq!(error.to_string(), "v2: not found");
}

#[tokio::test]
async fn archives_of_both_kinds_become_roots() {
    let bench = Bench::new();
    let archive = bench.archive(&bench.layout("layout", &layers()));
    let local = Local::LayoutArchive(archive, None);
    let image = bench.store.import(&local).await.expect("imported");
    assert_eq!(bench.store.import(&local).await.expect("imported"), image);
    let saved = bench.at("saved");
    fs::create_dir(&saved).expect("a folder");
    let layers = layers();
    let diff_ids: Vec<String> = layers.iter().map(|layer| digest_of(layer)).collect();
    fs::write(saved.join("c.json"), json!({"rootfs": {"diff_ids": diff_ids}}).to_string()).expect("a file");
    for (index, layer) in layers.iter().enumerate() {
        fs::write(saved.join(format!("{index}.tar")), layer).expect("a file");
    }
    let manifest = json!([{"Config": "c.json", "RepoTags": ["app:v1"], "Layers": ["0.tar", "1.tar"]}]);
    fs::write(saved.join("manifest.json"), manifest.to_string()).expect("a file");
    let archive = bench.archive(&saved);
    let named = Local::SavedArchive(archive.clone(), Some("app:v1".to_owned()));
    let image = bench.store.import(&named).await.expect("imported");
    assert_eq!(fs::read_to_string(image.root.join("etc/motd")).expect("a file"), "new");
    let other = Local::SavedArchive(archive, Some("app:v2".to_owned()));
    assert_eq!(bench.store.import(&other).await.expect_err("no such name").to_string(), "app:v2: not found");
}

#[tokio::test]
async fn what_is_not_what_its_digest_says_is_refused_and_leaves_nothing() {
    let bench = Bench::new();
    let layers = layers();
    let layout = bench.layout("layout", &layers);
    let blobs = layout.join("blobs/sha256");
    fs::write(blobs.join(&digest_of(&layers[1])[7..]), Archive::default().file("etc/motd", "evil").bytes())
        .expect("a file");
    let error = bench.store.import(&Local::Layout(layout.clone(), None)).await.expect_err("refused");
    assert!(matches!(&*error, Error::Digest { .. }), "{error}");
    for blob in fs::read_dir(&blobs).expect("it is there") {
        let path = blob.expect("a file").path();
        if fs::metadata(&path).expect("a file").len() < 512 {
            fs::write(&path, "{}").expect("a file");
        }
    }
    let error = bench.store.import(&Local::Layout(layout, None)).await.expect_err("refused");
    assert!(matches!(&*error, Error::Digest { .. }), "{error}");
    assert_eq!((bench.roots(), fs::read_dir(bench.at("images/tmp")).map_or(0, Iterator::count)), (0, 0));
}

#[tokio::test]
async fn a_layout_cannot_point_out_of_itself() {
    let bench = Bench::new();
    let layout = bench.layout("layout", &layers());
    fs::write(bench.at("secret"), "{}").expect("a file");
    fs::remove_file(layout.join("index.json")).expect("removed");
    std::os::unix::fs::symlink(bench.at("secret"), layout.join("index.json")).expect("a link");
    assert!(bench.store.import(&Local::Layout(layout.clone(), None)).await.is_err());
    fs::remove_file(layout.join("index.json")).expect("removed");
    let index = json!({"manifests": [{"digest": "sha256:../../../secret", "size": 2}]});
    fs::write(layout.join("index.json"), index.to_string()).expect("a file");
    let error = bench.store.import(&Local::Layout(layout, None)).await.expect_err("refused");
    assert!(error.to_string().contains("not sha256:HEX"), "{error}");
}

#[tokio::test]
async fn many_who_want_the_same_get_it_once_and_what_a_dead_server_left_is_swept() {
    let bench = Bench::new();
    let layout = Local::Layout(bench.layout("layout", &layers()), None);
    let images = futures::future::join_all((0..8).map(|_| bench.store.import(&layout))).await;
    assert!(images.iter().all(|image| image.as_ref().is_ok_and(|image| image.root.is_dir())));
    assert_eq!((bench.roots(), bench.store.flights.lock().len()), (1, 0));
    fs::create_dir_all(bench.at("images/tmp/half/rootfs")).expect("folders");
    let next = Store::new(bench.at("images"));
    assert_eq!(next.find(&Name::parse("app").expect("a name")), None);
    assert_eq!((bench.roots(), bench.at("images/tmp").exists()), (0, false));
}

#[tokio::test]
async fn a_server_that_ends_waits_for_no_layer() {
    let bench = Bench::new();
    let layout = bench.layout("layout", &layers());
    bench.store.close();
    assert!(bench.store.import(&Local::Layout(layout, None)).await.is_err());
}
