import { describe, expect, it } from 'vitest';
import { registryAwayOf } from '../../../orchestrator/adapters/image-maker.ts';
import { mustBeMade, place } from '../../../orchestrator/adapters/builds-images.ts';
import type { ImageView } from '../../../orchestrator/contract/api.ts';
import type { CatalogueRow } from '../../../orchestrator/domain/plan.ts';
import { rustOf } from '../../../orchestrator/domain/rust.ts';

const row = (target: string, image: string, testImage: string | null = null): CatalogueRow => ({
  target, python: '3.13', image, testImage, build: 'cross', test: testImage ? 'qemu' : 'none', buildPool: 'p', testPool: 'p',
  floor: 'glibc 2.17', repair: 'auditwheel',
});
const view = (name: string, state: ImageView['state'], note = ''): ImageView =>
  ({ name, state, note, expectedSeconds: 60, expectedBytes: 480_000_000, seconds: 0 });
const images = (states: Readonly<Record<string, ImageView['state']>>) => ({
  states: async (names: readonly string[]) => names.map((name) => view(name, states[name] ?? 'missing', states[name] === 'failed' ? 'no registry\nmore' : '')),
});
const rows = [row('a', 'pypa'), row('a', 'cross', 'test'), row('b', 'pypa-b')];

describe('placement', () => {
  it('takes what is on the farm before anything is made or pulled', async () => {
    const placed = await place(images({ cross: 'made', test: 'made' }), rows.slice(0, 2));
    expect(placed.ready.map(({ image }) => image)).toEqual(['cross']);
    expect(placed.lacking).toEqual([]);
    expect(placed.passed.get('a')).toEqual([{ image: 'pypa', why: 'not on this farm, and another row serves the target' }]);
  });

  it('has the first candidate made where none is there, then the next, saying why the first is passed over', async () => {
    const first = await place(images({}), rows.slice(0, 2));
    expect(first.lacking.map(({ name }) => name)).toEqual(['pypa']);
    const next = await place(images({ pypa: 'failed', cross: 'made' }), rows.slice(0, 2));
    expect(next.lacking.map(({ name }) => name)).toEqual(['test']);
    expect(next.coming.map(({ image }) => image)).toEqual(['cross']);
    expect(next.passed.get('a')).toEqual([{ image: 'pypa', why: 'no registry' }]);
  });

  it('refuses a target of which no candidate can be had, with the cause of the first', async () => {
    const { refused, lacking } = await place(images({ 'pypa-b': 'failed' }), rows.slice(2));
    expect(lacking).toEqual([]);
    expect(refused[0]).toMatchObject({ target: 'b', skipped: { code: 'FARM_IMAGE_UNAVAILABLE', message: 'The image pypa-b cannot be had: no registry.' } });
  });

  it('says of a target that only upstream serves what it lacks here', async () => {
    const upstream = [{ ...row('cp313-musllinux_aarch64', 'pypa'), interpreter: '/opt/python/cp313-cp313/bin/python' }];
    const messageOf = async (lacks?: (target: string) => string): Promise<unknown> =>
      (await place(images({ pypa: 'failed' }), upstream, new Set(), lacks)).refused.map(({ skipped: { message } }) => message);
    expect(await messageOf()).toEqual(['cp313-musllinux_aarch64 is not supported here: no CPython 3.13 here, and no registry.']);
    expect(await messageOf(rustOf))
      .toEqual(['cp313-musllinux_aarch64 is not supported here: no Rust standard library for musllinux_aarch64 here, and no registry.']);
  });

  it('waits for no late test image, and says that it is missing', async () => {
    const some = [row('a', 'cross', 'late')];
    const placed = await place(images({ cross: 'made' }), some, new Set(['late']));
    expect(placed).toMatchObject({ ready: some, lacking: [], later: [{ name: 'late', state: 'missing' }] });
    expect((await place(images({ cross: 'made', late: 'made' }), some, new Set(['late']))).later).toEqual([]);
    expect((await place(images({ late: 'made' }), some, new Set(['late']))).lacking.map(({ name }) => name)).toEqual(['cross']);
  });

  it('begins what is missing and asks to come again', () => {
    const begun: string[] = [];
    const maker = { states: async () => [], view: () => [], stop: () => undefined, make: (names: readonly string[]) => void begun.push(...names) };
    expect(() => mustBeMade(maker, { lacking: [view('cross', 'missing')], later: [view('late', 'missing')] })).toThrow(/cross \(480 MB, about 60 s\)/);
    expect(begun).toEqual(['cross']);
    mustBeMade(maker, { lacking: [], later: [] });
    expect(begun).toEqual(['cross']);
    mustBeMade(maker, { lacking: [], later: [view('late', 'missing')] });
    expect(begun).toEqual(['cross', 'late']);
  });
});

it('a registry that is away is away for its other images too, by no name of the one that was asked for', () => {
  const said = (reason: string): string => `the upstream image registry.test/a@sha256:0 cannot be pulled: ${reason}`;
  expect(registryAwayOf(said('dial tcp: lookup registry.test: no such host'))).toBe('the registry of upstream’s images does not answer: dial tcp: lookup registry.test: no such host');
  expect(registryAwayOf(said('manifest unknown'))).toBeNull();
});
