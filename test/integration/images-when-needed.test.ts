import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prismaBuilds } from '../../orchestrator/adapters/builds.ts';
import type { ImageView } from '../../orchestrator/contract/api.ts';
import { failure } from '../../orchestrator/domain/failure.ts';
import type { Builds, Images } from '../../orchestrator/ports.ts';
import { startControlPlane, type ControlPlane } from '../support/control-plane.ts';
import { makeSdist } from '../support/distributions.ts';
import { codeOf } from '../support/failures.ts';

let plane: ControlPlane;
beforeAll(async () => { plane = await startControlPlane(); });
afterAll(() => plane.stop());

/** Builds on a farm whose images are as `states` says; all others are made. */
async function farmWith(states: Record<string, ImageView['state']>): Promise<{ builds: Builds; begun: string[]; name: string }> {
  const begun: string[] = [];
  const view = (name: string): ImageView =>
    ({ name, state: states[name] ?? 'made', expectedSeconds: 60, expectedBytes: 480_000_000, seconds: 0, note: 'no registry answers' });
  const images: Images = {
    states: async (names) => names.map(view), view: () => [], stop: () => undefined,
    make(names) {
      begun.push(...names);
      for (const one of names) states[one] = 'made';
    },
  };
  const grid = [{ target: 'cp312-manylinux_x86_64', python: '3.12', skipped: failure('FARM_TARGET_UNSUPPORTED', 'plan', { target: 'cp312-manylinux_x86_64', why: 'no CPython 3.12 here' }) }];
  const builds = prismaBuilds({ ...plane.ports, images, catalogue: { ...plane.ports.catalogue, unsupported: async () => grid } });
  const name = `p${randomUUID().slice(0, 8)}`;
  plane.upstream.offer(name, await makeSdist({ name, version: '1.0' }));
  return { builds, begun, name };
}

test('a build that needs an image has it made first, and is taken when it asks again', async () => {
  const { builds, begun, name } = await farmWith({ 'test-test': 'missing' });
  const plan = await builds.plan({ what: name, targets: [] });
  expect(plan.images).toMatchObject([{ name: 'test-test', state: 'missing' }]);
  expect(plan.cells.find(({ target }) => target === 'cp311-manylinux_x86_64')?.rows).toMatchObject([{ image: 'cross-test', imageKey: '' }]);
  expect(begun).toEqual([]);
  expect(await codeOf(builds.start({ what: name, targets: [] }))).toBe('FARM_IMAGES_MAKING');
  expect(begun).toEqual(['test-test']);
  expect((await builds.start({ what: name, targets: [] })).state).toBe('running');
});

test('what needs no missing image does not wait', async () => {
  const { builds, begun, name } = await farmWith({ 'test-test': 'missing' });
  expect((await builds.start({ what: name, targets: ['cp313-musllinux_x86_64'] })).state).toBe('running');
  expect(begun).toEqual([]);
});

test('a target whose image cannot be had is unsupported, and so is one that no row serves; the others are built', async () => {
  const { builds, name } = await farmWith({ 'test-test': 'failed' });
  const view = await builds.start({ what: name, targets: ['*'] });
  const seen = Object.fromEntries(view.cells.map(({ target, state, failure: why }) => [target, `${state} ${why?.code ?? ''}`.trim()]));
  expect(seen).toEqual({
    'cp311-manylinux_aarch64': 'unsupported FARM_IMAGE_UNAVAILABLE', 'cp311-manylinux_x86_64': 'unsupported FARM_IMAGE_UNAVAILABLE',
    'cp312-manylinux_x86_64': 'unsupported FARM_TARGET_UNSUPPORTED',
    'cp313-manylinux_x86_64': 'unsupported FARM_IMAGE_UNAVAILABLE', 'cp313-musllinux_x86_64': 'queued',
  });
  expect(await codeOf(builds.start({ what: name, targets: ['cp311-*'] }))).toBe('FARM_IMAGE_UNAVAILABLE');
  expect(await codeOf(builds.start({ what: name, targets: ['cp312-*'] }))).toBe('FARM_TARGET_UNSUPPORTED');
});
