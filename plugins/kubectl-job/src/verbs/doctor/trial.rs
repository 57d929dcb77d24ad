//! What only a try can tell: a server inside this command runs a pod as a plain process and one in a sandbox.

use std::time::{Duration, Instant};

use super::Check;
use crate::embedded::{self, Time};
use crate::probe::{self, Trial};

/// All checks that run pods.
pub(super) async fn checks(time: &Time) -> Vec<Check> {
    let folder = match tempfile::Builder::new().prefix("kubectl-job.").tempdir() {
        Ok(folder) => folder,
        // The check of the temporary folder has told of it.
        Err(_) => return Vec::new(),
    };
    let begun = Instant::now();
    let cluster = match embedded::start(folder.path().to_owned(), &Default::default(), time, None, false).await {
        Ok(cluster) => cluster,
        Err(error) => {
            let text = format!("a server inside this command does not start: {error:#}");
            return vec![Check::problem("start", text, "run it with -v=6 and see what it says last")];
        }
    };
    let mut checks =
        vec![Check::ok("start", format!("a server inside this command is ready in {}", shown(begun.elapsed())))];
    let client = cluster.client();
    let begun = Instant::now();
    checks.push(match probe::run(&client, probe::PLAIN).await {
        Trial::Ran { .. } => {
            Check::ok("spawn", format!("a pod runs from creation to its end in {}", shown(begun.elapsed())))
        }
        Trial::Failed(why) => {
            Check::problem("spawn", format!("a pod with the command true fails: {why}"), "is true on PATH?")
        }
    });
    checks.push(match probe::run(&client, probe::SANDBOXED).await {
        Trial::Ran { unhonoured } if unhonoured.is_empty() => Check::ok(
            "sandboxes",
            "volumes, users, host names and read-only roots are honoured (user and mount namespaces)",
        ),
        Trial::Ran { .. } => {
            let text = "no user or mount namespaces: pods with volumes, users or host names run without them";
            Check::warning("sandboxes", text, way_to_namespaces())
        }
        Trial::Failed(why) => {
            Check::problem("sandboxes", format!("a pod with a volume fails: {why}"), way_to_namespaces())
        }
    });
    drop(client);
    cluster.shutdown().await;
    checks
}

fn shown(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}

/// What keeps an ordinary user from namespaces, by the switches that distributions have.
fn way_to_namespaces() -> String {
    let reads = |path: &str, value: &str| std::fs::read_to_string(path).is_ok_and(|text| text.trim() == value);
    if reads("/proc/sys/user/max_user_namespaces", "0") {
        return "as root: sysctl user.max_user_namespaces=10000".to_owned();
    }
    if reads("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        return "as root: sysctl kernel.unprivileged_userns_clone=1".to_owned();
    }
    if reads("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        return "as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for this program"
            .to_owned();
    }
    "in a container, its runtime must allow them (Docker: --security-opt seccomp=unconfined --cap-add SYS_ADMIN)"
        .to_owned()
}
