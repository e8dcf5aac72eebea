/** CPython as `uv python` gives it: builds of python-build-standalone, from where uv's own settings say. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, works } from './command.ts';
import { architectureOf, imageEpoch, imagesFolder, readArchitectures, rowsOf } from './recipes.ts';
import type { MakeOptions, PackageVersion, Recipe } from './types.ts';

/** Names of a machine in uv's requests: `cpython-3.12-linux-armv7-gnueabihf`. @source uv python list --all-platforms */
const platforms: Readonly<Record<string, string>> = {
  x86_64: 'linux-x86_64-gnu', aarch64: 'linux-aarch64-gnu', armv7l: 'linux-armv7-gnueabihf', ppc64le: 'linux-powerpc64le-gnu',
  s390x: 'linux-s390x-gnu', riscv64: 'linux-riscv64gc-gnu',
};

/**
 * What of uv's settings decides where interpreters come from; its other variables are not taken.
 * @source uv's reference of environment variables: a mirror replaces the beginning of each address, the JSON the list of addresses and digests
 */
export const uvSettings = ['UV_PYTHON_INSTALL_MIRROR', 'UV_PYTHON_DOWNLOADS_JSON_URL'] as const;

export interface Overlay { readonly tarPath: string; readonly packages: readonly PackageVersion[] }
type Say = (note: string) => void;

/** The uv of this machine, else the pinned one, installed by the host's pip once. @errors with what to do where there is neither */
async function haveUv(cacheFolder: string, signal: AbortSignal | undefined, say: Say): Promise<string> {
  if (await works('uv', ['--version'])) return 'uv';
  const requirements = join(imagesFolder, 'uv', 'requirements.txt');
  const version = /^uv==(\S+)/m.exec(await readFile(requirements, 'utf8'))?.[1] ?? '';
  const folder = join(cacheFolder, `uv-${version}-installed`);
  const path = join(folder, 'bin', 'uv');
  if (existsSync(path)) return path;
  if (!await works('python3', ['-m', 'pip', '--version'])) throw new Error(`Interpreters of uv need uv ${version} on PATH, or python3 with pip to have it`);
  say(`downloading uv ${version}`);
  await runCommand('python3', ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--require-hashes',
    '--only-binary', ':all:', '--target', folder, '--requirement', requirements], { onLine: say, ...(signal ? { signal } : {}) });
  return path;
}

/**
 * Installs what a recipe needs of one Python (the root's own, and that of each row for its headers) and lays it out as
 * Debian's packages lie, so that the same scripts finish the image.
 * @param folder of the making
 * @errors what uv said, where its mirror or list does not have it or the digest differs
 */
export async function installByUv(
  recipe: Pick<Recipe, 'name' | 'python' | 'architecture'>, folder: string, options: MakeOptions, say: Say,
  machines: readonly string[] = rowsOf(recipe.name).map(({ architecture }) => architecture),
): Promise<Overlay> {
  const place = join(folder, 'uv');
  const installed = join(place, 'installed');
  await mkdir(installed, { recursive: true });
  const signal = options.signal ? { signal: options.signal } : {};
  const program = await haveUv(options.cacheFolder, options.signal, say);
  const wanted = [...new Set([recipe.architecture, ...machines])];
  const requests = wanted.map((machine) => {
    if (!platforms[machine]) throw new Error(`uv has no CPython for ${machine}`);
    return `cpython-${recipe.python}-${platforms[machine]}`;
  });
  const environment = { ...settingsOf(options.uv ?? {}), UV_CACHE_DIR: join(place, 'cache'), HOME: place };
  const words = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  say(`uv python install ${requests.join(' ')}`);
  const last: string[] = [];
  await runCommand('env', [...words, program, 'python', 'install', '--no-config', '--no-bin', '--no-progress', '--install-dir', installed, ...requests],
    { ...signal, onLine: (line) => { last.push(line); say(line); } }).catch((error: Error) => {
    options.signal?.throwIfAborted();
    const causes = last.map((line) => line.trim()).filter((line) => /^(?:error|cause|caused by):/i.test(line));
    throw new Error(`uv cannot have CPython ${recipe.python}: ${causes.join('; ').slice(0, 400) || error.message}`, { cause: error });
  });
  const names = await readdir(installed);
  // Beside each installation uv leaves a link that names only its minor version.
  const found = new Map(wanted.map((machine) => {
    const name = names.filter((one) => one.startsWith(`cpython-${recipe.python}.`) && one.endsWith(platforms[machine]!)).toSorted().at(-1);
    if (!name) throw new Error(`uv ended well, but installed no CPython ${recipe.python} for ${machine}`);
    return [machine, name] as const;
  }));
  const architectures = readArchitectures() as Record<string, { debian: string; multiarch?: string }>;
  const sysroots = machines.map((machine) => `${found.get(machine)!}:${architectures[machine]!.debian}:${architectures[machine]!.multiarch ?? ''}`);
  await runCommand('env', [`INSTALLED=${installed}`, `PYTHON=${recipe.python}`, `HOST=${found.get(recipe.architecture)!}`,
    `SYSROOTS=${[...new Set(sysroots)].join(' ')}`, `OUT=${place}`, `SOURCE_DATE_EPOCH=${imageEpoch}`,
    'sh', join(imagesFolder, 'uv', 'overlay.sh')], { onLine: say, ...signal });
  const packages = [...found.values()].map((name) => ({ name: `${name}:${architectureOf({ name, architecture: recipe.architecture }).debian}`, version: name.split('-')[1]! }));
  return { tarPath: join(place, 'overlay.tar'), packages };
}

const settingsOf = (environment: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(uvSettings.flatMap((name) => { const value = environment[name]; return value ? [[name, value]] : []; }));
