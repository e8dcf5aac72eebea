import type { Pool } from 'pg';
import { limits } from '../contract/limits.ts';
import { fail } from '../domain/failure.ts';
import type { ServedPage, UpstreamIndex } from '../index-ports.ts';
import type { BlobStore, Clock, UpstreamFileView, UpstreamProject } from '../ports.ts';
import { renderServed } from './index-render.ts';
import { projectOf } from './page-cache.ts';
import { upstreamDownloads } from './upstream-downloads.ts';
import { asUnreachable, readText, type UpstreamHttp } from './upstream-http.ts';
import { parseUpstreamPage, proxiedFiles } from './upstream-page.ts';
import { upstreamRows } from './upstream-rows.ts';

export interface UpstreamParts {
  readonly http: UpstreamHttp;
  readonly pool: Pool;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  /** For files on their way; on the disk of the blobs, so that they are moved and not copied. */
  readonly folder: string;
}

/** What is known of one name. `value` is null where upstream has no such project. */
interface Known {
  readonly value: UpstreamProject | null;
  readonly page: ServedPage | null;
  readonly etag: string | null;
  /** Not asked for again before this time. @unit milliseconds since 1970 */
  readonly until: number;
  /** True where upstream did not answer when it was last asked. */
  readonly stale: boolean;
}

const accept = [
  'application/vnd.pypi.simple.v1+json', 'application/vnd.pypi.simple.v1+html;q=0.2', 'text/html;q=0.01',
].join(', ');
const metadataBytesMax = 16 * 1024 * 1024;

/**
 * The upstream index behind a cache: pages in memory and in table `upstream_page`, files in the blob store. Concurrent
 * requests for the same page or file share one request. The database being away costs only what it would have kept.
 */
export function upstreamIndex(parts: UpstreamParts): UpstreamIndex {
  const { http, blobs, clock } = parts;
  const rows = upstreamRows(parts.pool);
  const downloads = upstreamDownloads(parts);
  const pages = new Map<string, Known>();
  const asking = new Map<string, Promise<Known>>();
  let pageBytes = 0;

  const now = (): number => clock.now().getTime();

  function keep(name: string, known: Known): Known {
    const old = pages.get(name);
    pageBytes += sizeOf(known) - (old ? sizeOf(old) : 0);
    pages.delete(name);
    pages.set(name, known);
    for (const [oldest, page] of pages) {
      if ((pageBytes <= limits.upstreamPagesBytesMax && pages.size <= pagesMax) || oldest === name) break;
      pages.delete(oldest);
      pageBytes -= sizeOf(page);
    }
    return known;
  }

  function known(name: string): Promise<Known> {
    const hit = pages.get(name);
    if (hit && hit.until > now()) return Promise.resolve(keep(name, hit));
    let question = asking.get(name);
    if (!question) {
      question = refresh(name, hit ?? null).finally(() => asking.delete(name));
      asking.set(name, question);
    }
    return question;
  }

  async function refresh(name: string, inMemory: Known | null): Promise<Known> {
    const old = inMemory ?? await storedPage(name);
    if (old && old.until > now()) return keep(name, old);
    try {
      return keep(name, await ask(name, old));
    } catch (error) {
      if (!old?.value) throw error;
      return keep(name, { ...old, until: now() + limits.upstreamRetryMs, stale: true });
    }
  }

  async function storedPage(name: string): Promise<Known | null> {
    const row = await rows.page(name);
    if (!row) return null;
    const until = row.fetchedAt.getTime() + limits.upstreamPageFreshMs;
    return { value: row.value, page: render(row.value), etag: row.etag, until, stale: false };
  }

  async function ask(name: string, old: Known | null): Promise<Known> {
    const url = http.pageUrl(name);
    const response = await http.get(url, { accept, ...(old?.etag ? { 'if-none-match': old.etag } : {}) });
    const fresh = { until: now() + limits.upstreamPageFreshMs, stale: false };
    if (response.status === 304 && old) {
      await rows.touch(name, clock.now());
      return { ...old, ...fresh };
    }
    if (response.status === 404 || response.status === 410) {
      await response.body?.cancel();
      return { value: null, page: null, etag: null, until: now() + limits.upstreamMissingMs, stale: false };
    }
    if (response.status !== 200) {
      await response.body?.cancel();
      fail('FARM_UPSTREAM_UNREACHABLE', 'fetch', { why: `the page of ${name}: HTTP ${response.status}` });
    }
    const value = await asUnreachable(async () => parseUpstreamPage({
      text: await readText(response, limits.upstreamPageBytesMax),
      contentType: response.headers.get('content-type') ?? '', url: response.url, project: name,
    }));
    const etag = response.headers.get('etag');
    await rows.keep({ value, etag, fetchedAt: clock.now() });
    return { value, page: render(value), etag, ...fresh };
  }

  return {
    async project(name) {
      return (await known(name)).value;
    },
    async page(name) {
      const { page, stale } = await known(name);
      return page && { page, stale };
    },
    async file(sha256, filename) {
      const name = projectOf(filename);
      const near = name === null ? null : pages.get(name)?.value ?? null;
      const here = fileOf(near, sha256) ?? await rows.file(sha256);
      if (here || name === null || near) return here;
      return fileOf((await known(name)).value, sha256);
    },
    async fetch(file) {
      if (await blobs.has(file.sha256)) return { sha256: file.sha256, bytes: await blobs.size(file.sha256) };
      return downloads.whole(file);
    },
    open: (file) => downloads.follow(file),
    async metadata(file) {
      if (file.metadataSha256 === null) return null;
      if (await blobs.has(file.metadataSha256)) return file.metadataSha256;
      const url = `${file.url}.metadata`;
      const response = await http.get(url);
      if (response.status !== 200) {
        await response.body?.cancel();
        return fail('FARM_UPSTREAM_UNREACHABLE', 'fetch', { why: `${file.filename}.metadata: HTTP ${response.status}` });
      }
      const expect = { sha256: file.metadataSha256, bytesMax: metadataBytesMax };
      await blobs.put((response.body ?? []) as AsyncIterable<Uint8Array>, expect);
      return file.metadataSha256;
    },
    async provenance(url) {
      const response = await http.get(url, { accept: 'application/vnd.pypi.integrity.v1+json, application/json;q=0.5' });
      if (response.status === 404 || response.status === 410) {
        await response.body?.cancel();
        return null;
      }
      if (response.status !== 200) {
        await response.body?.cancel();
        fail('FARM_UPSTREAM_UNREACHABLE', 'fetch', { why: `a provenance object: HTTP ${response.status}` });
      }
      return asUnreachable(async () => JSON.parse(await readText(response, limits.provenanceBytesMax)) as unknown);
    },
  };
}

const pagesMax = 2_000;

const sizeOf = ({ page }: Known): number => (page ? page.json.length + page.html.length : 0);

const render = (value: UpstreamProject): ServedPage =>
  renderServed({ project: value.name, serial: 0, files: proxiedFiles(value), versions: value.versions });

const fileOf = (project: UpstreamProject | null, sha256: string): UpstreamFileView | null =>
  project?.files.find((file) => file.sha256 === sha256) ?? null;
