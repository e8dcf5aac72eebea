import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { BuildSpec, LeaseGrant, LeaseRequest, SdistSpec, TestSpec } from '../../contract/worker.ts';
import { fail } from '../../domain/failure.ts';
import type { Catalogue, Clock, OpenLease } from '../../ports.ts';
import type { Changes } from './changes.ts';
import { asJson, type Database, type Tx } from './database.ts';
import { buildWithPlan, chooseRow } from './rows.ts';
import { buildSpec, isNative, sdistSpec, testSpec, type SpecWithInputs } from './specs.ts';

export interface LeasePorts {
  readonly database: Database;
  readonly changes: Changes;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
}

type AnySpec = SpecWithInputs<BuildSpec | TestSpec | SdistSpec>;

/**
 * Gives the lease of a delivery: one transaction under the lock of the cell's (or source's) row.
 * The same delivery asking again gets a new secret; the old one is void, so a lost answer costs nothing.
 * @errors FARM_LEASE_STALE for an older delivery; FARM_ENDED where the build, cell or source has ended
 */
export async function grantLease(ports: LeasePorts, request: LeaseRequest): Promise<LeaseGrant> {
  const { database, changes, clock } = ports;
  const sdistRow = request.kind === 'sdist' ? (await ports.catalogue.planRows()).find(isNative) : undefined;
  const grant = await database.prisma.$transaction(async (tx) => {
    const planSha256 = request.kind === 'sdist' ? await lockSource(tx, request.id) : await lockCell(tx, request);
    await refuseStale(tx, request);
    const attempt = await attemptFor(tx, request, planSha256);
    const specs: Record<LeaseRequest['kind'], () => Promise<AnySpec>> = {
      build: async () => buildSpec(tx, request.id, attempt.id, await rowOf(tx, attempt.id, request)),
      test: () => testSpec(tx, request.id, attempt.id),
      sdist: () => sdistSpec(tx, request.id, {
        attemptId: attempt.id, row: sdistRow ?? fail('FARM_IMAGE_MISSING', 'sdist', { image: 'a native one' }), now: clock.now(),
      }),
    };
    const { spec, inputs } = await specs[request.kind]();
    const { leaseId, secret } = await writeLease(tx, request, { attemptId: attempt.id, inputs });
    await markRunning(tx, request, { planSha256, attemptId: attempt.id });
    return { leaseId, secret, logOffset: Number(attempt.logBytes), spec };
  });
  changes.tellSoon(request.kind === 'sdist' ? 'farm_source' : 'farm_build', request.id);
  return grant;
}

/** Locks the cell and answers the plan. @errors FARM_NOT_FOUND, FARM_ENDED */
async function lockCell(tx: Tx, { id, target, kind }: LeaseRequest): Promise<string> {
  const build = await tx.build.findUnique({ where: { id } });
  if (!build) return fail('FARM_NOT_FOUND', 'plan', { thing: `build ${id}` });
  const cells = await tx.$queryRaw<{ state: string; step: string | null }[]>`
    select state, step from cell where plan_sha256 = ${build.planSha256} and target = ${target} for update`;
  const cell = cells[0];
  if (!cell) return fail('FARM_NOT_FOUND', 'plan', { thing: `cell ${target} in build ${id}` });
  // Read again under the lock: a cancel may have come between.
  const now = await tx.build.findUniqueOrThrow({ where: { id } });
  if (now.state !== 'running' || now.cancelRequestedAt) fail('FARM_ENDED', 'plan', { thing: `Build ${id}` });
  const open = kind === 'test' ? cell.state === 'running' : cell.state === 'queued' || cell.state === 'running';
  if (!open) fail('FARM_ENDED', 'plan', { thing: `Cell ${target}` });
  return build.planSha256;
}

async function lockSource(tx: Tx, id: string): Promise<string> {
  const sources = await tx.$queryRaw<{ state: string }[]>`select state from source where id = ${id} for update`;
  const source = sources[0];
  if (!source) return fail('FARM_NOT_FOUND', 'sdist', { thing: `source ${id}` });
  if (source.state !== 'making') fail('FARM_ENDED', 'sdist', { thing: `Source ${id}` });
  return '';
}

async function refuseStale(tx: Tx, { kind, id, target, delivery }: LeaseRequest): Promise<void> {
  const newer = await tx.$queryRaw<unknown[]>`
    with revoked as (
      update lease set revoked_at = now()
      where kind = ${kind} and owner_id = ${id} and target = ${target} and delivery < ${delivery} and revoked_at is null)
    select 1 from lease where kind = ${kind} and owner_id = ${id} and target = ${target} and delivery > ${delivery} limit 1`;
  if (newer.length > 0) fail('FARM_LEASE_STALE', kind === 'sdist' ? 'sdist' : 'build');
}

/** The attempt of this activity: the one that goes on, else a new one. A test goes on with the cell's attempt. */
async function attemptFor(tx: Tx, request: LeaseRequest, planSha256: string) {
  const { kind, id, target, worker } = request;
  if (kind === 'test') {
    const cell = await tx.cell.findUniqueOrThrow({ where: { planSha256_target: { planSha256, target } } });
    if (!cell.attemptId) return fail('FARM_ENDED', 'test', { thing: `Cell ${target}` });
    return tx.attempt.findUniqueOrThrow({ where: { id: cell.attemptId } });
  }
  const owner = kind === 'sdist' ? { sourceId: id } : { buildId: id };
  const last = await tx.attempt.findFirst({ where: { ...owner, target }, orderBy: { number: 'desc' } });
  if (last?.state === 'running') return tx.attempt.update({ where: { id: last.id }, data: { worker } });
  return tx.attempt.create({
    data: { id: randomUUID(), ...owner, target, number: (last?.number ?? 0) + 1, worker, imageKey: '' },
  });
}

/** The candidate row of an attempt: chosen once, kept for its later deliveries. */
async function rowOf(tx: Tx, attemptId: string, { id, target }: LeaseRequest) {
  const { plan } = await buildWithPlan(tx, id);
  const row = await chooseRow(tx, plan, target);
  await tx.attempt.update({ where: { id: attemptId }, data: { row: asJson(row), imageKey: row.imageKey } });
  return row;
}

async function writeLease(
  tx: Tx, request: LeaseRequest, { attemptId, inputs }: { attemptId: string; inputs: readonly string[] },
): Promise<{ leaseId: string; secret: string }> {
  const { kind, id: ownerId, target, delivery, worker } = request;
  const secret = randomBytes(32).toString('base64url');
  const fresh = { attemptId, worker, secretHash: hashOf(secret).toString('hex'), inputs: asJson(inputs), endedAt: null };
  const lease = await tx.lease.upsert({
    where: { kind_ownerId_target_delivery: { kind, ownerId, target, delivery } },
    create: { id: randomUUID(), kind, ownerId, target, delivery, ...fresh },
    // A new id: whoever still holds the old one is refused by it as by the secret.
    update: { id: randomUUID(), revokedAt: null, ...fresh },
  });
  return { leaseId: lease.id, secret };
}

async function markRunning(
  tx: Tx, { kind, id, target }: LeaseRequest, { planSha256, attemptId }: { planSha256: string; attemptId: string },
): Promise<void> {
  if (kind === 'sdist') {
    await tx.source.update({ where: { id }, data: { attemptId } });
    return;
  }
  const data = kind === 'test'
    ? { step: 'test' }
    : { state: 'running', step: 'fetch', attemptId, failure: undefined };
  await tx.cell.updateMany({ where: { planSha256, target, state: { in: ['queued', 'running'] } }, data });
}

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/**
 * Finds a lease by id and secret, compared in constant time.
 * @errors FARM_UNAUTHORIZED for no such lease or another secret (the same answer for both); FARM_LEASE_STALE where a
 * newer delivery took over; FARM_ENDED where its build has ended
 */
export async function openLease({ database }: Pick<LeasePorts, 'database'>, leaseId: string, secret: string): Promise<OpenLease> {
  const { rows: [lease] } = await database.pool.query<LeaseRow>({ name: 'open-lease', text: leaseQuery, values: [leaseId] });
  const expected = Buffer.from(lease?.secret_hash ?? '00'.repeat(32), 'hex');
  if (!timingSafeEqual(expected, hashOf(secret)) || !lease) return fail('FARM_UNAUTHORIZED', 'build');
  if (lease.revoked) fail('FARM_LEASE_STALE', 'build');
  if (lease.kind !== 'sdist' && lease.build_state !== 'running') fail('FARM_ENDED', 'build', { thing: `Build ${lease.owner_id}` });
  return {
    id: lease.id, kind: lease.kind, ownerId: lease.owner_id, target: lease.target, attemptId: lease.attempt_id,
    inputs: lease.inputs, ended: lease.ended,
  };
}

interface LeaseRow {
  readonly id: string; readonly kind: OpenLease['kind']; readonly owner_id: string; readonly target: string;
  readonly attempt_id: string; readonly inputs: string[]; readonly secret_hash: string;
  readonly revoked: boolean; readonly ended: boolean; readonly build_state: string | null;
}

/** Every request of a worker asks this first: one prepared statement. */
const leaseQuery = `
  select l.id, l.kind, l.owner_id, l.target, l.attempt_id, l.inputs, l.secret_hash, l.revoked_at is not null as revoked,
    l.ended_at is not null as ended, b.state as build_state
  from lease l left join build b on b.id = l.owner_id where l.id = $1`;
