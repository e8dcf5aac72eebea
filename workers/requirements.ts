/** Build requirements: fetched in a box with network, shared by the cells of a release, put into the sealed box. */
import type { BlobInput, ImageInput } from '../orchestrator/contract/worker.ts';
import type { BuildOptions, OwnWheel } from '../orchestrator/domain/cell-options.ts';
import type { Locked } from '../orchestrator/domain/plan.ts';
import type { BuildSpec, SdistSpec, TestSpec } from '../orchestrator/contract/worker.ts';
import type { Box } from './backend/types.ts';
import { librariesOf, noLibraries } from './external.ts';
import type { CellLibraries } from './external.ts';
import type { Fetched } from './fetch-store.ts';
import type { Scope } from './scope.ts';
import { inputPath, place } from './steps/box-layout.ts';
import { cratesCommand, judgeCrates } from './steps/crates.ts';
import { fetchCommand, judgeFetch } from './steps/fetch.ts';
import type { FetchOrder } from './steps/fetch.ts';
import { judgePrepare, prepareCommand } from './steps/prepare.ts';
import { judgeRequires, requiresCommand, requiresOrder } from './steps/requires.ts';
import type { BuildSystem } from './steps/shapes.ts';

/** What the project asks of the build of a cell. */
export const optionsOf = (spec: BuildSpec): BuildOptions | undefined => spec.options as BuildOptions | undefined;

/** What the project asks of a build; of an sdist only the environment of a version that somebody chose. */
function askedOf(spec: BuildSpec | SdistSpec): BuildOptions | undefined {
  if (spec.kind === 'build') return optionsOf(spec);
  return spec.environment === undefined ? undefined : { environment: spec.environment as unknown as NonNullable<BuildOptions['environment']> };
}

/** A tar of fetched wheels is no bigger than this; a build environment of a GiB is a mistake. */
export const bundleBytesMax = 1024 ** 3;

type Sourced = BuildSpec | SdistSpec;

/** What is built from: the input of the spec, or a clone of it that this worker has made. */
export interface GivenSource {
  readonly blob: BlobInput;
  readonly file: string;
  /** Folder of the project in it; empty for its root. */
  readonly subdirectory: string;
  /** Programs that the backend may need, by their names in `place.tools`. */
  readonly tools: readonly { readonly name: string; readonly file: string }[];
}

/** Puts the farm's scripts, the source, tools and the build environment into a box. */
async function putIn(box: Box, scope: Scope<Sourced>, { blob, file, tools }: GivenSource, environment: string): Promise<void> {
  await box.put([
    ...scope.ports.scripts,
    { path: inputPath(blob.filename), bytes: { file } },
    ...tools.map((tool) => ({ path: `${place.tools}/${tool.name}`, bytes: { file: tool.file }, mode: 0o755 })),
    { path: place.madeEnvironment, bytes: { file: environment } },
  ]);
}

/** Wheels of this farm that stand for what the upstream index has not. */
const ownOf = (spec: Sourced): readonly OwnWheel[] => (spec.kind === 'build' ? optionsOf(spec)?.own ?? [] : []);

/** Puts them into a fetch box; answers their file names. */
async function putOwn(scope: Scope<Sourced>, box: Box): Promise<readonly string[]> {
  const own = ownOf(scope.spec);
  const files = await Promise.all(own.map(async (wheel) => ({ path: inputPath(wheel.filename), bytes: { file: await scope.lease.input(wheel) } })));
  if (files.length > 0) await box.put(files);
  return own.map(({ filename }) => filename);
}

/** Fetches in a box of its own, or takes what a cell with the same requirements has fetched. */
async function fetchOnce(
  scope: Scope<Sourced>, key: readonly string[], order: FetchOrder, source: Pick<GivenSource, 'blob' | 'file'> | null,
): Promise<Fetched> {
  let fetchedHere = false;
  const fetched = await scope.ports.fetches.get(JSON.stringify([...key, ...ownOf(scope.spec).map(({ sha256 }) => sha256)]), scope.signal, async (file) => {
    fetchedHere = true;
    const box = await scope.open(scope.spec.image, 'fetch');
    await box.put([
      ...scope.ports.scripts,
      ...(source === null ? [] : [{ path: inputPath(source.blob.filename), bytes: { file: source.file } }]),
    ]);
    const local = await putOwn(scope, box);
    const { lock } = await scope.step(box, fetchCommand({ ...order, local }), judgeFetch);
    await box.take(order.installed ? place.madeEnvironment : place.bundle, file, bundleBytesMax);
    await box.close();
    return { lock, bundle: file };
  });
  if (!fetchedHere) scope.passed('fetch', lockLines(fetched.lock));
  return fetched;
}

const lockLines = (lock: readonly Locked[]): string => [
  'as another cell has fetched:',
  ...lock.map(({ filename, sha256 }) => `${filename}  sha256 ${sha256.slice(0, 16)}`),
].join('\n').slice(0, 400);

export interface Environment {
  readonly box: Box;
  readonly buildSystem: BuildSystem;
  readonly options: BuildOptions | undefined;
  readonly lock: readonly Locked[];
  readonly libraries: CellLibraries;
}

/**
 * A sealed box with the source unpacked and everything installed that the project asks for: build-system.requires, and
 * what its hook adds. A hook that adds nothing costs no second fetch.
 */
export async function environmentOf(scope: Scope<Sourced>, target: string | null, given?: GivenSource): Promise<Environment> {
  const { spec } = scope;
  const source = given ?? await inputOf(scope);
  const { blob, subdirectory } = source;
  const { image, cutoff } = spec;
  const own = ownInterpreter(spec);
  const options = askedOf(spec);
  const tools = options?.tools ?? [];
  const first = await fetchOnce(scope, ['requires', image.key, blob.sha256, subdirectory, cutoff, ...own, ...tools],
    { sdist: blob.filename, subdirectory, requirements: tools, interpreterOf: null, buildsFor: target, cutoff, installed: true }, source);
  const box = await scope.open(image, 'sealed');
  await putIn(box, scope, source, first.bundle);
  const forWhat = target === null ? 'sdist' : 'wheel';
  const members = { target, subdirectory, sourceDateEpoch: spec.sourceDateEpoch, options };
  const { buildSystem, external, rust, requires: told } = await scope.step(box, prepareCommand(blob.filename, target, {
    patches: options?.patches, subdirectory, made: true, hook: options?.external?.length ? undefined : requiresOrder(members, forWhat),
  }), judgePrepare);
  if (buildSystem === undefined) throw new Error('the prepare step told no build system');
  const libraries = spec.kind === 'build' ? await librariesOf(scope as Scope<BuildSpec>, {
    build: external?.build ?? [], host: [...external?.host ?? [], ...options?.external ?? []],
  }) : noLibraries;
  if (libraries.files.length > 0) await box.put(libraries.files);
  const crates = rust && target !== null ? await addCrates(scope, box, source) : [];
  const requires = told ?? (await scope.step(box, requiresCommand({ ...members, buildSystem }, forWhat), judgeRequires)).requires;
  const lock = [...first.lock, ...(await addRequired(scope, box, { requires, lock: first.lock, target }))];
  const headers = target === null ? [] : await addTargetHeaders(scope, box, target, lock);
  return { box, buildSystem, options, libraries, lock: [...lock, ...headers, ...libraries.lock, ...crates] };
}

/** Fetches the crates of a project's Cargo.lock, once for the cells of a release, and puts them into the box. */
async function addCrates(scope: Scope<Sourced>, box: Box, { blob, file }: GivenSource): Promise<readonly Locked[]> {
  const { image } = scope.spec;
  const fetched = await scope.ports.fetches.get(JSON.stringify(['crates', image.key, blob.sha256]), scope.signal, async (to) => {
    const fetching = await scope.open(image, 'fetch');
    await fetching.put([...scope.ports.scripts, { path: inputPath(blob.filename), bytes: { file } }]);
    const { lock } = await scope.step(fetching, cratesCommand(blob.filename), judgeCrates);
    await fetching.take(place.crateBundle, to, bundleBytesMax);
    await fetching.close();
    return { lock, bundle: to };
  });
  await box.put([{ path: place.crateBundle, bytes: { file: fetched.bundle } }]);
  return fetched.lock;
}

/** Build requirements whose headers a build compiles against; crossfiles.py knows where their wheels have them. */
export const headerProjects: ReadonlySet<string> = new Set(['numpy']);

/**
 * The build machine imports its own wheel of such a project; the compiler gets the headers of the target's wheel of the
 * same version. Answers the files that came: in the lock they stand after those that are installed.
 * @errors FARM_REQUIREMENT_NO_WHEEL where the project has no wheel for the target
 */
async function addTargetHeaders(
  scope: Scope<Sourced>, box: Box, target: string, lock: readonly Locked[],
): Promise<readonly Locked[]> {
  const { image, cutoff } = scope.spec;
  const asked = lock.filter(({ name }) => headerProjects.has(name));
  if (asked.length === 0) return [];
  const requirements = asked.map(({ name, version }) => `${name}==${version}`);
  const fetched = await fetchOnce(scope, ['headers', image.key, target, cutoff, ...asked.map(({ sha256 }) => sha256)],
    { requirements, lock: asked, interpreterOf: target, cutoff }, null);
  const have = new Set(lock.map(({ filename }) => filename));
  const added = fetched.lock.filter(({ name, filename }) => headerProjects.has(name) && !have.has(filename));
  if (added.length === 0) return [];
  await box.put([{ path: place.targetBundle, bytes: { file: fetched.bundle } }]);
  return added;
}

async function inputOf({ spec, lease }: Scope<Sourced>): Promise<GivenSource> {
  const blob = spec.source;
  if (blob === undefined) throw new Error('the spec names no source');
  return { blob, file: await lease.input(blob), subdirectory: '', tools: [] };
}

/** Fetches and installs what the hook asks for beside what is there; answers the files that came. */
async function addRequired(
  scope: Scope<Sourced>, box: Box,
  { requires, lock, target }: { requires: readonly string[]; lock: readonly Locked[]; target: string | null },
): Promise<readonly Locked[]> {
  const { image, cutoff } = scope.spec;
  if (requires.length === 0) return [];
  const key = ['more', image.key, cutoff, ...ownInterpreter(scope.spec), ...requires.toSorted(), ...lock.map(({ sha256 }) => sha256).toSorted()];
  const more = await fetchOnce(scope, key,
    { requirements: requires, lock, interpreterOf: null, buildsFor: target, cutoff }, null);
  const have = new Set(lock.map(({ filename }) => filename));
  const added = more.lock.filter(({ filename }) => !have.has(filename));
  if (added.length === 0) return [];
  await box.put([{ path: place.bundle, bytes: { file: more.bundle } }]);
  await scope.step(box, prepareCommand(null, target), judgePrepare);
  return added;
}

/** The interpreter of the row in its image, where it has one: cells of such an image share no requirements. */
export function ownInterpreter(spec: BuildSpec | TestSpec | SdistSpec): readonly string[] {
  const path = 'row' in spec ? spec.row?.['interpreter'] : undefined;
  return typeof path === 'string' ? [path] : [];
}

/** Starts a box ahead while the requirements are fetched. */
export function prepareSealed(scope: Scope<Sourced>, image: ImageInput): void {
  scope.ports.backend.prepare({ image, kind: 'sealed', limits: scope.spec.limits });
}
