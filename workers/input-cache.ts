/** Inputs that this worker has fetched, by digest, in one folder; the least recently used go when it grows too big. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, readFileSync, renameSync, statSync } from 'node:fs';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fail } from '../orchestrator/domain/failure.ts';

interface Digested { readonly sha256: string; readonly bytes: number }

export type OpenInput = () => Promise<NodeJS.ReadableStream>;

export interface InputCache {
  /**
   * A file with the bytes of this digest; `open` fetches them where they are not here. Calls at once fetch once.
   * @errors FARM_DIGEST_MISMATCH, FARM_NO_SPACE, what `open` throws
   */
  get(blob: Digested, open: OpenInput): Promise<string>;
  drop(sha256: string): Promise<void>;
}

/** A file that was asked for within this time may be in use and stays. */
const inUseMs = 60 * 60 * 1000;
/** Far below it: the time of a file is set so seldom. */
const touchedMsMax = 60 * 1000;
const touchedMax = 1_000;

/** A cache in `folder` (made where it is not there). `now` is milliseconds since 1970. */
export function inputCache(folder: string, bytesMax: number, now: () => number): InputCache {
  const going = new Map<string, Promise<string>>();
  const pathOf = (sha256: string) => join(folder, sha256);

  const made = mkdir(folder, { recursive: true });
  made.catch(() => undefined);
  /** Bytes in the folder as far as is known: it is looked at whole at first, and when it seems too big. */
  let total = Infinity;

  /** When a file that is here was last asked for, as far as its time says. */
  const touched = new Map<string, number>();

  /** Whether the file is here; its time says when it was last asked for, to a minute. */
  async function isHere(path: string): Promise<boolean> {
    const at = now();
    if (!existsSync(path)) return false;
    if (at - (touched.get(path) ?? 0) < touchedMsMax) return true;
    if (!await utimes(path, at / 1000, at / 1000).then(() => true, () => false)) return false;
    if (touched.size >= touchedMax) touched.clear();
    touched.set(path, at);
    return true;
  }

  async function fetched(blob: Digested, open: OpenInput): Promise<string> {
    const path = pathOf(blob.sha256);
    if (await isHere(path)) return path;
    await made;
    const part = `${path}.${process.pid}.part`;
    try {
      await download(blob, await open(), part);
      renameSync(part, path);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
    total += blob.bytes;
    if (total > bytesMax) total = await trim(folder, bytesMax, now());
    return path;
  }

  return {
    get(blob, open) {
      const one = going.get(blob.sha256) ?? fetched(blob, open).finally(() => going.delete(blob.sha256));
      going.set(blob.sha256, one);
      return one;
    },
    drop(sha256) {
      touched.delete(pathOf(sha256));
      return rm(pathOf(sha256), { force: true });
    },
  };
}

async function download(blob: Digested, from: NodeJS.ReadableStream, to: string): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  const wrong = (found: string) =>
    fail('FARM_DIGEST_MISMATCH', 'fetch', { file: 'An input', found, expected: blob.sha256 });
  const check = new Transform({
    transform(part: Buffer, _, done) {
      bytes += part.length;
      hash.update(part);
      if (bytes > blob.bytes) done(new Error('longer than announced'));
      else done(null, part);
    },
  });
  try {
    await pipeline(from, check, createWriteStream(to, { mode: 0o600 }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') fail('FARM_NO_SPACE', 'fetch', { why: String(error) });
    wrong(`an unfinished stream (${(error as Error).message})`);
  }
  const found = hash.digest('hex');
  if (found !== blob.sha256) wrong(found);
}

/** Answers how many bytes are left. */
async function trim(folder: string, bytesMax: number, now: number): Promise<number> {
  const names = await readdir(folder);
  const files = await Promise.all(names.map(async (name) => {
    const found = await stat(join(folder, name)).catch(() => null);
    return { name, bytes: found?.size ?? 0, usedAt: found?.mtimeMs ?? now };
  }));
  let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { name, bytes, usedAt } of files.sort((a, b) => a.usedAt - b.usedAt)) {
    if (total <= bytesMax || now - usedAt < inUseMs) break;
    await rm(join(folder, name), { force: true });
    total -= bytes;
  }
  return total;
}

/** Smaller files are read at once: waiting for another thread costs more than the reading. @unit bytes */
const atOnceBytesMax = 64 * 1024;

/** SHA-256 (hex) and size of a file. */
export async function digestOf(file: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  if (statSync(file).size <= atOnceBytesMax) {
    const whole = readFileSync(file);
    return { sha256: hash.update(whole).digest('hex'), bytes: whole.length };
  }
  let bytes = 0;
  for await (const part of createReadStream(file)) {
    bytes += (part as Buffer).length;
    hash.update(part as Buffer);
  }
  return { sha256: hash.digest('hex'), bytes };
}
