import type { StepEvent } from '../../contract/worker.ts';
import { fail } from '../../domain/failure.ts';
import type { OpenLease } from '../../ports.ts';
import { eventsMaxOfAttempt } from './cell-calls.ts';
import type { Changes } from './changes.ts';
import type { Database } from './database.ts';

/**
 * Adds what happened in the steps of an attempt, in order, and moves attempt and cell to the step that goes on: one
 * statement, because a cell has a dozen of them.
 * @errors FARM_TOO_LARGE
 */
export async function recordEvents(
  { database, changes }: { readonly database: Database; readonly changes: Changes }, lease: OpenLease, events: readonly StepEvent[],
): Promise<void> {
  const step = events.findLast(({ state }) => state === 'started')?.step ?? null;
  const { rows: [counted] } = await database.pool.query<{ before: string }>({
    name: 'record-events', text: eventsStatement,
    values: [
      lease.attemptId, JSON.stringify(events), eventsMaxOfAttempt, step, lease.kind === 'sdist' ? null : lease.ownerId, lease.target,
    ],
  });
  changes.tellSoon(lease.kind === 'sdist' ? 'farm_source' : 'farm_build', lease.ownerId);
  if (Number(counted?.before ?? 0) >= eventsMaxOfAttempt) {
    fail('FARM_TOO_LARGE', 'build', { limit: `${eventsMaxOfAttempt} events of an attempt` });
  }
}

/** A cell is found by its primary key, never by its attempt: that column has no index. */
const eventsStatement = `
  with counted as materialized (select count(*) as before from step_event where attempt_id = $1),
  added as (
    insert into step_event (attempt_id, step, state, ms, note)
    select $1, e.step, e.state, e.ms, e.note
    from rows from (jsonb_to_recordset($2::jsonb) as (step text, state text, ms int, note text)) with ordinality as e(step, state, ms, note, at)
    where (select before from counted) < $3::int order by e.at returning id),
  tried as (
    update attempt set step = $4::text where id = $1 and $4::text is not null and exists (select from added) returning id),
  moved as (
    update cell set step = $4::text, updated_at = now()
    where plan_sha256 = (select plan_sha256 from build where id = $5::text) and target = $6::text and attempt_id = $1
      and state = 'running' and $4::text is not null and exists (select from added) returning target)
  select before from counted`;
