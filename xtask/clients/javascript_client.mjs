// The JavaScript client, @kubernetes/client-node, against a server of the product: typed client, object client, watch,
// informer, every patch format, exec, attach, logs, events, errors, deletion.
//
// Prints `ok NAME` for each check that held and `done` at the end; the first that does not hold ends the program.
// The server is the one of $KUBECONFIG. Run by `cargo xtask e2e javascript`, which copies it beside the client.

import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import * as k8s from '@kubernetes/client-node';

const NAMESPACE = 'default';
const NAME = 'from-javascript';
/** How long anything may take to come true. */
const LIMIT_MS = 30_000;

const config = new k8s.KubeConfig();
config.loadFromDefault();
const batch = config.makeApiClient(k8s.BatchV1Api);
const core = config.makeApiClient(k8s.CoreV1Api);
const objects = k8s.KubernetesObjectApi.makeApiClient(config);

function check(name, holds, seen) {
    assert.ok(holds, `${name}: ${JSON.stringify(seen)}`);
    console.log('ok', name);
}

/** The error of a request that must fail: its code and its Status. */
async function failure(promise) {
    try {
        await promise;
    } catch (error) {
        const status = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
        return { code: error.code, status: status ?? {} };
    }
    return { code: 0, status: {} };
}

/** Settles with the promise, or fails once the limit is over. */
function limited(name, promise) {
    let timer;
    const limit = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${name}: not within ${LIMIT_MS} ms`)), LIMIT_MS);
    });
    return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

/** Watches until an event satisfies the condition; the answer is every event up to it. */
function watched(name, path, query, met) {
    const events = [];
    const seen = new Promise((resolve, reject) => {
        const opened = new k8s.Watch(config).watch(
            path,
            query,
            (type, object) => {
                events.push({ type, object });
                if (met(type, object)) {
                    resolve(events);
                    opened.then((controller) => controller.abort());
                }
            },
            (error) => (error && error.name !== 'AbortError' ? reject(error) : reject(new Error('the watch ended'))),
        );
    });
    return limited(name, seen);
}

function collected(stream) {
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    return () => Buffer.concat(chunks).toString();
}

function job(name, ...command) {
    return {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name, labels: { from: 'javascript' } },
        spec: {
            backoffLimit: 0,
            template: {
                metadata: { labels: { from: 'javascript' } },
                spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox', command }] },
            },
        },
    };
}

function pod(name, container) {
    return {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, labels: { app: name } },
        spec: {
            restartPolicy: 'Never',
            terminationGracePeriodSeconds: 1,
            containers: [{ name: 'c', image: 'busybox', ...container }],
        },
    };
}

const isComplete = (job) => (job.status?.conditions ?? []).some((c) => c.type === 'Complete' && c.status === 'True');
const JOBS = `/apis/batch/v1/namespaces/${NAMESPACE}/jobs`;
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;

async function runJob() {
    const created = await batch.createNamespacedJob({
        namespace: NAMESPACE,
        body: job(NAME, 'sh', '-c', 'echo one; echo two'),
    });
    check('create answers with the defaulted Job', created.spec.completions === 1 && created.metadata.uid, created);
    check('times are dates', created.metadata.creationTimestamp instanceof Date, created.metadata);
    const query = { fieldSelector: `metadata.name=${NAME}`, resourceVersion: created.metadata.resourceVersion };
    const events = await watched('the Job ends', JOBS, query, (_, object) => isComplete(object));
    const only = events.every(({ type }) => type === 'MODIFIED');
    check('a watch from the created revision shows what comes after it', only, events.map(({ type }) => type));

    const pods = await core.listNamespacedPod({ namespace: NAMESPACE, labelSelector: `job-name=${NAME}` });
    const phases = pods.items.map((pod) => pod.status.phase);
    check('the Job has one pod, and it succeeded', phases.length === 1 && phases[0] === 'Succeeded', phases);
    const name = pods.items[0].metadata.name;
    const log = await core.readNamespacedPodLog({ namespace: NAMESPACE, name });
    check('the log is what was printed', log === 'one\ntwo\n', log);
    const fieldSelector = `involvedObject.kind=Job,involvedObject.name=${NAME}`;
    const told = await core.listNamespacedEvent({ namespace: NAMESPACE, fieldSelector });
    const reasons = told.items.map((event) => event.reason);
    check('events tell of the Job', reasons.includes('SuccessfulCreate') && reasons.includes('Completed'), reasons);
}

async function patchJob() {
    const patch = (strategy, body) =>
        batch.patchNamespacedJob(
            { namespace: NAMESPACE, name: NAME, body },
            k8s.setHeaderOptions('Content-Type', strategy),
        );
    const { JsonPatch, MergePatch, StrategicMergePatch } = k8s.PatchStrategy;
    let seen = await patch(JsonPatch, [{ op: 'add', path: '/metadata/labels/json', value: '1' }]);
    check('a JSON patch adds a label', seen.metadata.labels.json === '1', seen.metadata.labels);
    seen = await patch(MergePatch, { metadata: { labels: { merge: '1', json: null } } });
    const { json, merge } = seen.metadata.labels;
    check('a merge patch adds one and takes one away', merge === '1' && json === undefined, seen.metadata.labels);
    seen = await patch(StrategicMergePatch, { metadata: { labels: { strategic: '1' } } });
    check('a strategic patch adds a label', seen.metadata.labels.strategic === '1', seen.metadata.labels);

    const stale = await batch.readNamespacedJob({ namespace: NAMESPACE, name: NAME });
    await patch(MergePatch, { metadata: { annotations: { note: 'newer' } } });
    const conflict = await failure(batch.replaceNamespacedJob({ namespace: NAMESPACE, name: NAME, body: stale }));
    check('a stale replace is a conflict', conflict.code === 409 && conflict.status.reason === 'Conflict', conflict);
    const fresh = await batch.readNamespacedJob({ namespace: NAMESPACE, name: NAME });
    fresh.metadata.annotations.note = 'replaced';
    const replaced = await batch.replaceNamespacedJob({ namespace: NAMESPACE, name: NAME, body: fresh });
    check('a fresh replace is taken', replaced.metadata.annotations.note === 'replaced', replaced.metadata);
}

async function errors() {
    const { code, status } = await failure(batch.readNamespacedJob({ namespace: NAMESPACE, name: 'none' }));
    check('what is missing is a 404 Status', code === 404 && status.kind === 'Status', status);
    const { name, group, kind } = status.details;
    check('the Status says what', name === 'none' && group === 'batch' && kind === 'jobs', status.details);
    const twice = await failure(batch.createNamespacedJob({ namespace: NAMESPACE, body: job(NAME, 'true') }));
    check('a second create is refused', twice.code === 409 && twice.status.reason === 'AlreadyExists', twice);
    const wrong = job('Wrong_Name', 'true');
    wrong.spec.backoffLimit = -1;
    const invalid = await failure(batch.createNamespacedJob({ namespace: NAMESPACE, body: wrong }));
    const fields = (invalid.status.details?.causes ?? []).map((cause) => cause.field);
    const both = fields.includes('metadata.name') && fields.includes('spec.backoffLimit');
    check('an invalid Job names every field at fault', invalid.code === 422 && both, invalid);
}

async function deleteJob() {
    const answer = await batch.deleteNamespacedJob({
        namespace: NAMESPACE,
        name: NAME,
        propagationPolicy: 'Foreground',
    });
    check('a foreground deletion answers at once', answer !== undefined, answer);
    const gone = async () => (await failure(batch.readNamespacedJob({ namespace: NAMESPACE, name: NAME }))).code === 404;
    if (!(await gone())) {
        const query = { fieldSelector: `metadata.name=${NAME}`, resourceVersion: '0' };
        // It may go between the look and the watch, which then has nothing to say: the list decides.
        await Promise.race([
            watched('the Job goes', JOBS, query, (type) => type === 'DELETED'),
            limited('the Job goes', until(gone)),
        ]);
    }
    const left = await core.listNamespacedPod({ namespace: NAMESPACE, labelSelector: `job-name=${NAME}` });
    check('its pods went before it', left.items.length === 0 && (await gone()), left.items);
}

/** Asks again until the answer is yes. */
async function until(ask) {
    while (!(await ask())) {
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

async function objectClient() {
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'js', namespace: NAMESPACE }, data: { a: '1' } };
    const created = await objects.create(map);
    check('the object client creates', created.metadata.uid !== undefined && created.data.a === '1', created);
    const dry = { ...map, metadata: { name: 'js-dry', namespace: NAMESPACE } };
    await objects.create(dry, undefined, 'All');
    check('a dry run leaves nothing behind', (await failure(objects.read(dry))).code === 404);
    const read = await objects.read(map);
    check('the object client reads', read.metadata.uid === created.metadata.uid, read);

    const { JsonPatch, MergePatch, StrategicMergePatch } = k8s.PatchStrategy;
    const patch = (strategy, body) =>
        objects.patch({ ...body, ...head(map) }, undefined, undefined, undefined, undefined, strategy);
    let seen = await patch(StrategicMergePatch, { data: { b: '2' } });
    check('the object client patches strategically', seen.data.a === '1' && seen.data.b === '2', seen.data);
    seen = await patch(MergePatch, { data: { a: null } });
    check('the object client merges', seen.data.a === undefined && seen.data.b === '2', seen.data);
    const refused = await failure(patch(JsonPatch, { data: {} }));
    check('an object is no JSON patch', refused.code === 400, refused);

    seen = await objects.replace({ ...map, data: { c: '3' } });
    check('the object client replaces', JSON.stringify(seen.data) === '{"c":"3"}', seen.data);
    const listed = await objects.list('v1', 'ConfigMap', NAMESPACE, undefined, undefined, undefined, 'metadata.name=js');
    check('the object client lists', listed.items.length === 1 && listed.kind === 'ConfigMapList', listed);
    const answer = await objects.delete(map);
    check('the object client deletes', answer.status === 'Success', answer);

    const created_job = await objects.create({ ...job('js-object', 'true'), metadata: { name: 'js-object' } });
    check('the object client knows Jobs', created_job.spec.completionMode === 'NonIndexed', created_job);
    await objects.delete(created_job, undefined, undefined, undefined, undefined, 'Background');
    const pages = await objects.list('v1', 'Namespace', undefined, undefined, undefined, undefined, undefined, undefined, 1);
    check('a list comes in chunks', pages.items.length === 1 && pages.metadata._continue !== '', pages.metadata);
}

/** Server-side apply: ownership, conflict, force, removal. */
async function apply() {
    const applied = (data, manager, force) =>
        objects.patch(
            { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'js-applied', namespace: NAMESPACE }, data },
            undefined,
            undefined,
            manager,
            force,
            k8s.PatchStrategy.ServerSideApply,
        );
    const first = await applied({ a: '1', b: '1' }, 'one');
    const owner = first.metadata.managedFields[0];
    check('apply records its manager', owner.manager === 'one' && owner.operation === 'Apply', owner);
    const conflict = await failure(applied({ a: '2' }, 'two'));
    const field = conflict.status.details?.causes?.[0]?.field;
    check("another manager's value is a conflict", conflict.code === 409 && field === '.data.a', conflict);
    const forced = await applied({ a: '2' }, 'two', true);
    check('force takes the field over', forced.data.a === '2' && forced.data.b === '1', forced.data);
    const removed = await applied({}, 'one');
    check('what is no longer applied goes', JSON.stringify(removed.data) === '{"a":"2"}', removed.data);
    await objects.delete(removed);
}

/** What names an object, without the rest of it. */
function head({ apiVersion, kind, metadata: { name, namespace } }) {
    return { apiVersion, kind, metadata: { name, namespace } };
}

async function informer() {
    const labelSelector = 'app=informed';
    const seen = [];
    const informer = k8s.makeInformer(
        config,
        PODS,
        () => core.listNamespacedPod({ namespace: NAMESPACE, labelSelector }),
        labelSelector,
    );
    let wake = () => {};
    for (const verb of ['add', 'update', 'delete']) {
        informer.on(verb, (pod) => {
            seen.push(`${verb} ${pod.status.phase}`);
            wake();
        });
    }
    informer.on('error', (error) => seen.push(`error ${error}`));
    const has = (entry) =>
        limited(
            `the informer sees "${entry}"`,
            new Promise((resolve) => {
                wake = () => seen.some((line) => line.startsWith(entry)) && resolve();
                wake();
            }),
        );
    await informer.start();
    await core.createNamespacedPod({ namespace: NAMESPACE, body: pod('informed', { command: ['sleep', '600'] }) });
    await has('add Pending');
    await has('update Running');
    check('an informer sees a pod start', informer.get('informed', NAMESPACE)?.status.phase === 'Running', seen);
    await core.deleteNamespacedPod({ namespace: NAMESPACE, name: 'informed', gracePeriodSeconds: 0 });
    await has('delete');
    check('an informer sees it go', informer.get('informed', NAMESPACE) === undefined, seen);
    await informer.stop();
}

async function streams() {
    // The pod says `ready`, then repeats its input: what is attached to it comes back.
    const body = pod('streamed', { command: ['sh', '-c', 'echo ready; cat; echo over'], stdin: true, stdinOnce: true });
    await core.createNamespacedPod({ namespace: NAMESPACE, body });
    const query = { fieldSelector: 'metadata.name=streamed' };
    await watched('the pod runs', PODS, query, (_, pod) => pod.status.phase === 'Running');

    const followed = new PassThrough();
    const log = collected(followed);
    await new k8s.Log(config).log(NAMESPACE, 'streamed', 'c', followed, { follow: true });
    await limited('the log begins', until(() => log() === 'ready\n'));

    const done = await execute(['sh', '-c', 'read line; echo "got $line"; echo no >&2; exit 3'], 'a line\n');
    check('exec passes input and output', done.out === 'got a line\n', done);
    check('exec keeps stderr apart', done.error === 'no\n', done);
    const code = (done.status.details?.causes ?? []).find((cause) => cause.reason === 'ExitCode')?.message;
    check('exec tells the exit code', done.status.status === 'Failure' && code === '3', done.status);
    const fine = await execute('true');
    check('exec tells success', fine.status.status === 'Success', fine.status);

    const [input, output] = [new PassThrough(), new PassThrough()];
    const attached = collected(output);
    await new k8s.Attach(config).attach(NAMESPACE, 'streamed', 'c', output, null, input, false);
    input.write('hello\n');
    await limited('attach shows what comes back', until(() => attached().includes('hello\n')));
    check('attach passes input and output', true);
    input.end();
    await watched('the pod ends', PODS, query, (_, pod) => pod.status.phase === 'Succeeded');
    await limited('the log ends', until(() => log().endsWith('over\n')));
    check('a followed log shows all of it', log() === 'ready\nhello\nover\n', log());
    await core.deleteNamespacedPod({ namespace: NAMESPACE, name: 'streamed' });
}

/** Runs a command in the pod `streamed`; the answer is what it printed and its Status. */
async function execute(command, typed) {
    const [out, error] = [new PassThrough(), new PassThrough()];
    const [output, errors] = [collected(out), collected(error)];
    const input = typed === undefined ? null : new PassThrough();
    const ended = new Promise((resolve, reject) => {
        new k8s.Exec(config)
            .exec(NAMESPACE, 'streamed', 'c', command, out, error, input, false, resolve)
            .then(() => input?.end(typed), reject);
    });
    const status = await limited(`exec ${command}`, ended);
    return { status, out: output(), error: errors() };
}

const version = await config.makeApiClient(k8s.VersionApi).getCode();
check('the server tells its version', version.gitVersion.startsWith('v1.'), version);
await runJob();
await patchJob();
await errors();
await deleteJob();
await objectClient();
await apply();
await informer();
await streams();
console.log('done');
// Watches that were left open keep a Node program alive.
process.exit(0);
