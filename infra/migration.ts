/**
 * Makes the SQL of a new migration: the difference between the migrations that are there and prisma/schema.prisma.
 * `node infra/migration.ts NAME` writes prisma/migrations/NAME/migration.sql.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { openEngine, readMigrations } from '../orchestrator/adapters/prisma/migrate.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * The SQL from the migrations that are there to the schema.
 * @shape databaseUrl of an empty database: earlier migrations are played into it to learn their end
 */
export async function migrationSql(databaseUrl: string): Promise<string> {
  const schema = await readFile(`${root}prisma/schema.prisma`, 'utf8');
  const engine = await openEngine(databaseUrl);
  try {
    const migrations = await readMigrations();
    const written = await engine.diff({
      from: migrations.migrationDirectories.length === 0 ? { tag: 'empty' } : { tag: 'migrations', ...migrations },
      to: { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content: schema }] },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    });
    return written.stdout ?? '';
  } finally {
    engine.free();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, databaseUrl] = process.argv.slice(2);
  if (!name || !databaseUrl) throw new Error('usage: node infra/migration.ts NAME EMPTY_DATABASE_URL');
  const folder = `${root}prisma/migrations/${name}`;
  const sql = await migrationSql(databaseUrl);
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/migration.sql`, sql);
  process.stdout.write(`${folder}/migration.sql: ${sql.length} bytes\n`);
}
