import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sweep } from '../../orchestrator/adapters/builds-sweeper.ts';
import type { BuildRequest, BuildView, PlanView, Problem, SourceView } from '../../orchestrator/contract/api.ts';
import { failure } from '../../orchestrator/domain/failure.ts';
import { apiToken, openedLease, startControlPlane, startedBuild, succeededOutcome, type ControlPlane } from '../support/control-plane.ts';
import { makeSdist } from '../support/distributions.ts';
import { sha256Of } from '../support/index-plane.ts';

let plane: ControlPlane;
beforeAll(async () => { plane = await startControlPlane(); });
afterAll(() => plane.stop());

const target = 'cp311-manylinux_x86_64';
const headers = { authorization: `Bearer ${apiToken}` };
const post = (url: string, payload: object) => plane.app.inject({ method: 'POST', url, payload, headers });
const asked = (what: string, changed: Partial<BuildRequest> = {}): BuildRequest => ({ what, targets: [], ...changed });
const refused = async (request: BuildRequest): Promise<string> => {
  const answer = await post('/api/builds', request);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  return `${answer.statusCode} ${answer.json<Problem>().code}`;
};

describe('starting', () => {
  test('ten requests at once make one build with all its cells', async () => {
    plane.upstream.offer('ten', await makeSdist({ name: 'ten', version: '1.0' }));
    const answers = await Promise.all(Array.from({ length: 10 }, () => post('/api/builds', asked('Ten==1.0'))));
    expect(answers.map((answer) => answer.statusCode)).toEqual(Array.from({ length: 10 }, () => 201));
    expect(new Set(answers.map((answer) => answer.json<BuildView>().id)).size).toBe(1);
    const view = answers[0]!.json<BuildView>();
    expect(view).toMatchObject({ project: 'ten', version: '1.0', state: 'running', started: true });
    expect(view.cells.map((cell) => [cell.target, cell.state, cell.tier])).toEqual([
      ['cp311-manylinux_aarch64', 'queued', 2], ['cp311-manylinux_x86_64', 'queued', 1],
      ['cp313-manylinux_x86_64', 'queued', 1], ['cp313-musllinux_x86_64', 'queued', 1],
    ]);
    expect(plane.workflows.started.filter((order) => order.buildId === view.id)).toEqual([{
      buildId: view.id,
      queues: ['build.linux-amd64', 'test.linux-amd64'],
      scout: [target, 0, 1],
      chains: [
        [['cp311-manylinux_aarch64', 0, 1]],
        [['cp313-manylinux_x86_64', 0, 1]],
        [['cp313-musllinux_x86_64', 0, -1]],
      ],
    }]);
  });

  test('an unchanged plan builds nothing, and keeps its cut-off', async () => {
    const { buildId, name } = await startedBuild(plane, ['cp313-musllinux_x86_64']);
    const lease = await openedLease(plane, buildId, 'cp313-musllinux_x86_64');
    await plane.door.outcome(lease, await succeededOutcome(plane, lease, `${name}-1.0-cp313-cp313-musllinux_1_2_x86_64.whl`));
    await plane.records.recordDescribed(buildId, 'cp313-musllinux_x86_64', {
      wheelSha256: sha256Of(name), wheelFilename: `${name}.whl`, bytes: 7, metadataSha256: sha256Of('m'), sbomSha256: sha256Of('s'),
    });
    await plane.records.endBuild(buildId, 'succeeded');
    await new Promise((resolve) => { setTimeout(resolve, 1100); });
    const request = asked(name, { targets: ['cp313-musllinux_x86_64'] });
    const again = await post('/api/builds', request);
    expect([again.statusCode, again.json<BuildView>().id, again.json<BuildView>().started]).toEqual([200, buildId, false]);
    const plan = (await post('/api/plans', request)).json<PlanView>();
    expect(plan).toMatchObject({ sha256: again.json<BuildView>().planSha256, unchanged: true });
    expect(plan.cells[0]).toMatchObject({ state: 'succeeded', expectedBytes: 7 });
    expect(plan.cells[0]?.expectedMs).toBeGreaterThanOrEqual(0);
  });

  test('what the project failed is built again only when asked; what the farm failed always', async () => {
    const { buildId, name } = await startedBuild(plane, [target]);
    const request = asked(name, { targets: [target] });
    await plane.records.recordFailure(buildId, target, failure('FARM_COMPILE_ERROR', 'build', { why: 'x' }));
    await plane.records.endBuild(buildId, 'failed', failure('FARM_TIER_MISSED', 'publish', { targets: target }));
    expect((await post('/api/builds', request)).json<BuildView>()).toMatchObject({ id: buildId, started: false, state: 'failed' });
    const again = (await post('/api/builds', { ...request, again: true })).json<BuildView>();
    expect(again).toMatchObject({ started: true, planSha256: (await plane.builds.view(buildId)).planSha256 });
    expect(again.id).not.toBe(buildId);
    expect(again.cells[0]).toMatchObject({ state: 'queued', failure: null });
    await plane.records.recordFailure(again.id, target, failure('FARM_WORKER_LOST', 'build', { why: 'x' }));
    await plane.records.endBuild(again.id, 'failed', failure('FARM_TIER_MISSED', 'publish', { targets: target }));
    expect((await post('/api/builds', request)).json<BuildView>()).toMatchObject({ started: true });
  });

  test('while Temporal is away the build waits for the sweeper', async () => {
    plane.workflows.away = true;
    const { buildId } = await startedBuild(plane, [target]);
    plane.workflows.away = false;
    expect(plane.workflows.started.some((order) => order.buildId === buildId)).toBe(false);
    await sweep(plane.ports);
    await sweep(plane.ports);
    expect(plane.workflows.started.filter((order) => order.buildId === buildId).length).toBe(1);
  });

  test('limits can be lowered only', async () => {
    plane.upstream.offer('lowered', await makeSdist({ name: 'lowered', version: '1.0' }));
    const limits = { memoryBytes: 1000, pidsMax: 10 ** 9 };
    const { id } = (await post('/api/builds', asked('lowered', { limits }))).json<BuildView>();
    const grant = await plane.door.lease({ kind: 'build', id, target, delivery: 1, worker: 'w' });
    expect(grant.spec.limits).toMatchObject({ memoryBytes: 1000, pidsMax: 512 });
  });
});

describe('what cannot be built', () => {
  test('is refused with a code', async () => {
    plane.upstream.offer('refused', await makeSdist({ name: 'refused', version: '1.0' }));
    plane.upstream.offer('refused', await makeSdist({ name: 'refused', version: '2.0' }), 'it was broken');
    plane.upstream.offer('refused', { ...await makeSdist({ name: 'refused', version: '3.0' }), filename: 'refused-3.0-py3-none-any.whl' });
    plane.upstream.offer('oldpython', await makeSdist({ name: 'oldpython', version: '1.0', requiresPython: '<3' }));
    expect(await refused(asked('a b'))).toBe('400 FARM_WHAT_UNCLEAR');
    expect(await refused(asked('nobody-has-this'))).toBe('404 FARM_PROJECT_UNKNOWN');
    expect(await refused(asked('refused==9'))).toBe('404 FARM_VERSION_UNKNOWN');
    expect(await refused(asked('refused==2.0'))).toBe('422 FARM_YANKED');
    expect(await refused(asked('refused==3.0'))).toBe('422 FARM_NO_SDIST');
    expect(await refused(asked('refused==1', { targets: ['cp27-*'] }))).toBe('422 FARM_TARGETS_EMPTY');
    expect(await refused(asked('oldpython'))).toBe('422 FARM_REQUIRES_PYTHON');
    expect(await refused({ what: 'refused' } as BuildRequest)).toBe('400 FARM_BAD_REQUEST');
    expect(await refused(asked('', { source: 'none' }))).toBe('404 FARM_NOT_FOUND');
  });
});

describe('sources', () => {
  const send = (kind: string, filename: string, bytes: Buffer, sha256 = sha256Of(bytes)) => plane.app.inject({
    method: 'PUT', url: `/api/sources/${sha256}?kind=${kind}&filename=${filename}&epoch=1700000000`, payload: bytes,
    headers: { ...headers, 'content-type': 'application/octet-stream' },
  });

  test('an sdist file is ready at once and is built as it is', async () => {
    const { filename, bytes } = await makeSdist({ name: 'own', version: '2.0' });
    const source = (await send('file', filename, bytes)).json<SourceView>();
    expect(source).toMatchObject({ state: 'ready', sdist: { sha256: sha256Of(bytes), filename, bytes: bytes.length } });
    const view = (await post('/api/builds', asked('', { source: source.id }))).json<BuildView>();
    expect(view).toMatchObject({ project: 'own', version: '2.0', sdist: { sha256: sha256Of(bytes) } });
    const { plan } = await plane.records.planOf(view.id);
    expect(plan.source).toMatchObject({ origin: 'file', sourceDateEpoch: 1_700_000_000 });
  });

  test('a damaged one, and one that is not what was said, are refused', async () => {
    const { filename, bytes } = await makeSdist({ name: 'bad', version: '1.0' });
    expect((await send('file', filename, bytes.subarray(0, bytes.length - 20))).json<Problem>().code).toBe('FARM_SDIST_TRUNCATED');
    expect((await send('file', filename, bytes, sha256Of('x'))).json<Problem>().code).toBe('FARM_DIGEST_MISMATCH');
    expect((await send('file', 'other-1.0.tar.gz', bytes)).json<Problem>().code).toBe('FARM_SDIST_NAME_MISMATCH');
  });

  test('the sdist of a folder is made by a worker; the build waits for it', async () => {
    const source = (await send('folder', 'folder.tar.gz', Buffer.from('a folder'))).json<SourceView>();
    expect(source).toMatchObject({ state: 'making', sdist: null });
    expect(plane.workflows.sdists).toContain(source.id);
    const started = post('/api/builds', asked('', { source: source.id })).then((answer) => answer);
    const grant = await plane.door.lease({ kind: 'sdist', id: source.id, target: '', delivery: 1, worker: 'w' });
    expect(grant.spec).toMatchObject({ kind: 'sdist', sourceDateEpoch: 1_700_000_000 });
    const lease = await plane.door.open(grant.leaseId, grant.secret);
    const made = await makeSdist({ name: 'fromfolder', version: '1.0' });
    const sha256 = sha256Of(made.bytes);
    await plane.door.output(lease, sha256, (async function* () { yield made.bytes; })());
    await plane.door.outcome(lease, { kind: 'sdist', state: 'succeeded', sdist: { sha256, filename: made.filename, bytes: made.bytes.length } });
    expect((await started).json<BuildView>()).toMatchObject({ project: 'fromfolder', started: true });
    expect((await send('folder', 'folder.tar.gz', Buffer.from('a folder'))).json<SourceView>()).toMatchObject({ id: source.id, state: 'ready' });
  });

  test('a folder whose sdist failed fails the build with that failure', async () => {
    const source = (await send('folder', 'folder.tar.gz', Buffer.from('a broken folder'))).json<SourceView>();
    await plane.records.recordSdistFailure(source.id, failure('FARM_BACKEND_MISSING', 'sdist', { backend: 'nothing' }));
    expect(await refused(asked('', { source: source.id }))).toBe('422 FARM_BACKEND_MISSING');
  });
});

describe('following', () => {
  test('events tell every change, at most four a second, and end with the connection', async () => {
    await plane.app.listen({ host: '127.0.0.1', port: 0 });
    const url = `http://127.0.0.1:${(plane.app.server.address() as AddressInfo).port}`;
    const { buildId } = await startedBuild(plane, [target]);
    const lease = await openedLease(plane, buildId, target);
    const gone = new AbortController();
    const answer = await fetch(`${url}/api/builds/${buildId}/events`, { signal: gone.signal });
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    const views: BuildView[] = [];
    const reading = readEvents(answer, (view) => { views.push(view); });
    await expect.poll(() => views.length).toBeGreaterThan(0);
    for (let n = 0; n < 20; n += 1) await plane.door.event(lease, { step: `step${n}`, state: 'started' });
    await expect.poll(() => views.at(-1)?.cells[0]?.step, { timeout: 3000 }).toBe('step19');
    expect(views.length).toBeLessThan(12);
    gone.abort();
    await reading;
  });

  test('a log is followed line by line within a second, to its end', async () => {
    const url = `http://127.0.0.1:${(plane.app.server.address() as AddressInfo).port}`;
    const { buildId } = await startedBuild(plane, [target]);
    const lease = await openedLease(plane, buildId, target);
    const answer = await fetch(`${url}/api/attempts/${lease.attemptId}/log?follow=1`);
    let text = '';
    const reading = (async () => { for await (const bytes of answer.body!) text += Buffer.from(bytes).toString(); })();
    await plane.door.log(lease, 0, Buffer.from('one\n'));
    await expect.poll(() => text, { timeout: 1000 }).toBe('one\n');
    await plane.door.log(lease, 4, Buffer.from('two\n'));
    await expect.poll(() => text, { timeout: 1000 }).toBe('one\ntwo\n');
    await plane.door.outcome(lease, { kind: 'build', state: 'failed', failure: failure('FARM_MEMORY', 'build', { step: 'build', limit: '1' }) });
    await reading;
    expect(text).toBe('one\ntwo\n');
  });
});

async function readEvents(answer: Response, each: (view: BuildView) => void): Promise<void> {
  let text = '';
  try {
    for await (const bytes of answer.body!) {
      const blocks = (text + Buffer.from(bytes).toString()).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) if (block.startsWith('event: build')) each(JSON.parse(block.split('\ndata: ')[1]!) as BuildView);
    }
  } catch { /* the test aborts it */ }
}
