import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { recipeSchema } from '../../../infra/recipe-schema.ts';
import { readRecipes, recipePolicy } from '../../../orchestrator/adapters/recipes.ts';
import { FarmError } from '../../../orchestrator/domain/failure.ts';
import { locateJson, locateToml } from '../../../orchestrator/domain/locate.ts';

const none = { settings: {}, pyproject: '', project: 'x', folder: '/nowhere', given: null };
const given = (name: string, text: string) => readRecipes({ ...none, given: { name, text } });

/** The failure of a recipe, its evidence beside its words. */
async function whyOf(reading: Promise<unknown>): Promise<string> {
  try {
    await reading;
    return 'read';
  } catch (error) {
    if (!(error instanceof FarmError)) throw error;
    return `${error.failure.code} ${error.failure.message} | ${error.failure.evidence?.line}: ${error.failure.evidence?.text}`;
  }
}

describe('recipes', () => {
  it('come from pyproject.toml, the farm and the request, lowest first', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'farm-recipes-'));
    writeFileSync(join(folder, 'x.toml'), 'skip = "b"\ndefault = ["cp313-*"]\n');
    const pyproject = '[tool.wheelfarm]\nskip = "a"\n';
    const read = await readRecipes({
      settings: parse(pyproject), pyproject, project: 'x', folder, given: { name: 'c.json', text: '{"skip": "c", "tiers": [{"targets": "*", "tier": 1}]}' },
    });
    expect(read.map(({ by, table }) => [by, table['skip']])).toEqual([
      ['[tool.wheelfarm]', 'a'], ['recipe x.toml of the farm', 'b'], ['recipe c.json', 'c'],
    ]);
    expect(new Set(read.map(({ sha256 }) => sha256)).size).toBe(3);
    expect(recipePolicy({ default: ['*'], tiers: [{ targets: '*', tier: 3 }] }, read)).toEqual({
      default: ['cp313-*'], tiers: [{ targets: '*', tier: 1 }, { targets: '*', tier: 3 }],
    });
  });

  it.each([
    ['r.toml', 'skip = "a"\nskipp = "b"\n', 'line 2, column 1: skipp is no option of a recipe. | 2: skipp = "b"'],
    ['r.toml', '[[patches]]\ndiff = "x"\n[[patches]]\n  dif = "y"\n', 'line 3, column 1: patches.1'],
    ['r.toml', '[limits]\nminutes = "two"\n', 'line 2, column 1: limits.minutes'],
    ['r.toml', 'skip = \n', 'line 1, column '],
    ['r.json', '{\n  "tools": ["a", 3]\n}', 'line 2, column 18: tools.1'],
    ['r.json', '{\n  "skip": "a",\n}', 'line 3, column 1: '],
    ['r.json', '[]', 'the recipe must be object'],
  ])('%s %j says where it is wrong', async (name, text, where) => {
    const why = await whyOf(given(name, text));
    expect(why).toContain(`FARM_RECIPE_WRONG The recipe in ${name} is not right: `);
    expect(why).toContain(where);
  });

  it('in pyproject.toml says its own line', async () => {
    const pyproject = '[project]\nname = "x"\n[tool.wheelfarm.linux]\nnonsense = 1\n';
    expect(await whyOf(readRecipes({ ...none, settings: parse(pyproject), pyproject }))).toMatch(/in pyproject\.toml .*line 4, column 1: linux\.nonsense is no option/);
  });
});

it('the schema that is committed is the one that is enforced, and a validator of its own takes it', async () => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'recipe.schema.json'), 'utf8');
  expect(text, 'write it anew: node infra/recipe-schema.ts').toBe(recipeSchema());
  const check = new Ajv2020({ strict: false }).compile(JSON.parse(text) as object);
  expect(check({ skip: 'a', overrides: [{ select: '*', tools: ['cmake'] }] })).toBe(true);
  expect(check({ skipp: 'a' })).toBe(false);
});

describe('places in a text', () => {
  it('are found in TOML below tables, lists of tables and past long texts', () => {
    const text = 'a = 1\n[t]\nb.c = """\nx = 1\n"""\n[[l]]\n[[l]]\n  "q r" = 2\n';
    expect(locateToml(text, ['t', 'b', 'c'])).toEqual({ line: 3, column: 1 });
    expect(locateToml(text, ['l', '1', 'q r'])).toEqual({ line: 8, column: 3 });
    expect(locateToml(text, ['x'])).toBeNull();
  });
  it('are found in JSON', () => {
    const text = '{"a": [1, {"b\\"": {}}],\n "c": "}"}';
    expect(locateJson(text, ['a', '1', 'b"'])).toEqual({ line: 1, column: 12 });
    expect(locateJson(text, ['c'])).toEqual({ line: 2, column: 2 });
    expect(locateJson(text, ['d'])).toBeNull();
  });
});
