//! "Fine Parallel Processing Using a Work Queue": a pod with Redis, a Service, and a Job whose two workers empty the queue.

use std::fs;

use anyhow::Context as _;

use super::programs::Programs;
use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};
use crate::workspace;

const ITEMS: [&str; 9] = ["apple", "banana", "cherry", "date", "fig", "grape", "lemon", "melon", "orange"];

/// The page, from its first command to its last.
pub(super) fn steps(programs: &Programs) -> Vec<Step> {
    let cli = format!("exec temp -- {} -h redis", programs.tool("redis-cli"));
    let fill: String = ITEMS.iter().map(|item| format!("rpush job2 {item}\n")).collect();
    let counts: String = (1..=ITEMS.len()).map(|count| format!("{count}\n")).collect();
    let all = ITEMS.join("\n");
    vec![
        step("apply -f {jobs}/fine-work-queue/redis-pod.yaml").out("pod/redis-master created"),
        step("apply -f {jobs}/fine-work-queue/redis-service.yaml").out("service/redis created"),
        step("wait --for=condition=ready pod/redis-master --timeout=60s").out("pod/redis-master condition met"),
        step("get service redis --no-headers").out("redis ClusterIP 127.* <none> 6379/TCP *"),
        step("get endpoints redis --no-headers").has("redis 127.*:6379 *").talks().within(20),
        step("get endpointslices -l kubernetes.io/service-name=redis --no-headers").has("redis-* IPv4 6379 127.* *"),
        step("describe service redis").has("TargetPort: 6379/TCP").has("Endpoints: 127.*:6379").talks(),
        step("run temp --image=redis --restart=Never --command -- sleep 600").out("pod/temp created"),
        step("wait --for=condition=ready pod/temp --timeout=60s").out("pod/temp condition met"),
        // The pod is ready before Redis is: it has no probe.
        step(&format!("{cli} ping")).out("PONG").talks().within(30),
        step("exec temp -- sh -c 'getent hosts redis.default.svc; echo $REDIS_SERVICE_HOST'")
            .out("127.*redis.default.svc.cluster.local*\n127.*"),
        step(&cli.replace("exec temp", "exec -i temp"))
            .input(&format!("{fill}lrange job2 0 -1\n"))
            .out(&format!("{counts}{all}")),
        step("apply -f {jobs}/fine-work-queue/job.yaml").out("job.batch/job-wq-2 created"),
        step("wait --for=condition=complete --timeout=100s job/job-wq-2").out("job.batch/job-wq-2 condition met"),
        step("describe jobs/job-wq-2")
            .has("Parallelism: 2")
            .has("Completions: <unset>")
            .has("Pods Statuses: 0 Active (0 Ready) / 2 Succeeded / 0 Failed")
            .has("Normal Completed * job-controller Job completed")
            .within(10),
        step("logs -l job-name=job-wq-2 --tail=-1").has("Worker job-wq-2-*").has("Queue empty, exiting"),
        // Each item was worked on once, and none is left.
        step(&format!("{cli} sort job2:done alpha")).out(&all),
        step(&format!("{cli} exists job2 job2:processing")).out("0"),
    ]
}

/// Writes the manifest of a second Redis, of no Service.
///
/// # Errors
/// When it cannot be written.
pub(super) fn second(session: &Session) -> anyhow::Result<()> {
    let path = workspace::jobs().join("fine-work-queue/redis-pod.yaml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    session.file("second.yaml", &text.replace("redis-master", "redis-second").replace("app: redis", "app: second"))
}

/// Two pods that bind the same port of their own addresses do not meet.
pub(super) fn second_steps(programs: &Programs) -> Vec<Step> {
    let cli = |host: &str, rest: &str| format!("exec temp -- {} -h {host} {rest}", programs.tool("redis-cli"));
    vec![
        step("create -f {work}/second.yaml").out("pod/redis-second created"),
        step("wait --for=condition=ready pod/redis-second --timeout=60s").out("pod/redis-second condition met"),
        step("get pod redis-second -o jsonpath={.status.podIP}").out("127.*").save("second"),
        step(&cli("{second}", "ping")).out("PONG").talks().within(30),
        step(&cli("{second}", "exists job2:done")).out("0"),
        step(&cli("redis", "exists job2:done")).out("1"),
        step("get pods -l app --no-headers").out("redis-master 1/1 Running 0 *\nredis-second 1/1 Running 0 *"),
    ]
}

/// What is left is removed; then nobody answers for the Service.
pub(super) fn ending() -> Vec<Step> {
    vec![
        step("get service redis -o jsonpath={.spec.clusterIP}").out("127.*").save("redis"),
        step("delete job/job-wq-2 pod/redis-master pod/redis-second --grace-period=1")
            .has("pod \"redis-master\" deleted*"),
        step("get endpointslices -l kubernetes.io/service-name=redis -o jsonpath={.items[*].endpoints[*].addresses}")
            .within(20),
        step("delete service/redis pod/temp --grace-period=1").has("service \"redis\" deleted*"),
    ]
}
