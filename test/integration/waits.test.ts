import { afterAll, beforeAll, expect, test } from 'vitest';
import { openedLease, startControlPlane, startedBuild, type ControlPlane } from '../support/control-plane.ts';

let plane: ControlPlane;
beforeAll(async () => { plane = await startControlPlane(); });
afterAll(() => plane.stop());

const target = 'cp311-manylinux_x86_64';

test('a queued cell says that its pool has no worker and how to start one; a cell that is built does not wait', async () => {
  const { buildId } = await startedBuild(plane, [target]);
  const waits = async () => (await plane.app.inject({ method: 'GET', url: `/api/builds/${buildId}/waits` })).json<unknown>();
  expect(await waits()).toEqual([]);
  plane.workflows.workersOf = async () => 0;
  expect(await waits()).toEqual([{
    target, pool: 'linux-amd64', why: 'waits: no worker of pool linux-amd64 is connected. Start one: ./farm worker --pool linux-amd64',
  }]);
  await openedLease(plane, buildId, target);
  expect(await waits()).toEqual([]);
});
