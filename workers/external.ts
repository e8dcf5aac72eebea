/**
 * External libraries of a cell: `[external]` of the project or of the farm's own file for it. A few are compiled from pinned
 * Debian sources by the target's compiler, the others are Debian's binaries; once a platform and image, put into the sealed box.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { binaryKey, suiteOf, unpackBinaries } from '../images/debian-libraries.ts';
import type { BinaryFile, BinarySet } from '../images/debian-libraries.ts';
import { debianPackages, libraryKey, linkageOf } from '../images/libraries.ts';
import type { Library } from '../images/libraries.ts';
import { limits } from '../orchestrator/contract/limits.ts';
import type { BuildSpec, GraftedFrom, LinkedLibrary } from '../orchestrator/contract/worker.ts';
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
  /** What was compiled, in the order in which it was. */
  readonly libraries: readonly Library[];
  /** Shared objects of Debian's packages that may be grafted. */
  readonly binaries: readonly BinaryFile[];
  /** Files to put into a box. */
  readonly files: readonly PutFile[];
  /** Their sources and packages, as they stand in the lock. */
  readonly lock: readonly Locked[];
}

export const noLibraries: CellLibraries = { libraries: [], binaries: [], files: [], lock: [] };

/** `dep:generic/openssl@>=3` -> `dep:generic/openssl`; a purl of the same form too. @source PEP 725 */
export const depName = (url: string): string => url.trim().replace(/^pkg:/, 'dep:').replace(/[@?#].*$/, '').toLowerCase();

/** What is known of libraries, and whether Debian's binaries are for the cell. */
export interface KnownLibraries {
  readonly compiled: ReadonlyMap<string, Library>;
  readonly debian: ReadonlyMap<string, string>;
  /** Why Debian's binaries cannot be used; null where they can. */
  readonly withoutDebian: string | null;
}

/**
 * The libraries that satisfy what is asked for: those to compile, each after those it needs, and Debian's packages of the
 * others. Pure.
 * @errors FARM_EXTERNAL_UNKNOWN with every name that the farm does not have
 */
export function librariesFor(asked: ExternalResult, known: KnownLibraries): { libraries: Library[]; packages: string[] } {
  const found = new Map<string, Library>();
  const take = (library: Library): void => {
    for (const need of library.needs) take(known.compiled.get(need)!);
    found.set(library.name, library);
  };
  const [unknown, packages]: [string[], string[]] = [[], []];
  for (const url of asked.host) {
    const name = depName(url);
    const library = [...known.compiled.values()].find(({ provides }) => provides.includes(name));
    const debian = known.debian.get(name);
    if (library) take(library);
    else if (debian && known.withoutDebian === null) packages.push(...debian.split(','));
    else if (debian) unknown.push(`${name} (${known.withoutDebian})`);
    else if (!name.startsWith('dep:virtual/compiler/')) unknown.push(name);
  }
  unknown.push(...asked.build.map(depName).filter((name) => !haveTools.has(name)));
  if (unknown.length > 0) {
    const have = [...known.compiled.values()].flatMap(({ provides }) => provides);
    fail('FARM_EXTERNAL_UNKNOWN', 'requires', {
      names: [...new Set(unknown)].join(', '), have: [...have, ...known.withoutDebian === null ? known.debian.keys() : []].join(', '),
    });
  }
  return { libraries: [...found.values()], packages: [...new Set(packages)].toSorted() };
}

/** The libraries of a cell, made where they are not kept. @errors FARM_EXTERNAL_UNKNOWN, FARM_EXTERNAL_FAILED, FARM_FETCH_FAILED */
export async function librariesOf(scope: Scope<BuildSpec>, asked: ExternalResult): Promise<CellLibraries> {
  const { spec, ports: { libraries: store } } = scope;
  const farm = store.externalOf(spec.project.toLowerCase().replaceAll(/[-_.]+/g, '-'));
  const all = {
    host: [...asked.host, ...farm?.['host-requires'] ?? []], build: [...asked.build, ...farm?.['build-requires'] ?? []],
  };
  if (all.host.length + all.build.length === 0) return noLibraries;
  const platform = platformOf(spec.target);
  const suite = suiteOf(spec.image.name);
  const withoutDebian = !platform.startsWith('manylinux_') ? `Debian's binaries are for glibc, not for ${platform}`
    : suite === '' ? `Debian's binaries are too new for the image ${spec.image.name}` : null;
  const { libraries, packages } = librariesFor(all, { compiled: store.known, debian: debianPackages, withoutDebian });
  const made = new Map<string, { key: string; file: string }>();
  for (const library of libraries) {
    const needs = library.needs.map((name) => made.get(name)!);
    const key = libraryKey(library, {
      imageKey: spec.image.key, platform, needs: needs.map((need) => need.key),
    });
    const file = await store.get(key, scope.signal, (to) => compile(scope, library, needs, to));
    made.set(library.name, { key, file });
  }
  const files = [...made].map(([name, { file }]) => ({ path: `${place.externalBundles}/${name}.tar`, bytes: { file } }));
  const lock = libraries.map(({ name, version, source }) => ({ name, version, filename: basename(source.path), sha256: source.sha256 }));
  if (packages.length === 0) return { libraries, binaries: [], files, lock };
  const debian = await binariesOf(scope, { suite, packages });
  return {
    libraries, binaries: debian.set.files,
    // By this name it is unpacked first: what the farm compiled for the row's floor stands over it.
    files: [{ path: `${place.externalBundles}/+debian.tar`, bytes: { file: debian.file } }, ...files],
    lock: [...lock, ...debian.set.packages.map(({ name, version, architecture, sha256 }) =>
      ({ name, version, filename: `${name}_${version.replaceAll(':', '%3a')}_${architecture}.deb`, sha256 }))],
  };
}

/** Debian's packages for the platform of a cell, unpacked where they are not kept. @errors FARM_FETCH_FAILED */
async function binariesOf(
  scope: Scope<BuildSpec>, { suite, packages }: { readonly suite: string; readonly packages: readonly string[] },
): Promise<{ file: string; set: BinarySet }> {
  const { spec: { target, image }, ports: { libraries: store } } = scope;
  const order = { suite, architecture: platformOf(target).replace(/^manylinux_/, ''), packages, prefix: place.external };
  const file = await store.get(binaryKey(order, image.key), scope.signal, async (to) => {
    scope.say(`== unpacking ${packages.join(', ')} of Debian ${suite} for ${platformOf(target)}`);
    const options = { folder: `${scope.folder}/debian`, mirror: store.mirror, signal: scope.signal, say: (line: string) => scope.say(line) };
    await unpackBinaries(order, to, options).catch((error: Error) => {
      scope.signal.throwIfAborted();
      return fail('FARM_FETCH_FAILED', 'requires', { why: `packages of Debian ${suite}: ${error.message.slice(0, 400)}` });
    });
  });
  return { file, set: JSON.parse(await readFile(`${file}.json`, 'utf8')) as BinarySet };
}

async function compile(scope: Scope<BuildSpec>, library: Library, needs: readonly { file: string }[], to: string): Promise<void> {
  const { spec, ports } = scope;
  scope.say(`== compiling ${library.name} ${library.version} for ${platformOf(spec.target)}`);
  if (ports.libraries.archive === null) {
    fail('FARM_FETCH_FAILED', 'requires', { why: 'this machine knows no Debian archive; set WHEELFARM_DEBIAN_MIRROR' });
  }
  const fetching = await scope.open(spec.image, 'fetch');
  await fetching.put(ports.scripts);
  const files: PutFile[] = [];
  for (const file of [library.source, ...library.tools ?? []]) {
    const [path, kept] = [`${place.in}/${basename(file.path)}`, `${scope.folder}/${basename(file.path)}`];
    await scope.step(fetching, sourceCommand(file, ports.libraries.archive), judgeLibrary);
    await fetching.take(path, kept, limits.sdistBytesMax);
    files.push({ path, bytes: { file: kept } });
  }
  await fetching.close();
  const box = await scope.open(spec.image, 'sealed');
  await box.put([
    ...ports.scripts, ...files,
    { path: `${place.in}/build.sh`, bytes: Buffer.from(library.script) },
    ...needs.map(({ file }, at) => ({ path: `${place.externalBundles}/${at}.tar`, bytes: { file } })),
  ]);
  await scope.step(box, compileCommand(library, spec), judgeLibrary);
  await box.take(place.libraryTar, to, libraryBytesMax);
  await box.close();
}

/** What a grafted file is, told by its name without the digest that auditwheel adds; null for none. Pure. */
export function libraryOf(path: string, { libraries, binaries }: Pick<CellLibraries, 'libraries' | 'binaries'>): GraftedFrom | null {
  const file = path.split('/').at(-1) ?? '';
  const compiled = libraries.find(({ sonames }) =>
    sonames.some((name) => file.startsWith(name) && /^-[0-9a-f]{8}\.so/.test(file.slice(name.length))));
  if (compiled) return { name: compiled.name, version: compiled.version, purl: compiled.purl, licence: compiled.licence };
  const plain = file.replace(/-[0-9a-f]{8}(?=\.so)/, '');
  const found = binaries.find((one) => one.file === plain) ?? binaries.find((one) => one.file.startsWith(`${plain}.`));
  return found === undefined ? null : {
    name: found.name, version: found.version, licence: found.licence,
    purl: `pkg:deb/debian/${found.name}@${encodeURIComponent(found.version)}`,
  };
}

/** What was linked into a wheel with compiled code, where nothing is grafted. Pure. */
export function linkedIn(target: string, libraries: readonly Library[]): LinkedLibrary[] {
  return linkageOf(platformOf(target)) === 'shared' ? []
    : libraries.map(({ name, version, purl, licence, source }) => ({ name, version, purl, licence, sha256: source.sha256 }));
}
