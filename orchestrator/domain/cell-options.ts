/** What a project asks for a cell beside its source: how it is built, and how its wheel is tested. */
import { cibuildwheelTable, readOptions, unsupportedOptions } from './cibuildwheel.ts';
import type { ConfigSettings, OptionError, ProjectOptions, Unsupported } from './cibuildwheel.ts';
import type { Table } from './cibuildwheel-values.ts';
import { failure } from './failure.ts';
import type { Failure } from './failure.ts';
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
}

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
}

/** What a project's files say, read once for all targets. */
export interface ProjectWishes {
  readonly unsupported: readonly Unsupported[];
  readonly of: (target: string) => Result<CellOptions, OptionError>;
}

/** @param settings the parsed pyproject.toml of the sdist */
export function projectWishes(settings: Table): ProjectWishes {
  if (cibuildwheelTable(settings) === null) return { unsupported: [], of: () => ok({}) };
  return {
    unsupported: unsupportedOptions(settings),
    of: (target) => {
      const read = readOptions(settings, target);
      return read.ok ? ok(cellOptions(read.value, target)) : read;
    },
  };
}

function cellOptions(options: ProjectOptions, target: string): CellOptions {
  const { skipped } = options;
  if (skipped !== null) return { skipped: failure('FARM_TARGET_SKIPPED', 'plan', { target, why: skipped }) };
  const { environment, configSettings, beforeAll, beforeBuild } = options;
  const build: BuildOptions = {
    ...onlyAsked({ environment, configSettings, beforeAll, beforeBuild }), cibuildwheel: true,
  };
  const test: TestOptions = options.tested && options.testCommand !== '' ? onlyAsked({
    environment: [...environment, ...options.testEnvironment], command: options.testCommand, before: options.beforeTest,
    requires: options.testRequires, extras: options.testExtras, sources: options.testSources,
  }) : {};
  return onlyAsked({ build, test });
}

/** Without members that are empty texts, lists or tables. */
function onlyAsked<T extends object>(value: T): Partial<T> {
  const kept = Object.entries(value).filter(([, member]) =>
    (typeof member === 'object' ? Object.keys(member as object).length > 0 : member !== ''));
  return Object.fromEntries(kept) as Partial<T>;
}
