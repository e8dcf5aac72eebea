/** zig's compiled C and C++ runtime: half a minute of work a target, done once and shared by all images. */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type Docker from 'dockerode';
import { pack, type Pack } from 'tar-stream';
import { withContainer } from './docker.ts';
import { ownMark } from './owner.ts';
import { imageEpoch, imagesFolder, readRequirements } from './recipes.ts';
import { Slots } from './slots.ts';
import { makingName } from './sweep.ts';
import type { ImageRow, MakeOptions } from './types.ts';

const script = 'cross-debian/runtime.py';
/** The scripts of a unit; the last one is started and finds the others beside it. */
const scriptsOf = (unit: string): string[] => (/-(?:windows|macos)\b/.test(unit) ? [script, 'cross-desktop/warm.py'] : [script]);
/** zig uses all cores for C++ and one for the rest: two at a time fill two cores. */
const compiling = new Slots(2);
const underWay = new Map<string, Promise<string>>();

/**
 * What is compiled and kept on its own: each target of zig, and the tools that belong to none, which zig 0.13 compiles
 * at their first use and a later `version` has no more.
 */
export const runtimeUnits = (rows: readonly ImageRow[], version?: string): string[] =>
  rows.length === 0 ? [] : [...version ? [] : ['tools'], ...new Set(rows.flatMap((row) => row.zigTarget ?? []).toSorted())];

/** Hex SHA-256 of all that decides a unit's runtime: zig, the target and the script that compiles it. */
export function runtimeKey(unit: string, version?: string): string {
  const zig = readRequirements(version).find((requirement) => requirement.name === 'ziglang');
  return createHash('sha256').update(JSON.stringify([zig, unit, imageEpoch,
    ...scriptsOf(unit).map((file) => readFileSync(join(imagesFolder, file), 'utf8'))])).digest('hex');
}

/** Where the compiled runtime of a unit is kept. */
export const runtimePath = (cacheFolder: string, unit: string, version?: string): string =>
  join(cacheFolder, 'runtime', `zig-${unit}-${runtimeKey(unit, version).slice(0, 16)}.tar`);

/**
 * Compiles what is missing of the units, two at a time; each is kept as soon as it is compiled.
 * @param wheels paths of the pinned wheels, asked only when something is missing
 * @param image a loaded image of this machine with Python, asked only when something is missing
 * @returns paths of tars that hold zig-cache/
 */
export async function ensureRuntime(
  units: readonly string[], docker: Docker, options: MakeOptions,
  from: {
    wheels: () => Promise<ReadonlyMap<string, string>>; image: () => Promise<string>; say: (note: string) => void; zig?: string;
  },
): Promise<string[]> {
  return Promise.all(units.map((unit) => {
    const path = runtimePath(options.cacheFolder, unit, from.zig);
    const begun = underWay.get(path) ?? (async (): Promise<string> => {
      if (existsSync(path)) return path;
      const [wheels, image] = [await from.wheels(), await from.image()];
      await compiling.use(async () => compile(unit, path, { docker, options, zig: wheels.get('ziglang')!, image, say: from.say }));
      return path;
    })().finally(() => underWay.delete(path));
    underWay.set(path, begun);
    return begun;
  }));
}

interface Compiling {
  readonly docker: Docker; readonly options: MakeOptions; readonly zig: string; readonly image: string;
  readonly say: (note: string) => void;
}

async function compile(unit: string, path: string, { docker, options, zig, image, say }: Compiling): Promise<void> {
  const folder = join(options.cacheFolder, 'runtime');
  await mkdir(folder, { recursive: true });
  const fresh = join(folder, `.making-${makingName(ownMark(), randomBytes(6).toString('hex'))}`);
  const since = performance.now();
  say(unit === 'tools' ? 'compiling zig\'s tools' : `compiling the C and C++ runtime of ${unit}`);
  try {
    await withContainer(docker, image, { NetworkMode: 'none' }, options.signal, async (bench) => {
      const tar = pack();
      const sent = bench.put(tar, '/');
      const scripts = scriptsOf(unit);
      for (const file of scripts) tar.entry({ name: `stage/${basename(file)}` }, await readFile(join(imagesFolder, file)));
      await addFile(tar, `stage/wheels/${basename(zig)}`, zig);
      tar.finalize();
      await sent;
      await bench.run(['/usr/bin/python3', '-IS', `/stage/${basename(scripts.at(-1)!)}`, String(imageEpoch), unit]);
      await bench.run(['tar', '-C', '/opt/wheelfarm', '--sort=name', `--mtime=@${imageEpoch}`, '--numeric-owner', '-cf', '-', 'zig-cache'],
        { out: createWriteStream(fresh) });
    });
    await rename(fresh, path);
    say(`${unit === 'tools' ? 'tools' : `runtime of ${unit}`} compiled in ${((performance.now() - since) / 1000).toFixed(0)} s`);
  } finally {
    await rm(fresh, { force: true });
  }
}

/** Adds one file of this machine to a tar that is being written. */
export async function addFile(tar: Pack, name: string, path: string): Promise<void> {
  await pipeline(createReadStream(path), tar.entry({ name, size: (await stat(path)).size }));
}
