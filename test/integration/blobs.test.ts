import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
