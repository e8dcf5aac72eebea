import type { Pool, PoolClient } from 'pg';
import { limits } from '../contract/limits.ts';
import { fail } from '../domain/failure.ts';
import type { Clock, FileToPublish, Index, PublishOrder } from '../ports.ts';
import { fileUrl, renderServed, type PageFile } from './index-render.ts';
import { inTransaction } from './prisma/transaction.ts';

export interface IndexPostgresParts {
  readonly pool: Pool;
  readonly clock: Clock;
  /** Where the farm is reached, such as `http://127.0.0.1:8080`; provenance links must be absolute (PEP 740). */
  readonly origin: () => string;
}

/** The channel that planes listen to; the payload is the serial. */
export const indexChannel = 'farm_index';

const pollMs = 20;

/**
 * The index in Postgres: files, page and serial in one transaction under the lock on the row of `index_head`.
 * `refresh` writes pages again whose text would differ now (another origin, new attestations) and answers how many.
 */
export function indexPostgres(parts: IndexPostgresParts): Index & { refresh(): Promise<number> } {
  const { pool } = parts;
  return {
    async publish(order) {
      const serial = await inTransaction(pool, (client) => publishIn(client, parts, order));
      return { serial, listed: await waitListed(pool, serial) };
    },
    async published(project, version) {
      const { rows } = await pool.query<{ filename: string }>(
        'select filename from file where project = $1 and version = $2 order by filename', [project, version]);
      return rows.map((row) => row.filename);
    },
    async refresh() {
      const { rows } = await pool.query<{ project: string }>('select project from index_page order by project');
      let changed = 0;
      for (const { project } of rows) {
        changed += await inTransaction(pool, (client) => refreshIn(client, parts, project));
      }
      return changed;
    },
  };
}

/** Answers the serial that lists the files: a new one, or the page's where all were known. */
async function publishIn(client: PoolClient, parts: IndexPostgresParts, order: PublishOrder): Promise<number> {
  const head = await lockHead(client);
  const fresh = await freshFiles(client, order.files);
  if (fresh.length === 0) return pageSerial(client, order.project, head);
  const serial = head + 1;
  await client.query(
    `insert into project (name, display_name, held) values ($1, $2, true)
     on conflict (name) do update set held = true where not project.held`, [order.project, order.displayName]);
  await insertFiles(client, { order, fresh, serial, now: parts.clock.now() });
  await writePage(client, { project: order.project, serial, origin: parts.origin() });
  await moveHead(client, serial);
  return serial;
}

async function refreshIn(client: PoolClient, parts: IndexPostgresParts, project: string): Promise<number> {
  const head = await lockHead(client);
  const { rows: [old] } = await client.query<{ etag_json: string; etag_html: string }>(
    'select etag_json, etag_html from index_page where project = $1', [project]);
  const page = renderServed({ project, serial: head + 1, files: await pageFiles(client, project, parts.origin()) });
  if (old?.etag_json === page.etagJson && old.etag_html === page.etagHtml) return 0;
  await writePage(client, { project, serial: head + 1, origin: parts.origin() });
  await moveHead(client, head + 1);
  return 1;
}

/** The serial so far. The lock makes publishers queue, so serials are committed in their order and without gaps. */
export async function lockHead(client: PoolClient): Promise<number> {
  await client.query('insert into index_head (id, serial) values (1, 0) on conflict do nothing');
  const { rows } = await client.query<{ serial: string }>('select serial from index_head where id = 1 for update');
  return Number(rows[0]?.serial ?? 0);
}

/** Makes a serial the newest, and tells the planes when the transaction commits. */
export async function moveHead(client: PoolClient, serial: number): Promise<void> {
  await client.query('update index_head set serial = $1 where id = 1', [serial]);
  await client.query('select pg_notify($1, $2)', [indexChannel, String(serial)]);
}

async function pageSerial(client: PoolClient, project: string, head: number): Promise<number> {
  const { rows } = await client.query<{ serial: string }>('select serial from index_page where project = $1', [project]);
  return Number(rows[0]?.serial ?? head);
}

/**
 * The files that are not published yet. A filename is bound to its bytes for ever, and bytes to their filename:
 * installers cache by either.
 * @errors FARM_PUBLISH_CONFLICT
 */
async function freshFiles(client: PoolClient, files: readonly FileToPublish[]): Promise<FileToPublish[]> {
  const { rows } = await client.query<{ filename: string; sha256: string }>(
    'select filename, sha256 from file where filename = any($1) or sha256 = any($2)',
    [files.map((file) => file.filename), files.map((file) => file.sha256)]);
  const digests = new Map(rows.map((row) => [row.filename, row.sha256]));
  const names = new Map(rows.map((row) => [row.sha256, row.filename]));
  const fresh = new Map<string, FileToPublish>();
  for (const file of files) {
    const digest = digests.get(file.filename) ?? file.sha256;
    const name = names.get(file.sha256) ?? file.filename;
    if (digest !== file.sha256 || name !== file.filename) fail('FARM_PUBLISH_CONFLICT', 'publish', { file: file.filename });
    if (!digests.has(file.filename)) fresh.set(file.filename, file);
    digests.set(file.filename, file.sha256);
    names.set(file.sha256, file.filename);
  }
  // A name that came twice in one call was judged above; the first mention is kept.
  return [...fresh.values()];
}

async function insertFiles(
  client: PoolClient, write: { order: PublishOrder; fresh: readonly FileToPublish[]; serial: number; now: Date },
): Promise<void> {
  const { order, fresh } = write;
  await client.query(
    `insert into file (filename, sha256, bytes, project, version, kind, requires_python, metadata_sha256, target,
       attempt_id, build_id, edit_id, original_sha256, import_id, yanked, upload_time, serial)
     select a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p::timestamptz at time zone 'utc', $10
     from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
       $9::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[])
       as one (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)`,
    [
      fresh.map((file) => file.filename), fresh.map((file) => file.sha256), fresh.map((file) => file.bytes),
      fresh.map(() => order.project), fresh.map(() => order.version), fresh.map((file) => file.kind),
      fresh.map((file) => file.requiresPython), fresh.map((file) => file.metadataSha256),
      fresh.map((file) => file.target), write.serial,
      fresh.map((file) => file.attemptId), fresh.map((file) => (file.edit ? file.edit.buildId : order.buildId)),
      fresh.map((file) => file.edit?.id ?? null), fresh.map((file) => file.edit?.originalSha256 ?? null),
      fresh.map((file) => file.imported?.id ?? null), fresh.map((file) => file.imported?.yanked ?? null),
      // Upstream's own time: a cut-off that let a file in before its import lets it in after it.
      fresh.map((file) => file.imported?.uploadTime ?? write.now.toISOString()),
    ]);
}

/** Writes the page of a project as its files are in this transaction. */
export async function writePage(client: PoolClient, place: { project: string; serial: number; origin: string }): Promise<void> {
  const page = renderServed({ ...place, files: await pageFiles(client, place.project, place.origin) });
  await client.query(
    `insert into index_page (project, serial, json, html, etag_json, etag_html) values ($1, $2, $3, $4, $5, $6)
     on conflict (project) do update set serial = excluded.serial, json = excluded.json, html = excluded.html,
       etag_json = excluded.etag_json, etag_html = excluded.etag_html`,
    [place.project, place.serial, page.json, page.html, page.etagJson, page.etagHtml]);
}

interface FileRow {
  filename: string; sha256: string; bytes: string; version: string; requires_python: string | null;
  metadata_sha256: string | null; upload_time: Date; yanked: string | null; attested: boolean;
}

async function pageFiles(client: PoolClient, project: string, origin: string): Promise<PageFile[]> {
  const { rows } = await client.query<FileRow>(
    `select filename, sha256, bytes, version, requires_python, metadata_sha256, yanked,
       upload_time at time zone 'utc' as upload_time,
       exists (select 1 from attestation where file_sha256 = file.sha256) as attested
     from file where project = $1 order by filename`, [project]);
  return rows.map((row) => ({
    filename: row.filename,
    url: fileUrl(row.sha256, row.filename),
    sha256: row.sha256,
    size: Number(row.bytes),
    version: row.version,
    requiresPython: row.requires_python,
    metadataSha256: row.metadata_sha256,
    uploadTime: row.upload_time.toISOString(),
    yanked: row.yanked === null ? false : row.yanked || true,
    provenanceUrl: row.attested
      ? `${origin}/integrity/${project}/${row.version}/${row.filename}/provenance`
      : null,
  }));
}

/** Waits until every plane that is alive serves the serial; with none alive nobody lists it yet. */
export async function waitListed(pool: Pool, serial: number): Promise<'yes' | 'pending'> {
  const end = performance.now() + limits.planeListedMsMax;
  for (;;) {
    const { rows: [planes] } = await pool.query<{ live: string; behind: string }>(
      `select count(*) as live, count(*) filter (where serial < $1) as behind from plane
       where seen_at > (now() at time zone 'utc') - $2 * interval '1 millisecond'`, [serial, limits.planeSeenMsMax]);
    if (Number(planes?.live ?? 0) === 0) return 'pending';
    if (Number(planes?.behind ?? 0) === 0) return 'yes';
    if (performance.now() + pollMs > end) return 'pending';
    await new Promise((resolve) => { setTimeout(resolve, pollMs); });
  }
}
