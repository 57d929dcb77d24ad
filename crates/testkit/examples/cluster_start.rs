//! Measures how long a test waits for its cluster. Prints `NAME MEDIAN WORST`, in seconds, for `cargo xtask bench`.
#![expect(clippy::print_stdout, reason = "that is what it is for")]

use std::time::Instant;

use testkit::{Cluster, Run, job, seconds};

/// As the product allocates.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many clusters are started, one after the other.
const ROUNDS: usize = 200;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (mut started, mut tested) = (Vec::new(), Vec::new());
    for seed in 0..ROUNDS {
        let begin = Instant::now();
        let cluster = Cluster::builder().seed(seed as u64).script(|_| Run::exits(0, seconds(5))).start().await;
        started.push(begin.elapsed().as_secs_f64());
        cluster.apply(&job("pi", serde_json::json!({})).to_string()).await.expect("applied");
        cluster.finished("pi").await.assert_complete();
        drop(cluster);
        tested.push(begin.elapsed().as_secs_f64());
    }
    for (name, mut figures) in [("start", started), ("whole-test", tested)] {
        figures.sort_by(f64::total_cmp);
        println!("{name} {:.6} {:.6}", figures[ROUNDS / 2], figures[ROUNDS * 95 / 100]);
    }
}
