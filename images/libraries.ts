/** External libraries that the farm compiles itself: one folder each under images/libraries, recipe.json and build.sh. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file of a Debian archive: its path there, and the digest that it must have. */
export interface ArchiveFile { readonly path: string; readonly sha256: string }

export interface Library {
  /** Name of the folder. */
  readonly name: string;
  readonly version: string;
  /** DepURLs without version: `dep:generic/libyaml`. @source PEP 725 */
  readonly provides: readonly string[];
  readonly source: ArchiveFile;
  /** Debian packages of the machine that builds, unpacked for build.sh: programs that the images have not. */
  readonly tools?: readonly ArchiveFile[];
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

/** How wheels of a platform have a library: grafted by auditwheel, or linked into what the project compiles. @param platform `win_arm64` */
export const linkageOf = (platform: string): 'shared' | 'static' => (/linux_/.test(platform) ? 'shared' : 'static');

/** All libraries by name. */
export function readLibraries(): ReadonlyMap<string, Library> {
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'recipe.json'))).toSorted();
  return new Map(names.map((name) => {
    const recipe = JSON.parse(readFileSync(join(folder, name, 'recipe.json'), 'utf8')) as Omit<Library, 'name' | 'script'>;
    return [name, { ...recipe, name, script: readFileSync(join(folder, name, 'build.sh'), 'utf8') }];
  }));
}

/** Debian's development packages, comma-separated, by the DepURL of a library that the farm does not compile. */
export const debianPackages: ReadonlyMap<string, string> = new Map(
  Object.entries(JSON.parse(readFileSync(join(import.meta.dirname, 'external', 'debian.json'), 'utf8')) as Record<string, string>));

/** What the farm knows that a project needs, though its files do not say so; null for most. @param project normalized */
export function externalOf(project: string): External | null {
  const path = join(import.meta.dirname, 'external', `${project}.json`);
  return /^[a-z0-9-]+$/.test(project) && !['headers', 'debian'].includes(project) && existsSync(path)
    ? JSON.parse(readFileSync(path, 'utf8')) as External : null;
}

/** Hex SHA-256 of all that decides what a library becomes for a platform in an image; `needs` are the keys of others. */
export function libraryKey(library: Library, order: { imageKey: string; platform: string; needs: readonly string[] }): string {
  return createHash('sha256').update(JSON.stringify([library, order])).digest('hex');
}
