/**
 * Brings a database to the newest migration with Prisma's own engine (its WebAssembly build: nothing is downloaded), in
 * Prisma's own table `_prisma_migrations`. Twice changes nothing. `DATABASE_URL=… node orchestrator/adapters/prisma/migrate.ts`
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { PrismaPg } from '@prisma/adapter-pg';
import type { MigrationList, SchemaEngine } from '@prisma/schema-engine-wasm';

const migrationsFolder = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));
/** Two control planes that start together migrate one after the other. Any number that nobody else takes. */
const migrationLock = 7_310_001;

/** Opens Prisma's engine on a database. The caller frees it. */
export async function openEngine(pg: PrismaPg): Promise<SchemaEngine> {
  // Loaded here, because the check that finds nothing to do must not pay for the engine.
  const [{ SchemaEngine: Engine }, { bindMigrationAwareSqlAdapterFactory }] = await Promise.all([
    import('@prisma/schema-engine-wasm'), import('@prisma/driver-adapter-utils'),
  ]);
  const schema = await readFile(`${migrationsFolder}/../schema.prisma`, 'utf8');
  const adapter = bindMigrationAwareSqlAdapterFactory(pg);
  return Engine.new({ datamodels: [['schema.prisma', schema]] }, () => undefined, adapter);
}

/** The migrations of the checkout, oldest first. */
async function readMigrations(): Promise<MigrationList> {
  const entries = await readdir(migrationsFolder, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort();
  return {
    baseDir: migrationsFolder,
    lockfile: {
      path: 'migration_lock.toml',
      content: await readFile(`${migrationsFolder}/migration_lock.toml`, 'utf8').catch(() => null),
    },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(names.map(async (name) => ({
      path: name,
      migrationFile: {
        path: 'migration.sql',
        content: { tag: 'ok' as const, value: await readFile(`${migrationsFolder}/${name}/migration.sql`, 'utf8') },
      },
    }))),
  };
}

/**
 * Applies what is missing and answers the names of the applied migrations.
 * @errors an Error of the engine where a migration fails or an applied one was changed
 */
export async function migrate(databaseUrl: string): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [migrationLock]);
    const migrationsList = await readMigrations();
    if (await isCurrent(client, migrationsList)) return [];
    const engine = await openEngine(await wholeScripts(databaseUrl));
    try {
      const applied = await engine.applyMigrations({
        migrationsList, filters: { externalTables: [], externalEnums: [] },
      });
      return applied.appliedMigrationNames;
    } finally {
      engine.free();
    }
  } finally {
    await client.end();
  }
}

/**
 * Prisma's adapter, but a script goes to the database whole: its own cuts scripts at every semicolon, and a function has
 * some inside.
 * @source adapter-pg 7.10.0, `executeScript`
 */
async function wholeScripts(databaseUrl: string): Promise<PrismaPg> {
  const { PrismaPg: Adapter } = await import('@prisma/adapter-pg');
  class WholeScripts extends Adapter {
    override async connect(): ReturnType<PrismaPg['connect']> {
      const connection = await super.connect();
      connection.executeScript = async (script) => {
        const client = new pg.Client({ connectionString: databaseUrl });
        await client.connect();
        await client.query(script).finally(() => client.end());
      };
      return connection;
    }
  }
  return new WholeScripts({ connectionString: databaseUrl });
}

/** Whether every migration stands in Prisma's table with the checksum of its file. */
async function isCurrent(client: pg.Client, list: MigrationList): Promise<boolean> {
  const table = await client.query(`select to_regclass('_prisma_migrations') as found`);
  if (table.rows[0]?.found === null) return false;
  const applied = await client.query<{ migration_name: string; checksum: string }>(
    'select migration_name, checksum from _prisma_migrations where finished_at is not null and rolled_back_at is null',
  );
  const checksums = new Map(applied.rows.map((row) => [row.migration_name, row.checksum]));
  return list.migrationDirectories.every(({ path, migrationFile }) => {
    const sql = (migrationFile.content as { value: string }).value;
    return checksums.get(path) === createHash('sha256').update(sql).digest('hex');
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // A composition root of its own: the supervisor calls it before the control plane starts.
  const databaseUrl = process.env['DATABASE_URL'];
  if (!databaseUrl) throw new Error('DATABASE_URL is not set');
  const applied = await migrate(databaseUrl);
  // The engine's timer for its lock runs on for ten seconds after its work: nobody waits for it.
  process.stdout.write(applied.length === 0 ? 'the database is current\n' : `applied ${applied.join(', ')}\n`, () => process.exit(0));
}
