/** What the whole farm does now: queue, workers, feed. One or two statements each. */
import type { FeedView, QueueView, WorkersView } from '../../contract/pages.ts';
import { asPlan } from '../prisma/rows.ts';
import type { Database } from '../prisma/database.ts';

const shownMax = 500;

interface OpenCell {
  readonly build: string; readonly project: string; readonly version: string; readonly target: string; readonly state: string;
  readonly step: string | null; readonly attempt: string | null; readonly worker: string | null; readonly since: Date; readonly plan: string;
}

const openStatement = `
  select b.id as build, r.project, r.version, c.target, c.state, c.step, c.attempt_id as attempt, a.worker,
    coalesce(case when c.state = 'running' then a.started_at end, b.started_at) as since, p.sha256 as plan
  from build b join plan p on p.sha256 = b.plan_sha256 join release r on r.id = p.release_id
  join cell c on c.plan_sha256 = p.sha256 left join attempt a on a.id = c.attempt_id
  where b.state = 'running' and c.state in ('queued', 'running')
  order by (c.state = 'queued'), b.started_at, c.target`;

const expectedStatement = `
  select r.project, a.target, percentile_disc(0.5) within group (order by extract(epoch from a.ended_at - a.started_at) * 1000)::int as ms
  from attempt a join build b on b.id = a.build_id join plan p on p.sha256 = b.plan_sha256 join release r on r.id = p.release_id
  where a.state = 'succeeded' and a.ended_at is not null and a.reused_from is null and r.project = any($1) group by 1, 2`;

/** Cells that wait or are built, what they wait for, and how long such a cell took before. */
export async function queueView(database: Database): Promise<QueueView> {
  const { rows } = await database.pool.query<OpenCell>(openStatement);
  const projects = [...new Set(rows.map(({ project }) => project))];
  const [{ rows: times }, plans] = await Promise.all([
    database.pool.query<{ project: string; target: string; ms: number }>(expectedStatement, [projects]),
    database.prisma.plan.findMany({ where: { sha256: { in: [...new Set(rows.map(({ plan }) => plan))] } } }),
  ]);
  const expected = new Map(times.map(({ project, target, ms }) => [`${project} ${target}`, ms]));
  const pools = new Map(plans.flatMap(({ sha256, text }) => asPlan(text).cells.map((cell) =>
    [`${sha256} ${cell.target}`, cell.rows[0]?.buildPool ?? null] as const)));
  const ahead = new Map<string, number>();
  const waiting = rows.slice(0, shownMax).map((row) => {
    const pool = pools.get(`${row.plan} ${row.target}`) ?? null;
    const before = ahead.get(pool ?? '') ?? 0;
    if (row.state === 'queued') ahead.set(pool ?? '', before + 1);
    return {
      buildId: row.build, project: row.project, version: row.version, target: row.target, state: row.state, step: row.step,
      attemptId: row.attempt, worker: row.worker, since: row.since.toISOString(), pool, ahead: row.state === 'queued' ? before : 0,
      expectedMs: expected.get(`${row.project} ${row.target}`) ?? null,
    };
  });
  return { waiting, builds: new Set(rows.map(({ build }) => build)).size, total: rows.length };
}

interface WorkerRow {
  readonly worker: string; readonly seen: Date; readonly today: string; readonly farm: string; readonly pools: (string | null)[];
}
interface NowRow {
  readonly worker: string; readonly attempt: string; readonly target: string; readonly step: string | null; readonly since: Date;
  readonly project: string | null; readonly version: string | null;
}

const workersStatement = `
  select l.worker, max(greatest(l.created_at, coalesce(l.ended_at, l.created_at))) as seen,
    count(*) filter (where l.created_at > now() - interval '24 hours') as today,
    count(distinct a.id) filter (where a.failure->>'blame' = 'farm' and l.created_at > now() - interval '24 hours') as farm,
    array_agg(distinct a.row->>'buildPool') as pools
  from lease l left join attempt a on a.id = l.attempt_id
  where l.created_at > now() - interval '7 days' group by l.worker order by l.worker`;

const nowStatement = `
  select distinct on (l.attempt_id) l.worker, l.attempt_id as attempt, l.target, a.step, l.created_at as since, r.project, r.version
  from lease l join attempt a on a.id = l.attempt_id left join build b on b.id = a.build_id
  left join plan p on p.sha256 = b.plan_sha256 left join release r on r.id = p.release_id
  where l.ended_at is null and l.revoked_at is null and l.created_at > now() - interval '1 day'
    and (b.id is null or b.state = 'running') and a.ended_at is null
  order by l.attempt_id, l.created_at desc`;

/** Workers that took a lease in the last seven days, and what they hold now. */
export async function workersView({ pool }: Database): Promise<WorkersView> {
  const [{ rows: workers }, { rows: now }] = await Promise.all([pool.query<WorkerRow>(workersStatement), pool.query<NowRow>(nowStatement)]);
  const held = Map.groupBy(now, ({ worker }) => worker);
  return {
    workers: workers.map((row) => ({
      name: row.worker, pools: row.pools.filter((one) => one !== null), seenAt: row.seen.toISOString(), today: Number(row.today),
      failedByFarm: Number(row.farm), running: held.get(row.worker)?.length ?? 0,
      now: (held.get(row.worker) ?? []).map(({ attempt, target, project, version, step, since }) => ({
        attemptId: attempt, target, project, version, step, since: since.toISOString(),
      })),
    })),
  };
}

interface PublishRow {
  readonly serial: string; readonly project: string; readonly version: string; readonly at: Date; readonly edited: boolean;
  readonly files: { filename: string; sha256: string; bytes: number }[];
}

const feedStatement = `
  select serial, project, version, max(upload_time) as at, bool_or(edit_id is not null) as edited,
    json_agg(json_build_object('filename', filename, 'sha256', sha256, 'bytes', bytes) order by filename) as files
  from file where ($1::bigint is null or serial < $1::bigint)
  group by serial, project, version order by serial desc limit $2`;

/** What was published, newest first. */
export async function feedView({ pool, prisma }: Database, before: number | null, limit: number): Promise<FeedView> {
  const [{ rows }, head] = await Promise.all([
    pool.query<PublishRow>(feedStatement, [before, limit]), prisma.indexHead.findUnique({ where: { id: 1 } }),
  ]);
  return {
    serial: Number(head?.serial ?? 0),
    entries: rows.map(({ serial, at, edited, ...row }) => ({
      ...row, serial: Number(serial), at: at.toISOString(), kind: edited ? 'edit' : 'release',
    })),
  };
}
