import { spawn } from 'node:child_process';
import { access, chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { BlobStore, Upstream } from '../../ports.ts';
import { fileSource } from '../archive/byte-source.ts';
import { archiveLimits } from '../archive/limits.ts';
import { openZip, readMember } from '../archive/zip-read.ts';

/** The version that is fetched where a machine has none. */
export const uvVersion = '0.13.8';
const binaryBytesMax = 256 * 2 ** 20;
const wheelOf: Readonly<Record<string, RegExp>> = { x64: /manylinux.*x86_64\.whl$/, arm64: /manylinux.*aarch64\.whl$/ };

export interface UvParts {
  /** Folder of downloads. */
  readonly cacheFolder: string;
  readonly blobs: Pick<BlobStore, 'path'>;
  readonly upstream: Upstream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * The path of a uv: that of this machine, else the one that the upstream index has, checked by its hash and kept.
 * @throws Error in words where neither is there
 */
export async function findUv({ cacheFolder, blobs, upstream, env }: UvParts): Promise<string> {
  for (const folder of (env['PATH'] ?? '').split(delimiter).filter((one) => one.startsWith('/'))) {
    const path = join(folder, 'uv');
    if (await access(path, 1).then(() => true, () => false)) return path;
  }
  const kept = join(cacheFolder, `uv-${uvVersion}`, 'uv');
  if (await access(kept, 1).then(() => true, () => false)) return kept;
  const wanted = wheelOf[process.arch];
  const project = await upstream.project('uv');
  const file = project?.files.find(({ filename }) => filename.startsWith(`uv-${uvVersion}-`) && wanted?.test(filename));
  if (!file) throw new Error('this machine has no uv, and upstream has none for it');
  const { sha256 } = await upstream.fetch(file);
  const source = await fileSource(await blobs.path(sha256));
  try {
    const archive = await openZip(source, archiveLimits);
    const entry = archive.entries.find(({ name }) => name.endsWith('.data/scripts/uv'));
    if (!entry) throw new Error(`${file.filename} holds no uv`);
    await mkdir(join(cacheFolder, `uv-${uvVersion}`), { recursive: true });
    const fresh = `${kept}.${process.pid}`;
    await writeFile(fresh, await readMember(archive, entry, binaryBytesMax));
    await chmod(fresh, 0o755);
    await rename(fresh, kept);
  } finally {
    await source.close();
  }
  return kept;
}

/** How a program ended. `code` is null where it was stopped. */
export interface Ended { readonly code: number | null; readonly output: string }

/** Runs a program with nothing but the given environment, no longer than `msMax`. */
export function ran(command: string, argv: readonly string[], options: { env: Record<string, string>; msMax: number; input?: string }): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(command, [...argv], { env: options.env, stdio: ['pipe', 'pipe', 'pipe'], timeout: options.msMax, killSignal: 'SIGKILL' });
    let output = '';
    const take = (bytes: Buffer): void => { if (output.length < 64 * 1024) output += bytes.toString(); };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.once('error', (error) => resolve({ code: null, output: error.message }));
    child.once('close', (code) => resolve({ code, output }));
  });
}
