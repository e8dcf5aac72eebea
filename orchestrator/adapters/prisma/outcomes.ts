import { limits } from '../../contract/limits.ts';
import type { BuildOutcome, LastWords, Outcome, SdistOutcome, StepEvent, TestOutcome } from '../../contract/worker.ts';
import { fail, failure, type Evidence, type Failure } from '../../domain/failure.ts';
import { canonicalText, judgeWheel, type Locked } from '../../domain/plan.ts';
import type { OpenLease } from '../../ports.ts';
import { attemptKeyOf } from './attempt-key.ts';
import { callEnd, hasEnded, type EndCall, type NamedLease } from './cell-calls.ts';
import { asJson, type Tx } from './database.ts';
import { appendLog, sealLog, type LogPorts } from './logs.ts';
import { buildFacts, buildWithPlan, isPureWheel, planOf } from './rows.ts';
import { recordEvents } from './step-events.ts';
import { refusedSdist } from './git-sources.ts';

type Succeeded = Extract<BuildOutcome, { state: 'succeeded' }>;

/** What is known with an outcome beside it. */
interface Ending<O> {
  readonly outcome: O;
  /** The attempt whose outcome this is; absent for the worker's own. */
  readonly reusedFrom?: string;
  readonly events?: readonly StepEvent[];
  /** The rest of the log, with the digest under which it was put. */
  readonly log?: { readonly offset: number; readonly bytes: Uint8Array; readonly sha256: string };
  /** The wheel was put with the outcome. */
  readonly put?: string;
  /** Of a build whose lock was not sent before. */
  readonly lock?: readonly Locked[];
}

/** What the calls of the database know a lease by. */
export const namedLease = ({ id, secretHash, ownerId }: OpenLease): NamedLease => ({ id, secretHash: secretHash ?? null, ownerId });

/**
 * Records what a worker says of its lease. The same outcome twice changes nothing.
 * @errors FARM_ENDED where another outcome was recorded; FARM_BAD_REQUEST for an outcome of another kind
 */
export async function recordOutcome(ports: LogPorts, lease: OpenLease, outcome: Outcome): Promise<void> {
  await settle(ports, lease, { outcome });
}

/**
 * Records the outcome with what was not sent before it: one call of the database after the blobs are durable.
 * @errors as `recordOutcome`; FARM_DIGEST_MISMATCH, FARM_NO_SPACE, FARM_TOO_LARGE of what came with it
 */
export async function endLease(ports: LogPorts, lease: OpenLease, last: LastWords): Promise<void> {
  const { outcome, events = [], log, output, lock } = last;
  const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'base64');
  const rest = log ? bytesOf(log.bytes) : null;
  // Both at once, so that they share a commit.
  const [kept] = await Promise.all([
    rest && ports.blobs.put(rest), output && ports.blobs.put(bytesOf(output.bytes), { sha256: output.sha256, bytesMax: limits.smallBytesMax }),
  ]);
  await settle(ports, lease, {
    outcome, events, ...(output ? { put: output.sha256 } : {}),
    ...(log && rest && kept ? { log: { offset: log.offset, bytes: rest, sha256: kept.sha256 } } : {}), ...(lock ? { lock } : {}),
  });
}

async function settle(ports: LogPorts, lease: OpenLease, ending: Ending<Outcome>): Promise<void> {
  const { outcome } = ending;
  if (outcome.kind !== lease.kind) fail('FARM_BAD_REQUEST', 'build', { why: `a ${lease.kind} lease takes no ${outcome.kind} outcome` });
  if (lease.ended) return refuseOther(ports, lease, outcome);
  const cancelled = 'state' in outcome && outcome.state === 'cancelled';
  if (cancelled && await hasEnded(ports.database.pool, namedLease(lease))) return;
  if (cancelled || outcome.kind === 'sdist') await sendFirst(ports, lease, ending);
  if (outcome.kind === 'sdist') await settleSdist(ports, lease, outcome);
  else if (cancelled) await settleCancelled(ports, lease);
  else if (outcome.kind === 'build') await settleBuild(ports, lease, { ...ending, outcome });
  else await settleTest(ports, lease, { ...ending, outcome });
}

/** Events and log as if they had been sent before. */
async function sendFirst(ports: LogPorts, lease: OpenLease, { events = [], log }: Ending<Outcome>): Promise<void> {
  if (events.length > 0) await recordEvents(ports, lease, events);
  if (log) await appendLog(ports, lease.attemptId, log.offset, log.bytes);
}

async function refuseOther({ database }: LogPorts, lease: OpenLease, outcome: Outcome): Promise<void> {
  const attempt = await database.prisma.attempt.findUniqueOrThrow({ where: { id: lease.attemptId } });
  const before = lease.kind === 'test' ? attempt.testOutcome : attempt.outcome;
  // A known result stands for whatever the worker would say of it; a cancel is recorded by the lease's end alone.
  if (attempt.reusedFrom || ('state' in outcome && outcome.state === 'cancelled')) return;
  if (canonicalText(before) !== canonicalText(outcome)) fail('FARM_ENDED', 'build', { thing: `Lease ${lease.id}` });
}

/**
 * Settles a cell's build: judges the wheel, moves attempt and cell, ends the lease.
 * @shape reusedFrom the attempt whose outcome this is, null for the worker's own
 */
export async function settleBuild(
  ports: LogPorts, lease: OpenLease, ending: Ending<BuildOutcome>,
): Promise<'succeeded' | 'failed'> {
  const { outcome } = ending;
  if (outcome.state === 'cancelled') {
    await settleCancelled(ports, lease);
    return 'failed';
  }
  if (outcome.state === 'succeeded' && ending.put !== outcome.wheel.sha256 && !await ports.blobs.has(outcome.wheel.sha256)) {
    fail('FARM_BAD_REQUEST', 'build', { why: `the wheel ${outcome.wheel.filename} was not put` });
  }
  const refused = outcome.state === 'failed'
    ? outcome.failure as Failure
    : await pureByMistake(ports.database.prisma, lease, outcome);
  const built = outcome.state === 'succeeded' && !refused ? outcome.wheel : null;
  await conclude(ports, lease, ending, { kind: 'build', failure: refused, built });
  return refused ? 'failed' : 'succeeded';
}

type Verdict = Pick<EndCall, 'kind' | 'failure' | 'built'>;

/** Makes the call; a log that was sent in parts is sealed first. */
async function conclude(ports: LogPorts, lease: OpenLease, ending: Ending<Outcome>, verdict: Verdict): Promise<void> {
  const { database, changes } = ports;
  const { outcome, events = [], log, lock, reusedFrom = null } = ending;
  const locked = lock ? { lock, attemptKey: await attemptKeyOf(database.prisma, lease, lock) } : null;
  const call = (sealed: EndCall['log']): ReturnType<typeof callEnd> =>
    callEnd(database.pool, namedLease(lease), { ...verdict, events, log: sealed, outcome, reusedFrom, locked });
  // Without bytes beside the outcome there may be chunks: they are joined before the attempt ends, as nobody waits after.
  if (!log) await sealLog(ports, lease.attemptId, verdict.kind);
  const sealed = log ? { offset: log.offset, bytes: log.bytes.length, sha256: log.sha256 } : null;
  let said = await call(sealed);
  if (said === 'log' && log) {
    await appendLog(ports, lease.attemptId, log.offset, log.bytes);
    await sealLog(ports, lease.attemptId, verdict.kind);
    said = await call(null);
  }
  if (said === 'again') await refuseOther(ports, lease, outcome);
  if (log) changes.tellSoon('farm_log', lease.attemptId);
  changes.tellSoon('farm_build', lease.ownerId);
}

/** The failure of a wheel that has lost its compiled part, else null. @source DESIGN "Order" */
async function pureByMistake(tx: Tx, { ownerId, target }: OpenLease, outcome: Succeeded): Promise<Failure | null> {
  // A backend may name a platform although every extension was given up: what is inside decides.
  const gaveUp = outcome.audit['objectCount'] === 0 && evidenceOf(outcome) !== null;
  if (!isPureWheel(outcome.wheel.filename) && !gaveUp) return null;
  const { planSha256 } = await buildFacts(tx, ownerId);
  const plan = await planOf(tx, planSha256);
  const nativeSiblings = await countNative(tx, planSha256, target) > 0;
  const verdict = judgeWheel({
    pure: true, compilerCalls: outcome.compilerCalls, nativeSiblings,
    hasNativeSource: plan.source.hasNativeSource, upstreamPure: plan.source.upstreamPure,
  });
  if (verdict !== 'built pure by mistake') return null;
  const evidence = evidenceOf(outcome);
  return evidence
    ? failure('FARM_PURE_BY_MISTAKE', 'build', { why: whyMistaken(outcome, nativeSiblings) }, evidence)
    : failure('FARM_PURE_BY_MISTAKE', 'build', { why: whyMistaken(outcome, nativeSiblings) });
}

/** Wheels with a compiled part among the other cells of a plan. */
async function countNative(tx: Tx, planSha256: string, target: string): Promise<number> {
  const counted = await tx.$queryRaw<{ count: bigint }[]>`
    select count(*) as count from cell c join attempt a on a.id = c.attempt_id
    where c.plan_sha256 = ${planSha256} and c.target <> ${target} and c.state in ('running', 'succeeded')
      and a.built_filename is not null and a.built_filename not like '%-none-any.whl'`;
  return Number(counted[0]?.count ?? 0);
}

function whyMistaken({ compilerCalls, compilerFailures }: Succeeded, nativeSiblings: boolean): string {
  if (compilerFailures > 0) return `the compiler was called ${compilerCalls} times, failed ${compilerFailures} times, and the wheel has no compiled part`;
  if (compilerCalls > 0) return `the compiler was called ${compilerCalls} times and the wheel has no compiled part`;
  if (nativeSiblings) return 'another target of this release has a compiled part';
  return 'the sdist has source to compile, and the index has no pure wheel of this version';
}

/** What audit kept of the first compiler error: `{file?, line?, text}` under `compilerEvidence`. */
function evidenceOf({ audit }: Succeeded): Evidence | null {
  const kept = audit['compilerEvidence'] as Partial<Evidence> | undefined;
  if (typeof kept?.text !== 'string') return null;
  return {
    text: kept.text.slice(0, 4000),
    ...(typeof kept.file === 'string' ? { file: kept.file } : {}),
    ...(typeof kept.line === 'number' ? { line: kept.line } : {}),
  };
}

async function settleTest(ports: LogPorts, lease: OpenLease, ending: Ending<TestOutcome>): Promise<void> {
  await conclude(ports, lease, ending, { kind: 'test', failure: null, built: null });
}

async function settleSdist(ports: LogPorts, lease: OpenLease, outcome: SdistOutcome): Promise<void> {
  const { database, changes, blobs } = ports;
  if (outcome.state === 'succeeded' && !await blobs.has(outcome.sdist.sha256)) {
    fail('FARM_BAD_REQUEST', 'sdist', { why: `the sdist ${outcome.sdist.filename} was not put` });
  }
  await sealLog(ports, lease.attemptId, 'build');
  const refused = outcome.state === 'succeeded' ? await refusedSdist(ports, lease.ownerId, outcome) : null;
  const moved = {
    succeeded: () => outcome.state === 'succeeded' && refused === null ? {
      state: 'ready', sdistSha256: outcome.sdist.sha256, sdistFilename: outcome.sdist.filename,
      ...(outcome.git ? { sourceDateEpoch: outcome.git.commitTime, submodules: asJson(outcome.git.submodules) } : {}),
    } : { state: 'failed', failure: asJson(refused) },
    failed: () => (outcome.state === 'failed' ? { state: 'failed', failure: asJson(outcome.failure) } : {}),
    cancelled: () => ({ state: 'cancelled' }),
  }[outcome.state]();
  await database.prisma.$transaction(async (tx) => {
    await tx.attempt.updateMany({
      where: { id: lease.attemptId, state: 'running' },
      data: { state: refused ? 'failed' : outcome.state, outcome: asJson(outcome), endedAt: new Date(), ...(refused ? { failure: asJson(refused) } : {}) },
    });
    await tx.source.updateMany({ where: { id: lease.ownerId, state: 'making' }, data: moved });
    await closeLease(tx, lease.id);
    await changes.tell(tx, 'farm_source', lease.ownerId);
  });
}

/**
 * The worker stopped without a result. Where somebody asked for it the attempt and the cell end; else (the worker is
 * going down) both stay open for the next delivery.
 */
async function settleCancelled({ database, changes }: LogPorts, lease: OpenLease): Promise<void> {
  await database.prisma.$transaction(async (tx) => {
    const { build } = await buildWithPlan(tx, lease.ownerId);
    await lockCellRow(tx, build.planSha256, lease.target);
    if (build.cancelRequestedAt) {
      const who = build.cancelledBy ?? 'someone';
      const cancelled = asJson(failure('FARM_CANCELLED', lease.kind === 'test' ? 'test' : 'build', { who }));
      await tx.attempt.updateMany({
        where: { id: lease.attemptId, state: 'running' }, data: { state: 'cancelled', failure: cancelled, endedAt: new Date() },
      });
      await tx.cell.updateMany({
        where: { planSha256: build.planSha256, target: lease.target, state: 'running', attemptId: lease.attemptId },
        data: { state: 'cancelled', failure: cancelled },
      });
    }
    await closeLease(tx, lease.id);
    await changes.tell(tx, 'farm_build', lease.ownerId);
  });
}

async function lockCellRow(tx: Tx, planSha256: string, target: string): Promise<void> {
  await tx.$queryRaw`select 1 from cell where plan_sha256 = ${planSha256} and target = ${target} for update`;
}

async function closeLease(tx: Tx, id: string): Promise<void> {
  await tx.lease.updateMany({ where: { id, endedAt: null }, data: { endedAt: new Date() } });
}
