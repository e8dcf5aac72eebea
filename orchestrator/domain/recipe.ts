/** Layers of options over [tool.cibuildwheel], and what only a recipe can ask for. */
import { isTable } from './cibuildwheel-values.ts';
import type { Table } from './cibuildwheel-values.ts';
import { selects } from './selector.ts';

/** One recipe. `by` names it for people: `[tool.wheelfarm]`, `the farm’s recipe`, `--recipe FILE`. */
export interface Layer { readonly by: string; readonly table: Table }

/** What a recipe asks for beside the options that [tool.cibuildwheel] has too. */
export interface RecipeOptions {
  readonly patches: readonly string[];
  readonly tools: readonly string[];
  readonly external: readonly string[];
  readonly limits: RecipeLimits;
}
export interface RecipeLimits { readonly memoryBytes?: number; readonly stepMsMax?: number }

const minute = 60_000;

/** The tables of a recipe that speak of a target, lowest first. */
export function tablesFor(table: Table, platform: string, target: string): readonly Table[] {
  const own = table[platform];
  const overrides = Array.isArray(table['overrides']) ? (table['overrides'] as unknown[]).filter(isTable) : [];
  return [table, ...(isTable(own) ? [own] : []), ...overrides.filter((one) => selects(patternOf(one['select']), target))];
}

const patternOf = (select: unknown): string => (Array.isArray(select) ? select.join(' ') : String(select ?? '*'));

/**
 * Patches of all recipes in the order of precedence, lowest first, so that a higher one patches what a lower one left;
 * of the other options the highest recipe that names one. Shapes were checked before (contract/recipe.ts).
 */
export function recipeOptions(layers: readonly Layer[], platform: string, target: string): RecipeOptions {
  const tables = layers.flatMap(({ table }) => tablesFor(table, platform, target));
  const last = <T>(name: string): T | undefined => tables.findLast((table) => table[name] !== undefined)?.[name] as T | undefined;
  const limits = last<{ memoryBytes?: number; minutes?: number }>('limits') ?? {};
  return {
    patches: layers.flatMap(({ table }) => (Array.isArray(table['patches']) ? table['patches'] as { select?: unknown; diff: string }[] : []))
      .filter(({ select }) => selects(patternOf(select), target)).map(({ diff }) => diff),
    tools: last<readonly string[]>('tools') ?? [], external: last<readonly string[]>('external') ?? [],
    limits: {
      ...(limits.memoryBytes === undefined ? {} : { memoryBytes: limits.memoryBytes }),
      ...(limits.minutes === undefined ? {} : { stepMsMax: Math.round(limits.minutes * minute) }),
    },
  };
}
