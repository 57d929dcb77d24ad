"""Tests of Jobs with the Python client: real processes, and a year's waits in milliseconds."""

import pytest
from kubernetes import client

from conftest import seconds


def job(name, command=("true",), annotations=None, **spec):
    container = client.V1Container(name="main", image="busybox", command=list(command))
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(annotations=annotations),
        spec=client.V1PodSpec(restart_policy="Never", containers=[container]),
    )
    return client.V1Job(metadata=client.V1ObjectMeta(name=name), spec=client.V1JobSpec(template=template, **spec))


def test_a_job_runs_its_command(cluster):
    cluster.batch.create_namespaced_job("default", job("hello", ["sh", "-c", "echo hello from $HOSTNAME"]))
    done, condition = cluster.finished("hello")
    assert (condition.type, done.status.succeeded) == ("Complete", 1)
    assert cluster.logs("hello").startswith("hello from hello-")


def test_every_test_has_a_cluster_of_its_own(cluster):
    assert cluster.batch.list_namespaced_job("default").items == []


@pytest.mark.clock("hybrid")
def test_real_programs_with_back_offs_that_are_jumped_over(cluster, tmp_path):
    # Fails twice: 10 and 20 seconds of back-off, which nobody waits for.
    script = f"echo run >> {tmp_path}/runs; test $(wc -l < {tmp_path}/runs) -ge 3"
    cluster.batch.create_namespaced_job("default", job("retries", ["sh", "-c", script]))
    done, condition = cluster.finished("retries")
    assert (condition.type, done.status.failed) == ("Complete", 2)
    assert seconds(done.status.start_time, done.status.completion_time) >= 30


@pytest.mark.clock("virtual")
def test_six_retries_take_ten_and_a_half_minutes(cluster):
    script = {"kubectl-job/exit": "3", "kubectl-job/run": "0s", "kubectl-job/log": "db not ready"}
    cluster.batch.create_namespaced_job("default", job("fails", annotations=script))
    done, condition = cluster.finished("fails")
    assert (condition.type, condition.reason, done.status.failed) == ("Failed", "BackoffLimitExceeded", 7)
    assert seconds(done.status.start_time, condition.last_transition_time) == 630
    assert cluster.logs("fails") == "db not ready\n" * 7


@pytest.mark.clock("virtual")
def test_a_schedule_fires_each_night(cluster):
    spec = client.V1CronJobSpec(
        schedule="30 2 * * *", time_zone="Europe/Berlin", job_template=client.V1JobTemplateSpec(spec=job("x").spec)
    )
    nightly = client.V1CronJob(metadata=client.V1ObjectMeta(name="nightly"), spec=spec)
    cluster.batch.create_namespaced_cron_job("default", nightly)
    cluster.advance("72h")
    jobs = cluster.batch.list_namespaced_job("default").items
    assert [item.status.succeeded for item in jobs] == [1, 1, 1]


def test_other_programs_find_it(cluster):
    cluster.batch.create_namespaced_job("default", job("pi"))
    cluster.finished("pi")
    assert cluster.run("sh", "-c", "test -r $KUBECONFIG && echo yes") == "yes\n"
