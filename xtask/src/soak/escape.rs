//! Links swapped in volumes while they are mounted. Whoever can write a volume replaces a directory in it with a link to
//! a directory outside, as fast as it can, while pods mount what is below: by `subPath`, and as the place of another
//! mount. What is outside must neither be seen there nor written.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::jobs;
use crate::e2e::report::Report;
use crate::https::Endpoint;
use crate::server::Server;
use crate::shell;

const SECRET: &str = "what-nobody-may-see";
/// Pods at a time; then they are deleted and the next begin.
const BATCH: usize = 8;
/// How long a batch may take to end; a pod whose mount is refused is tried again and again.
const BATCH_LIMIT: Duration = Duration::from_secs(3);

/// Numbers what is put out of the way.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Runs the section.
///
/// # Errors
/// When the server does not start or breaks off.
pub(super) fn run(binary: &Path, length: Duration, report: &mut Report) -> anyhow::Result<()> {
    report.group(&format!("{} s of links swapped in volumes", length.as_secs()));
    let server = Server::start(binary, &[])?;
    let folder = tempfile::tempdir()?;
    let field = Field::prepare(folder.path())?;
    let (stop, swaps) = (AtomicBool::new(false), AtomicUsize::new(0));
    let endpoint = server.endpoint()?;
    let seen = thread::scope(|scope| {
        let attacker = scope.spawn(|| field.attack(&stop, &swaps));
        let seen = mount_for(&endpoint, &field, length);
        stop.store(true, Ordering::SeqCst);
        attacker.join().expect("the attacker does not panic")?;
        seen
    })?;
    report.note(&format!(
        "{} swaps; {} mounts ran, {} were refused",
        swaps.load(Ordering::SeqCst),
        seen.ran,
        seen.refused
    ));
    let enough = seen.ran > 0 && swaps.load(Ordering::SeqCst) > 100;
    report.check("pods ran under attack", if enough { Ok(()) } else { Err("too few".to_owned()) });
    let clean = seen.escapes.is_empty();
    report.check("no pod saw what is outside", if clean { Ok(()) } else { Err(seen.escapes.join("\n")) });
    report.check("nothing outside was written", field.untouched()?);
    server.stop()
}

/// A volume, what is outside of it, and what is swapped.
struct Field {
    volume: PathBuf,
    outside: PathBuf,
}

/// What pods met.
#[derive(Default)]
struct Seen {
    ran: usize,
    refused: usize,
    escapes: Vec<String>,
}

impl Field {
    fn prepare(folder: &Path) -> anyhow::Result<Self> {
        let field = Self { volume: folder.join("volume"), outside: folder.join("outside") };
        fs::create_dir_all(field.volume.join("part"))?;
        fs::create_dir_all(&field.outside)?;
        fs::write(field.outside.join("secret"), SECRET)?;
        symlink(&field.outside, field.volume.join("link"))?;
        Ok(field)
    }

    /// Swaps until told to stop.
    fn attack(&self, stop: &AtomicBool, swaps: &AtomicUsize) -> anyhow::Result<()> {
        while !stop.load(Ordering::SeqCst) {
            self.put("part", "aside")?;
            self.put("link", "part")?;
            let number = swaps.fetch_add(1, Ordering::SeqCst);
            self.put("part", "link")?;
            self.put("aside", "part")?;
            // What was made in it stays out of the way, so that the next mount has something to make again.
            if number.is_multiple_of(64) {
                self.put("part", &format!("old-{number}"))?;
                fs::create_dir_all(self.volume.join("part"))?;
            }
        }
        Ok(())
    }

    /// Gives an entry another name, whatever has that name: somebody may have made what was missing for a moment.
    fn put(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let at = |name: &str| self.volume.join(name);
        for number in 0.. {
            match fs::rename(at(from), at(to)) {
                Ok(()) => break,
                Err(_) if number < 1000 => {
                    let _ = fs::rename(at(to), at(&format!("made-{to}-{}", NEXT.fetch_add(1, Ordering::SeqCst))));
                }
                Err(error) => return Err(error).with_context(|| format!("renaming {from} to {to}")),
            }
        }
        Ok(())
    }

    fn untouched(&self) -> anyhow::Result<Result<(), String>> {
        let names: Vec<_> = fs::read_dir(&self.outside)?.flatten().map(|entry| entry.file_name()).collect();
        let text = fs::read_to_string(self.outside.join("secret"))?;
        let right = names == ["secret"] && text == SECRET;
        Ok(if right { Ok(()) } else { Err(format!("it holds {names:?}, and the secret is {text:?}")) })
    }

    /// Pods of both kinds: one sees the part of a volume, the other has another volume mounted below that part.
    fn pod(&self, name: &str, kind: usize) -> Value {
        let volume = json!({"name": "v", "hostPath": {"path": self.volume}});
        let (mounts, script) = if kind.is_multiple_of(2) {
            (
                json!([{"name": "v", "mountPath": "/soak", "subPath": "part"}]),
                "cat /soak/* 2>/dev/null; : >/soak/written; :",
            )
        } else {
            let own = json!({"name": "own", "mountPath": "/soak/part/made/by-mounting"});
            (json!([{"name": "v", "mountPath": "/soak"}, own]), ": >/soak/part/made/by-mounting/written; :")
        };
        let container =
            json!({"name": "c", "image": "busybox", "command": ["sh", "-c", script], "volumeMounts": mounts});
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {
                "restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container],
                "volumes": [volume, {"name": "own", "emptyDir": {}}],
            },
        })
    }
}

/// Runs batch after batch for so long.
fn mount_for(endpoint: &Endpoint, field: &Field, length: Duration) -> anyhow::Result<Seen> {
    let (begun, mut seen, mut link) = (Instant::now(), Seen::default(), endpoint.connect()?);
    let mut batch = 0;
    while begun.elapsed() < length {
        let names: Vec<String> = (0..BATCH).map(|number| format!("swap-{batch}-{number}")).collect();
        for (kind, name) in names.iter().enumerate() {
            let created = link.post(jobs::PODS, field.pod(name, kind).to_string().as_bytes())?;
            ensure!(created.status == 201, "creating a pod: {}", String::from_utf8_lossy(&created.body));
        }
        shell::until(BATCH_LIMIT, || {
            let phases = names.iter().map(|name| phase(endpoint, name).unwrap_or_default());
            phases.into_iter().all(|phase| phase == "Succeeded" || phase == "Failed").then_some(())
        });
        for name in &names {
            let log = link.get(&format!("{}/{name}/log", jobs::PODS))?;
            if String::from_utf8_lossy(&log.body).contains(SECRET) {
                seen.escapes.push(format!("{name} printed it"));
            }
            if phase(endpoint, name)? == "Succeeded" {
                seen.ran += 1
            } else {
                seen.refused += 1
            }
            let options = br#"{"gracePeriodSeconds":0}"#;
            let json = [("Content-Type", "application/json")];
            link.request("DELETE", &format!("{}/{name}", jobs::PODS), &json, options)?;
        }
        batch += 1;
    }
    Ok(seen)
}

fn phase(endpoint: &Endpoint, name: &str) -> anyhow::Result<String> {
    let pod = endpoint.connect()?.get(&format!("{}/{name}", jobs::PODS))?.json();
    Ok(pod["status"]["phase"].as_str().unwrap_or_default().to_owned())
}
