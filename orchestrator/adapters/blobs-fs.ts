import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool, PoolClient } from 'pg';
import { limits } from '../contract/limits.ts';
import { fail, failure, FarmError } from '../domain/failure.ts';
import type { BlobStore } from '../ports.ts';

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

  async function keep(temporary: string, found: Digest): Promise<Digest> {
    await inTransaction(pool, async (client) => {
      await client.query('select pg_advisory_xact_lock_shared($1)', [collectLock]);
      const home = join(folder, found.sha256.slice(0, 2));
      await mkdir(home, { recursive: true });
      await rename(temporary, pathOf(found.sha256));
      await syncFolder(home);
      await client.query(
        `insert into blob (sha256, bytes, touched_at) values ($1, $2, now())
         on conflict (sha256) do update set touched_at = now()`,
        [found.sha256, found.bytes],
      );
    });
    return found;
  }

  return {
    put: async (bytes, expect = {}) => {
      await ready;
      return withTemporary(folder, async (temporary) =>
        keep(temporary, await writeHashed(temporary, bytes, expect)));
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
        return keep(temporary, found);
      });
    },
    has: (sha256) => touch(pool, sha256),
    bytes: (sha256) => orNotFound(sha256, () => readFile(pathOf(sha256))),
    async stream(sha256, range) {
      const file = await orNotFound(sha256, () => open(pathOf(sha256), 'r'));
      // `end` of the port is the first byte that is not wanted, of Node the last one that is.
      return file.createReadStream(range ? { start: range.start, end: range.end - 1 } : {});
    },
    size: async (sha256) => (await orNotFound(sha256, () => stat(pathOf(sha256)))).size,
    async path(sha256) {
      await orNotFound(sha256, () => stat(pathOf(sha256)));
      return pathOf(sha256);
    },
    collect: (now) => inTransaction(pool, (client) => collect(client, pathOf, now)),
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

/** Gives a path for a file that does not stay, unless the work renamed it. */
async function withTemporary<T>(folder: string, work: (path: string) => Promise<T>): Promise<T> {
  const temporary = join(folder, 'tmp', randomBytes(12).toString('hex'));
  try {
    return await work(temporary);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    throw code === 'ENOSPC' ? new FarmError(failure('FARM_NO_SPACE', 'build', { why: message })) : error;
  } finally {
    await rm(temporary, { force: true });
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

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
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

async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const value = await work(client);
    await client.query('commit');
    return value;
  } catch (error) {
    await client.query('rollback').catch((lost: Error) => { broken = lost; });
    throw error;
  } finally {
    client.release(broken);
  }
}
