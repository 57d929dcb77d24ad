"""The Python client against a server of the product: create, watch, patch, read logs, delete.

Prints `ok NAME` for each check that held and `done` at the end; the first that does not hold ends the program.
The server is the one of $KUBECONFIG.
"""

from kubernetes import client, config, watch
from kubernetes.client.rest import ApiException

NAMESPACE = "default"
NAME = "from-python"


def check(name, holds, seen=None):
    assert holds, f"{name}: {seen!r}"
    print("ok", name, flush=True)


def job(name, *command):
    container = client.V1Container(name="c", image="busybox", command=list(command))
    spec = client.V1PodSpec(restart_policy="Never", containers=[container])
    template = client.V1PodTemplateSpec(metadata=client.V1ObjectMeta(labels={"from": "python"}), spec=spec)
    return client.V1Job(
        api_version="batch/v1",
        kind="Job",
        metadata=client.V1ObjectMeta(name=name),
        spec=client.V1JobSpec(template=template, backoff_limit=0),
    )


def run_job(batch, core):
    created = batch.create_namespaced_job(NAMESPACE, job(NAME, "sh", "-c", "echo one; echo two"))
    check("create answers with the defaulted Job", created.spec.completions == 1 and created.metadata.uid, created)

    seen = []
    stream = watch.Watch()
    for event in stream.stream(
        batch.list_namespaced_job, NAMESPACE, field_selector=f"metadata.name={NAME}", timeout_seconds=60
    ):
        seen.append((event["type"], event["object"].status.succeeded))
        conditions = event["object"].status.conditions or []
        if any(c.type == "Complete" and c.status == "True" for c in conditions):
            stream.stop()
    check("a watch shows the Job's end", seen[0][0] == "ADDED" and seen[-1] == ("MODIFIED", 1) or seen[-1][1] == 1, seen)

    pods = core.list_namespaced_pod(NAMESPACE, label_selector=f"job-name={NAME},from=python").items
    check("the Job has one pod, and it succeeded", [p.status.phase for p in pods] == ["Succeeded"], pods)
    owner = pods[0].metadata.owner_references[0]
    check("the pod is the Job's", (owner.kind, owner.name, owner.controller) == ("Job", NAME, True), owner)
    log = core.read_namespaced_pod_log(pods[0].metadata.name, NAMESPACE)
    check("the log is what was printed", log == "one\ntwo\n", log)


def change_job(batch):
    merged = batch.patch_namespaced_job(NAME, NAMESPACE, {"metadata": {"labels": {"step": "merged"}}})
    check("a patch adds a label", merged.metadata.labels["step"] == "merged", merged.metadata.labels)
    stale = batch.read_namespaced_job(NAME, NAMESPACE)
    batch.patch_namespaced_job(NAME, NAMESPACE, {"metadata": {"annotations": {"note": "newer"}}})
    try:
        batch.replace_namespaced_job(NAME, NAMESPACE, stale)
        check("a stale replace is a conflict", False)
    except ApiException as error:
        check("a stale replace is a conflict", error.status == 409, error)
    try:
        batch.patch_namespaced_job(NAME, NAMESPACE, {"spec": {"completions": 3}})
        check("an immutable field is invalid", False)
    except ApiException as error:
        check("an immutable field is invalid", error.status == 422 and "field is immutable" in error.body, error)


def delete_job(batch, core):
    batch.delete_namespaced_job(NAME, NAMESPACE, propagation_policy="Foreground")
    gone = []
    for event in watch.Watch().stream(
        batch.list_namespaced_job, NAMESPACE, field_selector=f"metadata.name={NAME}", timeout_seconds=30
    ):
        gone.append(event["type"])
        if event["type"] == "DELETED":
            break
    try:
        batch.read_namespaced_job(NAME, NAMESPACE)
        check("a deleted Job is not found", False, gone)
    except ApiException as error:
        check("a deleted Job is not found", error.status == 404, error)
    left = core.list_namespaced_pod(NAMESPACE, label_selector=f"job-name={NAME}").items
    check("its pods went before it", left == [], left)


def bare_pod(core):
    pod = client.V1Pod(
        api_version="v1",
        kind="Pod",
        metadata=client.V1ObjectMeta(name="bare"),
        spec=client.V1PodSpec(
            restart_policy="Never",
            containers=[client.V1Container(name="c", image="busybox", command=["sleep", "600"])],
        ),
    )
    core.create_namespaced_pod(NAMESPACE, pod)
    stream = watch.Watch()
    phases = []
    for event in stream.stream(
        core.list_namespaced_pod, NAMESPACE, field_selector="metadata.name=bare", timeout_seconds=30
    ):
        phases.append(event["object"].status.phase)
        if phases[-1] == "Running":
            stream.stop()
    check("a bare Pod runs", phases[-1] == "Running", phases)
    core.delete_namespaced_pod("bare", NAMESPACE, grace_period_seconds=1)
    last = None
    for event in watch.Watch().stream(
        core.list_namespaced_pod, NAMESPACE, field_selector="metadata.name=bare", timeout_seconds=30
    ):
        last = event["type"]
        if last == "DELETED":
            break
    left = [p.metadata.name for p in core.list_namespaced_pod(NAMESPACE, field_selector="metadata.name=bare").items]
    check("a deleted Pod goes within its grace", left == [], (last, left))


def main():
    config.load_kube_config()
    batch, core = client.BatchV1Api(), client.CoreV1Api()
    version = client.VersionApi().get_code()
    check("the server tells its version", version.git_version.startswith("v1."), version)
    run_job(batch, core)
    change_job(batch)
    delete_job(batch, core)
    bare_pod(core)
    print("done")


main()
