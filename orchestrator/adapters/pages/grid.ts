/** Reads the coverage grids: one statement for a project, one for all. */
import { compareTargets } from '../../domain/coverage.ts';
import { stateLetter, testedLetter, upstreamReader, noLetter } from '../../domain/grid.ts';
import { compareVersions, parseVersion } from '../../domain/version.ts';
import type { GridRow } from '../../contract/pages.ts';
import type { Database } from '../prisma/database.ts';

/** A plan of a release with its newest build and its cells, as the database gives it. */
interface PlanCells {
  readonly version: string;
  readonly origin: string;
  readonly release: string;
  readonly build: string;
  readonly state: string;
  readonly started: Date;
  readonly ended: Date | null;
  readonly upstream: readonly string[];
  /** A line for each cell: `target state tested code`, parts apart by a space. */
  readonly cells: string | null;
}

export interface Grid {
  readonly shapes: string[][];
  readonly rows: GridRow[];
}

const gridStatement = `
  select r.version, r.origin, r.id as release, b.id as build, b.state, b.started_at as started, b.ended_at as ended,
    r.upstream_files as upstream, c.cells
  from release r join plan p on p.release_id = r.id
  join lateral (select id, state, started_at, ended_at from build where plan_sha256 = p.sha256 order by started_at desc limit 1) b on true
  join lateral (
    select string_agg(target || ' ' || state || ' ' || coalesce(tested, '-') || ' '
      || coalesce(failure->>'code', test_failure->>'code', '-'), E'\\n' order by target collate "C") as cells
    from cell where plan_sha256 = p.sha256) c on true
  where r.project = $1 and ($2::text is null or r.version = $2::text)
  order by b.started_at desc`;

const upstreamOf = upstreamReader();

/**
 * The grid of a project, highest version first. A target that several plans of a version name shows the newest one
 * that was not cancelled.
 * @param version only this one; null for all
 */
export async function gridOf(database: Database, project: string, version: string | null = null): Promise<Grid> {
  const [{ rows: plans }, { rows: counts }] = await Promise.all([
    database.pool.query<PlanCells>({ name: 'grid', text: gridStatement, values: [project, version] }),
    database.pool.query<{ version: string; count: string }>({
      name: 'grid-files', text: 'select version, count(*) as count from file where project = $1 group by version', values: [project],
    }),
  ]);
  const published = new Map(counts.map((one) => [one.version, Number(one.count)]));
  const shapes: string[][] = [];
  const places = new Map<string, number>();
  const placeOf = (targets: string[]): number => {
    const key = targets.join(' ');
    const place = places.get(key) ?? shapes.push(targets) - 1;
    places.set(key, place);
    return place;
  };
  const rows = [...Map.groupBy(plans, (plan) => plan.version)].map(([, same]) => rowOf(same, placeOf, published));
  return { shapes, rows: rows.toSorted(highestFirst) };
}

const orders = new Map<string, string[]>();
const ordersMax = 2_000;

/** Targets in the order for people. Most versions have the same ones, so their order is remembered. */
function inOrder(targets: readonly string[]): string[] {
  const key = targets.join(' ');
  const known = orders.get(key) ?? targets.toSorted(compareTargets);
  if (orders.size >= ordersMax) orders.clear();
  orders.set(key, known);
  return known;
}

interface CellLetters { readonly state: string; readonly tested: string; readonly code: string }

function rowOf(plans: readonly PlanCells[], placeOf: (targets: string[]) => number, published: ReadonlyMap<string, number>): GridRow {
  const [newest] = plans as [PlanCells, ...PlanCells[]];
  const cells = new Map<string, CellLetters>();
  for (const plan of plans) {
    for (const text of plan.cells?.split('\n') ?? []) {
      const [target = '', state = '', tested = '', code = ''] = text.split(' ');
      const before = cells.get(target);
      if (!before || (before.state === 'cancelled' && state !== 'cancelled')) cells.set(target, { state, tested, code });
    }
  }
  const targets = inOrder([...cells.keys()]);
  const running = plans.find((plan) => plan.state === 'running') ?? newest;
  const of = (target: string): CellLetters => cells.get(target) ?? { state: noLetter, tested: noLetter, code: '-' };
  return {
    version: newest.version, buildId: running.build, state: running.state, origin: newest.origin,
    startedAt: running.started.toISOString(), endedAt: running.ended?.toISOString() ?? null,
    shape: placeOf(targets),
    states: targets.map((target) => stateLetter(of(target).state)).join(''),
    tested: targets.map((target) => testedLetter(of(target).tested)).join(''),
    upstream: upstreamOf(newest.upstream, targets),
    causes: Object.fromEntries(targets.flatMap((target) => (of(target).code === '-' ? [] : [[target, of(target).code]]))),
    published: published.get(newest.version) ?? 0,
  };
}

/** Order of versions for people: the highest first, what is no version last. */
export function highestFirst(left: { readonly version: string }, right: { readonly version: string }): number {
  const [a, b] = [parseVersion(left.version), parseVersion(right.version)];
  if (a.ok && b.ok) return compareVersions(b.value, a.value);
  return Number(a.ok) === Number(b.ok) ? right.version.localeCompare(left.version) : Number(b.ok) - Number(a.ok);
}
