/** A plane that serves an index from a test database: pages, files, upstream proxy, on a free port. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { Pool } from 'pg';
import { composedBlobs } from '../../orchestrator/adapters/blobs-composed.ts';
import { folderBlobs } from '../../orchestrator/adapters/blobs-fs.ts';
import { indexPostgres } from '../../orchestrator/adapters/index-postgres.ts';
import { indexStatements } from '../../orchestrator/adapters/index-statements.ts';
import { pageCache, type PageCache } from '../../orchestrator/adapters/page-cache.ts';
import { upstreamAddress, type UpstreamAddress } from '../../orchestrator/adapters/upstream-address.ts';
import { upstreamHttp } from '../../orchestrator/adapters/upstream-http.ts';
import { upstreamIndex } from '../../orchestrator/adapters/upstream.ts';
import { registerIndexRoutes } from '../../orchestrator/api/routes/index-routes.ts';
import { cards, FarmError } from '../../orchestrator/domain/failure.ts';
import type { BlobStore, FileToPublish, Index } from '../../orchestrator/ports.ts';
import type { MadeDistribution } from './distributions.ts';

export interface IndexPlane {
  readonly url: string;
  readonly app: FastifyInstance;
  readonly pool: Pool;
  readonly blobs: BlobStore;
  readonly index: Index & { refresh(): Promise<number> };
  readonly pages: PageCache;
  readonly folder: string;
  stop(): Promise<void>;
}

/** Identity and issuer that the provenance objects of these planes name. */
export const testPublisher = { identity: 'https://farm.invalid/builder', issuer: 'https://farm.invalid' };

/**
 * @shape upstream: base of another index; null takes the one that this machine's pip is set to use
 * @shape folder: to go on with the blobs and pages of an earlier plane
 */
export async function startIndexPlane(
  parts: { databaseUrl: string; upstream: string | null; folder?: string; planeId?: string },
): Promise<IndexPlane> {
  const folder = parts.folder ?? await mkdtemp(join(tmpdir(), 'farm-index-'));
  const pool = new Pool({ connectionString: parts.databaseUrl, max: 12 });
  pool.on('error', () => {});   // an idle connection that hears the server stop
  const clock = { now: () => new Date() };
  const blobs = folderBlobs(join(folder, 'blobs'), pool);
  const pages = pageCache({ databaseUrl: parts.databaseUrl, folder: join(folder, 'pages'), planeId: parts.planeId ?? 'one' });
  await pages.start();
  const address: UpstreamAddress = await upstreamAddress({ setting: parts.upstream, home: folder, own: 'http://farm.example', env: process.env });
  const http = await upstreamHttp(address);
  const app = Fastify({ forceCloseConnections: true });
  app.setErrorHandler((error, _, reply) => {
    if (!(error instanceof FarmError)) throw error;
    return reply.code(cards[error.failure.code].http).send(error.failure);
  });
  registerIndexRoutes(app, {
    pages, blobs: composedBlobs(blobs, pool), statements: indexStatements(pool, testPublisher),
    upstream: upstreamIndex({ http, pool, blobs, clock, folder: join(folder, 'downloads') }),
    signer: { trustConfig: async () => ({ json: '{"mediaType":"test"}', fingerprint: 'f00' }) },
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    url, app, pool, blobs, pages, folder,
    index: indexPostgres({ pool, clock, origin: () => url }),
    async stop() {
      await app.close();
      await pages.stop();
      await http.close();
      await pool.end();
      if (parts.folder === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Puts distributions and their METADATA into the blob store, as what `publish` takes. */
export async function filesToPublish(blobs: BlobStore, made: readonly MadeDistribution[]): Promise<FileToPublish[]> {
  return Promise.all(made.map(async ({ filename, bytes, metadata, requiresPython }) => {
    const kept = await blobs.put(bytes);
    return {
      filename, sha256: kept.sha256, bytes: kept.bytes, kind: filename.endsWith('.whl') ? 'wheel' : 'sdist', requiresPython,
      metadataSha256: filename.endsWith('.whl') ? (await blobs.put(Buffer.from(metadata))).sha256 : null,
      target: null, attemptId: null,
    } as const;
  }));
}

export const sha256Of = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
