/**
 * External libraries through the worker's own steps in the sealed images: compiled for the target and grafted, Debian's
 * binaries with the floor that they raise, and what the farm does not have. openssl takes minutes: the corpus builds it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readRecord } from '../../images/record.ts';
import { cellBench, succeeded } from '../support/cell-bench.ts';
import type { CellBench } from '../support/cell-bench.ts';
import { packAnimal, type Animal } from '../zoo/animals.ts';
import { externalAnimals } from '../zoo/external.ts';

const cacheFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'wheelfarm');
const folder = mkdtempSync(join(tmpdir(), 'farm-external-'));
const timeout = 10 * 60_000;
let bench: CellBench;
beforeAll(async () => { bench = await cellBench(folder, cacheFolder); });
afterAll(async () => {
  await bench.close();
  rmSync(folder, { recursive: true, force: true });
});

const build = async (animal: Animal, target: string, image = 'cross-debian-trixie') =>
  bench.build({ sdist: await packAnimal(animal, folder), target, image });

it.each(['manylinux_aarch64', 'musllinux_x86_64'])('compiles libffi for %s and grafts it at the floor of the row', { timeout }, async (platform) => {
  const cell = await build(externalAnimals.libffi, `cp313-${platform}`);
  const { grafted, wheel, floor } = succeeded(cell);
  expect(grafted).toMatchObject([{ library: { name: 'libffi', licence: 'MIT', purl: expect.stringContaining('pkg:deb/debian/libffi@') as string } }]);
  expect(wheel.filename).toMatch(/manylinux_2_17_aarch64|musllinux_1_2_x86_64/);
  expect(floor).toBeUndefined();
  expect(cell.lock.map(({ name }) => name)).toContain('libffi');
});

it('takes Debian\'s binaries of what it does not compile, and says how far the floor rises', { timeout }, async () => {
  const cell = await build(externalAnimals.sqlite, 'cp313-manylinux_x86_64');
  const { grafted, wheel, floor, notes } = succeeded(cell);
  expect(grafted.map(({ library }) => library?.purl)).toContainEqual(expect.stringMatching(/^pkg:deb\/debian\/libsqlite3/));
  expect(floor).toMatch(/^glibc 2\.[234]\d$/);
  expect(wheel.filename).toContain(`manylinux_${floor!.slice('glibc '.length).replace('.', '_')}_x86_64`);
  expect(notes).toContainEqual(expect.stringContaining('binaries of Debian raise the floor: manylinux_2_17_x86_64 -> '));
  expect(cell.lock.some(({ filename }) => /^libsqlite3-dev_.*_amd64\.deb$/.test(filename))).toBe(true);
});

it.each([
  ['a library that nobody knows', externalAnimals.unknown, 'cp313-manylinux_x86_64', 'dep:generic/nosuchlibrary'],
  ['one of Debian\'s for musl', externalAnimals.sqlite, 'cp313-musllinux_x86_64', 'dep:generic/sqlite (Debian\'s binaries are for glibc, not for musllinux_x86_64)'],
])('names %s', { timeout }, async (_what, animal, target, name) => {
  const { outcome } = await build(animal, target);
  expect(outcome).toMatchObject({ failure: { code: 'FARM_EXTERNAL_UNKNOWN', message: expect.stringContaining(name) as string } });
});

// The image for Windows and macOS is made when a build first needs it.
it.runIf(readRecord(cacheFolder, 'cross-desktop-trixie') !== undefined).each(['win_amd64', 'macosx_arm64'])(
  'links libffi into the extension for %s', { timeout }, async (platform) => {
    const { grafted, linked } = succeeded(await build(externalAnimals.libffi, `cp313-${platform}`, 'cross-desktop-trixie'));
    expect(grafted).toEqual([]);
    expect(linked).toMatchObject([{ name: 'libffi', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string }]);
  });
