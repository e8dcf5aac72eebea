import type { Pool } from 'pg';
import type { UpstreamFileView, UpstreamProject } from '../ports.ts';

/** Upstream pages and files in Postgres. Every call does without the database where it is away. */
export interface UpstreamRows {
  page(name: string): Promise<{ value: UpstreamProject; etag: string | null; fetchedAt: Date } | null>;
  keep(page: { value: UpstreamProject; etag: string | null; fetchedAt: Date }): Promise<void>;
  touch(name: string, fetchedAt: Date): Promise<void>;
  /** A file whose page went through here, at any time. */
  file(sha256: string): Promise<UpstreamFileView | null>;
}

interface FileRow {
  sha256: string; filename: string; url: string; bytes: string | null; metadata_sha256: string | null;
}

/** Tables `upstream_page` and `upstream_file`. */
export function upstreamRows(pool: Pool): UpstreamRows {
  const ask = async <T extends object>(sql: string, values: unknown[]): Promise<T[]> =>
    pool.query<T>(sql, values).then(({ rows }) => rows, () => []);
  return {
    async page(name) {
      const [row] = await ask<{ body: UpstreamProject; etag: string | null; fetched_at: Date }>(
        `select body, etag, fetched_at at time zone 'utc' as fetched_at from upstream_page where project = $1`, [name]);
      return row ? { value: row.body, etag: row.etag, fetchedAt: row.fetched_at } : null;
    },
    async keep({ value, etag, fetchedAt }) {
      // Files first: a page is never stored whose links lead nowhere.
      await ask(
        `insert into upstream_file (sha256, project, filename, url, bytes, metadata_sha256)
         select distinct on (one.sha256) one.sha256, $6, one.filename, one.url, one.bytes, one.metadata
         from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[])
           as one (sha256, filename, url, bytes, metadata)
         on conflict (sha256) do update set url = excluded.url, bytes = excluded.bytes,
           metadata_sha256 = excluded.metadata_sha256
         where (upstream_file.url, upstream_file.bytes, upstream_file.metadata_sha256)
           is distinct from (excluded.url, excluded.bytes, excluded.metadata_sha256)`,
        [
          value.files.map((file) => file.sha256), value.files.map((file) => file.filename),
          value.files.map((file) => file.url), value.files.map((file) => file.bytes),
          value.files.map((file) => file.metadataSha256), value.name,
        ]);
      await ask(
        `insert into upstream_page (project, etag, body, fetched_at) values ($1, $2, $3, $4::timestamptz at time zone 'utc')
         on conflict (project) do update set etag = excluded.etag, body = excluded.body, fetched_at = excluded.fetched_at`,
        [value.name, etag, JSON.stringify(value), fetchedAt.toISOString()]);
    },
    async touch(name, fetchedAt) {
      await ask(`update upstream_page set fetched_at = $2::timestamptz at time zone 'utc' where project = $1`,
        [name, fetchedAt.toISOString()]);
    },
    async file(sha256) {
      const [row] = await ask<FileRow>(
        'select sha256, filename, url, bytes, metadata_sha256 from upstream_file where sha256 = $1', [sha256]);
      return row ? {
        filename: row.filename, url: row.url, sha256: row.sha256, bytes: row.bytes === null ? null : Number(row.bytes),
        uploadTime: null, requiresPython: null, yanked: false, metadataSha256: row.metadata_sha256,
      } : null;
    },
  };
}
