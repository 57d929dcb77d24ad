//! Events: `get events` with its orders and selectors, and the command `events`.

use crate::e2e::step::{Step, step};

/// The steps; they read the namespace `shelf`.
pub(super) fn steps() -> Vec<Step> {
    vec![
        step("get events -n shelf --sort-by=.lastTimestamp --no-headers").has("* Normal SuccessfulCreate job/beta Created pod: beta-?????"),
        step("get events -n shelf --field-selector=involvedObject.kind=Job,involvedObject.name=alpha,reason!=SuccessfulCreate --no-headers")
            .out("* Normal Completed job/alpha Job completed"),
        step("get events -n shelf --field-selector=type=Warning").err("No resources found in shelf namespace."),
        step("get events -n shelf --field-selector=reason=Completed -o jsonpath={.items[*].source.component}{.items[*].reportingComponent}")
            .has("job-controller"),
        step("get events -A --field-selector=involvedObject.namespace=shelf,reason=Completed --no-headers")
            .out("shelf * Normal Completed job/alpha Job completed\nshelf * Normal Completed job/beta Job completed"),
        step("get ev -n shelf -o name").has("event/alpha.*").until(27),
        // Events are in two groups, as with any server, and newer kubectls say so.
        step("get ev -n shelf -o name").has("event/alpha.*").err("Warning: short name \"ev\" could also match lower priority resource events.events.k8s.io").since(30),
        step("get events.events.k8s.io -n shelf --no-headers").has("* Normal Completed job/alpha Job completed"),
        step("events -n shelf --for=job/alpha")
            .out("LAST SEEN TYPE REASON OBJECT MESSAGE\n* Normal SuccessfulCreate Job/alpha Created pod: alpha-?????\n* Normal Completed Job/alpha Job completed")
            .since(26),
        step("events -n shelf --for={alpha} --no-headers").has("* Normal Scheduled Pod/alpha-????? Successfully assigned shelf/alpha-????? to *").since(27),
        step("events -n shelf --types=Warning").err("No events found in shelf namespace.").since(26),
        step("events -n shelf --for=job/none").err("No events found in shelf namespace.").until(28).since(26),
        step("events -A --types=Normal").has("NAMESPACE LAST SEEN TYPE REASON OBJECT MESSAGE").has("shelf * Normal Completed Job/beta Job completed").since(26),
        step("events -n shelf --for=job/alpha -o json").has("\"kind\": \"Event\"").has("\"reason\": \"Completed\"").since(26),
        step("events -n shelf --types=Nonsense").fails("error: valid --types are Normal or Warning").since(26),
    ]
}
