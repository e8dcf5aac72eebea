import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { lstat, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGzip } from 'node:zlib';
import tar from 'tar-stream';
import { limits } from '../contract/limits.ts';
import { fail } from '../domain/failure.ts';
import { looksLikeGit } from '../domain/repository.ts';

const command = promisify(execFile);
const earliest = 315_532_800; // 1980-01-01: ZIP can express nothing before

/** What WHAT means: a name on the index, or something on this machine that is uploaded first. */
export type What =
  | { readonly kind: 'name'; readonly what: string }
  | { readonly kind: 'git'; readonly what: string }
  | { readonly kind: 'file' | 'folder'; readonly path: string };

/**
 * Tells a name, a path and a repository apart: what exists as a folder or as a file is a path.
 * @errors FARM_WHAT_UNCLEAR
 */
export async function readWhat(text: string): Promise<What> {
  const path = resolve(text);
  const found = await stat(path).catch(() => null);
  const looksLikePath = /[\\/]/.test(text) || /\.(tar\.gz|zip)$/.test(text) || text === '.';
  if (found?.isDirectory() && looksLikePath) return { kind: 'folder', path };
  if (found?.isFile() && looksLikePath) return { kind: 'file', path };
  if (!found && looksLikeGit(text)) return { kind: 'git', what: text };
  if (looksLikePath) fail('FARM_FOLDER_UNREADABLE', 'plan', { folder: text, why: 'it is not there' });
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*(\s*==\s*[A-Za-z0-9.!+_-]+)?$/.test(text)) fail('FARM_WHAT_UNCLEAR', 'plan', { what: text });
  return { kind: 'name', what: text.replace(/\s+/g, '') };
}

export interface PackedSource {
  readonly kind: 'file' | 'folder';
  readonly path: string;
  readonly filename: string;
  readonly sha256: string;
  readonly bytes: number;
  /** Seconds since 1970: the commit's time, else the newest file's. */
  readonly epoch: number;
  dispose(): Promise<void>;
}

/** Makes one file of a source: an sdist as it is, a folder as a .tar.gz whose bytes depend on its content only. */
export async function packSource(what: Extract<What, { path: string }>): Promise<PackedSource> {
  if (what.kind === 'file') return describeFile(what.path, 'file', basename(what.path), earliest, async () => {});
  const files = await listFolder(what.path);
  if (!files.some(({ name }) => name === 'pyproject.toml' || name === 'setup.py')) {
    fail('FARM_FOLDER_UNREADABLE', 'plan', { folder: what.path, why: 'it has neither pyproject.toml nor setup.py' });
  }
  const epoch = Math.max(earliest, await commitTime(what.path) ?? Math.max(...files.map((file) => file.mtime)));
  const scratch = await mkdtemp(join(tmpdir(), 'wheelfarm-source-'));
  const packed = join(scratch, 'folder.tar.gz');
  const dispose = (): Promise<void> => rm(scratch, { recursive: true, force: true });
  try {
    await writeTar(files, epoch, packed);
    return await describeFile(packed, 'folder', `${basename(what.path)}.tar.gz`, epoch, dispose);
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface FolderFile { readonly name: string; readonly path: string; readonly mode: number; readonly mtime: number; readonly bytes: number }

/** The files that git would have (tracked, and untracked but not ignored); without git all but caches. */
async function listFolder(folder: string): Promise<FolderFile[]> {
  const names = await gitFiles(folder) ?? await walk(folder, folder);
  const files: FolderFile[] = [];
  let bytes = 0;
  for (const name of names.sort()) {
    const path = join(folder, name);
    const found = await lstat(path).catch(() => null);
    if (!found?.isFile()) continue;
    bytes += found.size;
    if (bytes > limits.folderBytesMax) fail('FARM_TOO_LARGE', 'plan', { limit: `${limits.folderBytesMax} bytes` });
    files.push({ name, path, mode: found.mode & 0o111 ? 0o755 : 0o644, mtime: Math.floor(found.mtimeMs / 1000), bytes: found.size });
  }
  return files;
}

async function gitFiles(folder: string): Promise<string[] | null> {
  try {
    const { stdout } = await command('git', ['-C', folder, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], { maxBuffer: 64e6 });
    return [...new Set(stdout.split('\0').filter((name) => name !== ''))];
  } catch {
    return null;
  }
}

const caches = new Set(['.git', '__pycache__', '.venv', 'venv', 'node_modules', '.tox', '.nox', '.mypy_cache', '.pytest_cache']);

async function walk(root: string, folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !caches.has(entry.name)) names.push(...await walk(root, path));
    else if (entry.isFile()) names.push(relative(root, path).split(sep).join('/'));
  }
  return names;
}

async function commitTime(folder: string): Promise<number | null> {
  try {
    const { stdout } = await command('git', ['-C', folder, 'log', '-1', '--format=%ct']);
    return Number(stdout.trim()) || null;
  } catch {
    return null;
  }
}

async function writeTar(files: readonly FolderFile[], epoch: number, to: string): Promise<void> {
  const pack = tar.pack();
  const written = pipeline(pack, createGzip({ level: 6 }), createWriteStream(to));
  for (const file of files) {
    const content = await readFile(file.path);
    await new Promise<void>((done, failed) => {
      pack.entry(
        { name: `source/${file.name}`, mode: file.mode, mtime: new Date(epoch * 1000), size: content.length },
        content, (error) => (error ? failed(error) : done()),
      );
    });
  }
  pack.finalize();
  await written;
}

async function describeFile(
  path: string, kind: 'file' | 'folder', filename: string, epoch: number, dispose: () => Promise<void>,
): Promise<PackedSource> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { kind, path, filename, sha256: hash.digest('hex'), bytes, epoch, dispose };
}
