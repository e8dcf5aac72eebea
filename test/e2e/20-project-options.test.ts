import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { apiOf, buildAnimal, ended, homeTarget, startAnimal } from '../support/build.ts';
import { sharedFarm, type TestFarm } from '../support/farm.ts';
import { animals, packAnimal, type Animal } from '../zoo/animals.ts';
import { askingAnimals } from '../zoo/project-options.ts';

let farm: TestFarm;
beforeAll(async () => {
  farm = sharedFarm();
  expect((await farm.farm(['up'])).code).toBe(0);
}, 120_000);

const scratch = (): string => mkdtempSync(join(tmpdir(), 'farm-asks-'));

describe('a project that has [tool.cibuildwheel]', () => {
  it('is built and tested as it asks, without the targets that it skips, and what is not followed is named', async () => {
    const { api, build } = await startAnimal(farm, askingAnimals.everything, { targets: ['cp311-*linux_x86_64'] });
    const done = await ended(api, build.id);
    const [built, skipped] = done.cells;
    expect(built).toMatchObject({ target: homeTarget, state: 'succeeded', tested: 'passed', failure: null, testFailure: null });
    expect(skipped).toMatchObject({ target: 'cp311-musllinux_x86_64', state: 'unsupported', attempts: 0, failure: { code: 'FARM_TARGET_SKIPPED' } });
    expect(done.state).toBe('succeeded');
    expect(done.unsupported).toEqual([{ option: 'repair-wheel-command', why: expect.stringContaining('repairs every wheel itself') as string }]);
    const log = await farm.farm(['logs', homeTarget, '--build', build.id]);
    expect(log.stdout).toContain('the suite ran');
  });

  it('is shown with its skipped targets and their cause', async () => {
    const sdist = await packAnimal(askingAnimals.everything, scratch());
    const planned = await farm.farm(['plan', sdist, '--targets', 'cp311-*']);
    expect(planned.stdout).toMatch(/Not built: .*musllinux_x86_64 cp311: skipped by \[tool\.cibuildwheel\]: skip = "\*-musllinux_\*"/);
    expect(planned.stdout).toContain('Not followed: [tool.cibuildwheel] repair-wheel-command: ');
  });

  it.each([
    ['skips everything', askingAnimals.skipsAll, 'FARM_ALL_SKIPPED', /build = "cp39-\*"/],
    ['has an option that cannot be used', askingAnimals.wrongOption, 'FARM_OPTION_WRONG', /environment .*; outside quotes/],
  ] as const)('that %s is refused', async (_, animal: Animal, code, words) => {
    const said = await farm.farm(['build', await packAnimal(animal, scratch()), '--targets', homeTarget]);
    expect(said.code).toBe(1);
    expect(said.stderr).toContain(code);
    expect(said.stderr).toMatch(words);
  });

  it.each([
    ['installs packages first', askingAnimals.installsFirst, 'FARM_HOOK_NETWORK', /yum install -y libyaml-devel openssl-devel/, /\[external\] host-requires = \["dep:generic\/libyaml", "dep:generic\/openssl"\]/],
    ['installs requirements by itself', askingAnimals.pipFirst, 'FARM_HOOK_NETWORK', /pip install numpy cython/, /build-system\.requires = \[\.\.\., "numpy", "cython"\]/],
    ['has a command that fails', askingAnimals.hookFails, 'FARM_HOOK_FAILED', /before-build .*status 3: not today/, /the log/],
  ] as const)('that %s fails by name', async (_, animal: Animal, code, message, next) => {
    const { cell } = await buildAnimal(farm, animal);
    expect(cell).toMatchObject({ state: 'failed', failure: { code, step: 'requires', blame: 'project' } });
    expect(cell.failure?.message).toMatch(message);
    expect(cell.failure?.next).toMatch(next);
    if (code === 'FARM_HOOK_NETWORK') expect(cell.failure?.evidence).toMatchObject({ file: 'pyproject.toml', line: expect.any(Number) as number });
  });

  it('can be mended by a recipe: patch, environment, limits; the farm’s one lies under the given one', async () => {
    const diff = '--- a/behaviour.py\n+++ b/behaviour.py\n@@ -10,3 +10,3 @@\n     assert os.environ.get("MENDED") == "yes", "not mended"\n-    MENDED = False\n+    MENDED = True\n     assert MENDED, "not patched"\n';
    mkdirSync(join(farm.home, 'recipes'), { recursive: true });
    writeFileSync(join(farm.home, 'recipes', 'zoo-needs-recipe.toml'), 'environment = { MENDED = "no" }\nlimits = { minutes = 3 }\n');
    const without = await buildAnimal(farm, askingAnimals.needsRecipe);
    expect(without.cell.failure?.message).toContain('not mended');
    const text = JSON.stringify({ environment: { MENDED: 'yes' }, patches: [{ select: 'cp311-*', diff }] });
    const { build, cell } = await buildAnimal(farm, askingAnimals.needsRecipe, { recipe: { name: 'mine.json', text } });
    expect(cell).toMatchObject({ state: 'succeeded', tested: 'passed' });
    const inputs = await (await apiOf(farm)).get<{ options: unknown }>(`/builds/${build.id}/cells/${homeTarget}/inputs`);
    expect(inputs.options).toMatchObject({ patches: [diff], environment: [{ name: 'MENDED', parts: [{ text: 'yes' }] }] });
    const broken = await buildAnimal(farm, askingAnimals.needsRecipe, { recipe: { name: 'p.json', text: JSON.stringify({ patches: [{ diff: diff.replace('MENDED = False', 'OTHER = 1') }] }) } });
    expect(broken.cell.failure).toMatchObject({ code: 'FARM_PATCH_FAILED', step: 'requires' });
    const refused = await startAnimal(farm, askingAnimals.needsRecipe, { recipe: { name: 'r.toml', text: 'nonsense = 1' } }).then(() => null, (error: Error) => error.message);
    expect(refused).toContain('line 1, column 1: nonsense is no option of a recipe');
  });

  it('whose build requirement was released as an sdist only is blocked before anything starts', async () => {
    const { build, cell } = await buildAnimal(farm, animals.requirementWithoutWheel);
    expect(cell).toMatchObject({ state: 'blocked', attempts: 0, failure: { code: 'FARM_BLOCKED', step: 'plan' } });
    expect(cell.failure?.message).toBe('blocked by docopt (no cp311-manylinux_x86_64 wheel).');
    expect(build.state).toBe('failed');
  });

  it('whose tests fail is not published; tests that the sdist has not are named, not run', async () => {
    const { cell } = await buildAnimal(farm, askingAnimals.suiteFails);
    expect(cell).toMatchObject({ state: 'succeeded', tested: 'failed', testFailure: { code: 'FARM_TEST_COMMAND' } });
    expect(cell.testFailure?.message).toContain('two is not three');
    const { build } = await buildAnimal(farm, askingAnimals.suiteAway);
    expect(build.state).toBe('succeeded');
    const attempt = await (await apiOf(farm)).get<{ steps: unknown[] }>(`/attempts/${build.cells[0]?.attemptId}`);
    expect(JSON.stringify(attempt.steps)).toContain('test');
  });
});
