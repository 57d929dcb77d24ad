//! Programs that belong to it: kubectl, which finds this one as a plugin, its completion, and perl for the documentation's Job.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::Check;
use crate::complete;

/// The first kubectl that completes plugins.
const COMPLETES_SINCE: u32 = 26;

/// All checks of programs.
pub(super) fn checks() -> Vec<Check> {
    let Some(minor) = kubectl_minor() else {
        let text = "kubectl is not on PATH: kubectl-job works by itself, kubectl job does not";
        return vec![Check::warning("kubectl", text, "https://kubernetes.io/docs/tasks/tools/"), perl()];
    };
    let mut checks = vec![Check::ok("kubectl", format!("kubectl 1.{minor} is on PATH")), plugin()];
    if minor >= COMPLETES_SINCE {
        checks.push(completion());
    }
    checks.push(perl());
    checks
}

fn kubectl_minor() -> Option<u32> {
    let output = Command::new("kubectl").args(["version", "--client", "-o", "json"]).output().ok()?;
    let version: Value = serde_json::from_slice(&output.stdout).ok()?;
    let minor = version["clientVersion"]["minor"].as_str().unwrap_or("0");
    Some(minor.trim_end_matches('+').parse().unwrap_or(0))
}

/// The first file of that name in PATH.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Whether `kubectl job` runs this program.
fn plugin() -> Check {
    let own = std::env::current_exe().and_then(|path| path.canonicalize()).unwrap_or_default();
    let shown = own.display();
    match find("kubectl-job") {
        None => Check::warning(
            "plugin",
            "kubectl job does not find this program",
            format!("ln -s {shown} into a directory of PATH, under the name kubectl-job"),
        ),
        Some(found) if found.canonicalize().is_ok_and(|found| found == own) => {
            Check::ok("plugin", format!("kubectl job runs {}", found.display()))
        }
        Some(found) => Check::warning(
            "plugin",
            format!("kubectl job runs {}, which is another file than {shown}", found.display()),
            "put the directory of the one you want first in PATH",
        ),
    }
}

fn completion() -> Check {
    match find(complete::NAME) {
        Some(found) => Check::ok("completion", format!("kubectl completes through {}", found.display())),
        None => Check::warning("completion", "kubectl does not complete kubectl job", "kubectl job completion install"),
    }
}

/// The documentation's Job computes pi with `Math::BigFloat` through `bignum`.
fn perl() -> Check {
    let output = Command::new("perl").args(["-Mbignum=bpi", "-we", "print bpi(20)"]).output();
    match output {
        Ok(output) if output.stdout.starts_with(b"3.14159") => {
            Check::ok("perl", "the documentation's Job (perl, bpi) runs")
        }
        Ok(_) => Check::warning(
            "perl",
            "perl lacks bignum's bpi, which the documentation's Job calls",
            "install perl's bignum (Debian: perl, Fedora: perl-bignum), or take another command",
        ),
        Err(_) => Check::warning(
            "perl",
            "perl is not on PATH: the documentation's Job (perl -Mbignum=bpi) cannot run",
            "install perl, or take another command: kubectl job run hello --image busybox -- echo hi",
        ),
    }
}
