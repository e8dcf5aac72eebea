import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase, type Database } from '../../orchestrator/adapters/prisma/database.ts';
import { startPostgres } from '../support/postgres.ts';

let postgres: Awaited<ReturnType<typeof startPostgres>>;
let database: Database;
beforeAll(async () => {
  postgres = await startPostgres();
  database = openDatabase(postgres.url);
});
afterAll(async () => {
  await database.close();
  await postgres.stop();
});

test('a connection that ends while it is taken out costs its own queries and nothing else', async () => {
  const client = await database.pool.connect();
  const { rows: [own] } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const asked = client.query('select pg_sleep(60)').then(() => 'slept', () => 'refused');
  await database.pool.query('select pg_terminate_backend($1)', [own?.pid]);
  expect(await asked).toBe('refused');
  await expect(client.query('select 1')).rejects.toThrow();
  client.release();
  // Whoever listens for no error of a connection would have ended the process by now.
  expect((await database.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
});
