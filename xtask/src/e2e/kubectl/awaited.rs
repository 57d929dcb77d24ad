//! `wait`: conditions, JSON paths, many at once, and what is said when it is in vain.

use crate::e2e::step::{Step, step};

/// The steps; they read the namespace `shelf`.
pub(super) fn steps() -> Vec<Step> {
    vec![
        step("wait --for=condition=Complete job/alpha -n shelf").out("job.batch/alpha condition met"),
        step("wait --for=condition=complete=true job -l rank=1 -n shelf").out("job.batch/beta condition met"),
        step("wait --for=condition=failed=false job/alpha -n shelf --timeout=1s")
            .exits(1)
            .err("error: timed out waiting for the condition on jobs/alpha"),
        step("wait --for=jsonpath={.status.succeeded}=1 job/alpha -n shelf")
            .out("job.batch/alpha condition met")
            .since(23),
        step("wait --for=jsonpath='{.status.phase}'=Succeeded {alpha} -n shelf").out("{alpha} condition met").since(23),
        step("wait --for=jsonpath={.status.succeeded}=2 job/alpha -n shelf --timeout=1s")
            .exits(1)
            .err("error: timed out waiting for the condition on jobs/alpha")
            .since(23),
        step("wait --for=jsonpath={.status.startTime} job/alpha -n shelf")
            .out("job.batch/alpha condition met")
            .since(29),
        step("wait --for=delete job/none -n shelf --timeout=1s").fails("error: no matching resources found").until(20),
        step("wait --for=delete job/none -n shelf --timeout=1s").out("").since(27),
        step("wait --for=delete job/alpha -n shelf --timeout=1s")
            .fails("error: timed out waiting for the condition on jobs/alpha"),
        step("wait --for=condition=complete job/none -n shelf")
            .fails("Error from server (NotFound): jobs.batch \"none\" not found"),
        step("wait --for=condition=complete job -l rank=7 -n shelf").fails("error: no matching resources found"),
        step("wait --for=create job/alpha -n shelf").out("job.batch/alpha condition met").since(31),
        step("wait --for=create job/none -n shelf --timeout=1s")
            .exits(1)
            .err_has("*timed out waiting for the condition*")
            .since(31),
    ]
}
