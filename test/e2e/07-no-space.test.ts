import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildAnimal } from '../support/build.ts';
import { farmAt, type TestFarm } from '../support/farm.ts';
import { animals } from '../zoo/animals.ts';

const home = mkdtempSync(join(tmpdir(), 'farm-full-'));
const folder = join(home, 'worker');
const farm: TestFarm = farmAt(home);

/** A file system of its own for the worker, of this size. */
const mount = (options: string): void => { execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'pipe' }); };

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  mount('size=8k');
  const up = await farm.farm(['up']);
  if (up.code !== 0) throw new Error(up.stderr);
}, 120_000);

afterAll(async () => {
  await farm.farm(['down']);
  execFileSync('umount', ['-l', folder], { stdio: 'pipe' });
  await farm.stop();
}, 60_000);

describe('a disk that is full', () => {
  it('ends the cell with a message of the farm, publishes nothing, and builds when there is space again', async () => {
    const { build, cell } = await buildAnimal(farm, animals.cExtension);
    expect({ state: cell.state, code: cell.failure?.code, blame: cell.failure?.blame }, JSON.stringify(cell))
      .toEqual({ state: 'failed', code: 'FARM_NO_SPACE', blame: 'farm' });
    expect(cell.failure?.next).toMatch(/Free space/);
    expect(build.published).toEqual([]);
    mount('remount,size=512m');
    const next = await buildAnimal(farm, animals.cExtension);
    expect(next.build.state, JSON.stringify(next.cell)).toBe('succeeded');
  }, 180_000);
});
