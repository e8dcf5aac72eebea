/**
 * External libraries of a cell: `[external]` of the project or of the farm's own file for it, compiled from pinned Debian
 * sources by the target's compiler, once a platform and image, and put into the sealed box.
 */
import { basename } from 'node:path';
import { libraryKey } from '../images/libraries.ts';
import type { Library } from '../images/libraries.ts';
import { limits } from '../orchestrator/contract/limits.ts';
import type { BuildSpec } from '../orchestrator/contract/worker.ts';
import { fail } from '../orchestrator/domain/failure.ts';
import type { Locked } from '../orchestrator/domain/plan.ts';
import { platformOf } from '../orchestrator/domain/plan.ts';
import type { PutFile } from './backend/types.ts';
import type { Scope } from './scope.ts';
import { place } from './steps/box-layout.ts';
import { compileCommand, judgeLibrary, sourceCommand } from './steps/library.ts';
import type { ExternalResult } from './steps/shapes.ts';

/** A tar of a library is no bigger than this. */
const libraryBytesMax = 256 * 1024 ** 2;

/** Tools of the build machine that every image has, and what stands for the compiler. */
const haveTools = new Set([
  'dep:virtual/compiler/c', 'dep:virtual/compiler/c++', 'dep:virtual/compiler/cxx', 'dep:generic/make', 'dep:generic/pkg-config',
  'dep:generic/pkgconf', 'dep:generic/python', 'dep:generic/gcc', 'dep:generic/clang', 'dep:generic/patch',
]);

export interface CellLibraries {
  /** In the order in which they were compiled. */
  readonly libraries: readonly Library[];
  /** Files to put into a box. */
  readonly files: readonly PutFile[];
  /** Their sources, as they stand in the lock. */
  readonly lock: readonly Locked[];
}

export const noLibraries: CellLibraries = { libraries: [], files: [], lock: [] };

/** `dep:generic/openssl@>=3` -> `dep:generic/openssl`; a purl of the same form too. @source PEP 725 */
export const depName = (url: string): string => url.trim().replace(/^pkg:/, 'dep:').replace(/[@?#].*$/, '').toLowerCase();

/**
 * The libraries that satisfy what is asked for, each after those it needs. Pure.
 * @errors FARM_EXTERNAL_UNKNOWN with every name that the farm does not have
 */
export function librariesFor(asked: ExternalResult, known: ReadonlyMap<string, Library>): Library[] {
  const found = new Map<string, Library>();
  const take = (library: Library): void => {
    for (const need of library.needs) take(known.get(need)!);
    found.set(library.name, library);
  };
  const unknown: string[] = [];
  for (const url of asked.host) {
    const library = [...known.values()].find(({ provides }) => provides.includes(depName(url)));
    if (library) take(library);
    else if (!depName(url).startsWith('dep:virtual/compiler/')) unknown.push(depName(url));
  }
  unknown.push(...asked.build.map(depName).filter((name) => !haveTools.has(name)));
  if (unknown.length > 0) {
    const have = [...known.values()].flatMap(({ provides }) => provides).join(', ');
    fail('FARM_EXTERNAL_UNKNOWN', 'requires', { names: [...new Set(unknown)].join(', '), have });
  }
  return [...found.values()];
}

/** The libraries of a cell, made where they are not kept. @errors FARM_EXTERNAL_UNKNOWN, FARM_EXTERNAL_FAILED, FARM_FETCH_FAILED */
export async function librariesOf(scope: Scope<BuildSpec>, asked: ExternalResult): Promise<CellLibraries> {
  const { spec, ports: { libraries: store } } = scope;
  const farm = store.externalOf(spec.project.toLowerCase().replaceAll(/[-_.]+/g, '-'));
  const all = {
    host: [...asked.host, ...farm?.['host-requires'] ?? []], build: [...asked.build, ...farm?.['build-requires'] ?? []],
  };
  const libraries = librariesFor(all, store.known);
  const made = new Map<string, { key: string; file: string }>();
  for (const library of libraries) {
    const needs = library.needs.map((name) => made.get(name)!);
    const key = libraryKey(library, {
      imageKey: spec.image.key, platform: platformOf(spec.target), needs: needs.map((need) => need.key),
    });
    const file = await store.get(key, scope.signal, (to) => compile(scope, library, needs, to));
    made.set(library.name, { key, file });
  }
  return {
    libraries,
    files: [...made].map(([name, { file }]) => ({ path: `${place.externalBundles}/${name}.tar`, bytes: { file } })),
    lock: libraries.map(({ name, version, source }) => ({ name, version, filename: basename(source.path), sha256: source.sha256 })),
  };
}

async function compile(scope: Scope<BuildSpec>, library: Library, needs: readonly { file: string }[], to: string): Promise<void> {
  const { spec, ports } = scope;
  const source = `${scope.folder}/${basename(library.source.path)}`;
  scope.say(`== compiling ${library.name} ${library.version} for ${platformOf(spec.target)}`);
  if (ports.libraries.archive === null) {
    fail('FARM_FETCH_FAILED', 'requires', { why: 'this machine knows no Debian archive; set WHEELFARM_DEBIAN_MIRROR' });
  }
  const fetching = await scope.open(spec.image, 'fetch');
  await fetching.put(ports.scripts);
  await scope.step(fetching, sourceCommand(library, ports.libraries.archive), judgeLibrary);
  await fetching.take(`${place.in}/${basename(library.source.path)}`, source, limits.sdistBytesMax);
  await fetching.close();
  const box = await scope.open(spec.image, 'sealed');
  await box.put([
    ...ports.scripts, { path: `${place.in}/${basename(source)}`, bytes: { file: source } },
    { path: `${place.in}/build.sh`, bytes: Buffer.from(library.script) },
    ...needs.map(({ file }, at) => ({ path: `${place.externalBundles}/${at}.tar`, bytes: { file } })),
  ]);
  await scope.step(box, compileCommand(library, spec), judgeLibrary);
  await box.take(place.libraryTar, to, libraryBytesMax);
  await box.close();
}

/** The library that a grafted file is, told by its name without the digest that auditwheel adds; null for none. Pure. */
export function libraryOf(path: string, libraries: readonly Library[]): Library | null {
  const file = path.split('/').at(-1) ?? '';
  return libraries.find(({ sonames }) => sonames.some((name) => file.startsWith(name) && /^-[0-9a-f]{8}\.so/.test(file.slice(name.length)))) ?? null;
}
