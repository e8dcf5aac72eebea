import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BuildView, PlanView } from '../../orchestrator/contract/api.ts';
import { apiToken, openedLease, startControlPlane, type ControlPlane } from '../support/control-plane.ts';
import { makeSdist, makeWheel } from '../support/distributions.ts';

let plane: ControlPlane;
beforeAll(async () => { plane = await startControlPlane(); });
afterAll(() => plane.stop());

const post = async <T>(url: string, payload: object): Promise<T> =>
  (await plane.app.inject({ method: 'POST', url, payload, headers: { authorization: `Bearer ${apiToken}` } })).json<T>();
const states = (view: BuildView): unknown => view.cells.map(({ target, state, failure }) => [target, state, failure?.code ?? null]);

test('a target whose numpy has no wheel is blocked before anything starts, and open again when there is one', async () => {
  const wheel = (platform: string) => makeWheel({ name: 'numpy', version: '2.4.0', tag: `cp311-cp311-${platform}` });
  plane.upstream.offer('numpy', await makeSdist({ name: 'numpy', version: '2.4.0' }));
  plane.upstream.offer('numpy', wheel('manylinux_2_17_x86_64'));
  plane.upstream.offer('needs', await makeSdist({ name: 'needs', version: '1.0', buildRequires: ['setuptools', 'numpy>=2; python_version >= "3"'] }));
  const request = { what: 'needs==1.0', targets: ['cp311-manylinux_*'] };
  const planned = await post<PlanView>('/api/plans', request);
  expect(planned.cells.map(({ target, state, why }) => [target, state, why])).toEqual([
    ['cp311-manylinux_aarch64', 'blocked', 'blocked by numpy (no cp311-manylinux_aarch64 wheel).'], ['cp311-manylinux_x86_64', 'queued', null],
  ]);
  const first = await post<BuildView>('/api/builds', request);
  expect(states(first)).toEqual([['cp311-manylinux_aarch64', 'blocked', 'FARM_BLOCKED'], ['cp311-manylinux_x86_64', 'queued', null]]);
  const order = plane.workflows.started.find(({ buildId }) => buildId === first.id);
  expect([order?.scout?.[0], order?.chains]).toEqual(['cp311-manylinux_x86_64', []]);
  await plane.records.endBuild(first.id, 'cancelled');
  plane.upstream.offer('numpy', wheel('manylinux_2_17_aarch64'));
  const second = await post<BuildView>('/api/builds', request);
  expect(states(second)).toEqual([['cp311-manylinux_aarch64', 'queued', null], ['cp311-manylinux_x86_64', 'queued', null]]);
});

test('a requirement of the build machine without a wheel blocks every cell; one that nobody has is left to the fetch', async () => {
  plane.upstream.offer('only-source', await makeSdist({ name: 'only-source', version: '1.0' }));
  plane.upstream.offer('wants', await makeSdist({ name: 'wants', version: '1.0', buildRequires: ['only-source'] }));
  plane.upstream.offer('lost', await makeSdist({ name: 'lost', version: '1.0', buildRequires: ['nobody-has-this', 'only-source>=9'] }));
  const blocked = await post<BuildView>('/api/builds', { what: 'wants==1.0', targets: ['cp311-manylinux_aarch64'] });
  expect(blocked.cells.map(({ state, failure }) => [state, failure?.message])).toEqual([['blocked', 'blocked by only-source (no cp311-manylinux_x86_64 wheel).']]);
  const lost = await post<BuildView>('/api/builds', { what: 'lost==1.0', targets: ['cp311-manylinux_aarch64'] });
  expect(lost.cells.map(({ state }) => state)).toEqual(['queued']);
});

test('a wheel that this farm has published stands for the one that is missing, and goes into the cell’s inputs', async () => {
  plane.upstream.offer('own-dep', await makeSdist({ name: 'own-dep', version: '1.0' }));
  plane.upstream.offer('uses-own', await makeSdist({ name: 'uses-own', version: '1.0', buildRequires: ['own-dep'] }));
  const request = { what: 'uses-own==1.0', targets: ['cp311-manylinux_x86_64'] };
  expect((await post<PlanView>('/api/plans', request)).cells[0]).toMatchObject({ state: 'blocked' });
  const wheel = makeWheel({ name: 'own-dep', version: '1.0' });
  const { sha256, bytes } = await plane.blobs.put(wheel.bytes);
  await plane.database.prisma.file.create({ data: {
    filename: wheel.filename, sha256, bytes, project: 'own-dep', version: '1.0', kind: 'wheel', uploadTime: new Date(), buildId: 'b', serial: 1,
  } });
  const build = await post<BuildView>('/api/builds', request);
  expect(states(build)).toEqual([['cp311-manylinux_x86_64', 'queued', null]]);
  const lease = await openedLease(plane, build.id, 'cp311-manylinux_x86_64');
  expect((await plane.door.input(lease, sha256)).bytes).toBe(bytes);
});
