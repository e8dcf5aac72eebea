/** Reads rows of coverage grids: one statement for all that are asked for. */
import { compareTargets } from '../../domain/coverage.ts';
import { stateLetter, testedLetter, upstreamReader } from '../../domain/grid.ts';
import { compareVersions, parseVersion } from '../../domain/version.ts';
import type { GridRow } from '../../contract/pages.ts';
import type { Database } from '../prisma/database.ts';

/** A plan of a release with its newest build and its cells, as the database gives it: words apart by a space. */
interface PlanCells {
  readonly version: string;
  readonly origin: string;
  readonly build: string;
  readonly state: string;
  readonly started: Date;
  readonly ended: Date | null;
  readonly upstream: readonly string[];
  /** Null where the plan has no cells. The words of all four stand in one order. */
  readonly targets: string | null;
  readonly states: string | null;
  readonly tested: string | null;
  /** Failure codes; `-` for none. */
  readonly codes: string | null;
  readonly mark: string;
}

/**
 * The mark of a plan, which is another one as soon as a row behind it is: Postgres gives every row the number of the
 * transaction that wrote it (`xmin`). Marks of cells are joined by `bit_xor`, so each one has its own name in it: two cells
 * that one transaction changed do not cancel out.
 */
const markSql = "hashtextextended(concat_ws(' ', p.sha256, r.xmin, b.id, b.seen, c.mark), 0)";
const cellMarkSql = 'bit_xor(hashtextextended(target, xmin::text::bigint)) as mark';
const newestBuildSql = `
  join lateral (select *, xmin as seen from build where plan_sha256 = p.sha256 order by started_at desc limit 1) b on true`;

const marksStatement = `
  select r.version, ${markSql} as mark
  from release r join plan p on p.release_id = r.id ${newestBuildSql}
  join lateral (select ${cellMarkSql} from cell where plan_sha256 = p.sha256) c on true
  where r.project = $1`;

interface Marked { readonly version: string; readonly mark: string }

const markOf = (plans: readonly Marked[]): string => plans.map(({ mark }) => mark).sort().join(' ');

/** A mark for each version of a project; it is another one when the row of the version may be. */
export async function marksOf(database: Database, project: string): Promise<Map<string, string>> {
  const { rows } = await database.pool.query<Marked>({ name: 'grid-marks', text: marksStatement, values: [project] });
  return new Map([...Map.groupBy(rows, ({ version }) => version)].map(([version, plans]) => [version, markOf(plans)]));
}

export interface Grid {
  readonly shapes: string[][];
  readonly rows: GridRow[];
}

/** A row before it has a place in a grid: targets in the order for people, and the mark of `markSql`. */
export interface LooseRow {
  readonly mark: string;
  readonly row: Omit<GridRow, 'shape' | 'published'>;
  readonly targets: string[];
}

/** Order within a plan only makes its text the same each time: nothing is wrong where a database gives another one. */
const rowsStatement = `
  select r.version, r.origin, b.id as build, b.state, b.started_at as started, b.ended_at as ended, r.upstream_files as upstream,
    c.targets, c.states, c.tested, c.codes, ${markSql} as mark
  from release r join plan p on p.release_id = r.id ${newestBuildSql}
  join lateral (
    select ${cellMarkSql}, string_agg(target, ' ') as targets, string_agg(state, ' ') as states, string_agg(coalesce(tested, '-'), ' ') as tested,
      string_agg(coalesce(failure->>'code', test_failure->>'code', '-'), ' ') as codes
    from (select *, xmin from cell where plan_sha256 = p.sha256 order by target collate "C") one) c on true
  where r.project = $1 and ($2::text[] is null or r.version = any($2::text[]))
  order by b.started_at desc`;

const upstreamOf = upstreamReader();

/** Rows of these versions, or of all, in no order. A target that several plans of a version name shows the newest one that was not cancelled. */
export async function looseRowsOf(database: Database, project: string, versions: readonly string[] | null): Promise<LooseRow[]> {
  const { rows } = await database.pool.query<PlanCells>({ name: 'grid-rows', text: rowsStatement, values: [project, versions] });
  return [...Map.groupBy(rows, (plan) => plan.version).values()].map(rowOf);
}

/** The row of one version, and its targets as the only shape; no row where the version was never planned. */
export async function gridOf(database: Database, project: string, version: string): Promise<Grid> {
  const [loose, { rows: [files] }] = await Promise.all([
    looseRowsOf(database, project, [version]),
    database.pool.query<{ count: string }>('select count(*) as count from file where project = $1 and version = $2', [project, version]),
  ]);
  return assembled(loose.map((one) => ({ ...one, published: Number(files?.count) })));
}

/** A grid of its rows, highest version first; rows of the same targets share a shape. */
export function assembled(loose: readonly (LooseRow & { readonly published: number })[]): Grid {
  const shapes: string[][] = [];
  const places = new Map<string, number>();
  const placeOf = (targets: string[]): number => {
    const key = targets.join(' ');
    const place = places.get(key) ?? shapes.push(targets) - 1;
    places.set(key, place);
    return place;
  };
  const ordered = loose.map((one) => ({ one, version: parseVersion(one.row.version), text: one.row.version })).sort(byVersion);
  return { shapes, rows: ordered.map(({ one: { row, targets, published } }) => ({ ...row, shape: placeOf(targets), published })) };
}

interface Order {
  readonly targets: string[];
  /** Where each of them stood in the text. */
  readonly from: readonly number[];
}

const orders = new Map<string, Order>();
const ordersMax = 2_000;

/** Targets of a text in the order for people. Most versions have the same ones, so their order is remembered. */
function orderOf(text: string): Order {
  const known = orders.get(text);
  if (known) return known;
  const found = wordsOf(text).map((target, at) => ({ target, at })).sort((a, b) => compareTargets(a.target, b.target));
  const order = { targets: found.map(({ target }) => target), from: found.map(({ at }) => at) };
  if (orders.size >= ordersMax) orders.clear();
  orders.set(text, order);
  return order;
}

const wordsOf = (text: string | null): string[] => (text === null || text === '' ? [] : text.split(' '));

interface CellWords { readonly targets: string; readonly states: readonly string[]; readonly tested: readonly string[]; readonly codes: readonly string[] }

function cellsOf(plans: readonly PlanCells[]): CellWords {
  const each = plans.map((plan): CellWords => ({
    targets: plan.targets ?? '', states: wordsOf(plan.states), tested: wordsOf(plan.tested), codes: wordsOf(plan.codes),
  }));
  if (each.length === 1) return each[0] as CellWords;
  const cells = new Map<string, { state: string; tested: string; code: string }>();
  for (const { targets, states, tested, codes } of each) {
    for (const [at, target] of wordsOf(targets).entries()) {
      const before = cells.get(target);
      if (before && (before.state !== 'cancelled' || states[at] === 'cancelled')) continue;
      cells.set(target, { state: states[at] ?? '', tested: tested[at] ?? '', code: codes[at] ?? '-' });
    }
  }
  const all = [...cells.values()];
  return { targets: [...cells.keys()].join(' '), states: all.map(({ state }) => state), tested: all.map((one) => one.tested), codes: all.map(({ code }) => code) };
}

function rowOf(plans: readonly PlanCells[]): LooseRow {
  const [newest] = plans as [PlanCells, ...PlanCells[]];
  const cells = cellsOf(plans);
  const { targets, from } = orderOf(cells.targets);
  const running = plans.find((plan) => plan.state === 'running') ?? newest;
  const causes: Record<string, string> = {};
  for (const [place, at] of from.entries()) {
    const code = cells.codes[at] ?? '-';
    if (code !== '-') causes[targets[place] ?? ''] = code;
  }
  return {
    targets, mark: markOf(plans),
    row: {
      version: newest.version, buildId: running.build, state: running.state, origin: newest.origin,
      startedAt: running.started.toISOString(), endedAt: running.ended?.toISOString() ?? null,
      states: from.map((at) => stateLetter(cells.states[at] ?? '')).join(''),
      tested: from.map((at) => testedLetter(cells.tested[at] ?? null)).join(''),
      upstream: upstreamOf(newest.upstream, targets), causes,
    },
  };
}

type Parsed = { readonly version: ReturnType<typeof parseVersion>; readonly text: string };

function byVersion({ version: a, text: left }: Parsed, { version: b, text: right }: Parsed): number {
  if (a.ok && b.ok) return compareVersions(b.value, a.value);
  return Number(a.ok) === Number(b.ok) ? right.localeCompare(left) : Number(b.ok) - Number(a.ok);
}

/** Order of versions for people: the highest first, what is no version last. */
export function highestFirst(left: { readonly version: string }, right: { readonly version: string }): number {
  const of = ({ version: text }: { readonly version: string }): Parsed => ({ version: parseVersion(text), text });
  return byVersion(of(left), of(right));
}
