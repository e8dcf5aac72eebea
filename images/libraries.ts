/** External libraries that the farm compiles itself: one folder each under images/libraries, recipe.json and build.sh. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Library {
  /** Name of the folder. */
  readonly name: string;
  readonly version: string;
  /** DepURLs without version: `dep:generic/libyaml`. @source PEP 725 */
  readonly provides: readonly string[];
  /** A file of a Debian archive: its path there, and the digest that it must have. */
  readonly source: { readonly path: string; readonly sha256: string };
  readonly purl: string;
  /** SPDX expression. */
  readonly licence: string;
  /** Beginnings of the names of its shared objects, up to `.so` or a number: `libyaml-0`. */
  readonly sonames: readonly string[];
  readonly headers: readonly string[];
  /** Names of other libraries here that it is compiled against. */
  readonly needs: readonly string[];
  /** Text of build.sh. */
  readonly script: string;
}

/** What a project needs of a system: `[external]` of pyproject.toml, or a file of images/external for one that has none. */
export interface External {
  readonly 'build-requires'?: readonly string[];
  readonly 'host-requires'?: readonly string[];
}

const folder = join(import.meta.dirname, 'libraries');

/** All libraries by name. */
export function readLibraries(): ReadonlyMap<string, Library> {
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'recipe.json'))).toSorted();
  return new Map(names.map((name) => {
    const recipe = JSON.parse(readFileSync(join(folder, name, 'recipe.json'), 'utf8')) as Omit<Library, 'name' | 'script'>;
    return [name, { ...recipe, name, script: readFileSync(join(folder, name, 'build.sh'), 'utf8') }];
  }));
}

/** What the farm knows that a project needs, though its files do not say so; null for most. @param project normalized */
export function externalOf(project: string): External | null {
  const path = join(import.meta.dirname, 'external', `${project}.json`);
  return /^[a-z0-9-]+$/.test(project) && project !== 'headers' && existsSync(path)
    ? JSON.parse(readFileSync(path, 'utf8')) as External : null;
}

/** Hex SHA-256 of all that decides what a library becomes for a platform in an image; `needs` are the keys of others. */
export function libraryKey(library: Library, order: { imageKey: string; platform: string; needs: readonly string[] }): string {
  return createHash('sha256').update(JSON.stringify([library, order])).digest('hex');
}
