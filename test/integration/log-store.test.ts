import { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pgLogStore } from '../../orchestrator/adapters/sigstore/log-store-pg.ts';
import { sha256, type LogEntry } from '../../orchestrator/adapters/sigstore/log-store.ts';
import { logStoreLaws } from '../laws/log-store.ts';
import { startPostgres } from '../support/postgres.ts';

const entryOf = (name: string): LogEntry =>
  ({ statementSha256: Buffer.from(sha256(Buffer.from(name))).toString('hex'), body: Buffer.from(name) });

const entriesOf = (prefix: string, count: number): LogEntry[] =>
  Array.from({ length: count }, (_, index) => entryOf(`${prefix}${index}`));

let postgres: Awaited<ReturnType<typeof startPostgres>>;
let pool: Pool;

beforeAll(async () => {
  postgres = await startPostgres();
  pool = new Pool({ connectionString: postgres.url, max: 6 });
  pool.on('error', () => {});   // an idle connection that hears the server stop
}, 60_000);

afterAll(async () => {
  await pool?.end();
  await postgres?.stop();
});

async function emptied(): Promise<void> {
  await pool.query('truncate log_leaf, log_head');
}

logStoreLaws('in Postgres', async () => {
  await emptied();
  return pgLogStore(pool);
});

describe('the log in Postgres', () => {
  it('is one log for two control planes', async () => {
    await emptied();
    const planes = [pgLogStore(pool), pgLogStore(pool)] as const;
    await Promise.all(Array.from({ length: 12 }, (_, index) =>
      planes[index % 2 === 0 ? 0 : 1].append(entriesOf(`r${index}-`, 2), ({ size }) => `head ${size}`)));
    const all = Array.from({ length: 12 }, (_, index) => entriesOf(`r${index}-`, 2)).flat();
    for (const plane of planes) {
      const { head, leaves } = await plane.prove(all.map((entry) => entry.statementSha256));
      expect(head).toMatchObject({ size: 24, checkpoint: 'head 24' });
      expect(new Set(leaves.map((leaf) => leaf.index)).size).toBe(24);
    }
  });

  it('goes on after a restart', async () => {
    await emptied();
    await pgLogStore(pool).append(entriesOf('a', 5), () => 'first');
    const reopened = pgLogStore(pool);
    await reopened.append(entriesOf('b', 1), () => 'second');
    const { leaves } = await reopened.prove(entriesOf('b', 1).map((entry) => entry.statementSha256));
    expect(leaves[0]?.index).toBe(5);
  });

  it.each([
    ['a changed leaf', `update log_leaf set leaf_hash = '\\x00'::bytea where index = 1`],
    ['a lost leaf', 'delete from log_leaf where index = 2'],
    ['a head of another tree', `update log_head set root = '\\x00'::bytea`],
  ])('signs nothing over %s', async (_, damage) => {
    await emptied();
    await pgLogStore(pool).append(entriesOf('a', 5), () => 'first');
    await pool.query(damage);
    const next = pgLogStore(pool).append(entriesOf('b', 1), () => 'second');
    await expect(next).rejects.toThrow('do not lead to its signed head');
    const { rows } = await pool.query<{ checkpoint: string }>('select checkpoint from log_head');
    expect(rows).toEqual([{ checkpoint: 'first' }]);
  });

  it('costs little more with a long history', async () => {
    await emptied();
    const log = pgLogStore(pool);
    await log.append(entriesOf('old', 30_000), () => 'first');
    const reopened = pgLogStore(pool);
    await reopened.append(entriesOf('new', 20), () => 'second');
    const started = performance.now();
    await reopened.append(entriesOf('newer', 20), () => 'third');
    const { leaves } = await reopened.prove(entriesOf('newer', 20).map((entry) => entry.statementSha256));
    expect(leaves).toHaveLength(20);
    expect(performance.now() - started).toBeLessThan(500);
  });
});
