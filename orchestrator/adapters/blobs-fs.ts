import { createHash, randomBytes } from 'node:crypto';
import { closeSync, createReadStream, fsync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, readFile, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Pool, PoolClient } from 'pg';
import { limits } from '../contract/limits.ts';
import { fail, failure, FarmError } from '../domain/failure.ts';
import type { BlobStore } from '../ports.ts';
import { grouped } from './grouped.ts';
import { inTransaction } from './prisma/transaction.ts';

/** `put` takes it shared, `collect` alone: nothing is deleted between a put and the row that refers to it. */
const collectLock = 7_310_002;
const leftoverMs = 60 * 60 * 1000;
/** A read puts off collection; once an hour is enough for a window of a day. */
const touchEvery = '1 hour';

type Digest = { readonly sha256: string; readonly bytes: number };

/**
 * Port BlobStore in a folder: `ab/abcdef…`, temporary files in `tmp/` of the same file system, rows in table `blob`.
 * @errors FARM_NO_SPACE where the disk is full; FARM_NOT_FOUND for a blob that is not there
 */
export function folderBlobs(folder: string, pool: Pool): BlobStore {
  const pathOf = (sha256: string): string => join(folder, sha256.slice(0, 2), sha256);
  const ready = prepareFolder(folder);

  /** Digests of a moment ago whose file and row are there: nothing collects them before a day has gone by. */
  const recent = new Map<string, number>();
  const guarded = underLock(pool);
  const commit = grouped((batch: readonly Waiting[]) => guarded((client) => commitBatch(client, pathOf, batch)), { atOnceMax: batchMax, apartMs: 0 });

  async function keep(temporary: string, found: Digest): Promise<Digest> {
    await commit({ temporary, found });
    if (recent.size >= recentMax) recent.clear();
    recent.set(found.sha256, Date.now());
    return found;
  }

  return {
    put: async (bytes, expect = {}) => {
      await ready;
      const known = bytes instanceof Uint8Array ? digestOf(bytes, expect) : null;
      if (known && Date.now() - (recent.get(known.sha256) ?? 0) < recentMs) return known;
      return withTemporary(folder, async (temporary) => {
        if (known && bytes instanceof Uint8Array) await writeWhole(temporary, bytes);
        return keep(temporary, known ?? await writeHashed(temporary, bytes, expect));
      });
    },
    putFile: async (path, expect = {}) => {
      await ready;
      return withTemporary(folder, async (temporary) => {
        await link(path, temporary).catch(() => copyFile(path, temporary));
        const found = expect.trusted && expect.sha256
          ? { sha256: expect.sha256, bytes: (await stat(temporary)).size }
          : await hashFile(temporary);
        if (expect.trusted && found.bytes !== expect.trusted.bytes) {
          fail('FARM_DIGEST_MISMATCH', 'plan', { file: path, found: `${found.bytes} bytes`, expected: `${expect.trusted.bytes} bytes` });
        }
        if (expect.sha256 && found.sha256 !== expect.sha256) {
          fail('FARM_DIGEST_MISMATCH', 'plan', { file: path, found: found.sha256, expected: expect.sha256 });
        }
        await syncPath(temporary);
        return keep(temporary, found);
      });
    },
    has: (sha256) => touch(pool, sha256),
    bytes: (sha256) => orNotFound(sha256, async () => {
      const path = pathOf(sha256);
      return statSync(path).size <= smallBytes ? readFileSync(path) : readFile(path);
    }),
    async stream(sha256, range) {
      const file = await orNotFound(sha256, () => open(pathOf(sha256), 'r'));
      // `end` of the port is the first byte that is not wanted, of Node the last one that is.
      return file.createReadStream(range ? { start: range.start, end: range.end - 1 } : {});
    },
    size: async (sha256) => (await orNotFound(sha256, async () => statSync(pathOf(sha256)))).size,
    async path(sha256) {
      await orNotFound(sha256, async () => statSync(pathOf(sha256)));
      return pathOf(sha256);
    },
    collect(now) {
      recent.clear();
      return inTransaction(pool, (client) => collect(client, pathOf, now));
    },
  };
}

async function prepareFolder(folder: string): Promise<void> {
  const temporary = join(folder, 'tmp');
  await mkdir(temporary, { recursive: true });
  for (const name of await readdir(temporary)) {
    const found = await stat(join(temporary, name)).catch(() => null);
    if (found && Date.now() - found.mtimeMs > leftoverMs) await rm(join(temporary, name), { force: true });
  }
}

/** Gives a path for a file that the work renames; where it fails the file does not stay. */
async function withTemporary<T>(folder: string, work: (path: string) => Promise<T>): Promise<T> {
  const temporary = join(folder, 'tmp', randomBytes(12).toString('hex'));
  try {
    return await work(temporary);
  } catch (error) {
    await rm(temporary, { force: true });
    const { code, message } = error as { code?: string; message: string };
    throw code === 'ENOSPC' ? new FarmError(failure('FARM_NO_SPACE', 'build', { why: message })) : error;
  }
}

async function writeHashed(
  path: string, bytes: AsyncIterable<Uint8Array> | Uint8Array, expect: { sha256?: string; bytesMax?: number },
): Promise<Digest> {
  const hash = createHash('sha256');
  const file = await open(path, 'wx', 0o644);
  let length = 0;
  try {
    for await (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) {
      length += chunk.length;
      if (expect.bytesMax !== undefined && length > expect.bytesMax) {
        fail('FARM_TOO_LARGE', 'build', { limit: `${expect.bytesMax} bytes` });
      }
      hash.update(chunk);
      await writeAll(file, chunk);
    }
    const sha256 = hash.digest('hex');
    if (expect.sha256 !== undefined && sha256 !== expect.sha256) {
      fail('FARM_DIGEST_MISMATCH', 'build', { file: 'The upload', found: sha256, expected: expect.sha256 });
    }
    await file.sync();
    return { sha256, bytes: length };
  } finally {
    await file.close();
  }
}

/** One write may take less than it is given. */
async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten;
}

async function hashFile(path: string): Promise<Digest> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { sha256: hash.digest('hex'), bytes };
}

/** Digest of bytes in memory. @errors FARM_TOO_LARGE, FARM_DIGEST_MISMATCH */
function digestOf(bytes: Uint8Array, expect: { sha256?: string; bytesMax?: number }): Digest {
  if (expect.bytesMax !== undefined && bytes.length > expect.bytesMax) fail('FARM_TOO_LARGE', 'build', { limit: `${expect.bytesMax} bytes` });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (expect.sha256 !== undefined && sha256 !== expect.sha256) {
    fail('FARM_DIGEST_MISMATCH', 'build', { file: 'The upload', found: sha256, expected: expect.sha256 });
  }
  return { sha256, bytes: bytes.length };
}

/** Read and written on this thread: handing so little to another one costs more than the work itself. */
const smallBytes = 64 * 1024;
const synchronised = promisify(fsync);

/** Bytes as a file, on the disk when this ends. Few of them only reach the page cache before that: nothing waits. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  if (bytes.length <= smallBytes) {
    const small = openSync(path, 'wx', 0o644);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(small, bytes, at);
      await synchronised(small);
    } finally {
      closeSync(small);
    }
    return;
  }
  const file = await open(path, 'wx', 0o644);
  try {
    await writeAll(file, bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A file's or folder's content is on the disk when this ends. */
async function syncPath(path: string): Promise<void> {
  const file = openSync(path, 'r');
  try {
    await synchronised(file);
  } finally {
    closeSync(file);
  }
}

interface Waiting { readonly temporary: string; readonly found: Digest }

const batchMax = 64;
const recentMax = 5_000;
/** Far below the day after which an unused blob may be collected. */
const recentMs = 10 * 60 * 1000;

/** How long the lock stays with a store that has nothing to put, and how long at most: collecting gets its turn. */
const lockIdleMs = 100;
const lockMsMax = 2_000;

/**
 * Gives a connection that holds the lock against collecting. It keeps it for a moment, so that a row needs one statement
 * of its own; where many wait for the lock, they get it in the order in which they came. A call ends before the next begins.
 */
function underLock(pool: Pool): <T>(work: (client: PoolClient) => Promise<T>) => Promise<T> {
  let held: { readonly client: PoolClient; readonly since: number; readonly lost: (error: Error) => void } | null = null;
  let timer: NodeJS.Timeout | undefined;
  const release = async (broken?: Error): Promise<void> => {
    const last = held;
    held = null;
    clearTimeout(timer);
    if (!last) return;
    const lost = broken ?? await last.client.query('select pg_advisory_unlock_shared($1)', [collectLock]).then(() => undefined, (error: Error) => error);
    // A connection that is closed holds no lock.
    last.client.off('error', last.lost);
    last.client.release(lost);
  };
  const take = async (): Promise<PoolClient> => {
    const client = await pool.connect();
    // A database that goes away takes the lock with it.
    const lost = (error: Error): void => { if (held?.client === client) void release(error); };
    client.on('error', lost);
    try {
      await client.query('select pg_advisory_lock_shared($1)', [collectLock]);
    } catch (error) {
      client.off('error', lost);
      client.release(error as Error);
      throw error;
    }
    held = { client, since: Date.now(), lost };
    return client;
  };
  return async (work) => {
    clearTimeout(timer);
    if (held && Date.now() - held.since > lockMsMax) await release();
    const client = held?.client ?? await take();
    try {
      const value = await work(client);
      timer = setTimeout(() => void release(), lockIdleMs);
      return value;
    } catch (error) {
      await release(error as Error);
      throw error;
    }
  };
}

/** Moves files to their places, synchronises the folders, then writes the rows; answers each or its error. */
async function commitBatch(
  client: PoolClient, pathOf: (sha256: string) => string, batch: readonly Waiting[],
): Promise<readonly (Digest | Error)[]> {
  const moved = await Promise.allSettled(batch.map(async ({ temporary, found }) => {
    const place = pathOf(found.sha256);
    try {
      renameSync(temporary, place);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      const made = await mkdir(dirname(place), { recursive: true });
      if (made !== undefined) await syncPath(dirname(made));
      renameSync(temporary, place);
    }
  }));
  const good = batch.filter((_, at) => moved[at]?.status === 'fulfilled').map(({ found }) => found);
  await Promise.all([...new Set(good.map(({ sha256 }) => dirname(pathOf(sha256))))].map(syncPath));
  // In order of digests, each once: two planes that put the same blobs do not wait for each other in a circle.
  const rows = [...new Map(good.map((one) => [one.sha256, one])).values()].sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
  await client.query({
    name: 'blob-rows', values: [rows.map(({ sha256 }) => sha256), rows.map(({ bytes }) => bytes)],
    text: `insert into blob (sha256, bytes, touched_at) select *, now() from unnest($1::text[], $2::bigint[])
      on conflict (sha256) do update set touched_at = now()`,
  });
  return batch.map(({ found }, at) => (moved[at]?.status === 'rejected' ? moved[at].reason as Error : found));
}

async function touch(pool: Pool, sha256: string): Promise<boolean> {
  const found = await pool.query<{ old: boolean }>(
    `select touched_at < now() - interval '${touchEvery}' as old from blob where sha256 = $1`, [sha256],
  );
  const row = found.rows[0];
  if (!row?.old) return row !== undefined;
  return (await pool.query('update blob set touched_at = now() where sha256 = $1', [sha256])).rowCount === 1;
}

async function orNotFound<T>(sha256: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') fail('FARM_NOT_FOUND', 'plan', { thing: `blob ${sha256}` });
    throw error;
  }
}

/**
 * Every text column whose name ends in `sha256` may refer to a blob, in whatever table it is or will be: a new column
 * is a reference on the day it is made. Upstream files are a cache and can be fetched again.
 */
async function referenceQuery(client: PoolClient): Promise<string> {
  const columns = await client.query<{ table_name: string; column_name: string }>(
    `select table_name, column_name from information_schema.columns
     where table_schema = current_schema() and column_name like '%sha256' and data_type = 'text'
       and table_name not in ('blob', 'upstream_file')`,
  );
  return columns.rows
    .map(({ table_name: table, column_name: column }) =>
      `select ${client.escapeIdentifier(column)} from ${client.escapeIdentifier(table)} where ${client.escapeIdentifier(column)} is not null`)
    .join(' union ');
}

async function collect(
  client: PoolClient, pathOf: (sha256: string) => string, now: Date,
): Promise<{ deleted: number; bytes: number }> {
  await client.query('select pg_advisory_xact_lock($1)', [collectLock]);
  const gone = await client.query<{ sha256: string; bytes: string }>(
    `delete from blob where touched_at < $1 and sha256 not in (${await referenceQuery(client)}) returning sha256, bytes`,
    [new Date(now.getTime() - limits.blobUntouchedMs)],
  );
  for (const { sha256 } of gone.rows) await rm(pathOf(sha256), { force: true });
  return { deleted: gone.rows.length, bytes: gone.rows.reduce((sum, { bytes }) => sum + Number(bytes), 0) };
}
