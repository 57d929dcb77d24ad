"""The Python client against a server of the product: typed and dynamic client, lists in chunks, watches and their
recovery, every patch format, exec, logs, manifests, errors, deletion.

Prints `ok NAME` for each check that held and `done` at the end; the first that does not hold ends the program.
The server is the one of $KUBECONFIG.
"""

import json
import pathlib
import threading

from kubernetes import client, config, dynamic, informer, stream, utils, watch
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


def failure(call, *arguments, **options):
    """The error of a call that must fail: its code and its Status."""
    try:
        call(*arguments, **options)
    except ApiException as error:
        return error.status, json.loads(error.body)
    return 0, {}


def change_job(batch):
    def patch(kind, body):
        return batch.patch_namespaced_job(NAME, NAMESPACE, body, _content_type=f"application/{kind}-patch+json")

    labels = patch("json", [{"op": "add", "path": "/metadata/labels", "value": {"json": "1"}}]).metadata.labels
    check("a JSON patch sets the labels", labels == {"json": "1"}, labels)
    labels = patch("merge", {"metadata": {"labels": {"merge": "1", "json": None}}}).metadata.labels
    check("a merge patch adds one and takes one away", labels == {"merge": "1"}, labels)
    labels = patch("strategic-merge", {"metadata": {"labels": {"strategic": "1"}}}).metadata.labels
    check("a strategic patch adds one", labels == {"merge": "1", "strategic": "1"}, labels)
    labels = batch.patch_namespaced_job(NAME, NAMESPACE, {"metadata": {"labels": {"plain": "1"}}}).metadata.labels
    check("a patch of no said format is taken", labels["plain"] == "1", labels)

    stale = batch.read_namespaced_job(NAME, NAMESPACE)
    patch("merge", {"metadata": {"annotations": {"note": "newer"}}})
    code, status = failure(batch.replace_namespaced_job, NAME, NAMESPACE, stale)
    check("a stale replace is a conflict", (code, status["reason"]) == (409, "Conflict"), status)
    code, status = failure(batch.patch_namespaced_job, NAME, NAMESPACE, {"spec": {"completions": 3}})
    cause = status["details"]["causes"][0]
    immutable = (code, status["reason"], cause["field"]) == (422, "Invalid", "spec.completions")
    check("an immutable field is invalid", immutable and "field is immutable" in cause["message"], status)
    code, status = failure(batch.read_namespaced_job, "none", NAMESPACE)
    details = {"name": "none", "group": "batch", "kind": "jobs"}
    check("what is missing is a 404 Status that says what", (code, status["details"]) == (404, details), status)


def lists(core):
    for number in range(5):
        labels = {"set": "listed", "parity": "even" if number % 2 == 0 else "odd"}
        metadata = client.V1ObjectMeta(name=f"listed-{number}", labels=labels)
        core.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(metadata=metadata, data={"n": str(number)}))

    def names(**options):
        return [item.metadata.name for item in core.list_namespaced_config_map(NAMESPACE, **options).items]

    odd = names(label_selector="set=listed,parity!=even")
    check("a list takes label selectors", odd == ["listed-1", "listed-3"], odd)
    others = names(label_selector="set in (listed)", field_selector="metadata.name!=listed-2")
    check("a list takes field selectors", len(others) == 4 and "listed-2" not in others, others)
    chunks, token, remaining, revisions = [], None, [], set()
    while token != "":
        page = core.list_namespaced_config_map(NAMESPACE, label_selector="set=listed", limit=2, _continue=token)
        chunks.append([item.metadata.name for item in page.items])
        token = page.metadata._continue or ""
        remaining.append(page.metadata.remaining_item_count)
        revisions.add(page.metadata.resource_version)
        if len(chunks) == 1:
            core.patch_namespaced_config_map("listed-4", NAMESPACE, {"data": {"n": "later"}})
    check("a list comes in chunks", [len(chunk) for chunk in chunks] == [2, 2, 1], chunks)
    check("the chunks are of one revision", len(revisions) == 1, revisions)
    last = page.items[0].data["n"]
    check("a write between chunks is not seen", last == "4", last)
    # Upstream does not count what a selector leaves out.
    check("with a selector nobody counts the rest", remaining == [None] * 3, remaining)
    core.delete_collection_namespaced_config_map(NAMESPACE, label_selector="set=listed")
    check("a collection is deleted", names(label_selector="set=listed") == [])


def recovery(core):
    """A watch from a revision that the log no longer has: an expired watch, a new list, a new watch."""
    metadata = client.V1ObjectMeta(name="large")
    first = core.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(metadata=metadata))
    # The server's log is bounded in bytes; large objects get past that with few requests.
    for number in range(140):
        body = {"data": {"text": str(number % 10) * 500_000}}
        core.patch_namespaced_config_map("large", NAMESPACE, body)
    old = first.metadata.resource_version
    events = watch.Watch()
    try:
        for _ in events.stream(core.list_namespaced_config_map, NAMESPACE, resource_version=old):
            break
        check("an old watch has expired", False)
    except ApiException as error:
        check("an old watch has expired", error.status == 410 and "Expired" in str(error.reason), error)
    fresh = core.list_namespaced_config_map(NAMESPACE, field_selector="metadata.name=large")
    core.patch_namespaced_config_map("large", NAMESPACE, {"data": None})
    for event in watch.Watch().stream(
        core.list_namespaced_config_map,
        NAMESPACE,
        field_selector="metadata.name=large",
        resource_version=fresh.metadata.resource_version,
        timeout_seconds=30,
    ):
        check("a watch from a new list goes on", event["type"] == "MODIFIED" and not event["object"].data, event["type"])
        break
    core.delete_namespaced_config_map("large", NAMESPACE)


def informed(core):
    seen, added, gone = [], threading.Event(), threading.Event()
    pods = informer.SharedInformer(core.list_namespaced_pod, namespace=NAMESPACE, label_selector="app=informed")
    pods.add_event_handler(informer.ADDED, lambda pod: (seen.append("added"), added.set()))
    pods.add_event_handler(informer.DELETED, lambda pod: (seen.append("deleted"), gone.set()))
    pods.start()
    core.create_namespaced_pod(NAMESPACE, pod("informed", ["sleep", "600"], labels={"app": "informed"}))
    check("an informer sees a pod come", added.wait(30), seen)
    core.delete_namespaced_pod("informed", NAMESPACE, grace_period_seconds=0)
    check("an informer sees it go", gone.wait(30), seen)
    pods.stop()


def dynamically(api):
    dyn = dynamic.DynamicClient(api)
    maps = dyn.resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dynamic"}, "data": {"a": "1"}}
    created = maps.create(body=body, namespace=NAMESPACE)
    check("the dynamic client creates", created.data.a == "1" and created.metadata.uid, created)
    changed = maps.patch(
        name="dynamic", namespace=NAMESPACE, body={"data": {"b": "2"}}, content_type="application/merge-patch+json"
    )
    check("the dynamic client patches", changed.data.to_dict() == {"a": "1", "b": "2"}, changed)
    found = maps.get(namespace=NAMESPACE, field_selector="metadata.name=dynamic")
    check("the dynamic client lists", [item.data.b for item in found.items] == ["2"], found)
    jobs = dyn.resources.get(api_version="batch/v1", kind="Job")
    check("the dynamic client finds Jobs", (jobs.name, jobs.namespaced) == ("jobs", True), jobs)
    for event in maps.watch(namespace=NAMESPACE, field_selector="metadata.name=dynamic", timeout=10):
        check("the dynamic client watches", event["type"] == "ADDED", event)
        break
    maps.delete(name="dynamic", namespace=NAMESPACE)
    try:
        maps.get(name="dynamic", namespace=NAMESPACE)
        check("the dynamic client deletes", False)
    except dynamic.exceptions.NotFoundError as error:
        check("the dynamic client deletes", error.status == 404)


def applied(api):
    """Server-side apply through the dynamic client: ownership, conflict, force, removal."""
    maps = dynamic.DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")

    def apply(data, manager, **options):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": data}
        return maps.server_side_apply(body=body, namespace=NAMESPACE, field_manager=manager, **options)

    first = apply({"a": "1", "b": "1"}, "one")
    check("apply creates", first.data.to_dict() == {"a": "1", "b": "1"}, first)
    owner = first.metadata.managedFields[0]
    check("apply records its manager", (owner.manager, owner.operation) == ("one", "Apply"), owner)
    again = apply({"a": "1", "b": "1"}, "one")
    same = again.metadata.resourceVersion == first.metadata.resourceVersion
    check("to apply again changes nothing", same, again.metadata)
    try:
        apply({"a": "2"}, "two")
        check("another manager's value is a conflict", False)
    except dynamic.exceptions.ConflictError as error:
        causes = json.loads(error.body)["details"]["causes"]
        named = [(cause["reason"], cause["field"]) for cause in causes] == [("FieldManagerConflict", ".data.a")]
        check("another manager's value is a conflict", named, causes)
    forced = apply({"a": "2"}, "two", force_conflicts=True)
    check("force takes the field over", forced.data.a == "2", forced)
    removed = apply({}, "one")
    check("what one no longer applies goes, what the other owns stays", removed.data.to_dict() == {"a": "2"}, removed)
    maps.delete(name="applied", namespace=NAMESPACE)


def streamed(core):
    core.create_namespaced_pod(NAMESPACE, pod("streamed", ["sh", "-c", "echo first; sleep 600"]))
    wait_for_phase(core, "streamed", "Running")

    def execute(*command, **options):
        return stream.stream(
            core.connect_get_namespaced_pod_exec,
            "streamed",
            NAMESPACE,
            command=list(command),
            stdin=options.pop("stdin", False),
            stdout=True,
            stderr=True,
            tty=False,
            **options,
        )

    text = execute("sh", "-c", "echo out; echo err >&2")
    check("exec answers with what was printed", sorted(text.split()) == ["err", "out"], text)
    shell = execute("sh", stdin=True, _preload_content=False)
    shell.write_stdin("echo typed; echo wrong >&2; exit 3\n")
    shell.run_forever(timeout=30)
    out, err = shell.read_stdout(), shell.read_stderr()
    check("exec passes input and keeps stderr apart", (out, err) == ("typed\n", "wrong\n"), (out, err))
    check("exec tells the exit code", shell.returncode == 3, shell.returncode)
    binary = execute("printf", "\\377\\000", binary=True)
    check("exec passes bytes", binary == b"\xff\x00", binary)
    core.delete_namespaced_pod("streamed", NAMESPACE, grace_period_seconds=0)


def followed(core):
    core.create_namespaced_pod(NAMESPACE, pod("followed", ["sh", "-c", "echo one; sleep 0.3; echo two"]))
    wait_for_phase(core, "followed", "Running", "Succeeded")
    lines = list(watch.Watch().stream(core.read_namespaced_pod_log, "followed", NAMESPACE))
    check("a followed log ends with the pod", lines == ["one", "two"], lines)
    last = core.read_namespaced_pod_log("followed", NAMESPACE, tail_lines=1)
    check("a log has a tail", last == "two\n", last)
    stamped = core.read_namespaced_pod_log("followed", NAMESPACE, timestamps=True).splitlines()
    check("a log has times", all("T" in line.split()[0] and "Z" in line.split()[0] for line in stamped), stamped)
    code, status = failure(core.read_namespaced_pod_log, "followed", NAMESPACE, container="none")
    check("the log of no container is refused", (code, status["reason"]) == (400, "BadRequest"), status)
    core.delete_namespaced_pod("followed", NAMESPACE)


def manifests(api, batch):
    folder = pathlib.Path(__file__).resolve().parents[2] / "testdata/jobs"
    utils.create_from_yaml(api, str(folder / "job-suspended.yaml"))
    created = batch.read_namespaced_job("job-suspended", NAMESPACE)
    check("a manifest is created", created.spec.suspend is True, created.spec)
    try:
        utils.create_from_yaml(api, str(folder / "job-suspended.yaml"))
        check("a manifest is created once", False)
    except utils.FailToCreateError as error:
        code = error.api_exceptions[0].status
        check("a manifest is created once", code == 409, code)
    batch.delete_namespaced_job("job-suspended", NAMESPACE, propagation_policy="Background")


def cron_job(batch):
    template = client.V1JobTemplateSpec(spec=job("any", "true").spec)
    spec = client.V1CronJobSpec(schedule="*/5 * * * *", suspend=True, job_template=template)
    body = client.V1CronJob(metadata=client.V1ObjectMeta(name="clock"), spec=spec)
    created = batch.create_namespaced_cron_job(NAMESPACE, body)
    defaults = (created.spec.concurrency_policy, created.spec.successful_jobs_history_limit)
    check("a CronJob is created with its defaults", defaults == ("Allow", 3), created.spec)
    named = batch.list_namespaced_cron_job(NAMESPACE).items
    check("CronJobs are listed", [item.metadata.name for item in named] == ["clock"], named)
    wrong = {"spec": {"schedule": "every now and then"}}
    code, status = failure(batch.patch_namespaced_cron_job, "clock", NAMESPACE, wrong)
    check("a wrong schedule is invalid", (code, status["details"]["causes"][0]["field"]) == (422, "spec.schedule"), status)
    batch.delete_namespaced_cron_job("clock", NAMESPACE)


def orphaned(batch, core):
    batch.create_namespaced_job(NAMESPACE, job("parent", "sleep", "600"))
    for event in watch.Watch().stream(
        core.list_namespaced_pod, NAMESPACE, label_selector="job-name=parent", timeout_seconds=30
    ):
        if event["object"].status.phase == "Running":
            break
    batch.delete_namespaced_job("parent", NAMESPACE, propagation_policy="Orphan")
    for event in watch.Watch().stream(
        core.list_namespaced_pod, NAMESPACE, label_selector="job-name=parent", timeout_seconds=30
    ):
        left = event["object"]
        if not left.metadata.owner_references and not left.metadata.finalizers:
            break
    check("an orphan runs on without an owner", left.status.phase == "Running", left.metadata)
    core.delete_collection_namespaced_pod(NAMESPACE, label_selector="job-name=parent", grace_period_seconds=0)


def wait_for_phase(core, name, *phases):
    for event in watch.Watch().stream(
        core.list_namespaced_pod, NAMESPACE, field_selector=f"metadata.name={name}", timeout_seconds=30
    ):
        if event["object"].status.phase in phases:
            return
    raise AssertionError(f"pod {name} is not {phases}")


def pod(name, command, labels=None):
    return client.V1Pod(
        api_version="v1",
        kind="Pod",
        metadata=client.V1ObjectMeta(name=name, labels=labels),
        spec=client.V1PodSpec(
            restart_policy="Never",
            termination_grace_period_seconds=1,
            containers=[client.V1Container(name="c", image="busybox", command=command)],
        ),
    )


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
    core.create_namespaced_pod(NAMESPACE, pod("bare", ["sleep", "600"]))
    wait_for_phase(core, "bare", "Running")
    check("a bare Pod runs", True)
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
    api = client.ApiClient()
    batch, core = client.BatchV1Api(), client.CoreV1Api()
    version = client.VersionApi().get_code()
    check("the server tells its version", version.git_version.startswith("v1."), version)
    run_job(batch, core)
    change_job(batch)
    delete_job(batch, core)
    orphaned(batch, core)
    bare_pod(core)
    lists(core)
    recovery(core)
    informed(core)
    dynamically(api)
    followed(core)
    manifests(api, batch)
    applied(api)
    streamed(core)
    cron_job(batch)
    print("done")


main()
