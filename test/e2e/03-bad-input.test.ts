import { mkdtempSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BuildRequest } from '../../orchestrator/contract/api.ts';
import { buildAnimal } from '../support/build.ts';
import { sharedFarm, type TestFarm } from '../support/farm.ts';
import { animals, corrupt, packAnimal, truncate, type Animal } from '../zoo/animals.ts';

let farm: TestFarm;
beforeAll(async () => {
  farm = sharedFarm();
  expect((await farm.farm(['up'])).code).toBe(0);
}, 120_000);

const scratch = (): string => mkdtempSync(join(tmpdir(), 'farm-bad-'));

describe('what cannot be built at all', () => {
  const refused: readonly [says: string, argument: () => Promise<string>, code: string, words: RegExp][] = [
    ['an unknown project', async () => 'wheelfarm-zoo-has-no-such-project', 'FARM_PROJECT_UNKNOWN', /no project named/],
    ['an unknown version', async () => 'idna==999.0', 'FARM_VERSION_UNKNOWN', /the newest is \d/],
    // Released as wheels only, and yanked: both are years old and will not change.
    ['a version without an sdist', async () => 'torch==2.0.0', 'FARM_NO_SDIST', /without an sdist/],
    ['a yanked version', async () => 'attrs==21.1.0', 'FARM_YANKED', /is yanked/],
    ['words that mean nothing', async () => '==3', 'FARM_WHAT_UNCLEAR', /do not understand/],
    ['a folder that is not there', async () => './nowhere', 'FARM_FOLDER_UNREADABLE', /not there/],
    ['a folder without a project', async () => `${scratch()}/`, 'FARM_FOLDER_UNREADABLE', /neither pyproject.toml nor setup.py/],
    ['a truncated sdist', async () => truncate(await packAnimal(animals.cExtension, scratch())), 'FARM_SDIST_TRUNCATED', /ends too early/],
    ['a corrupt sdist', async () => corrupt(await packAnimal(animals.cExtension, scratch())), 'FARM_SDIST_CORRUPT', /damaged/],
    ['an archive that climbs out', async () => packAnimal(animals.climbs, scratch()), 'FARM_SDIST_CLIMBS', /outside/],
    ['a link that climbs out', async () => packAnimal(animals.symlinkEscape, scratch()), 'FARM_SDIST_CLIMBS', /away/],
    ['a pyproject.toml that does not parse', async () => packAnimal(animals.brokenPyproject, scratch()), 'FARM_PYPROJECT_BROKEN', /line/],
    ['targets that match nothing', async () => packAnimal(animals.pure, scratch()), 'FARM_TARGETS_EMPTY', /No target matches/],
  ];

  it.each(refused)('%s', async (says, argument, code, words) => {
    const targets = says.startsWith('targets') ? ['--targets', 'cp27-*'] : [];
    const said = await farm.farm(['build', await argument(), ...targets]);
    expect(said.code).toBe(1);
    expect(said.stderr).toContain(code);
    expect(said.stderr).toMatch(words);
    expect(said.stderr).toMatch(/for the (project|farm|world) to mend/);
    expect(said.stderr).toMatch(/next/);
  });
});

interface Bad {
  readonly animal: Animal;
  readonly code: string;
  readonly step: string;
  readonly evidence?: RegExp;
  readonly asked?: Partial<BuildRequest>;
}

const MiB = 1024 * 1024;

describe('builds that fail', () => {
  const bad: readonly Bad[] = [
    { animal: animals.noBackend, code: 'FARM_BACKEND_MISSING', step: 'requires' },
    { animal: animals.unknownRequirement, code: 'FARM_REQUIREMENT_UNKNOWN', step: 'fetch' },
    { animal: animals.compileError, code: 'FARM_COMPILE_ERROR', step: 'build', evidence: /native\.c:4: .*not_declared_anywhere/ },
    { animal: animals.missingHeader, code: 'FARM_HEADER_MISSING', step: 'build', evidence: /native\.c:1: .*yaml\.h/ },
    { animal: animals.swallowedError, code: 'FARM_PURE_BY_MISTAKE', step: 'build' },
    { animal: animals.raises, code: 'FARM_BUILD_FAILED', step: 'build', evidence: /the backend has a fault/ },
    { animal: animals.hangs, code: 'FARM_STEP_SILENT', step: 'build', asked: { limits: { silenceMsMax: 3_000 } } },
    { animal: animals.neverEnds, code: 'FARM_BUILD_TIMEOUT', step: 'build', asked: { limits: { stepMsMax: 4_000 } } },
    { animal: animals.logFlood, code: 'FARM_LOG_FLOOD', step: 'build', asked: { limits: { logBytesMax: 4 * MiB } } },
    { animal: animals.memoryHungry, code: 'FARM_MEMORY', step: 'build', asked: { limits: { memoryBytes: 300 * MiB } } },
    { animal: animals.diskHungry, code: 'FARM_DISK', step: 'build', asked: { limits: { workBytes: 256 * MiB } } },
    { animal: animals.forkBomb, code: 'FARM_PIDS', step: 'build', asked: { limits: { pidsMax: 64 } } },
    { animal: animals.network, code: 'FARM_NETWORK_USED', step: 'build' },
    { animal: animals.networkByName, code: 'FARM_NETWORK_USED', step: 'build' },
    { animal: animals.twoWheels, code: 'FARM_WHEEL_MANY', step: 'build' },
    { animal: animals.noWheel, code: 'FARM_WHEEL_NONE', step: 'build' },
    { animal: animals.wrongName, code: 'FARM_WHEEL_NAME', step: 'build' },
    { animal: animals.wrongVersion, code: 'FARM_WHEEL_VERSION', step: 'build' },
  ];

  it.each(bad.map((one) => [one.animal.name, one] as const))('%s', async (_, { animal, code, step, evidence, asked }) => {
    const { build, cell } = await buildAnimal(farm, animal, asked);
    expect({ state: cell.state, code: cell.failure?.code, step: cell.failure?.step, blame: cell.failure?.blame },
      JSON.stringify(cell)).toEqual({ state: 'failed', code, step, blame: 'project' });
    expect(cell.failure?.next).toBeTruthy();
    expect(build.state).toBe('failed');
    expect(build.published).toEqual([]);
    if (evidence) {
      const { file, line, text } = cell.failure?.evidence ?? { text: '' };
      expect(`${file ?? ''}:${line ?? ''}: ${text}`).toMatch(evidence);
    }
  });

  it('does not publish a wheel that does not import', async () => {
    const { build, cell } = await buildAnimal(farm, animals.failsToImport);
    expect({ tested: cell.tested, code: cell.testFailure?.code }).toEqual({ tested: 'failed', code: 'FARM_TEST_IMPORT' });
    expect(cell.testFailure?.evidence?.text).toContain('not today');
    expect(build.published).toEqual([]);
  });

  it('says when a runtime requirement cannot be had', async () => {
    const { cell } = await buildAnimal(farm, animals.requirementMissingAtTest);
    expect(cell.tested).toBe('no-requirement');
  });

  it('serves the next build', async () => {
    const { build, cell } = await buildAnimal(farm, animals.pure);
    expect({ state: cell.state, tested: cell.tested }, JSON.stringify(cell)).toEqual({ state: 'succeeded', tested: 'passed' });
    expect(build.published).toContain('zoo_pure-1.0-py3-none-any.whl');
  });
});

describe('a folder', () => {
  it('is built by way of its sdist', async () => {
    const folder = join(scratch(), 'zoo-folder');
    mkdirSync(join(folder, 'zoo_folder'), { recursive: true });
    writeFileSync(join(folder, 'pyproject.toml'), [
      '[build-system]', 'requires = ["setuptools"]', 'build-backend = "setuptools.build_meta"',
      '[project]', 'name = "zoo-folder"', 'version = "1.0"', '[tool.setuptools]', 'packages = ["zoo_folder"]', ''].join('\n'));
    writeFileSync(join(folder, 'zoo_folder', '__init__.py'), 'FOLDER = True\n');
    const said = await farm.farm(['build', folder, '--json']);
    expect(said.code, said.stdout + said.stderr).toBe(0);
    const result = JSON.parse(said.stdout.trimEnd().split('\n').at(-1) ?? '') as { cells: { state: string }[] };
    expect(result.cells.map(({ state }) => state).toSorted()).toEqual([...Array.from({ length: 7 }, () => 'covered'), 'succeeded']);
  });
});
