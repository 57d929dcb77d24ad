//! What kubectl learns of the server: `explain`, `api-resources`, `api-versions`, `version`, `cluster-info`, completion;
//! and the commands that say that there is nothing to learn: `top`, `rollout`.

use crate::e2e::step::{Step, step};

/// The steps.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = explained();
    steps.extend(resources());
    steps.extend(server());
    steps.extend(completed());
    steps
}

fn explained() -> Vec<Step> {
    vec![
        step("explain job")
            .has("KIND: Job")
            .has("VERSION: batch/v1")
            .has("Job represents the configuration of a single job.")
            .until(25),
        step("explain job")
            .has("GROUP: batch")
            .has("KIND: Job")
            .has("VERSION: v1")
            .has("Job represents the configuration of a single job.")
            .since(29),
        step("explain job.spec.podFailurePolicy --recursive")
            .has("rules*<[]*PodFailurePolicyRule>*")
            .has("onExitCodes*<*PodFailurePolicyOnExitCodesRequirement>*")
            .has("values*<[]integer>*")
            .since(29),
        step("explain job.spec.podFailurePolicy --recursive")
            .has("rules <[]Object>")
            .has("values <[]integer>")
            .until(25),
        step("explain jobs --api-version=batch/v1").has("spec*<*>*"),
        step("explain job.spec.template.spec.containers.resources.limits").has("*limits*<map[string]*>*"),
        step("explain job.spec.completionMode").has("*completionMode*<string>*").has("*`NonIndexed` means *"),
        step("explain pods.status.containerStatuses.state.terminated")
            .has("exitCode*<integer>*-required-")
            .has("reason*<string>*"),
        step("explain job.spec --output=plaintext-openapiv2")
            .has("KIND: Job")
            .has("VERSION: batch/v1")
            .has("backoffLimit <integer>")
            .since(27),
        step("explain job.spec.nope").exits(1).err_has("error: field \"nope\" does not exist"),
        step("explain nothing").exits(1).err_has("the server doesn't have a resource type \"nothing\""),
        step("explain configmap.data").has("*data*<map[string]string>*"),
        step("explain secret.type").has("*type*<string>*"),
        step("explain node.status.conditions").has("lastHeartbeatTime*<*>*"),
        step("explain event.involvedObject").has("fieldPath*<string>*"),
        step("explain namespace.status").has("phase*<string>*"),
        step("explain service.spec").has("clusterIP*<string>*"),
        step("explain cronjob.spec").has("schedule*<string>*"),
    ]
}

fn resources() -> Vec<Step> {
    vec![
        step("api-resources -o wide").has("NAME SHORTNAMES API* NAMESPACED KIND VERBS*"),
        step("api-resources -o wide")
            .has("jobs batch/v1 true Job [create delete deletecollection get list patch update watch]")
            .until(25),
        step("api-resources -o wide")
            .has("jobs batch/v1 true Job create,delete,deletecollection,get,list,patch,update,watch all")
            .since(27),
        step("api-resources --namespaced=false -o name").has("namespaces").has("nodes"),
        step("api-resources --namespaced=true --no-headers")
            .has("configmaps cm v1 true ConfigMap")
            .has("serviceaccounts sa v1 true ServiceAccount")
            .has("secrets v1 true Secret"),
        step("api-resources --api-group=batch -o name").has("jobs.batch"),
        step("api-resources --verbs=list,watch -o name").has("pods").has("events"),
        step("api-resources --verbs=get --sort-by=name --no-headers").has("events ev v1 true Event"),
        step("api-resources --categories=all -o name --verbs=list").has("pods").has("jobs.batch").since(27),
        step("api-resources --cached -o name").has("pods"),
        step("api-versions").has("batch/v1"),
        step("get --raw /api").has("\"kind\":\"APIVersions\"").has("\"versions\":[\"v1\"]"),
        step("get --raw /apis")
            .has("\"kind\":\"APIGroupList\"")
            .has("\"preferredVersion\":{\"groupVersion\":\"batch/v1\",\"version\":\"v1\"}"),
        step("get --raw /apis/batch/v1").has("\"name\":\"jobs/status\""),
        step("get --raw /openapi/v3")
            .has("\"apis/batch/v1\":{\"serverRelativeURL\":\"/openapi/v3/apis/batch/v1?hash=*"),
        step("get --raw /apis/nothing")
            .exits(1)
            .err_has("Error from server (NotFound): the server could not find the requested resource"),
    ]
}

fn server() -> Vec<Step> {
    vec![
        step("version -o json").has("\"serverVersion\": {").has("\"platform\": \"linux/*\"").talks(),
        step("version -o yaml").has("serverVersion:").has("gitVersion: v1.*").talks(),
        step("cluster-info").has("Kubernetes control plane is running at https://127.0.0.1:*"),
        step("config view").has("server: https://127.0.0.1:*").has("kind: Config"),
        step("config view --minify --raw -o jsonpath={.clusters[0].cluster.server}").out("https://127.0.0.1:*"),
        step("config current-context").has("*").save("context"),
        step("config get-contexts -o name").has("{context}"),
        step("get jobs --token=wrong").exits(1).err_has("error: You must be logged in to the server (Unauthorized)"),
        step("get jobs --request-timeout=30s -n shelf -o name").has("job.batch/alpha"),
        step("top pods").exits(1).err_has("error: Metrics API not available"),
        step("top nodes").exits(1).err_has("error: Metrics API not available"),
        step("rollout status job/alpha -n shelf")
            .exits(1)
            .err_has("error: no status viewer has been implemented for *"),
        step("rollout history job/alpha -n shelf")
            .exits(1)
            .err_has("error: no history viewer has been implemented for \"Job.batch\""),
        step("rollout restart job/alpha -n shelf")
            .exits(1)
            .err_has("error: jobs.batch \"alpha\" restarting is not supported"),
        step("rollout pause job/alpha -n shelf")
            .exits(1)
            .err_has("error: jobs.batch \"alpha\" pausing is not supported"),
        step("rollout undo job/alpha -n shelf")
            .exits(1)
            .err_has("error: no rollbacker has been implemented for \"Job.batch\""),
        step("autoscale job alpha -n shelf --max=3").exits(1).talks(),
    ]
}

/// What the shell's completion asks for; the exit code is the number of a directive.
fn completed() -> Vec<Step> {
    vec![
        step("__complete get jobs -n shelf ''").has("alpha").has("beta").talks().since(27),
        step("__complete get job -n shelf al").out("alpha\n:*").talks().since(27),
        step("__complete logs -n shelf be").has("beta-?????").talks().since(27),
        step("__complete get -n ''").has("shelf").talks().since(27),
        step("__complete describe ''").has("jobs.batch").talks().since(27),
        step("completion bash").has("bash completion *for kubectl*"),
    ]
}
