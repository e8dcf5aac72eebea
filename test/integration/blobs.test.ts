import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { folderBlobs } from '../../orchestrator/adapters/blobs-fs.ts';
import { openDatabase } from '../../orchestrator/adapters/prisma/database.ts';
import { startPostgres } from '../support/postgres.ts';
import { blobLaws, filesBelow } from '../laws/blobs.ts';

blobLaws('a folder', async () => {
  const postgres = await startPostgres();
  const folder = await mkdtemp(join(tmpdir(), 'farm-blobs-'));
  const database = openDatabase(postgres.url);
  return {
    blobs: folderBlobs(folder, database.pool),
    files: () => filesBelow(folder),
    async refer(sha256) {
      await database.prisma.image.create({ data: { name: sha256, key: 'k', tarSha256: sha256, bytes: 1n, record: {} } });
    },
    async untouched(sha256) {
      await database.pool.query(`update blob set touched_at = now() - interval '25 hours' where sha256 = $1`, [sha256]);
    },
    async stop() {
      await database.close();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
});

test('a database that goes away while the lock is kept costs one connection and nothing else', async () => {
  const postgres = await startPostgres();
  const folder = await mkdtemp(join(tmpdir(), 'farm-blobs-'));
  const database = openDatabase(postgres.url);
  try {
    const blobs = folderBlobs(folder, database.pool);
    let puts = 0;
    // The lock is kept for a moment only: put again until the connection is ended within it.
    await vi.waitFor(async () => {
      await blobs.put(Buffer.from(`before ${puts += 1}`));
      const gone = await database.pool.query(
        `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and mode = 'ShareLock'`);
      expect(gone.rowCount).toBe(1);
    }, { timeout: 30_000 });
    const { sha256 } = await blobs.put(Buffer.from('after')).catch(() => blobs.put(Buffer.from('after')));
    expect(await blobs.has(sha256)).toBe(true);
    expect(await blobs.collect(new Date())).toEqual({ deleted: 0, bytes: 0 });
  } finally {
    await database.close();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
