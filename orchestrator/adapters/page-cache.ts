import pg from 'pg';
import { limits } from '../contract/limits.ts';
import { fail } from '../domain/failure.ts';
import { parseSdistFilename, parseWheelFilename } from '../domain/filename.ts';
import type { IndexPages, ListedFile, ServedPage } from '../index-ports.ts';
import { indexChannel } from './index-postgres.ts';
import { renderList, renderServed } from './index-render.ts';
import { pageCopies, type PageCopies } from './page-copies.ts';

export interface PageCacheParts {
  readonly databaseUrl: string;
  /** Where copies of pages are kept: `<FARM_HOME>/pages`. */
  readonly folder: string;
  /** Names this plane among its siblings; another one for each process. */
  readonly planeId: string;
  readonly log?: (message: string) => void;
}

/** The pages of one plane; `start` resolves when it follows the index, or at once where the database is away. */
export type PageCache = IndexPages & { start(): Promise<void>; stop(): Promise<void> };

interface PageRow { project: string; serial: string; json: Buffer; html: Buffer; etag_json: string; etag_html: string }

const pageColumns = 'project, serial, json, html, etag_json, etag_html';
const rowsAtOnce = 200;

/**
 * Pages in memory, kept current: listens for publishes on a connection of its own, reads again from its last serial
 * after each notification, each beat and each new connection, and tells publishers in table `plane` how far it is.
 */
export function pageCache(parts: PageCacheParts): PageCache {
  const cache = new Cache(parts);
  return {
    page: (project) => cache.page(project),
    list: () => cache.list(),
    names: () => [...cache.names].sort(),
    file: (filename) => cache.file(filename),
    serial: () => cache.serial,
    start: () => cache.start(),
    stop: () => cache.stop(),
  };
}

class Cache {
  readonly parts: PageCacheParts;
  readonly pool: pg.Pool;
  readonly copies: PageCopies;
  readonly names = new Set<string>();
  serial = 0;
  private readonly warm = new Map<string, ServedPage>();
  private warmBytes = 0;
  /** Read from copies while the database was away: to be thrown away when it is back. */
  private readonly doubtful = new Set<string>();
  private readonly listings = new WeakMap<ServedPage, Map<string, ListedFile>>();
  private listed: ServedPage | null = null;
  private namesKnown = false;
  private namesChanged = false;
  /** The serial up to which copies are in the folder. */
  private copied = 0;
  private listener: pg.Client | null = null;
  private beat: NodeJS.Timeout | null = null;
  private following: Promise<void> = Promise.resolve();
  private waiting = false;
  private stopped = false;

  constructor(parts: PageCacheParts) {
    this.parts = parts;
    this.pool = new pg.Pool({ connectionString: parts.databaseUrl, max: 3, connectionTimeoutMillis: 2_000 });
    this.pool.on('error', (error) => { this.say(error); });
    this.copies = pageCopies(parts.folder);
  }

  async start(): Promise<void> {
    const state = await this.copies.readState();
    for (const name of state?.names ?? []) this.names.add(name);
    this.copied = state?.serial ?? 0;
    this.namesKnown = state !== null;
    await this.step();
    // Planes that were killed leave their row behind.
    await this.pool.query(`delete from plane where seen_at < (now() at time zone 'utc') - interval '1 hour'`)
      .catch((error: unknown) => { this.say(error); });
    this.schedule();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    if (this.beat) clearTimeout(this.beat);
    await this.following;
    await this.pool.query('delete from plane where id = $1', [this.parts.planeId]).catch(() => undefined);
    await this.listener?.end().catch(() => undefined);
    await this.pool.end();
  }

  async page(project: string): Promise<ServedPage | null> {
    const hit = this.warm.get(project);
    if (hit) {
      this.warm.delete(project);
      this.warm.set(project, hit);
      return hit;
    }
    try {
      return await this.coldPage(project);
    } catch (error) {
      this.say(error);
      return this.copiedPage(project);
    }
  }

  private async coldPage(project: string): Promise<ServedPage | null> {
    const { rows: [row] } = await this.pool.query<PageRow>(
      `select ${pageColumns} from index_page where project = $1`, [project]);
    if (row) return this.keep(pageOf(row));
    const { rowCount } = await this.pool.query('select 1 from project where name = $1 and held', [project]);
    return rowCount ? emptyPage(project) : null;
  }

  private async copiedPage(project: string): Promise<ServedPage | null> {
    const copy = await this.copies.read(project);
    if (copy) {
      this.doubtful.add(project);
      return this.keep(copy);
    }
    if (this.names.has(project)) return fail('FARM_NOT_UP', 'publish', { why: `the page of ${project} cannot be read` });
    // Without a list of names a page of upstream could stand in for one of ours.
    return this.namesKnown ? null : fail('FARM_NOT_UP', 'publish', { why: 'its database is away' });
  }

  async file(filename: string): Promise<ListedFile | null> {
    const project = projectOf(filename);
    const page = project === null ? null : await this.page(project);
    if (page === null) return null;
    let listing = this.listings.get(page);
    if (!listing) this.listings.set(page, listing = listingOf(page));
    return listing.get(filename) ?? null;
  }

  list(): ServedPage {
    return this.listed ??= renderList([...this.names], this.serial);
  }

  /** Puts a page in, unless a newer one is there already. */
  private keep(page: ServedPage): ServedPage {
    const old = this.warm.get(page.project);
    if (old && old.serial >= page.serial && !this.doubtful.has(page.project)) return old;
    if (old) this.forget(page.project, old);
    this.warm.set(page.project, page);
    this.warmBytes += page.json.length + page.html.length;
    for (const [project, oldest] of this.warm) {
      if (this.warmBytes <= limits.pagesBytesMax || project === page.project) break;
      this.forget(project, oldest);
    }
    return page;
  }

  private forget(project: string, page: ServedPage): void {
    this.warm.delete(project);
    this.warmBytes -= page.json.length + page.html.length;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.beat = setTimeout(() => { void this.step().finally(() => { this.schedule(); }); }, limits.planeBeatMs);
  }

  /** One beat: listens where it does not, catches up, reports. Errors are said and tried again with the next beat. */
  private step(): Promise<void> {
    if (this.waiting) return this.following;   // the step that has not begun yet will see the same
    this.waiting = true;
    const next = this.following.then(async () => {
      this.waiting = false;
      try {
        if (!this.listener) await this.listen();
        await this.catchUp();
      } catch (error) {
        this.say(error);
      }
    });
    this.following = next;
    return next;
  }

  private async listen(): Promise<void> {
    const client = new pg.Client({ connectionString: this.parts.databaseUrl, connectionTimeoutMillis: 2_000 });
    const gone = (): void => { if (this.listener === client) this.listener = null; };
    client.on('error', gone);
    client.on('end', gone);
    client.on('notification', () => { if (!this.stopped) void this.step(); });
    try {
      await client.connect();
      await client.query(`listen ${indexChannel}`);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    this.listener = client;
    for (const project of this.doubtful) {
      const page = this.warm.get(project);
      if (page) this.forget(project, page);
    }
    this.doubtful.clear();
  }

  private async catchUp(): Promise<void> {
    // Publishers queue at this row: whatever is committed up to the head is seen by the reads after it.
    const { rows: [head] } = await this.pool.query<{ serial: string }>('select serial from index_head where id = 1');
    const target = Number(head?.serial ?? 0);
    const from = this.serial;
    if (from === 0 && this.warm.size === 0) this.serial = target;
    while (this.serial < target) {
      const { rows } = await this.pool.query<PageRow>(
        `select ${pageColumns} from index_page where serial > $1 order by serial limit ${rowsAtOnce}`, [this.serial]);
      for (const row of rows) this.keep(pageOf(row));
      this.serial = rows.length < rowsAtOnce
        ? Math.max(target, Number(rows.at(-1)?.serial ?? 0)) : Number(rows.at(-1)?.serial);
    }
    await this.readNames(from !== this.serial);
    await this.report();
    await this.copyOut();
  }

  /** Writes copies of pages that changed since the last one written; after the report, so no publisher waits for it. */
  private async copyOut(): Promise<void> {
    if (this.copied === this.serial && !this.namesChanged) return;
    const { rows } = await this.pool.query<PageRow>(
      `select ${pageColumns} from index_page where serial > $1 order by serial limit ${rowsAtOnce}`, [this.copied]);
    for (const row of rows) await this.copies.write(pageOf(row));
    this.copied = rows.length < rowsAtOnce ? this.serial : Number(rows.at(-1)?.serial);
    await this.copies.writeState({ serial: this.copied, names: [...this.names] });
    this.namesChanged = false;
  }

  private async report(): Promise<void> {
    await this.pool.query(
      `insert into plane (id, serial, seen_at) values ($1, $2, now() at time zone 'utc')
       on conflict (id) do update set serial = excluded.serial, seen_at = excluded.seen_at`,
      [this.parts.planeId, this.serial]);
  }

  private async readNames(moved: boolean): Promise<void> {
    const { rows: [count] } = await this.pool.query<{ count: string }>('select count(*) from project where held');
    if (moved) this.listed = null;
    if (this.namesKnown && Number(count?.count) === this.names.size) return;
    const { rows } = await this.pool.query<{ name: string }>('select name from project where held');
    this.names.clear();
    for (const { name } of rows) this.names.add(name);
    this.namesKnown = true;
    this.namesChanged = true;
    this.listed = null;
  }

  private say(error: unknown): void {
    this.parts.log?.(`page cache: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const pageOf = (row: PageRow): ServedPage => ({
  project: row.project, serial: Number(row.serial), json: row.json, html: row.html,
  etagJson: row.etag_json, etagHtml: row.etag_html,
});

const emptyPage = (project: string): ServedPage => renderServed({ project, serial: 0, files: [] });

/** The normalised project of a distribution's filename; null where it is none. */
export function projectOf(filename: string): string | null {
  const wheel = parseWheelFilename(filename);
  if (wheel.ok) return wheel.value.name;
  const sdist = parseSdistFilename(filename);
  return sdist.ok ? sdist.value.name : null;
}

interface JsonPage {
  files: readonly { filename: string; size: number; hashes: { sha256: string }; 'core-metadata': false | { sha256: string } }[];
}

function listingOf(page: ServedPage): Map<string, ListedFile> {
  const { files } = JSON.parse(page.json.toString()) as JsonPage;
  return new Map(files.map((file) => [file.filename, {
    filename: file.filename,
    sha256: file.hashes.sha256,
    bytes: file.size,
    metadataSha256: file['core-metadata'] === false ? null : file['core-metadata'].sha256,
  }]));
}
