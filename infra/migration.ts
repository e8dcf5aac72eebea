/**
 * Makes the SQL of a new migration: the difference between the migrations that are there and prisma/schema.prisma.
 * `node infra/migration.ts NAME EMPTY_DATABASE_URL` writes prisma/migrations/NAME/migration.sql.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import pg from 'pg';
import { migrate, openEngine } from '../orchestrator/adapters/prisma/migrate.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Postgres' internal one-byte type, which the catalogue's columns have. */
const charOid = 18;
/** Columns of that type, by the rows of their answer. */
const charColumns = new WeakMap<object, readonly number[]>();

/**
 * A pool that calls the type `"char"` text, and remembers it: Prisma's adapter has no name for it and refuses to read
 * the catalogue, its engine takes it as a character.
 * @source adapter-pg 7.10.0, `fieldToColumnType`
 */
class CataloguePool extends pg.Pool {
  override query(...order: unknown[]): never {
    const answer = (super.query as (...all: unknown[]) => Promise<pg.QueryResult>).apply(this, order);
    return answer.then((result) => {
      charColumns.set(result.rows, result.fields.flatMap(({ dataTypeID }, index) => (dataTypeID === charOid ? [index] : [])));
      for (const field of result.fields) if (field.dataTypeID === charOid) field.dataTypeID = pg.types.builtins.TEXT;
      return result;
    }) as never;
  }
}

class CatalogueAdapter extends PrismaPg {
  override async connect(): ReturnType<PrismaPg['connect']> {
    const connection = await super.connect();
    const ask = connection.queryRaw.bind(connection);
    connection.queryRaw = async (query) => {
      const result = await ask(query);
      for (const index of charColumns.get(result.rows) ?? []) result.columnTypes[index] = ColumnTypeEnum.Character;
      return result;
    };
    return connection;
  }
}

/**
 * The SQL from the migrations that are there to the schema; empty where they agree.
 * @shape databaseUrl of an empty database: the migrations are played into it
 */
export async function migrationSql(databaseUrl: string): Promise<string> {
  await migrate(databaseUrl);
  const pool = new CataloguePool({ connectionString: databaseUrl });
  const engine = await openEngine(new CatalogueAdapter(pool));
  const files = [{ path: 'schema.prisma', content: await readFile(`${root}prisma/schema.prisma`, 'utf8') }];
  try {
    const written = await engine.diff({
      // The engine's own connection, whatever the schema says of it.
      from: { tag: 'schemaDatasource', files, configDir: `${root}prisma` },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    });
    return (written.stdout ?? '').replace('-- This is an empty migration.', '').trim();
  } finally {
    engine.free();
    await pool.end();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, databaseUrl] = process.argv.slice(2);
  if (!name || !databaseUrl) throw new Error('usage: node infra/migration.ts NAME EMPTY_DATABASE_URL');
  const folder = `${root}prisma/migrations/${name}`;
  const sql = await migrationSql(databaseUrl);
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/migration.sql`, `${sql}\n`);
  process.stdout.write(`${folder}/migration.sql: ${sql.length} bytes\n`);
}
