import { blockedOn } from '../../domain/grid.ts';
import type { Failure } from '../../domain/failure.ts';
import type { ProjectsView, ProjectSummary } from '../../contract/pages.ts';
import type { Database } from '../prisma/database.ts';
import { highestFirst } from './grid.ts';

interface VersionRow {
  readonly name: string; readonly display: string; readonly version: string | null; readonly plans: readonly string[] | null;
  readonly build: string | null; readonly state: string | null; readonly started: Date | null;
}
interface TargetRow { readonly project: string; readonly version: string; readonly target: string; readonly state: string }
interface FailureRow { readonly project: string; readonly failure: Failure; readonly cells: string }

const versionsStatement = `
  select j.name, j.display_name as display, r.version, array_agg(distinct p.sha256) filter (where p.sha256 is not null) as plans,
    (array_agg(b.id order by b.started_at desc))[1] as build, (array_agg(b.state order by b.started_at desc))[1] as state,
    max(b.started_at) as started
  from project j left join release r on r.project = j.name left join plan p on p.release_id = r.id
  left join build b on b.plan_sha256 = p.sha256
  where $1::text is null or j.name = $1::text
  group by j.name, j.display_name, r.version`;

/** The newest plan that names a target decides, cancelled cells last: as the grid of a project does. */
const targetsStatement = `
  select distinct on (r.project, c.target) r.project, r.version, c.target, c.state
  from cell c join plan p on p.sha256 = c.plan_sha256 join release r on r.id = p.release_id
  join lateral (select max(started_at) as started from build where plan_sha256 = p.sha256) b on true
  where p.sha256 = any($1) order by r.project, c.target, (c.state = 'cancelled'), b.started desc nulls last`;

const failuresStatement = `
  select r.project, c.failure, count(*) as cells from cell c join plan p on p.sha256 = c.plan_sha256 join release r on r.id = p.release_id
  where p.sha256 = any($1) and c.failure->>'code' in ('FARM_BLOCKED', 'FARM_REQUIREMENT_NO_WHEEL', 'FARM_REQUIREMENT_UNKNOWN')
  group by r.project, c.failure`;

/** Summaries of one project, or of all: coverage of the highest version that was planned. Three statements. */
export async function summariesOf(database: Database, name: string | null): Promise<{ summaries: ProjectSummary[]; plans: string[] }> {
  const { rows } = await database.pool.query<VersionRow>(versionsStatement, [name]);
  const newest = [...Map.groupBy(rows, (row) => row.name).values()].map((same) => same.toSorted((a, b) =>
    highestFirst({ version: a.version ?? '' }, { version: b.version ?? '' }))[0] as VersionRow);
  const plans = newest.flatMap((row) => row.plans ?? []);
  const [{ rows: targets }, { rows: asks }] = await Promise.all([
    database.pool.query<TargetRow>(targetsStatement, [plans]),
    database.pool.query<{ project: string; count: string }>('select project, count(*) as count from platform_ask group by project'),
  ]);
  const byProject = Map.groupBy(targets, (row) => row.project);
  const asked = new Map(asks.map(({ project, count }) => [project, Number(count)]));
  const summaries = newest.map((row) => summaryOf(row, byProject.get(row.name) ?? [], asked.get(row.name) ?? 0));
  return { summaries: summaries.toSorted((a, b) => (a.name < b.name ? -1 : 1)), plans };
}

const countsOf = (rows: readonly TargetRow[]): { served: number; failed: number; open: number; wanted: number } => {
  const count = (...states: string[]): number => rows.filter(({ state }) => states.includes(state)).length;
  return {
    served: count('succeeded', 'covered'), failed: count('failed', 'blocked', 'cancelled'), open: count('queued', 'running'),
    wanted: rows.length - count('unsupported'),
  };
};

function summaryOf(row: VersionRow, targets: readonly TargetRow[], asks: number): ProjectSummary {
  const platforms = Map.groupBy(targets, ({ target }) => target.slice(target.indexOf('-') + 1));
  return {
    name: row.name, displayName: row.display, version: row.version, state: row.state, buildId: row.build,
    startedAt: row.started?.toISOString() ?? null, ...countsOf(targets), asks,
    platforms: [...platforms].map(([platform, cells]) => ({ platform, ...countsOf(cells) }))
      .toSorted((a, b) => (a.platform < b.platform ? -1 : 1)),
  };
}

/** All projects, the platforms that miss most, and what most cells wait for. */
export async function projectsView(database: Database): Promise<ProjectsView> {
  const { summaries, plans } = await summariesOf(database, null);
  const [{ rows: failures }, { rows: asks }] = await Promise.all([
    database.pool.query<FailureRow>(failuresStatement, [plans]),
    database.pool.query<{ platform: string; count: string }>('select platform, count(*) as count from platform_ask group by platform'),
  ]);
  const asked = new Map(asks.map(({ platform, count }) => [platform, Number(count)]));
  const platforms = Map.groupBy(summaries.flatMap((one) => one.platforms), ({ platform }) => platform);
  const names = new Set([...platforms.keys(), ...asked.keys()]);
  const missing = [...names].map((platform) => {
    const wanted = platforms.get(platform) ?? [];
    return { platform, wanted: wanted.length, projects: wanted.filter(({ served, open }) => served + open === 0).length, asks: asked.get(platform) ?? 0 };
  }).filter(({ projects, asks: some }) => projects + some > 0);
  return {
    projects: summaries,
    missing: missing.toSorted((a, b) => b.projects - a.projects || b.asks - a.asks || (a.platform < b.platform ? -1 : 1)),
    blockedBy: blockers(failures),
  };
}

function blockers(failures: readonly FailureRow[]): ProjectsView['blockedBy'] {
  const named = failures.flatMap((row) => { const name = blockedOn(row.failure); return name === null ? [] : [{ ...row, name }]; });
  return [...Map.groupBy(named, ({ name }) => name)].map(([name, rows]) => ({
    name, projects: new Set(rows.map(({ project }) => project)).size, cells: rows.reduce((sum, { cells }) => sum + Number(cells), 0),
  })).toSorted((a, b) => b.cells - a.cells);
}
