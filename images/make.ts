/**
 * Makes images: a Debian root, finished in a container without network, kept as one tar with a record.
 * On the command line: node images/make.ts [--cache FOLDER] [NAME…]
 */
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import Docker from 'dockerode';
import { pack, type Pack } from 'tar-stream';
import { ensureBinfmt } from './binfmt.ts';
import { unpackRoot } from './bootstrap.ts';
import { loadLayer, withContainer, type Workbench } from './docker.ts';
import { loadImage } from './load.ts';
import { imageFolder, readRecord } from './record.ts';
import {
  architectureOf, imageEpoch, imageKey, imagesFolder, readArchitectures, readRecipes, readRequirements, recipeDigest, rowsOf,
} from './recipes.ts';
import { runtimeKey, runtimePath } from './runtime.ts';
import type { ImageRecord, Interpreter, MakeOptions, Recipe } from './types.ts';
import { ensureWheels, fileDigest } from './wheels.ts';

/** A container that sees no network, for everything that is not Debian's or pip's download. */
const sealed: Docker.HostConfig = { NetworkMode: 'none' };

interface Bench { readonly docker: Docker; readonly options: MakeOptions; readonly recipe: Recipe; readonly folder: string }

/** Names of the images that must be there before this one. */
export function neededFor(recipe: Recipe): string[] {
  const tested = rowsOf(recipe.name).flatMap((row) => row.testImage ?? []);
  return [...new Set([...tested, ...recipe.finishedIn ? [recipe.finishedIn] : []])].toSorted();
}

/** True where a record is what today's recipe and its other images would give. */
function isCurrent(record: ImageRecord | undefined, recipe: Recipe, cacheFolder: string): record is ImageRecord {
  return record?.recipeSha256 === recipeDigest(recipe)
    && Object.entries(record.madeFrom).every(([name, key]) => readRecord(cacheFolder, name)?.key === key);
}

/**
 * Makes one image, and first those it needs; returns the existing record where nothing changed.
 * @errors with what to do where neither Docker nor the host can unpack a Debian root
 */
export async function makeImage(name: string, options: MakeOptions, docker = new Docker()): Promise<ImageRecord> {
  const recipe = readRecipes().get(name);
  if (!recipe) throw new Error(`recipes.json has no image named ${name}`);
  const needed: ImageRecord[] = [];
  for (const other of neededFor(recipe)) needed.push(await makeOnce(other, options, docker));
  const known = readRecord(options.cacheFolder, name);
  if (isCurrent(known, recipe, options.cacheFolder)) return known;
  const parent = join(options.cacheFolder, 'images');
  const folder = join(parent, `.making-${name}-${randomBytes(6).toString('hex')}`);
  await mkdir(folder, { recursive: true });
  try {
    const record = await make({ docker, options, recipe, folder }, needed);
    const place = imageFolder(options.cacheFolder, name);
    await rm(place, { recursive: true, force: true });
    await rename(join(folder, 'made'), place);
    return { ...record, tarPath: join(place, 'root.tar') };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function make(bench: Bench, needed: readonly ImageRecord[]): Promise<ImageRecord> {
  const { docker, options, recipe, folder } = bench;
  const say = (step: string) => (note: string): void => options.onProgress?.({ image: recipe.name, step, note });
  const unpacked = await unpackRoot(recipe, folder, docker, options, say('unpack'));
  const raw = { path: unpacked.tarPath, bytes: (await stat(unpacked.tarPath)).size, sha256: await fileDigest(unpacked.tarPath) };
  const architecture = architectureOf(recipe);
  const rawTag = `wheelfarm-making/${recipe.name}:${basename(folder).slice(-12)}`;
  const rawId = await loadLayer(docker, raw, { tag: rawTag, architecture: architecture.docker, environment: [], labels: {} });
  const made = join(folder, 'made');
  await mkdir(made);
  const tarPath = join(made, 'root.tar');
  const finisher = needed.find((image) => image.name === recipe.finishedIn);
  try {
    const wheels = await ensureWheels(docker, options, say('wheels'), async () => (finisher ? loadImage(finisher, docker) : rawTag));
    const workshop = finisher ? await loadImage(finisher, docker) : rawTag;
    await withContainer(docker, workshop, sealed, options.signal, async (container) => {
      await fill(container, bench, wheels, needed, finisher ? raw.path : undefined);
      await finish(container, bench, finisher ? '/stage/root' : '', say('finish'));
      options.onProgress?.({ image: recipe.name, step: 'pack', note: `about ${Math.round(recipe.expect.bytes / 1e6)} MB` });
      await container.run(packWords(finisher ? '/stage/root' : '/'), { out: createWriteStream(tarPath) });
    });
    return await keep(bench, needed, { tarPath, unpacked, wheel: wheels.get('packaging')! });
  } finally {
    await docker.getImage(rawTag).remove({ force: true }).catch(() => docker.getImage(rawId).remove({ force: true }).catch(() => undefined));
  }
}

/** Puts recipe files, wheels, rows and what other images recorded under /stage. */
async function fill(
  container: Workbench, bench: Bench, wheels: ReadonlyMap<string, string>, needed: readonly ImageRecord[], rawPath?: string,
): Promise<void> {
  const { recipe, options } = bench;
  const tar = pack();
  const sent = container.put(tar, '/');
  for (const file of ['interpreter.py', 'cross-debian/requirements.txt', ...recipe.files]) {
    tar.entry({ name: `stage/${basename(file)}` }, await readFile(join(imagesFolder, file)));
  }
  const interpreters = Object.fromEntries(needed.map((image) => [image.name, image.interpreter]));
  tar.entry({ name: 'stage/rows.json' },
    JSON.stringify({ epoch: imageEpoch, rows: rowsOf(recipe.name), architectures: readArchitectures(), interpreters }));
  tar.entry({ name: 'stage/root', type: 'directory', mode: 0o755 });
  if (rowsOf(recipe.name).length > 0) {
    for (const path of wheels.values()) await addFile(tar, `stage/wheels/${basename(path)}`, path);
    const runtime = runtimePath(options.cacheFolder, runtimeKey(rowsOf(recipe.name)));
    if (await stat(runtime).then(() => true, () => false)) await addFile(tar, 'stage/zig-cache.tar', runtime);
  }
  tar.finalize();
  await sent;
  if (rawPath) await container.put(createReadStream(rawPath), '/stage/root');
}

async function addFile(tar: Pack, name: string, path: string): Promise<void> {
  await pipeline(createReadStream(path), tar.entry({ name, size: (await stat(path)).size }));
}

/** Runs the family's finish.py; keeps a newly compiled zig runtime for the other suites. */
async function finish(container: Workbench, bench: Bench, root: string, say: (note: string) => void): Promise<void> {
  const { recipe, options } = bench;
  const onLine = (line: string): void => { if (line.startsWith('step ')) say(line.slice(5)); };
  await container.run(['/usr/bin/python3', '-IS', '/stage/finish.py', root], { onLine });
  const rows = rowsOf(recipe.name);
  if (rows.length === 0) return;
  const runtime = runtimePath(options.cacheFolder, runtimeKey(rows));
  if (await stat(runtime).then(() => true, () => false)) return;
  await mkdir(join(options.cacheFolder, 'runtime'), { recursive: true });
  const fresh = join(bench.folder, 'zig-cache.tar');
  await container.run(['tar', '-C', '/opt/wheelfarm', '--sort=name', '-cf', '-', 'zig-cache'], { out: createWriteStream(fresh) });
  await rename(fresh, runtime);
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
  const packages = [...found.unpacked.packages, ...isTest ? [] : readRequirements()];
  const madeFrom = Object.fromEntries(needed.map((image) => [image.name, image.key]));
  const record: ImageRecord = {
    name: recipe.name, key: imageKey(recipeSha256, packages, madeFrom), tarSha256: await fileDigest(found.tarPath),
    bytes: (await stat(found.tarPath)).size, python: recipe.python, architecture: recipe.architecture, packages,
    madeAt: new Date().toISOString(), recipeSha256, madeFrom, archive: found.unpacked.archive, tarPath: found.tarPath,
  };
  const complete = isTest ? { ...record, interpreter: await askInterpreter(docker, record, found.wheel, options) } : record;
  const { tarPath: _unstored, ...stored } = complete;
  await writeFile(join(bench.folder, 'made', 'record.json'), `${JSON.stringify(stored, null, 1)}\n`);
  return complete;
}

async function askInterpreter(docker: Docker, record: ImageRecord, wheel: string, options: MakeOptions): Promise<Interpreter> {
  await ensureBinfmt([record.architecture], {
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
let crossTurn: Promise<unknown> = Promise.resolve();

async function makeOnce(name: string, options: MakeOptions, docker: Docker): Promise<ImageRecord> {
  const place = imageFolder(options.cacheFolder, name);
  const known = underWay.get(place);
  if (known) return known;
  const begun = begin(name, options, docker).finally(() => underWay.delete(place));
  underWay.set(place, begun);
  return begun;
}

/** Cross images wait for each other: the first compiles zig's runtime with all cores, the others use it. */
async function begin(name: string, options: MakeOptions, docker: Docker): Promise<ImageRecord> {
  if (rowsOf(name).length === 0) return makeImage(name, options, docker);
  const mine = crossTurn.then(() => makeImage(name, options, docker));
  crossTurn = mine.catch(() => undefined);
  return mine;
}

/**
 * Makes what is missing of the named images (all when none is named); an image that is current costs a few stats.
 * @errors the first failure; what was made until then is kept
 */
export async function ensureImages(options: MakeOptions & { names: readonly string[]; docker?: Docker }): Promise<ImageRecord[]> {
  const names = options.names.length > 0 ? options.names : [...readRecipes().keys()];
  const docker = options.docker ?? new Docker();
  return Promise.all(names.map((name) => makeOnce(name, options, docker)));
}

if (import.meta.main) {
  const words = process.argv.slice(2);
  const at = words.indexOf('--cache');
  const [, folder] = at >= 0 ? words.splice(at, 2) : [];
  const cacheFolder = folder ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'wheelfarm');
  const mirror = process.env['WHEELFARM_DEBIAN_MIRROR'];
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new Error('interrupted')));
  const docker = new Docker();
  const records = await ensureImages({
    names: words, cacheFolder, docker, signal: stop.signal, ...(mirror ? { debianMirror: mirror } : {}),
    onProgress: (p) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${p.image}: ${p.step} ${p.note ?? ''}\n`),
  });
  for (const record of records) {
    process.stdout.write(`${await loadImage(record, docker)} ${record.bytes} bytes ${record.tarSha256}\n`);
  }
}
