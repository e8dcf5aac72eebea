import { createHash } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { Prisma, PrismaClient } from './client/client.ts';

/** One pool for Prisma and for the SQL that its schema language cannot say. */
export interface Database {
  readonly url: string;
  readonly prisma: PrismaClient;
  readonly pool: pg.Pool;
  close(): Promise<void>;
}

/** Prisma inside or outside a transaction. */
export type Tx = Prisma.TransactionClient;

const connectionsMax = 20;
const idleMs = 30_000;

/**
 * A statement with a name is parsed and planned once for a connection. Lists make a new text for each length, so they
 * have none, as pg understands an empty name.
 */
function statementName(sql: string): string {
  return sql.length > 4000 || / IN \(|VALUES \([^)]*\), *\(/.test(sql) ? '' : `p${createHash('sha1').update(sql).digest('base64url')}`;
}

/** Opens the database. Connects with the first query; `close` waits for queries that are under way. */
export function openDatabase(url: string): Database {
  const pool = new pg.Pool({ connectionString: url, max: connectionsMax, idleTimeoutMillis: idleMs });
  // A connection that breaks while idle is replaced at the next query; without a listener it would end the process.
  pool.on('error', () => undefined);
  // So it would by one that breaks while it is taken out: its queries tell whoever waits for them.
  pool.on('connect', (client) => { client.on('error', () => undefined); });
  const prisma = new PrismaClient({
    adapter: new PrismaPg(pool, { statementNameGenerator: ({ sql }) => statementName(sql) }),
    transactionOptions: { maxWait: 15_000, timeout: 30_000 },
  });
  return {
    url, prisma, pool,
    async close() {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}

/** A JSON column's value: what Prisma takes is looser than our readonly types. */
export const asJson = (value: unknown): Prisma.InputJsonValue => value as Prisma.InputJsonValue;
/** A JSON column without a value. */
export const noJson = Prisma.DbNull;
