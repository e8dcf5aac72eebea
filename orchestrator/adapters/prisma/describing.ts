/** What the describing of a cell reads and writes: one statement each, because every cell passes here. */
import type { Pool } from 'pg';
import type { Locked, Plan, PlanRow } from '../../domain/plan.ts';
import type { Described, DescribeInput } from '../../ports.ts';
import { grouped, onceFor } from '../grouped.ts';
import { cellGrouping } from './cell-calls.ts';
import { asLock } from './rows.ts';

export interface DescribedCell { readonly buildId: string; readonly planSha256: string; readonly target: string }

interface InputRow {
  id: string; built_sha256: string; built_filename: string; image_key: string; row: PlanRow | null; lock: Locked[] | null;
  grafted: DescribeInput['grafted'] | null; linked: DescribeInput['linked'] | null; floor: string | null; sibling: string | null; sibling_metadata: string | null;
}

/**
 * Another wheel of the release: described under the plan `$1` for another target than `$2`, or published under whatever
 * plan. One is enough: all of them agree.
 */
const siblingQuery = `(
  select c.target, a.metadata_sha256 from cell c join attempt a on a.id = c.attempt_id
  where c.plan_sha256 = $1 and c.target <> $2 and c.state in ('running', 'succeeded')
    and c.wheel_sha256 is not null and a.metadata_sha256 is not null
  limit 1)
  union all (
  select f.target, f.metadata_sha256 from plan p join release r on r.id = p.release_id
    join file f on f.project = r.project and f.version = r.version
  where p.sha256 = $1 and f.target <> $2 and f.metadata_sha256 is not null and f.edit_id is null
  limit 1)
  limit 1`;

const inputQuery = `
  select a.id, a.built_sha256, a.built_filename, a.image_key, a."row", a.lock, a.outcome->'grafted' as grafted,
    a.outcome->'linked' as linked, a.outcome->>'floor' as floor,
    s.target as sibling, s.metadata_sha256 as sibling_metadata
  from build b join cell c on c.plan_sha256 = b.plan_sha256 join attempt a on a.id = c.attempt_id
    left join lateral (${siblingQuery}) s on true
  where b.id = $3 and b.plan_sha256 = $1 and b.state = 'running' and c.target = $2 and c.state not in ('failed', 'cancelled')
    and a.built_sha256 is not null and a.built_filename is not null`;

/** Null where the cell has no built wheel, or has ended. */
export async function describeInput(pool: Pool, cell: DescribedCell, plan: Plan): Promise<DescribeInput | null> {
  const { rows: [found] } = await pool.query<InputRow>({
    name: 'describe-input', text: inputQuery, values: [cell.planSha256, cell.target, cell.buildId],
  });
  if (!found) return null;
  return {
    plan, attemptId: found.id, target: cell.target, builtSha256: found.built_sha256, builtFilename: found.built_filename,
    image: { name: found.row?.image ?? '', key: found.image_key }, lock: asLock(found.lock), grafted: found.grafted ?? [],
    ...(found.linked ? { linked: found.linked } : {}), ...(found.floor ? { floor: found.floor } : {}),
    siblings: found.sibling !== null && found.sibling_metadata !== null
      ? [{ target: found.sibling, metadataSha256: found.sibling_metadata }] : [],
    tested: (found.row?.test ?? 'none') !== 'none',
  };
}

/** The final wheels: each attempt has succeeded; the cell too, unless its test is still to come. */
const describedStatement = `
  with described as (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[])
      as d(plan, target, build, wheel, filename, bytes, metadata, sbom)),
  worked as (
    select d.*, a.id, coalesce(a."row"->>'test', 'none') <> 'none' as has_test, 'not tested: ' || (a."row"->>'untested') as untested
    from described d join cell c on c.plan_sha256 = d.plan and c.target = d.target
      join attempt a on a.id = c.attempt_id and a.build_id = d.build),
  moved as (
    update attempt a set state = 'succeeded', wheel_sha256 = w.wheel, wheel_filename = w.filename, wheel_bytes = w.bytes,
      metadata_sha256 = w.metadata, sbom_sha256 = w.sbom, ended_at = now()
    from worked w where a.id = w.id and a.state = 'running')
  update cell c set wheel_sha256 = w.wheel, wheel_filename = w.filename, updated_at = now(),
    step = case when w.has_test then 'test' end,
    state = case when w.has_test then c.state else 'succeeded' end,
    tested = case when w.has_test then c.tested else 'no-runner' end,
    notes = case when w.untested is null then c.notes else c.notes || to_jsonb(w.untested) end
  from worked w where c.plan_sha256 = w.plan and c.target = w.target and c.state = 'running' and c.step <> 'test'`;

type Row = readonly (string | number)[];

/** @shape rows in the order of the columns of `described` */
const describedCall = (rows: readonly Row[]) => ({
  name: 'record-described', text: describedStatement, values: Array.from({ length: 8 }, (_, column) => rows.map((row) => row[column])),
});

/** Wheels that are described in the same moment share a statement and its commit. */
const together = onceFor((pool: Pool) => grouped<Row, true>(async (rows) => {
  await pool.query(describedCall(rows));
  return rows.map(() => true);
}, cellGrouping));

/**
 * Records a described wheel. False where it was compared with no other one (`alone`) and is not the first any more:
 * whoever is alone waits for the one who was alone before.
 */
export async function recordDescribed(
  pool: Pool, cell: DescribedCell, { described, alone }: { readonly described: Described; readonly alone: boolean },
): Promise<boolean> {
  const { wheelSha256, wheelFilename, bytes, metadataSha256, sbomSha256 } = described;
  const row = [cell.planSha256, cell.target, cell.buildId, wheelSha256, wheelFilename, bytes, metadataSha256, sbomSha256];
  if (!alone) {
    return together(pool)(row);
  }
  const statement = describedCall([row]);
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    await client.query('select 1 from plan where sha256 = $1 for no key update', [cell.planSha256]);
    const joined = (await client.query(siblingQuery, [cell.planSha256, cell.target])).rows.length > 0;
    if (!joined) await client.query(statement);
    await client.query('commit');
    return !joined;
  } catch (error) {
    await client.query('rollback').catch((lost: Error) => { broken = lost; });
    throw error;
  } finally {
    client.release(broken);
  }
}
