// A fresh Kubernetes API for each test, by `kubectl-job sandbox`: no Docker, no root, gone when the test is over.
//
// Copy this file beside your tests. It needs `kubectl-job` on PATH (or in $KUBECTL_JOB) and @kubernetes/client-node.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';

import { BatchV1Api, CoreV1Api, KubeConfig, Watch } from '@kubernetes/client-node';

const PROGRAM = process.env.KUBECTL_JOB ?? 'kubectl-job';

/** Starts a cluster for one test, and ends it after the test. `clock` is real, hybrid or virtual. */
export async function startCluster(test, { clock = 'real' } = {}) {
  // The sandbox lives as long as its command: `cat`, which ends with this process's end of the pipe, so nothing is left
  // however the tests end.
  const command = ['--quiet', 'sandbox', '--clock', clock, '--', 'sh', '-c', 'echo "$KUBECONFIG"; exec cat'];
  const sandbox = spawn(PROGRAM, command, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(sandbox, 'exit');
  const lines = createInterface({ input: sandbox.stdout });
  const [kubeconfig] = await Promise.race([once(lines, 'line'), ended.then(() => [undefined])]);
  if (typeof kubeconfig !== 'string') {
    throw new Error(`${PROGRAM} sandbox did not start`);
  }
  test.after(async () => {
    sandbox.stdin.end();
    await ended;
    lines.close();
  });
  return new Cluster(kubeconfig);
}

class Cluster {
  constructor(kubeconfig) {
    this.config = new KubeConfig();
    this.config.loadFromFile(kubeconfig);
    this.batch = this.config.makeApiClient(BatchV1Api);
    this.core = this.config.makeApiClient(CoreV1Api);
    /** What other programs need to find it. */
    this.environment = { ...process.env, KUBECONFIG: kubeconfig, KUBECTL_JOB_STATE_DIR: dirname(kubeconfig) };
  }

  /** Runs a program against it; the answer is what it printed. */
  run(program, ...args) {
    return execFileSync(program, args, { env: this.environment, encoding: 'utf8' });
  }

  /** Lets time pass, such as `90s` or `24h`; for the clocks `virtual` and `hybrid`. */
  advance(duration) {
    this.run(PROGRAM, 'clock', 'advance', duration);
  }

  /** Waits until a Job has ended; the answer is the Job and the condition that says so. */
  async finished(name, namespace = 'default') {
    const found = (job) =>
      job.status?.conditions?.find((it) => ['Complete', 'Failed'].includes(it.type) && it.status === 'True');
    return new Promise((resolve, reject) => {
      let request;
      const see = (_, job) => {
        const condition = found(job);
        if (condition) {
          resolve({ job, condition });
          request?.then((it) => it.abort());
        }
      };
      const end = (error) => reject(error ?? new Error(`the watch of Job ${name} ended`));
      const path = `/apis/batch/v1/namespaces/${namespace}/jobs`;
      request = new Watch(this.config).watch(path, { fieldSelector: `metadata.name=${name}` }, see, end);
      request.catch(reject);
    });
  }

  /** What all pods of a Job wrote. */
  async logs(job, namespace = 'default') {
    const pods = await this.core.listNamespacedPod({ namespace, labelSelector: `job-name=${job}` });
    const logs = pods.items.map((pod) => this.core.readNamespacedPodLog({ namespace, name: pod.metadata.name }));
    return (await Promise.all(logs)).join('');
  }
}
