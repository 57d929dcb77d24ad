"""A fresh Kubernetes API for each test, by `kubectl-job sandbox`: no Docker, no root, gone when the test is over.

Copy this file beside your tests. It needs `kubectl-job` on PATH (or in $KUBECTL_JOB) and the package `kubernetes`.
"""

import datetime
import os
import pathlib
import subprocess

import pytest
from kubernetes import client, config, watch

PROGRAM = os.environ.get("KUBECTL_JOB", "kubectl-job")


class Cluster:
    """A sandbox, and clients for it."""

    def __init__(self, clock):
        # The sandbox lives as long as its command: `cat`, which ends with this process's end of the pipe, so nothing is
        # left however the tests end.
        command = [PROGRAM, "--quiet", "sandbox", "--clock", clock, "--", "sh", "-c", 'echo "$KUBECONFIG"; exec cat']
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.kubeconfig = pathlib.Path(self.process.stdout.readline().strip())
        if not self.kubeconfig.is_file():
            raise RuntimeError(f"{PROGRAM} sandbox did not start (exit code {self.process.wait()})")
        api = config.new_client_from_config(str(self.kubeconfig))
        self.batch = client.BatchV1Api(api)
        self.core = client.CoreV1Api(api)

    def environment(self):
        """What other programs need to find it: kubectl, helm, your own."""
        return {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECTL_JOB_STATE_DIR": str(self.kubeconfig.parent),
        }

    def run(self, *command):
        """Runs a program against it; the answer is what it printed."""
        return subprocess.run(command, env=self.environment(), check=True, capture_output=True, text=True).stdout

    def advance(self, duration):
        """Lets time pass, such as `90s` or `24h`; for the clocks `virtual` and `hybrid`."""
        self.run(PROGRAM, "clock", "advance", duration)

    def finished(self, name, namespace="default", timeout_seconds=60):
        """Waits until a Job has ended; the answer is the Job and its last condition."""
        selector = f"metadata.name={name}"
        stream = watch.Watch()
        for event in stream.stream(
            self.batch.list_namespaced_job, namespace, field_selector=selector, timeout_seconds=timeout_seconds
        ):
            job = event["object"]
            for condition in job.status.conditions or []:
                if condition.type in ("Complete", "Failed") and condition.status == "True":
                    stream.stop()
                    return job, condition
        why = self.run(PROGRAM, "describe", name, "--namespace", namespace)
        raise AssertionError(f"Job {name} did not finish within {timeout_seconds} s\n{why}")

    def logs(self, job, namespace="default"):
        """What all pods of a Job wrote."""
        pods = self.core.list_namespaced_pod(namespace, label_selector=f"job-name={job}").items
        pods.sort(key=lambda pod: pod.metadata.creation_timestamp)
        return "".join(self.core.read_namespaced_pod_log(pod.metadata.name, namespace) for pod in pods)

    def close(self):
        """Ends it and waits until nothing is left."""
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


def pytest_configure(config):
    config.addinivalue_line("markers", "clock(mode): how time passes in the test's cluster: real, hybrid or virtual")


@pytest.fixture
def cluster(request):
    """A cluster for one test."""
    marker = request.node.get_closest_marker("clock")
    cluster = Cluster(marker.args[0] if marker else "real")
    yield cluster
    cluster.close()


def seconds(begin, end):
    """The seconds between two times of the API."""
    assert isinstance(begin, datetime.datetime) and isinstance(end, datetime.datetime)
    return (end - begin).total_seconds()
