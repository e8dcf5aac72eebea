import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { limits } from '../../contract/limits.ts';
import type { ProjectView } from '../../contract/pages.ts';
import { fail } from '../../domain/failure.ts';
import type { KeptText } from '../../page-ports.ts';
import type { Catalogue } from '../../ports.ts';
import type { Database } from '../prisma/database.ts';
import { assembled, looseRowsOf, marksOf, type LooseRow } from './grid.ts';
import { inTurns } from './turns.ts';

interface ProjectParts {
  readonly database: Database;
  readonly catalogue: Pick<Catalogue, 'rows'>;
  /** Address of the index. */
  readonly index: string;
  /** What all kept grids may take. @unit bytes */
  readonly bytesMax?: number;
}

interface AskRow { readonly platform: string; readonly count: string; readonly newest: Date; readonly why: string[] }

/** Reasons of the newest that asked. */
const asksStatement = `
  select platform, count(*) as count, max(created_at) as newest,
    coalesce((array_agg(why order by created_at desc) filter (where why <> ''))[1:5], '{}') as why
  from platform_ask where project = $1 group by platform order by count(*) desc, platform`;

type Head = Omit<ProjectView, 'shapes' | 'rows'>;
interface KeptGrid { readonly head: string; readonly files: string; readonly rows: ReadonlyMap<string, LooseRow>; readonly text: KeptText; readonly bytes: number }

/**
 * Answers with the page of a project. Its text is kept, but never trusted: each answer asks the database for the marks of
 * its versions, only those that have another mark are read, and only then the text is written again.
 */
export function projectPages(parts: ProjectParts): (name: string) => Promise<KeptText> {
  const kept = new Map<string, KeptGrid>();
  const keep = (name: string, grid: KeptGrid): void => {
    kept.delete(name);
    kept.set(name, grid);
    let bytes = [...kept.values()].reduce((sum, one) => sum + one.bytes, 0);
    for (const [oldest, one] of kept) {
      if (bytes <= (parts.bytesMax ?? limits.gridsBytesMax)) break;
      kept.delete(oldest);
      bytes -= one.bytes;
    }
  };
  return inTurns(async (name) => {
    const before = kept.get(name);
    const [head, files, read] = await Promise.all([
      headOf(parts, name), filesOf(parts, name), before ? movedOf(parts.database, name, before.rows) : looseRowsOf(parts.database, name, null),
    ]);
    if (before?.head === head && before.files === files && read === null) {
      keep(name, before);
      return before.text;
    }
    const rows = read ? new Map(read.map((one) => [one.row.version, one])) : before?.rows ?? new Map<string, LooseRow>();
    const text = await textOf(head, files, rows);
    keep(name, { head, files, rows, text, bytes: bytesOf(text) });
    return text;
  });
}

/** All rows, those with another mark read again; null where each one is what it was. */
async function movedOf(database: Database, name: string, before: KeptGrid['rows']): Promise<LooseRow[] | null> {
  // A row that moves after the marks were read comes with its newer mark, or is read the next time.
  const marks = await marksOf(database, name);
  const moved = [...marks].filter(([version, mark]) => before.get(version)?.mark !== mark).map(([version]) => version);
  if (moved.length === 0 && before.size === marks.size) return null;
  const fresh = new Map((await looseRowsOf(database, name, moved)).map((one) => [one.row.version, one]));
  return [...marks.keys()].flatMap((version) => fresh.get(version) ?? before.get(version) ?? []);
}

/** How many files of each version are published, as JSON: files never change, and stay. */
async function filesOf({ database: { pool } }: ProjectParts, name: string): Promise<string> {
  const { rows } = await pool.query<{ version: string; count: string }>(
    'select version, count(*) as count from file where project = $1 group by version order by version', [name]);
  return JSON.stringify(rows.map(({ version, count }) => [version, Number(count)]));
}

/** Everything of the view but its grid, as JSON. @errors FARM_NOT_FOUND */
async function headOf({ database: { pool }, catalogue, index }: ProjectParts, name: string): Promise<string> {
  const [{ rows: [known] }, { rows: asks }, rows] = await Promise.all([
    pool.query<{ display: string; held: boolean }>('select display_name as display, held from project where name = $1', [name]),
    pool.query<AskRow>(asksStatement, [name]), catalogue.rows(),
  ]);
  if (!known) return fail('FARM_NOT_FOUND', 'publish', { thing: `project ${name}` });
  return JSON.stringify({
    name, displayName: known.display, held: known.held, index,
    platforms: [...new Set(rows.map(({ target }) => target.slice(target.indexOf('-') + 1)))].sort(),
    asks: asks.map(({ platform, count, newest, why }) => ({ platform, count: Number(count), newest: newest.toISOString(), why })),
  } satisfies Head);
}

async function textOf(head: string, files: string, rows: KeptGrid['rows']): Promise<KeptText> {
  const published = new Map(JSON.parse(files) as [string, number][]);
  const view: ProjectView = { ...JSON.parse(head) as Head, ...assembled([...rows.values()].map((one) => ({ ...one, published: published.get(one.row.version) ?? 0 }))) };
  const json = Buffer.from(JSON.stringify(view));
  const etag = `"${createHash('sha256').update(json).digest('hex').slice(0, 32)}"`;
  return { etag, json, gzip: await promisify(gzip)(json) };
}

/** The rows that a text was made of take about twice its length beside it. */
const bytesOf = ({ json, gzip: packed }: KeptText): number => 3 * json.length + packed.length;
