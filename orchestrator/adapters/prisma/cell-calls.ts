/**
 * The functions of migrations 0003 and 0014, one round trip each: what a cell asks of the database while it is built. A named
 * statement is parsed and planned once for a connection.
 */
import type { Pool } from 'pg';
import type { StepEvent } from '../../contract/worker.ts';
import { fail, type Failure } from '../../domain/failure.ts';
import type { Locked, PlanRow } from '../../domain/plan.ts';

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
  refused: string | null; attempt_id: string; log_bytes: string; row: PlanRow; wheel_sha256: string | null;
  wheel_filename: string | null; wheel_bytes: string | null; first: boolean | null;
}

/** @errors FARM_NOT_FOUND, FARM_ENDED, FARM_LEASE_STALE */
export async function callLease(pool: Pool, call: LeaseCall): Promise<LeasedAttempt> {
  const { rows: [found] } = await pool.query<LeaseRow>({
    name: 'farm-lease', text: 'select * from farm_lease($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
    values: [
      call.kind, call.id, call.target, call.delivery, call.worker, call.leaseId, call.secretHash, call.attemptId,
      call.row === null ? null : JSON.stringify(call.row), JSON.stringify(call.inputs),
    ],
  });
  if (!found || found.refused !== null) return refuse(found?.refused ?? '', { build: call.id, target: call.target });
  const { wheel_sha256: sha256, wheel_filename: filename } = found;
  return {
    attemptId: found.attempt_id, logBytes: Number(found.log_bytes), row: found.row, first: found.first ?? false,
    wheel: call.kind === 'test' && sha256 && filename ? { sha256, filename, bytes: Number(found.wheel_bytes ?? 0) } : null,
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
  const json = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));
  const { rows: [found] } = await pool.query<{ refused: string | null }>({
    name: 'farm-end', text: 'select refused from farm_end($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)',
    values: [
      lease.id, lease.secretHash, call.kind, JSON.stringify(call.events), eventsMaxOfAttempt, call.log?.offset ?? 0,
      call.log?.bytes ?? 0, call.log?.sha256 ?? null, json(call.outcome), json(call.failure), call.built?.sha256 ?? null,
      call.built?.filename ?? null, call.reusedFrom, json(call.locked?.lock ?? null), call.locked?.attemptKey ?? null,
    ],
  });
  if (found?.refused === null) return 'done';
  if (found?.refused === 'lease ended') return 'again';
  if (found?.refused === 'log') return 'log';
  return refuse(found?.refused ?? '', { build: lease.ownerId, lease: lease.id });
}

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
