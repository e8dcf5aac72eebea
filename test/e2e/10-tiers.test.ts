import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { sharedFarm, type Said, type TestFarm } from '../support/farm.ts';
import { animals, packAnimal, type Animal } from '../zoo/animals.ts';

let farm: TestFarm;
beforeAll(async () => {
  farm = sharedFarm();
  expect((await farm.farm(['up'])).code).toBe(0);
}, 120_000);

const [x86, arm] = ['cp311-manylinux_x86_64', 'cp311-manylinux_armv7l'];
const build = async (animal: Animal, ...targets: string[]): Promise<Said> =>
  farm.farm(['build', await packAnimal(animal, mkdtempSync(join(tmpdir(), 'farm-tiers-'))), ...targets.length > 0 ? ['--targets', ...targets] : []]);

/** An animal that says something of its own targets. */
function saying(animal: Animal, name: string, lines: string): Animal {
  const files = Object.fromEntries(Object.entries(animal.files).map(([path, text]) => [path, text.replaceAll(animal.name, name)]));
  return { ...animal, name, files: { ...files, 'pyproject.toml': `${files['pyproject.toml'] ?? ''}\n[tool.wheelfarm]\n${lines}\n` } };
}

describe('tiers', () => {
  it('publish a project that fails only on armv7l, and print the gap', async () => {
    const said = await build(animals.failsOnArmv7l, x86, arm);
    expect(said.code, said.stdout + said.stderr).toBe(0);
    expect(said.stdout).toContain(`Gaps: ${arm} (wanted: FARM_COMPILE_ERROR); no required target is among them`);
    expect(said.stdout).toContain('32-bit ARM is not for us');
    const page = await fetch(`${(await farm.status()).api?.replace(/\/api$/, '')}/simple/zoo-fails-on-armv7l/`);
    expect(await page.text()).toMatch(/zoo_fails_on_armv7l-1\.0-cp311-cp311-.*x86_64\.whl/);
  });

  it('hold the release back where the project requires that target', async () => {
    const strict = saying(animals.failsOnArmv7l, 'zoo-wants-armv7l', `tiers = [{targets = "*-manylinux_armv7l", tier = 1}]`);
    const said = await build(strict, x86, arm);
    expect(said.code).toBe(1);
    expect(said.stdout).toContain('FARM_TIER_MISSED');
    expect(said.stdout).toContain(`Gaps: ${arm} (required: FARM_COMPILE_ERROR)`);
  });

  it('have the default targets that the project names', async () => {
    const few = saying(animals.pure, 'zoo-one-target', `default = ["${x86}"]`);
    const said = await build(few);
    expect(said.code, said.stdout + said.stderr).toBe(0);
    expect(said.stdout).toMatch(/Coverage: upstream 0 wheels, farm 1/);
    expect(said.stderr).not.toContain('cp313-');
  });

  it('say what is wrong in what the project says', async () => {
    const said = await build(saying(animals.pure, 'zoo-wrong-tier', 'tiers = [{targets = "*", tier = 7}]'), x86);
    expect(said.code).toBe(1);
    expect(said.stderr).toContain('FARM_PYPROJECT_BROKEN');
    expect(said.stderr).toContain('[tool.wheelfarm] tiers is no list of {targets = "GLOB", tier = 1, 2 or 3}');
  });
});

describe('a target of the grid that cannot be built here', () => {
  it('stands in the result with its cause and holds nothing back', async () => {
    const said = await build(animals.cExtension, x86, 'cp313-win32', 'cp313-ios_arm64_iphoneos');
    expect(said.code, said.stdout + said.stderr).toBe(0);
    expect(said.stdout).toContain('Not built: win32 cp313: not supported here: no import library');
    expect(said.stdout).toContain('Not built: ios_arm64_iphoneos cp313: not supported here: no iOS SDK here');
  });

  it('is the answer where nothing else was asked for', async () => {
    const said = await build(animals.cExtension, 'cp313-win32');
    expect(said.code).toBe(1);
    expect(said.stderr).toContain('FARM_TARGET_UNSUPPORTED');
  });
});
