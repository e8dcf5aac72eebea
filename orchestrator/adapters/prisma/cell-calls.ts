/**
 * The functions of migrations 0003 and 0014, one round trip each: what a cell asks of the database while it is built. A named
 * statement is parsed and planned once for a connection.
 */
import type { Pool } from 'pg';
import type { StepEvent } from '../../contract/worker.ts';
import { fail, type Failure } from '../../domain/failure.ts';
import type { Locked, PlanRow } from '../../domain/plan.ts';
import { grouped, onceFor } from '../grouped.ts';

/** How many step events an attempt may have. */
export const eventsMaxOfAttempt = 500;

export interface LeaseCall {
  readonly kind: 'build' | 'test'; readonly id: string; readonly target: string; readonly delivery: number;
  readonly worker: string; readonly leaseId: string; readonly secretHash: string;
  /** Of the attempt that is begun where none goes on. */
  readonly attemptId: string;
  /** The candidate row of a build; null for a test, which goes on with the attempt's. */
  readonly row: PlanRow | null;
  readonly inputs: readonly string[];
}

export interface LeasedAttempt {
  readonly attemptId: string; readonly logBytes: number; readonly row: PlanRow;
  /** The described wheel; null for a build. */
  readonly wheel: { readonly sha256: string; readonly filename: string; readonly bytes: number } | null;
  /** No other attempt was begun for this target of this release; false for a test. */
  readonly first: boolean;
}

interface LeaseRow {
  refused: string | null; attempt_id: string; log_bytes: number; row: PlanRow; wheel_sha256: string | null;
  wheel_filename: string | null; wheel_bytes: number | null; first: boolean | null;
}

/** @errors FARM_NOT_FOUND, FARM_ENDED, FARM_LEASE_STALE */
export async function callLease(pool: Pool, call: LeaseCall): Promise<LeasedAttempt> {
  const found = await together(pool)({ lease: call }) as LeaseRow | null;
  if (!found || found.refused !== null) return refuse(found?.refused ?? '', { build: call.id, target: call.target });
  const { wheel_sha256: sha256, wheel_filename: filename } = found;
  return {
    attemptId: found.attempt_id, logBytes: found.log_bytes, row: found.row, first: found.first ?? false,
    wheel: call.kind === 'test' && sha256 && filename ? { sha256, filename, bytes: found.wheel_bytes ?? 0 } : null,
  };
}

/** A lease as the worker names it; `secretHash` is null where it was compared before. */
export interface NamedLease { readonly id: string; readonly secretHash: string | null; readonly ownerId: string }

/** Whether a lease has ended by its outcome. @errors FARM_UNAUTHORIZED, FARM_LEASE_STALE, FARM_ENDED of its build */
export async function hasEnded(pool: Pool, lease: NamedLease): Promise<boolean> {
  const { rows: [found] } = await pool.query<{ refused: string | null }>({
    name: 'farm-lease-refusal', text: 'select farm_lease_refusal($1, $2) as refused', values: [lease.id, lease.secretHash],
  });
  if (!found || (found.refused !== null && found.refused !== 'lease ended')) refuse(found?.refused ?? '', { build: lease.ownerId });
  return found?.refused === 'lease ended';
}

/** Keeps lock and key of an attempt; true where another one has ended under the key. @errors as `farm_end` */
export async function callLock(
  pool: Pool, lease: NamedLease, { attemptId, lock, attemptKey }: { attemptId: string; lock: unknown; attemptKey: string },
): Promise<boolean> {
  const { rows: [found] } = await pool.query<{ refused: string | null; known: boolean }>({
    name: 'farm-lock', text: 'select * from farm_lock($1, $2, $3, $4, $5)',
    values: [lease.id, lease.secretHash, attemptId, JSON.stringify(lock), attemptKey],
  });
  if (!found || found.refused !== null) return refuse(found?.refused ?? '', { build: lease.ownerId, lease: lease.id });
  return found.known;
}

export interface EndCall {
  readonly kind: 'build' | 'test';
  readonly events: readonly StepEvent[];
  /** The whole rest of the log as a blob; null where there is none. */
  readonly log: { readonly offset: number; readonly bytes: number; readonly sha256: string } | null;
  readonly outcome: unknown;
  /** What a build's outcome is judged as; null is a success. */
  readonly failure: Failure | null;
  readonly built: { readonly sha256: string; readonly filename: string } | null;
  readonly reusedFrom: string | null;
  /** A build's requirements and key where they were not kept before. */
  readonly locked: { readonly lock: readonly Locked[]; readonly attemptKey: string } | null;
}

/**
 * Ends a lease with its outcome: events, log, attempt, cell and lease in one call.
 * @returns `done`; `again` where the lease has ended before; `log` where the log has chunks that must be sealed first
 * @errors FARM_UNAUTHORIZED, FARM_LEASE_STALE, FARM_ENDED
 */
export async function callEnd(pool: Pool, lease: NamedLease, call: EndCall): Promise<'done' | 'again' | 'log'> {
  const found = await together(pool)({ end: { ...call, lease } });
  if (found?.refused === null) return 'done';
  if (found?.refused === 'lease ended') return 'again';
  if (found?.refused === 'log') return 'log';
  return refuse(found?.refused ?? '', { build: lease.ownerId, lease: lease.id });
}

type Call = { readonly lease: LeaseCall } | { readonly end: EndCall & { readonly lease: NamedLease } };
/** A `LeaseRow`, of an end `refused` alone; null where the function gave no row. */
type Said = Pick<LeaseRow, 'refused'> | null;

/** Leases of a moment and ends of a moment, each a call of its function, in one transaction. */
const callsText = `
  select c.place, to_jsonb(f) as said
  from jsonb_to_recordset($1::jsonb) as c(place integer, kind text, id text, target text, delivery integer, worker text,
      "leaseId" text, "secretHash" text, "attemptId" text, "row" jsonb, inputs jsonb)
    cross join lateral farm_lease(c.kind, c.id, c.target, c.delivery, c.worker, c."leaseId", c."secretHash", c."attemptId",
      c."row", c.inputs) f
  union all
  select c.place, jsonb_build_object('refused', f.refused)
  from jsonb_to_recordset($2::jsonb) as c(place integer, lease jsonb, kind text, events jsonb, log jsonb, outcome jsonb,
      failure jsonb, built jsonb, "reusedFrom" text, locked jsonb)
    cross join lateral farm_end(c.lease->>'id', c.lease->>'secretHash', c.kind, c.events, $3,
      coalesce((c.log->>'offset')::bigint, 0), coalesce((c.log->>'bytes')::integer, 0), c.log->>'sha256', c.outcome,
      c.failure, c.built->>'sha256', c.built->>'filename', c."reusedFrom", c.locked->'lock', c.locked->>'attemptKey') f`;

/** A cell is worked on for seconds at least: a wait of a moment costs it nothing, and a commit less is a disk less to wait for. */
export const cellGrouping = { atOnceMax: 64, apartMs: 20, aloneAfter: true } as const;

/**
 * Calls of cells that move in the same moment share one statement and its commit. They hold each other's locks for as
 * long; two control planes that wait for each other in a circle are seen by the database, and each call is made alone.
 */
const together = onceFor((pool: Pool) => grouped<Call, Said>(async (calls) => {
  const leases = calls.flatMap((call, place) => ('lease' in call ? [{ place, ...call.lease }] : []));
  const ends = calls.flatMap((call, place) => ('end' in call ? [{ place, ...call.end }] : []));
  const { rows } = await pool.query<{ place: number; said: Said }>({
    name: 'farm-calls', text: callsText, values: [JSON.stringify(leases), JSON.stringify(ends), eventsMaxOfAttempt],
  });
  const said = new Map(rows.map((row) => [row.place, row.said]));
  return calls.map((_, place) => said.get(place) ?? null);
}, cellGrouping));

/** The card of a word of those functions. */
function refuse(refused: string, { build, target = '', lease = '' }: { build: string; target?: string; lease?: string }): never {
  switch (refused) {
    case 'no build': return fail('FARM_NOT_FOUND', 'plan', { thing: `build ${build}` });
    case 'no cell': return fail('FARM_NOT_FOUND', 'plan', { thing: `cell ${target} in build ${build}` });
    case 'build ended': return fail('FARM_ENDED', 'build', { thing: `Build ${build}` });
    case 'cell ended': return fail('FARM_ENDED', 'plan', { thing: `Cell ${target}` });
    case 'no wheel': return fail('FARM_ENDED', 'test', { thing: 'The cell without a wheel' });
    case 'lease ended': return fail('FARM_ENDED', 'build', { thing: `Lease ${lease}` });
    case 'stale': return fail('FARM_LEASE_STALE', 'build');
    case 'unauthorized': return fail('FARM_UNAUTHORIZED', 'build');
    default: return fail('FARM_INTERNAL', 'build', { why: `the database answered '${refused}'` });
  }
}
