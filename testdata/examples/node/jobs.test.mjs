// Tests of Jobs with Node's own test runner and the JavaScript client: real processes, and long waits in milliseconds.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startCluster } from './sandbox.mjs';

const namespace = 'default';

function job(name, command = ['true'], annotations = {}, spec = {}) {
  const container = { name: 'main', image: 'busybox', command };
  const template = { metadata: { annotations }, spec: { restartPolicy: 'Never', containers: [container] } };
  return { metadata: { name }, spec: { template, ...spec } };
}

test('a Job runs its command', async (t) => {
  const cluster = await startCluster(t);
  await cluster.batch.createNamespacedJob({ namespace, body: job('hello', ['sh', '-c', 'echo hello from $HOSTNAME']) });
  const { job: done, condition } = await cluster.finished('hello');
  assert.deepEqual([condition.type, done.status.succeeded], ['Complete', 1]);
  assert.match(await cluster.logs('hello'), /^hello from hello-/);
});

test('six retries take ten and a half minutes of virtual time', async (t) => {
  const cluster = await startCluster(t, { clock: 'virtual' });
  const script = { 'kubectl-job/exit': '3', 'kubectl-job/run': '0s' };
  await cluster.batch.createNamespacedJob({ namespace, body: job('fails', ['true'], script) });
  const { job: done, condition } = await cluster.finished('fails');
  assert.deepEqual([condition.reason, done.status.failed], ['BackoffLimitExceeded', 7]);
  assert.equal((new Date(condition.lastTransitionTime) - new Date(done.status.startTime)) / 1000, 630);
});

test('a schedule fires each night', async (t) => {
  const cluster = await startCluster(t, { clock: 'virtual' });
  const spec = { schedule: '30 2 * * *', timeZone: 'Europe/Berlin', jobTemplate: { spec: job('x').spec } };
  await cluster.batch.createNamespacedCronJob({ namespace, body: { metadata: { name: 'nightly' }, spec } });
  cluster.advance('72h');
  const jobs = await cluster.batch.listNamespacedJob({ namespace });
  assert.deepEqual(jobs.items.map((it) => it.status.succeeded), [1, 1, 1]);
});

test('two clusters at one time know nothing of each other', async (t) => {
  const [good, bad] = await Promise.all([startCluster(t), startCluster(t)]);
  await good.batch.createNamespacedJob({ namespace, body: job('same', ['true'], {}, { backoffLimit: 0 }) });
  await bad.batch.createNamespacedJob({ namespace, body: job('same', ['false'], {}, { backoffLimit: 0 }) });
  const ends = await Promise.all([good.finished('same'), bad.finished('same')]);
  assert.deepEqual(ends.map((end) => end.condition.type), ['Complete', 'Failed']);
});
