import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { LeaseGrant, LeaseRequest } from '../../contract/worker.ts';
import { fail } from '../../domain/failure.ts';
import type { GitCredentials } from '../../github-ports.ts';
import type { Catalogue, Clock, OpenLease } from '../../ports.ts';
import { callLease } from './cell-calls.ts';
import type { Changes } from './changes.ts';
import { asJson, type Database, type Tx } from './database.ts';
import { buildFacts, chooseRow, planOf } from './rows.ts';
import { buildSpec, isNative, sdistSpec, testSpec } from './specs.ts';

export interface LeasePorts {
  readonly database: Database;
  readonly changes: Changes;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  /** Absent where no private repository is cloned. */
  readonly credentials?: GitCredentials;
}

/**
 * Gives the lease of a delivery, under the lock of the cell's (or source's) row. The same delivery asking again gets a
 * new secret; the old one is void, so a lost answer costs nothing.
 * @errors FARM_LEASE_STALE for an older delivery; FARM_ENDED where the build, cell or source has ended
 */
export async function grantLease(ports: LeasePorts, request: LeaseRequest): Promise<LeaseGrant> {
  const { kind, id } = request;
  const grant = kind === 'sdist' ? await leaseSource(ports, request) : await leaseCell(ports, { ...request, kind });
  ports.changes.tellSoon(kind === 'sdist' ? 'farm_source' : 'farm_build', id);
  return grant;
}

type CellRequest = LeaseRequest & { readonly kind: 'build' | 'test' };

/** One call of the database; what never changes of build, plan and images is known here. */
async function leaseCell({ database }: LeasePorts, request: CellRequest): Promise<LeaseGrant> {
  const { prisma, pool } = database;
  const { kind, id, target, delivery, worker } = request;
  const attemptId = randomUUID();
  const secret = randomBytes(32).toString('base64url');
  const call = { kind, id, target, delivery, worker, attemptId, leaseId: randomUUID(), secretHash: hashOf(secret).toString('hex') };
  if (kind === 'test') {
    const leased = await callLease(pool, { ...call, row: null, inputs: [] });
    const { row, wheel } = leased;
    if (!wheel) return fail('FARM_ENDED', 'test', { thing: 'The cell without a wheel' });
    const spec = await testSpec(prisma, id, { attemptId: leased.attemptId, row, ...wheel });
    const inputs = [spec.image.tarSha256, spec.toolImage.tarSha256, wheel.sha256, ...(spec.suite ? [spec.suite.source.sha256] : [])];
    // The database adds images and wheel by itself; another control plane must know of the sdist too.
    if (spec.suite) await pool.query('update lease set inputs = $1 where id = $2', [JSON.stringify(inputs), call.leaseId]);
    keepLease({ id: call.leaseId, kind, ownerId: id, target, attemptId: leased.attemptId, inputs, row, secretHash: call.secretHash });
    return { leaseId: call.leaseId, secret, logOffset: leased.logBytes, spec };
  }
  const facts = await buildFacts(prisma, id);
  const row = await chooseRow(prisma, await planOf(prisma, facts.planSha256), target);
  const { spec, inputs } = await buildSpec(prisma, id, attemptId, row);
  const leased = await callLease(pool, { ...call, row, inputs });
  keepLease({ id: call.leaseId, kind, ownerId: id, target, attemptId: leased.attemptId, inputs, row, secretHash: call.secretHash });
  return {
    leaseId: call.leaseId, secret, logOffset: leased.logBytes, spec: { ...spec, attemptId: leased.attemptId },
    ...(leased.first ? { first: true } : {}),
  };
}

async function leaseSource(ports: LeasePorts, request: LeaseRequest): Promise<LeaseGrant> {
  const grant = await leaseOfSource(ports, request);
  const { spec } = grant;
  if (spec.kind !== 'sdist' || !spec.git || !ports.credentials) return grant;
  const source = await ports.database.prisma.source.findUnique({ where: { id: request.id }, select: { isPrivate: true } });
  const authorization = source?.isPrivate ? await ports.credentials.authorization(spec.git.url) : null;
  return authorization === null ? grant : { ...grant, spec: { ...spec, git: { ...spec.git, authorization } } };
}

async function leaseOfSource({ database, catalogue, clock }: LeasePorts, request: LeaseRequest): Promise<LeaseGrant> {
  const of = await database.prisma.source.findUnique({ where: { id: request.id }, select: { buildTarget: true } });
  const wanted = of?.buildTarget ?? null;
  const row = (await catalogue.planRows()).find((one) => isNative(one) && (wanted === null || one.target === wanted))
    ?? fail('FARM_IMAGE_MISSING', 'sdist', { image: wanted === null ? 'a native one' : `for ${wanted}` });
  const git = await catalogue.tool('git');
  return database.prisma.$transaction(async (tx) => {
    await lockSource(tx, request.id);
    await refuseStale(tx, request);
    const attempt = await sdistAttempt(tx, request);
    const { spec, inputs } = await sdistSpec(tx, request.id, { attemptId: attempt.id, row, now: clock.now(), git });
    const { leaseId, secret } = await writeLease(tx, request, { attemptId: attempt.id, inputs });
    await tx.source.update({ where: { id: request.id }, data: { attemptId: attempt.id } });
    return { leaseId, secret, logOffset: Number(attempt.logBytes), spec };
  });
}

async function lockSource(tx: Tx, id: string): Promise<void> {
  const sources = await tx.$queryRaw<{ state: string }[]>`select state from source where id = ${id} for update`;
  const source = sources[0];
  if (!source) return fail('FARM_NOT_FOUND', 'sdist', { thing: `source ${id}` });
  if (source.state !== 'making') fail('FARM_ENDED', 'sdist', { thing: `Source ${id}` });
}

async function refuseStale(tx: Tx, { kind, id, target, delivery }: LeaseRequest): Promise<void> {
  const newer = await tx.$queryRaw<unknown[]>`
    with revoked as (
      update lease set revoked_at = now()
      where kind = ${kind} and owner_id = ${id} and target = ${target} and delivery < ${delivery} and revoked_at is null)
    select 1 from lease where kind = ${kind} and owner_id = ${id} and target = ${target} and delivery > ${delivery} limit 1`;
  if (newer.length > 0) fail('FARM_LEASE_STALE', 'sdist');
}

/** The attempt that goes on, else a new one. */
async function sdistAttempt(tx: Tx, { id, target, worker }: LeaseRequest) {
  const last = await tx.attempt.findFirst({ where: { sourceId: id, target }, orderBy: { number: 'desc' } });
  if (last?.state === 'running') return tx.attempt.update({ where: { id: last.id }, data: { worker } });
  return tx.attempt.create({
    data: { id: randomUUID(), sourceId: id, target, number: (last?.number ?? 0) + 1, worker, imageKey: '' },
  });
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

interface KeptLease extends Omit<OpenLease, 'ended'> { readonly secretHash: string }

/** What never changes of a lease: whether it was revoked or has ended is asked of the database each time. */
const leasesKept = new Map<string, KeptLease>();
const leasesKeptMax = 1_000;

function keepLease(lease: KeptLease): void {
  const oldest = leasesKept.keys().next();
  if (leasesKept.size >= leasesKeptMax && !oldest.done) leasesKept.delete(oldest.value);
  leasesKept.set(lease.id, lease);
}

/**
 * A lease by id and secret for a call that looks itself whether it is still in force; one that another process gave is
 * opened.
 * @errors as `openLease`
 */
export async function nameLease(ports: Pick<LeasePorts, 'database'>, leaseId: string, secret: string): Promise<OpenLease> {
  const kept = leasesKept.get(leaseId);
  if (!kept || !timingSafeEqual(Buffer.from(kept.secretHash, 'hex'), hashOf(secret))) return openLease(ports, leaseId, secret);
  return { ...kept, ended: false };
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
