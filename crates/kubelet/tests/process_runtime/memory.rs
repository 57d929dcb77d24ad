//! Limits of memory: who goes over is killed, and told from those that are killed otherwise.

use kubelet::runtime::{ContainerSpec, ExitStatus, Sandbox};

use crate::bench;
use crate::contract::{Bench, next_exit, script};

const MIB: u64 = 1 << 20;
/// Holds 128 MiB for ever: `tail` keeps them until somebody reads.
const HOG: &str = "head -c 128M /dev/zero | tail -c 128M | sleep 1000";

fn limited(bench: &Bench, name: &str, text: &str, mib: u64) -> ContainerSpec {
    ContainerSpec { memory_limit: Some(mib * MIB), ..script(bench, name, text) }
}

async fn end_of(bench: &mut Bench, spec: ContainerSpec) -> ExitStatus {
    let id = spec.id.clone();
    bench.runtime.start(spec).await.unwrap();
    let exited = next_exit(bench).await;
    assert_eq!(exited.id, id);
    exited.status
}

async fn limits_hold(mut bench: Bench) {
    let hog = limited(&bench, "hog", HOG, 64);
    let status = end_of(&mut bench, hog).await;
    assert_eq!((status, status.exit_code()), (ExitStatus::OutOfMemory, 137));
    // A daemon of its own session counts as much.
    let daemon = limited(&bench, "daemon", &format!("setsid sh -c '{HOG}' & sleep 1000"), 64);
    assert_eq!(end_of(&mut bench, daemon).await, ExitStatus::OutOfMemory);
    // Three times 40 MiB are over 64, though none is by itself.
    let parts = "for n in 1 2 3; do head -c 40M /dev/zero | tail -c 40M | sleep 1000 & done; wait";
    let several = limited(&bench, "several", parts, 64);
    assert_eq!(end_of(&mut bench, several).await, ExitStatus::OutOfMemory);
    let killed = limited(&bench, "killed", "kill -9 $$; sleep 1000", 64);
    assert_eq!(end_of(&mut bench, killed).await, ExitStatus::Signal(9));
    // Long enough to be looked at more than once.
    let modest = limited(&bench, "modest", "head -c 20M /dev/zero | tail -c 20M | sleep 0.5", 64);
    assert_eq!(end_of(&mut bench, modest).await, ExitStatus::Code(0));
    let unlimited = script(&bench, "unlimited", "head -c 128M /dev/zero | tail -c 128M | sleep 0.3");
    assert_eq!(end_of(&mut bench, unlimited).await, ExitStatus::Code(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_over_its_memory_limit_is_killed_and_told_from_other_kills() {
    limits_hold(bench().0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_limits_hold_in_sandboxes_too() {
    limits_hold(Bench { sandbox: Some(Sandbox::default()), ..bench().0 }).await;
}
