/** What a project asks for a cell beside its source: how it is built, and how its wheel is tested. */
import { cibuildwheelTable, platformName, readOptions, unsupportedOptions } from './cibuildwheel.ts';
import type { ConfigSettings, OptionError, ProjectOptions, Unsupported } from './cibuildwheel.ts';
import type { Table } from './cibuildwheel-values.ts';
import { failure } from './failure.ts';
import type { Failure } from './failure.ts';
import { recipeOptions } from './recipe.ts';
import type { Layer, RecipeLimits, RecipeOptions } from './recipe.ts';
import { ok } from './result.ts';
import type { Result } from './result.ts';
import type { Assignment } from './shell-words.ts';

/** Everything here is part of the attempt key. Members that ask for nothing are absent. */
export interface BuildOptions {
  readonly environment?: readonly Assignment[];
  readonly configSettings?: ConfigSettings;
  readonly beforeAll?: string;
  readonly beforeBuild?: string;
  /** The project has a table for cibuildwheel: its build sees CIBUILDWHEEL=1. */
  readonly cibuildwheel?: true;
  /** Unified diffs for the unpacked sdist, in their order. */
  readonly patches?: readonly string[];
  /** Requirements beside build-system.requires. */
  readonly tools?: readonly string[];
  /** External libraries, as PEP 725 names them. */
  readonly external?: readonly string[];
  /** Wheels of this farm for requirements that the upstream index has no wheel of. */
  readonly own?: readonly OwnWheel[];
}

/** A published wheel of this farm. */
export interface OwnWheel { readonly filename: string; readonly sha256: string; readonly bytes: number }

/** No part of the attempt key: a wheel is tested anew. */
export interface TestOptions {
  /** The build's environment too: tests see both. */
  readonly environment?: readonly Assignment[];
  readonly command?: string;
  readonly before?: string;
  readonly requires?: readonly string[];
  readonly extras?: readonly string[];
  readonly sources?: readonly string[];
}

/** Options of a target as a plan keeps them. */
export interface CellOptions {
  readonly skipped?: Failure;
  readonly build?: BuildOptions;
  readonly test?: TestOptions;
  readonly limits?: RecipeLimits;
}

/** What a project's files and its recipes say, read once for all targets. */
export interface ProjectWishes {
  readonly unsupported: readonly Unsupported[];
  readonly of: (target: string) => Result<CellOptions, OptionError>;
}

/**
 * @param settings the parsed pyproject.toml of the sdist
 * @param layers recipes, lowest first: each option of a higher one rules
 */
export function projectWishes(settings: Table, layers: readonly Layer[] = []): ProjectWishes {
  const hasTable = cibuildwheelTable(settings) !== null;
  if (!hasTable && layers.length === 0) return { unsupported: [], of: () => ok({}) };
  return {
    unsupported: unsupportedOptions(settings),
    of: (target) => {
      const read = readOptions(settings, target, layers);
      return read.ok ? ok(cellOptions(read.value, recipeOptions(layers, platformName(target), target), { target, hasTable })) : read;
    },
  };
}

function cellOptions(
  options: ProjectOptions, recipe: RecipeOptions, { target, hasTable }: { readonly target: string; readonly hasTable: boolean },
): CellOptions {
  const { skipped, skippedBy: by } = options;
  if (skipped !== null) return { skipped: failure('FARM_TARGET_SKIPPED', 'plan', { target, why: skipped, by }) };
  const { environment, configSettings, beforeAll, beforeBuild } = options;
  const { patches, tools, external, limits } = recipe;
  const build: BuildOptions = {
    ...onlyAsked({ environment, configSettings, beforeAll, beforeBuild, patches, tools, external }),
    ...(hasTable ? { cibuildwheel: true } : {}),
  };
  const test: TestOptions = options.tested && options.testCommand !== '' ? onlyAsked({
    environment: [...environment, ...options.testEnvironment], command: options.testCommand, before: options.beforeTest,
    requires: options.testRequires, extras: options.testExtras, sources: options.testSources,
  }) : {};
  return onlyAsked({ build, test, limits });
}

/** Without members that are empty texts, lists or tables. */
function onlyAsked<T extends object>(value: T): Partial<T> {
  const kept = Object.entries(value).filter(([, member]) =>
    (typeof member === 'object' ? Object.keys(member as object).length > 0 : member !== ''));
  return Object.fromEntries(kept) as Partial<T>;
}
