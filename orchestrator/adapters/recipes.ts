import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TomlError, parse as parseToml } from 'smol-toml';
import { Value } from 'typebox/value';
import { Recipe, type RecipeFile } from '../contract/recipe.ts';
import { fail } from '../domain/failure.ts';
import { locateJson, locateToml, placeAt, type Place } from '../domain/locate.ts';
import { canonicalText, type Policy } from '../domain/plan.ts';
import type { Layer } from '../domain/recipe.ts';
import { sha256Of } from './prisma/rows.ts';

/** A recipe with the digest of what it says. */
export interface ReadRecipe extends Layer { readonly sha256: string }

export interface RecipeSources {
  /** The parsed pyproject.toml of the sdist, and its text. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly pyproject: string;
  readonly project: string;
  /** The farm's own folder of recipes: `<project>.toml` or `<project>.json`. */
  readonly folder: string;
  /** What was given with the request. */
  readonly given: RecipeFile | null;
}

const ofProject = '[tool.wheelfarm]';

/** All recipes of a build, lowest first. @errors FARM_RECIPE_WRONG */
export async function readRecipes({ settings, pyproject, project, folder, given }: RecipeSources): Promise<readonly ReadRecipe[]> {
  const own = (settings['tool'] as { wheelfarm?: unknown } | undefined)?.wheelfarm;
  const kept = await keptRecipe(folder, project);
  return [
    ...(own === undefined ? [] : [checked(own, { by: ofProject, name: 'pyproject.toml', text: pyproject, above: ['tool', 'wheelfarm'] })]),
    ...(kept ? [parsed(kept, `recipe ${kept.name} of the farm`)] : []),
    ...(given ? [parsed(given, `recipe ${given.name}`)] : []),
  ];
}

async function keptRecipe(folder: string, project: string): Promise<RecipeFile | null> {
  for (const name of [`${project}.toml`, `${project}.json`]) {
    const text = await readFile(join(folder, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
      throw error;
    });
    if (text !== null) return { name, text };
  }
  return null;
}

function parsed({ name, text }: RecipeFile, by: string): ReadRecipe {
  return checked(name.endsWith('.json') ? readJson(name, text) : readToml(name, text), { by, name, text, above: [] });
}

function readToml(name: string, text: string): unknown {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [first = 'not TOML'] = error.message.split('\n');
    return wrong(name, text, first.replace(/^Invalid TOML document: /, ''), { line: error.line, column: error.column });
  }
}

function readJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    const at = /position (\d+)/.exec(message)?.[1];
    return wrong(name, text, message.replace(/ in JSON at .*$| \(line .*$/, ''), at === undefined ? null : placeAt(text, Number(at)));
  }
}

function checked(
  value: unknown, file: { readonly by: string; readonly name: string; readonly text: string; readonly above: readonly string[] },
): ReadRecipe {
  if (!Value.Check(Recipe, value)) {
    const [path, why] = firstError(value);
    const locate = file.name.endsWith('.json') ? locateJson : locateToml;
    wrong(file.name, file.text, `${path.join('.') || 'the recipe'} ${why}`, locate(file.text, [...file.above, ...path]));
  }
  return { by: file.by, table: value as Readonly<Record<string, unknown>>, sha256: sha256Of(canonicalText(value)) };
}

/** Path and words of what is wrong; of a choice between shapes the choice itself. */
function firstError(value: unknown): readonly [readonly string[], string] {
  const [error] = Value.Errors(Recipe, value);
  const path = (error?.instancePath ?? '').split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  // A member that the schema does not name is held against the schema `false`.
  return [path, error?.message === 'schema is false' ? 'is no option of a recipe' : error?.message ?? 'is not right'];
}

function wrong(file: string, text: string, why: string, place: Place | null): never {
  const where = place ? `line ${place.line}, column ${place.column}: ` : '';
  const shown = place ? text.split('\n')[place.line - 1]?.trim().slice(0, 200) ?? '' : '';
  return fail('FARM_RECIPE_WRONG', 'plan', { file, why: `${where}${why}` }, {
    file, ...(place ? { line: place.line } : {}), text: shown || why,
  });
}

/** The policy with what the farm's and the given recipe say of targets; the project's own is in it already. */
export function recipePolicy(policy: Policy, recipes: readonly ReadRecipe[]): Policy {
  const tables = recipes.filter(({ by }) => by !== ofProject).map(({ table }) => table as Recipe).toReversed();
  return {
    ...policy, default: tables.find((one) => one.default)?.default ?? policy.default,
    tiers: [...tables.flatMap(({ tiers }) => tiers ?? []), ...policy.tiers],
  };
}
