//! `delete --cascade`: what becomes of a Job's pods.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// A Job whose pod stays until it is told to go.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    session.file(
        "owner.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: owner\nspec:\n  template:\n    spec:\n      \
         restartPolicy: Never\n      terminationGracePeriodSeconds: 1\n      containers:\n      - name: main\n        \
         image: sh\n        command: [sleep, '600']\n",
    )
}

/// The steps, one round per way to cascade.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = Vec::new();
    for (way, since, warns) in [
        ("--cascade=foreground", 20, false),
        ("--cascade=background", 20, false),
        ("--cascade=true", 20, true),
        ("", 20, false),
    ] {
        steps.extend(created());
        let delete = step(&format!("delete job owner {way}")).out("job.batch \"owner\" deleted*").since(since);
        steps.push(if warns { delete.talks() } else { delete });
        steps.push(step("get jobs owner").fails("Error from server (NotFound): jobs.batch \"owner\" not found"));
        steps.push(step("get pods -l job-name=owner -o name").out("").within(15));
    }
    for (way, warns) in [("--cascade=orphan", false), ("--cascade=false", true)] {
        steps.extend(created());
        let delete = step(&format!("delete job owner {way}")).out("job.batch \"owner\" deleted*");
        steps.push(if warns { delete.talks() } else { delete });
        steps.push(
            step("get jobs owner").fails("Error from server (NotFound): jobs.batch \"owner\" not found").within(10),
        );
        steps.push(
            step("get pods -l job-name=owner -o jsonpath={.items[*].metadata.ownerReferences}").out("").within(10),
        );
        steps.push(step("get pods -l job-name=owner -o jsonpath={.items[*].status.phase}").out("Running"));
        steps.push(step("delete pods -l job-name=owner").out("pod \"owner-*\" deleted*"));
    }
    steps
}

fn created() -> Vec<Step> {
    vec![
        step("apply -f {work}/owner.yaml").out("job.batch/owner created"),
        step("get pods -l job-name=owner -o jsonpath={.items[*].status.phase}").out("Running").within(15),
    ]
}
