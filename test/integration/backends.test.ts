/**
 * The shapes of build back ends, cross built through the worker's own steps in the sealed images, and what a build sees of
 * its target in every cross row. Real build requirements, real containers; no control plane.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRecord } from '../../images/record.ts';
import { defaultImages, readRecipes, rowsOf } from '../../images/recipes.ts';
import { cellBench, succeeded, wheelBytes } from '../support/cell-bench.ts';
import type { CellBench } from '../support/cell-bench.ts';
import { packAnimal } from '../zoo/animals.ts';
import { backendShapes, probe, rustShapes } from '../zoo/backends.ts';

const cacheFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'wheelfarm');
const folder = mkdtempSync(join(tmpdir(), 'farm-backends-'));
const minute = 60_000;
let bench: CellBench;
beforeAll(async () => { bench = await cellBench(folder, cacheFolder); });
afterAll(async () => {
  await bench.close();
  rmSync(folder, { recursive: true, force: true });
});

const image = 'cross-debian-trixie';
const targets = ['cp313-manylinux_aarch64', 'cp313-manylinux_armv7l', 'cp313-manylinux_x86_64'];
type Shape = keyof typeof backendShapes;
// numpy has no wheel for armv7l: its own test is below.
const compiled = (Object.keys(backendShapes) as Shape[]).filter((shape) => shape !== 'numpyHeaders');

describe.each(targets)('%s', (target) => {
  it.each(compiled)('builds %s', { timeout: 5 * minute }, async (shape) => {
    const cell = await bench.build({ sdist: await packAnimal(backendShapes[shape], folder), target, image });
    const { wheel, audit, compilerCalls } = succeeded(cell);
    const platform = target.slice('cp313-manylinux_'.length);
    expect(wheel.filename).toMatch(new RegExp(`-cp3\\d+-(cp313|abi3)-.*manylinux_2_17_${platform}\\.whl$`));
    expect(audit['objects']).toHaveLength(1);
    expect(compilerCalls).toBeGreaterThan(0);
    expect((await wheelBytes(cell)).subarray(0, 2).toString()).toBe('PK');
  });
});

// The image with Rust is made when a project first needs it: a gigabyte that this test does not ask for.
const rustMade = readRecord(cacheFolder, 'cross-rust-trixie') !== undefined;
describe.runIf(rustMade)('Rust', () => {
  const shapes = (Object.keys(rustShapes) as (keyof typeof rustShapes)[]).flatMap((shape) => targets.map((target) => [shape, target] as const));
  it.each(shapes)('builds %s for %s', { timeout: 10 * minute }, async (shape, target) => {
    const cell = await bench.build({ sdist: await packAnimal(rustShapes[shape], folder), target, image: 'cross-rust-trixie' });
    expect(succeeded(cell).wheel.filename).toMatch(new RegExp(`-cp313-cp313-.*manylinux_2_17_${target.slice('cp313-manylinux_'.length)}\\.whl$`));
    expect(cell.lock.map(({ filename }) => filename)).toContain('pyo3-ffi-0.25.1.crate');
  });
});

describe('headers of a requirement', () => {
  it('are those of its wheel for the target, while the build machine imports its own', { timeout: 5 * minute }, async () => {
    const cell = await bench.build({ sdist: await packAnimal(backendShapes.numpyHeaders, folder), target: 'cp313-manylinux_aarch64', image });
    succeeded(cell);
    expect(cell.log).toMatch(/headers from \/work\/cross\/site\/numpy\/_core\/include/);
    expect(cell.log).toContain('numpy computes 3.0');
    const numpy = cell.lock.filter(({ name }) => name === 'numpy').map(({ filename }) => filename);
    expect(numpy).toEqual([expect.stringMatching(/x86_64\.whl$/), expect.stringMatching(/aarch64\.whl$/)]);
  });

  it('fail the cell by name where the target has no wheel', { timeout: 5 * minute }, async () => {
    const cell = await bench.build({ sdist: await packAnimal(backendShapes.numpyHeaders, folder), target: 'cp313-manylinux_armv7l', image });
    expect(cell.outcome).toMatchObject({ state: 'failed', failure: { code: 'FARM_REQUIREMENT_NO_WHEEL', message: expect.stringMatching(/numpy.*cp313-manylinux_armv7l/) as string } });
  });
});

// Rows of images that are made when they are first needed are asked where they have been made.
const made = [...readRecipes()].filter(([name, { like, from }]) => !like && !from && readRecord(cacheFolder, name)).map(([name]) => name);
const crossRows = [...new Set([...defaultImages(), ...made])].flatMap((name) => rowsOf(name));

describe('what a build sees of its target', () => {
  it.each(crossRows)('$target', { timeout: 5 * minute }, async ({ target, image: of }) => {
    const cell = await bench.build({ sdist: await packAnimal(probe, folder), target, image: of });
    succeeded(cell);
    const line = cell.log.split('\n').find((each) => each.startsWith('probe: '))!;
    const seen = `${JSON.stringify(JSON.parse(line.slice(7)), null, 1)}\n`;
    const golden = join(import.meta.dirname, '..', 'golden', 'cross', `${target}.json`);
    await expect(seen, 'to accept: npx vitest run -u test/integration/backends.test.ts').toMatchFileSnapshot(golden);
    const told = JSON.parse(seen) as { tags: string[]; platform: { machine: string }; buildProgram: number };
    expect(target.endsWith(told.platform.machine.toLowerCase())).toBe(true);
    expect(told.buildProgram).toBe(42);
    expect(told.tags[0]).toContain(told.platform.machine.toLowerCase());
  });
});
