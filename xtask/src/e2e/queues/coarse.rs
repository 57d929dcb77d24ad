//! "Coarse Parallel Processing Using a Work Queue": RabbitMQ behind a Service, and a Job of eight pods, each of which takes
//! one message.

use super::programs::Programs;
use crate::e2e::step::{Step, step};

const URL: &str = "amqp://guest:guest@rabbitmq-service:5672";
const ITEMS: [&str; 8] = ["apple", "banana", "cherry", "date", "fig", "grape", "lemon", "melon"];

/// The page, from its first command to its last.
pub(super) fn steps(programs: &Programs) -> Vec<Step> {
    let tool = |name: &str| format!("exec temp -- {} --url={URL}", programs.tool(name));
    let publish = format!("{} --url={URL} -r job1 -p -b $f", programs.tool("amqp-publish"));
    let mut steps = vec![
        step("create -f {jobs}/coarse-work-queue/rabbitmq-service.yaml").out("service/rabbitmq-service created"),
        step("create -f {jobs}/coarse-work-queue/rabbitmq-controller.yaml")
            .out("replicationcontroller/rabbitmq-controller created")
            .talks(),
        step("run temp --image=ubuntu:22.04 --restart=Never --command -- sleep 600").out("pod/temp created"),
        step("wait --for=condition=ready pod/temp --timeout=60s").out("pod/temp condition met"),
        step("exec temp -- sh -c 'env | grep RABBITMQ_SERVICE_SERVICE_HOST'")
            .out("RABBITMQ_SERVICE_SERVICE_HOST=127.*"),
        // RabbitMQ takes some seconds to start, and the manifest gives it a tenth of a CPU.
        step(&format!("{} -q foo -d", tool("amqp-declare-queue"))).out("foo").talks().within(240),
        step(&format!("{} -r foo -p -b Hello", tool("amqp-publish"))),
        step(&format!("{} -q foo -c 1 cat", tool("amqp-consume"))).out("Hello"),
        step(&format!("{} -q job1 -d", tool("amqp-declare-queue"))).out("job1"),
        step(&format!("exec temp -- sh -c 'for f in {}; do {publish}; done'", ITEMS.join(" "))),
        step("apply -f {jobs}/coarse-work-queue/job.yaml").out("job.batch/job-wq-1 created"),
        step("wait --for=condition=complete --timeout=80s job/job-wq-1").out("job.batch/job-wq-1 condition met"),
        step("describe jobs/job-wq-1")
            .has("Parallelism: 2")
            .has("Completions: 8")
            .has("Pods Statuses: 0 Active (0 Ready) / 8 Succeeded / 0 Failed")
            .within(10),
    ];
    let logs = step("logs -l job-name=job-wq-1 --tail=-1");
    steps.push(ITEMS.iter().fold(logs, |logs, item| logs.has(&format!("Processing {item}"))));
    steps.push(
        step("delete job/job-wq-1 rc/rabbitmq-controller service/rabbitmq-service pod/temp --grace-period=1")
            .has("service \"rabbitmq-service\" deleted*"),
    );
    steps
}
