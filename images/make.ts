/**
 * Makes images: a Debian root, finished in a container without network, kept as one tar with a record.
 * On the command line: node images/make.ts [--cache FOLDER] [NAME…]
 */
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import Docker from 'dockerode';
import { pack } from 'tar-stream';
import { ensureBinfmt } from './binfmt.ts';
import { unpackRoot } from './bootstrap.ts';
import { loadLayer, withContainer, type Workbench } from './docker.ts';
import { loadImage } from './load.ts';
import { ownMark } from './owner.ts';
import { imageFolder, readRecord } from './record.ts';
import {
  architectureOf, defaultImages, imageEpoch, imageKey, imagesFolder, readArchitectures, readRecipes, readRequirements, recipeDigest, rowsOf, testedIn,
} from './recipes.ts';
import { addFile, ensureRuntime, runtimeUnits } from './runtime.ts';
import { Slots } from './slots.ts';
import { fetchSources } from './sources.ts';
import { dress, haveUpstream } from './upstream.ts';
import { makingName, makingRepository, sweep } from './sweep.ts';
import { installByUv } from './uv.ts';
import type { ImageRecord, Interpreter, MakeOptions, Recipe } from './types.ts';
import { ensureWheels, fileDigest } from './wheels.ts';

/** A container that sees no network, for everything that is not Debian's or pip's download. */
const sealed: Docker.HostConfig = { NetworkMode: 'none' };
/** The same behind whatever else the machine does. */
const behind: Docker.HostConfig = { ...sealed, CpuShares: 256 };

interface Bench { readonly docker: Docker; readonly options: MakeOptions; readonly recipe: Recipe; readonly folder: string; readonly mark: string; readonly since: number }

/** Names of the images that must be there before this one. */
export function neededFor(recipe: Recipe): string[] {
  const tested = rowsOf(recipe.name).flatMap((row) => row.testImage ?? []);
  return [...new Set([...tested, ...recipe.finishedIn ? [recipe.finishedIn] : []])].filter((name) => name !== recipe.name).toSorted();
}

/** True where a record is what today's recipe and its other images would give. */
function isCurrent(record: ImageRecord | undefined, recipe: Recipe, cacheFolder: string): record is ImageRecord {
  return record?.recipeSha256 === recipeDigest(recipe)
    && Object.entries(record.madeFrom).every(([name, key]) => readRecord(cacheFolder, name)?.key === key);
}

/**
 * Makes one image, and those it needs; returns the existing record where nothing changed.
 * @errors with what to do where neither Docker nor the host can unpack a Debian root
 */
export async function makeImage(name: string, options: MakeOptions, docker = new Docker()): Promise<ImageRecord> {
  const recipe = readRecipes().get(name);
  if (!recipe) throw new Error(`recipes.json has no image named ${name}`);
  const needed = Promise.all(neededFor(recipe).map((other) => makeOnce(other, options, docker)));
  needed.catch(() => undefined); // whoever needs them hears of it
  const known = readRecord(options.cacheFolder, name);
  if (known?.recipeSha256 === recipeDigest(recipe)) {
    await needed;
    if (isCurrent(known, recipe, options.cacheFolder)) return known;
  }
  const since = performance.now();
  const parent = join(options.cacheFolder, 'images');
  const mark = makingName(ownMark(), randomBytes(6).toString('hex'));
  const folder = join(parent, `.making-${mark}`);
  try {
    const bench = { docker, options, recipe, folder, mark, since };
    const record = await (recipe.from ? makeUpstream(bench, recipe.from) : make(bench, needed));
    const place = imageFolder(options.cacheFolder, name);
    await rm(place, { recursive: true, force: true });
    await rename(join(folder, 'made'), place);
    options.onProgress?.({ image: name, step: 'made', note: `${Math.round(record.bytes / 1e6)} MB` });
    return { ...record, tarPath: join(place, 'root.tar') };
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Roots are unpacked two at a time, in the order in which images are asked for: the first is ready early. */
const unpacking = new Slots(2);
const swept = new Map<string, Promise<number>>();

/** Once a process and cache: leftovers can only be of processes that ended before. */
async function sweepOnce(folders: readonly string[], docker: Docker): Promise<void> {
  const begun = swept.get(folders.join()) ?? sweep(folders, docker);
  swept.set(folders.join(), begun);
  await begun;
}

async function make(bench: Bench, others: Promise<readonly ImageRecord[]>): Promise<ImageRecord> {
  const { docker, options, recipe, folder, mark } = bench;
  const say = (step: string) => (note: string): void => options.onProgress?.({ image: recipe.name, step, note });
  const rows = rowsOf(recipe.name);
  const runtime = compiledRuntime(bench, say);
  runtime.catch(() => undefined); // awaited below; until then another failure may come first
  const overlay = recipe.uv ? await installByUv(recipe, folder, options, say('uv')) : undefined;
  const unpacked = await unpacking.use(async () => {
    await sweepOnce([join(options.cacheFolder, 'images'), join(options.cacheFolder, 'runtime')], docker);
    await mkdir(folder, { recursive: true });
    return unpackRoot(recipe, folder, docker, options, say('unpack'));
  });
  const raw = {
    path: unpacked.tarPath, bytes: (await stat(unpacked.tarPath)).size, sha256: await fileDigest(unpacked.tarPath, options.signal),
  };
  const rawTag = `${makingRepository}/${recipe.name}:${mark}`;
  const loaded = recipe.finishedIn ? undefined : await loadLayer(docker, raw,
    { tag: rawTag, architecture: architectureOf(recipe).docker, environment: [], labels: {} }, options.signal);
  const made = join(folder, 'made');
  await mkdir(made);
  const tarPath = join(made, 'root.tar');
  const root = recipe.finishedIn ? '/stage/root' : '';
  try {
    const workshop = recipe.finishedIn ? await loadImage(await makeOnce(recipe.finishedIn, options, docker), docker) : rawTag;
    const wheels = await ensureWheels(docker, options, say('wheels'), async () => workshop, recipe.zig);
    const [needed, compiled] = [await others, await runtime];
    const sources = recipe.sources ? await fetchSources(recipe, folder, docker, options, say('sources')) : undefined;
    unpacked.packages.push(...sources?.packages ?? [], ...overlay?.packages ?? []);
    await withContainer(docker, workshop, recipe.late ? behind : sealed, options.signal, async (container) => {
      await fill(container, bench, needed, { wheels: rows.length > 0 ? [...wheels.values()] : sources ? [wheels.get('pip')!] : [], runtime: compiled,
        ...(recipe.finishedIn ? { root: raw.path } : {}), ...(sources ? { sources: sources.tarPath } : {}) });
      if (overlay) await container.put(createReadStream(overlay.tarPath), root || '/');
      const onLine = (line: string): void => { if (line.startsWith('step ')) say('finish')(line.slice(5)); };
      say('finish')('started');
      if (recipe.interpreter) {
        await container.run(['sh', '-c', `mkdir -p ${root}/usr/lib/python3 && ln -s ${recipe.interpreter} ${root}/usr/bin/python3`]);
      }
      await container.run(['/usr/bin/python3', '-IS', '/stage/finish.py', root], { onLine });
      say('pack')(`about ${Math.round(recipe.expect.bytes / 1e6)} MB`);
      await container.run(packWords(root || '/'), { out: createWriteStream(tarPath) });
    });
    return await keep(bench, needed, { tarPath, unpacked, wheel: wheels.get('packaging')! });
  } finally {
    if (loaded) await docker.getImage(rawTag).remove({ force: true }).catch(() => undefined);
  }
}

/** An image of upstream's with the farm's tools and what its interpreters say of themselves. */
async function makeUpstream(bench: Bench, pinned: string): Promise<ImageRecord> {
  const { docker, options, recipe, folder } = bench;
  const say = (step: string) => (note: string): void => options.onProgress?.({ image: recipe.name, step, note });
  const reference = options.from?.[recipe.name] ?? pinned;
  const id = await haveUpstream(docker, reference, say('pull'), options.signal);
  await ensureBinfmt([recipe.architecture], { docker, onLine: say('binfmt'), ...(options.signal ? { signal: options.signal } : {}) });
  const wheels = await ensureWheels(docker, options, say('wheels'), async () => reference);
  const tarPath = join(folder, 'made', 'root.tar');
  await mkdir(join(folder, 'made'), { recursive: true });
  await withContainer(docker, id, sealed, options.signal, async (container) => {
    await fill(container, bench, [], { wheels: [...wheels].filter(([name]) => name !== 'ziglang').map(([, path]) => path), runtime: [] });
    await dress(container, rowsOf(recipe.name), (line) => { if (line.startsWith('step ')) say('finish')(line.slice(5)); });
    say('pack')(`about ${Math.round(recipe.expect.bytes / 1e6)} MB`);
    await container.exportTo(createWriteStream(tarPath));
  });
  const unpacked = { tarPath, packages: [{ name: reference, version: id }], archive: [] };
  return keep(bench, [], { tarPath, unpacked, wheel: '' });
}

/** zig's runtime for the rows, begun as soon as a test image of this machine is there to compile in. */
async function compiledRuntime({ docker, options, recipe }: Bench, say: (step: string) => (note: string) => void): Promise<string[]> {
  const rows = rowsOf(recipe.name);
  if (rows.length === 0) return [];
  const native = nativeTestImage(recipe);
  const image = async (): Promise<string> => loadImage(await makeOnce(native, options, docker), docker);
  return ensureRuntime(runtimeUnits(rows, recipe.zig), docker, options, {
    image, wheels: async () => ensureWheels(docker, options, say('wheels'), image, recipe.zig), say: say('runtime'),
    ...(recipe.zig ? { zig: recipe.zig } : {}),
  });
}

/** The test image of this suite that runs here without emulation. @errors where recipes.json has none */
export function nativeTestImage({ name, suite, architecture }: Recipe): string {
  const found = [...readRecipes().values()].find((other) =>
    other.suite === suite && other.architecture === architecture && !other.interpreter && !other.late && testedIn(other.name).length > 0);
  if (!found) throw new Error(`recipes.json: no test image of ${suite} for ${architecture}, which ${name} needs`);
  return found.name;
}

/** Paths of what goes into the container beside the recipe's files; `root` is a tar of another machine's root. */
interface Filling { readonly wheels: readonly string[]; readonly runtime: readonly string[]; readonly root?: string; readonly sources?: string }

/** Puts recipe files, wheels, runtime, rows and what other images recorded under /stage. */
async function fill(container: Workbench, bench: Bench, needed: readonly ImageRecord[], filling: Filling): Promise<void> {
  const { recipe } = bench;
  const tar = pack();
  const sent = container.put(tar, '/');
  for (const file of ['interpreter.py', 'cross-debian/requirements.txt', ...recipe.files]) {
    tar.entry({ name: `stage/${file.startsWith('libraries/') ? file : basename(file)}` }, await readFile(join(imagesFolder, file)));
  }
  const interpreters = Object.fromEntries(needed.map((image) => [image.name, image.interpreter]));
  tar.entry({ name: 'stage/rows.json' },
    JSON.stringify({ epoch: imageEpoch, rows: rowsOf(recipe.name), tested: testedIn(recipe.name), architectures: readArchitectures(), interpreters }));
  tar.entry({ name: 'stage/root', type: 'directory', mode: 0o755 });
  for (const path of filling.wheels) await addFile(tar, `stage/wheels/${basename(path)}`, path);
  for (const path of filling.runtime) await addFile(tar, `stage/runtime/${basename(path)}`, path);
  tar.finalize();
  await sent;
  if (filling.root) await container.put(createReadStream(filling.root), '/stage/root');
  if (filling.sources) await container.put(createReadStream(filling.sources), '/stage');
}

/** One tar of a whole root: sorted, one time, no names of this machine. */
function packWords(root: string): string[] {
  const left = ['proc/*', 'sys/*', 'dev/*', 'tmp/*', 'run/*', 'stage', '.dockerenv', 'etc/hosts', 'etc/hostname', 'etc/resolv.conf', 'etc/mtab'];
  return ['tar', '-C', root, '--sort=name', '--format=pax',
    '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime,delete=mtime', `--mtime=@${imageEpoch}`,
    '--numeric-owner', '--anchored', ...left.map((path) => `--exclude=./${path}`), '-cf', '-', '.'];
}

interface Finished { readonly tarPath: string; readonly unpacked: Awaited<ReturnType<typeof unpackRoot>>; readonly wheel: string }

/** Writes record.json; test images are started once, to write down what their interpreter says of itself. */
async function keep(bench: Bench, needed: readonly ImageRecord[], found: Finished): Promise<ImageRecord> {
  const { docker, options, recipe } = bench;
  const recipeSha256 = recipeDigest(recipe);
  const isTest = rowsOf(recipe.name).length === 0;
  const packages = [...found.unpacked.packages, ...isTest ? [] : readRequirements(recipe.zig)];
  const madeFrom = Object.fromEntries(needed.map((image) => [image.name, image.key]));
  const record: ImageRecord = {
    name: recipe.name, key: imageKey(recipeSha256, packages, madeFrom), tarSha256: await fileDigest(found.tarPath),
    bytes: (await stat(found.tarPath)).size, python: recipe.python, architecture: recipe.architecture, packages,
    madeAt: new Date().toISOString(), recipeSha256, madeFrom, archive: found.unpacked.archive, tarPath: found.tarPath,
  };
  const timed = { ...record, seconds: Math.round((performance.now() - bench.since) / 1000) };
  const complete = isTest ? { ...timed, interpreter: await askInterpreter(docker, record, found.wheel, options) } : timed;
  const { tarPath: _unstored, ...stored } = complete;
  await writeFile(join(bench.folder, 'made', 'record.json'), `${JSON.stringify(stored, null, 1)}\n`);
  return complete;
}

async function askInterpreter(docker: Docker, record: ImageRecord, wheel: string, options: MakeOptions): Promise<Interpreter> {
  await ensureBinfmt([record.architecture], {
    docker,
    onLine: (note) => options.onProgress?.({ image: record.name, step: 'binfmt', note }),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  options.onProgress?.({ image: record.name, step: 'ask', note: 'tags and markers of its interpreter' });
  const answer = join(record.tarPath, '..', '..', 'interpreter.json');
  await withContainer(docker, await loadImage(record, docker), sealed, options.signal, async (container) => {
    const tar = pack();
    tar.entry({ name: 'stage/interpreter.py' }, await readFile(join(imagesFolder, 'interpreter.py')));
    tar.entry({ name: `stage/${basename(wheel)}` }, await readFile(wheel));
    tar.finalize();
    await container.put(tar, '/');
    await container.run(['/usr/bin/python3', '-I', '/stage/interpreter.py', '--packaging', `/stage/${basename(wheel)}`],
      { out: createWriteStream(answer) });
  });
  return JSON.parse(await readFile(answer, 'utf8')) as Interpreter;
}

/** Makings under way in this process: two that need the same image wait for one making. */
const underWay = new Map<string, Promise<ImageRecord>>();

async function makeOnce(name: string, options: MakeOptions, docker: Docker): Promise<ImageRecord> {
  const place = imageFolder(options.cacheFolder, name);
  const known = underWay.get(place);
  if (known) return known;
  const begun = makeImage(name, options, docker).finally(() => underWay.delete(place));
  underWay.set(place, begun);
  return begun;
}

/** How long an aborted making may take to clean up; what it leaves is swept by the next. @unit milliseconds */
const cleaningMsMax = 1500;

/**
 * Makes what is missing of the named images (those of the default targets when none is named); an image that is current costs a few stats.
 * @errors the first failure, once the others have ended, so that what they make is kept; the signal's reason within 2 s
 */
export async function ensureImages(options: MakeOptions & { names: readonly string[]; docker?: Docker }): Promise<ImageRecord[]> {
  const names = options.names.length > 0 ? options.names : defaultImages();
  const docker = options.docker ?? new Docker();
  const makings = names.map((name) => makeOnce(name, options, docker));
  const ended = Promise.allSettled(makings);
  const { signal } = options;
  const aborted = new Promise<void>((resolve) => {
    signal?.addEventListener('abort', () => setTimeout(resolve, cleaningMsMax), { once: true });
  });
  await Promise.race([ended, aborted]);
  signal?.throwIfAborted();
  return Promise.all(makings);
}

if (import.meta.main) {
  const words = process.argv.slice(2);
  const option = (name: string): string | undefined => {
    const at = words.indexOf(name);
    return at >= 0 ? words.splice(at, 2)[1] : undefined;
  };
  const folder = option('--cache');
  const cacheFolder = folder ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'wheelfarm');
  const mirror = process.env['WHEELFARM_DEBIAN_MIRROR'];
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new Error('interrupted')));
  const docker = new Docker();
  const records = await ensureImages({
    names: words, cacheFolder, docker, signal: stop.signal, uv: process.env, ...(mirror ? { debianMirror: mirror } : {}),
    onProgress: (p) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${p.image}: ${p.step} ${p.note ?? ''}\n`),
  });
  for (const record of records) {
    process.stdout.write(`${await loadImage(record, docker)} ${record.bytes} bytes ${record.tarSha256}\n`);
  }
}
