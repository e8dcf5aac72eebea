import type { Pool, PoolClient } from 'pg';
import {
  appendLeaf, emptyTree, inclusionProof, leafHash, rootHash, treeSize, truncateTree, type MerkleTree,
} from '../../domain/merkle.ts';
import { cannotSign } from './cannot-sign.ts';
import { newEntries, sha256, type LogEntry, type LogHead, type LogStore, type SealHead } from './log-store.ts';

/** Leaf hashes are read in parts of this many rows, so that a long log never stands in memory as rows. */
const rowsAtOnce = 20_000;
const leavesAtOnce = 100;
const leavesStatement = `
  insert into log_leaf (index, leaf_hash, body, statement_sha256)
  select * from unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::text[])`;

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/**
 * The log in Postgres: tables `log_leaf` and `log_head`, one writer at a time by the lock on the head's row.
 *
 * The tree's hashes are kept in memory, about 64 bytes of hash a leaf. The first use after a start reads all leaf
 * hashes (32 bytes each: 3 MB for 100,000 leaves), each later one only what came since, from this process or another;
 * a proof then costs log2(size) look-ups. Beyond some million leaves the inner hashes belong into a table of their own.
 */
export function pgLogStore(pool: Pool): LogStore {
  const tree = emptyTree(sha256);
  return {
    async append(entries, seal) {
      let committed: number | undefined;
      await inTransaction(pool, async (client) => {
        const head = await readHead(client, 'lock');
        await catchUp(client, tree, head);
        committed = head.size;
        truncateTree(tree, committed);
        await appendAfter(client, tree, { head, entries, seal });
      }, () => { if (committed !== undefined) truncateTree(tree, committed); });
    },
    async prove(statements, at) {
      const newest = await readHead(pool, 'read');
      await catchUp(pool, tree, newest);
      const head = at ?? newest;
      const found = await pool.query<LeafRow>(
        'select index, body, statement_sha256 from log_leaf where statement_sha256 = any($1) and index < $2',
        [statements, head.size],
      );
      const byStatement = new Map(found.rows.map((row) => [row.statement_sha256, row]));
      const rows = statements.flatMap((statement) => byStatement.get(statement) ?? []);
      const leaves = rows.map((row) => ({
        statementSha256: row.statement_sha256,
        body: row.body,
        index: Number(row.index),
        path: inclusionProof(tree, Number(row.index), head.size),
      }));
      return { head, leaves };
    },
  };
}

interface LeafRow { index: string; body: Buffer; statement_sha256: string }

type Queryable = Pick<PoolClient, 'query'>;

interface AppendOrder { readonly head: LogHead; readonly entries: readonly LogEntry[]; readonly seal: SealHead }

async function appendAfter(client: PoolClient, tree: MerkleTree, order: AppendOrder): Promise<void> {
  const known = await client.query<{ statement_sha256: string }>(
    'select statement_sha256 from log_leaf where statement_sha256 = any($1)',
    [order.entries.map((entry) => entry.statementSha256)],
  );
  const fresh = newEntries(order.entries, new Set(known.rows.map((row) => row.statement_sha256)));
  if (fresh.length === 0) return;
  const hashes = fresh.map((entry) => leafHash(sha256, entry.body));
  for (const hash of hashes) appendLeaf(tree, hash);
  // In parts: as parameters the entries of a thousand wheels would stand in memory three times.
  for (let from = 0; from < fresh.length; from += leavesAtOnce) {
    const some = fresh.slice(from, from + leavesAtOnce);
    await client.query({
      name: 'add-leaves', text: leavesStatement,
      values: [
        some.map((_, offset) => order.head.size + from + offset), hashes.slice(from, from + leavesAtOnce).map(asBuffer),
        some.map((entry) => asBuffer(entry.body)), some.map((entry) => entry.statementSha256),
      ],
    });
  }
  const next = { size: treeSize(tree), root: rootHash(tree) };
  await client.query(
    'update log_head set size = $1, root = $2, checkpoint = $3 where id = 1',
    [next.size, Buffer.from(next.root), order.seal(next)],
  );
}

/** The head; made when the log is new. `lock` keeps other writers out until the transaction ends. */
async function readHead(client: Queryable, mode: 'read' | 'lock'): Promise<LogHead> {
  const select = `select size, root, checkpoint from log_head where id = 1${mode === 'lock' ? ' for update' : ''}`;
  type HeadRow = { size: string; root: Buffer; checkpoint: string };
  const found = await client.query<HeadRow>(select);
  if (!found.rows[0]) {
    await client.query(
      `insert into log_head (id, size, root, checkpoint) values (1, 0, $1, '') on conflict do nothing`,
      [Buffer.from(rootHash(emptyTree(sha256)))],
    );
  }
  const row = found.rows[0] ?? (await client.query<HeadRow>(select)).rows[0];
  if (!row) return cannotSign('the log has no head');
  return { size: Number(row.size), root: row.root, checkpoint: row.checkpoint };
}

/**
 * Reads the leaves that the tree lacks, then checks that they lead to the head's root.
 * The check stands before every signature: a log that was changed behind our back is never signed over.
 */
async function catchUp(client: Queryable, tree: MerkleTree, head: LogHead): Promise<void> {
  while (treeSize(tree) < head.size) {
    const from = treeSize(tree);
    const { rows } = await client.query<{ index: string; leaf_hash: Buffer }>(
      'select index, leaf_hash from log_leaf where index >= $1 and index < $2 order by index',
      [from, Math.min(from + rowsAtOnce, head.size)],
    );
    // Another call of this process may have added the same leaves while this one waited for its rows.
    for (const row of rows) if (Number(row.index) === treeSize(tree)) appendLeaf(tree, row.leaf_hash);
    if (treeSize(tree) === from) break;
  }
  if (treeSize(tree) >= head.size && Buffer.from(rootHash(tree, head.size)).equals(head.root)) return;
  truncateTree(tree, 0);   // read again next time: the database may have been restored from a backup
  cannotSign(`the log's ${head.size} leaves do not lead to its signed head`);
}

/** `undo` takes back what `work` did in memory, before the lock is given back: nobody may build on it. */
async function inTransaction(pool: Pool, work: (client: PoolClient) => Promise<void>, undo: () => void): Promise<void> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    await work(client);
    await client.query('commit');
  } catch (error) {
    undo();
    await client.query('rollback').catch((lost: Error) => { broken = lost; });
    throw error;
  } finally {
    client.release(broken);
  }
}
