import type { BuildOutcome, Outcome, SdistOutcome, TestOutcome } from '../../contract/worker.ts';
import { fail, failure, type Evidence, type Failure } from '../../domain/failure.ts';
import { canonicalText, judgeWheel, type Plan } from '../../domain/plan.ts';
import type { OpenLease } from '../../ports.ts';
import { asJson, type Tx } from './database.ts';
import { sealLog, type LogPorts } from './logs.ts';
import { buildWithPlan, isPureWheel } from './rows.ts';

type Succeeded = Extract<BuildOutcome, { state: 'succeeded' }>;

/**
 * Records what a worker says of its lease. The same outcome twice changes nothing.
 * @errors FARM_ENDED where another outcome was recorded; FARM_BAD_REQUEST for an outcome of another kind
 */
export async function recordOutcome(ports: LogPorts, lease: OpenLease, outcome: Outcome): Promise<void> {
  if (outcome.kind !== lease.kind) fail('FARM_BAD_REQUEST', 'build', { why: `a ${lease.kind} lease takes no ${outcome.kind} outcome` });
  if (lease.ended) return refuseOther(ports, lease, outcome);
  if (outcome.kind === 'build') await settleBuild(ports, lease, outcome, null);
  else if (outcome.kind === 'test') await settleTest(ports, lease, outcome);
  else await settleSdist(ports, lease, outcome);
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
  ports: LogPorts, lease: OpenLease, outcome: BuildOutcome, reusedFrom: string | null,
): Promise<'succeeded' | 'failed'> {
  if (outcome.state === 'cancelled') {
    await settleCancelled(ports, lease);
    return 'failed';
  }
  if (outcome.state === 'succeeded' && !await ports.blobs.has(outcome.wheel.sha256)) {
    fail('FARM_BAD_REQUEST', 'build', { why: `the wheel ${outcome.wheel.filename} was not put` });
  }
  await sealLog(ports, lease.attemptId, 'build');
  const { database, changes } = ports;
  const state = await database.prisma.$transaction(async (tx) => {
    const { build, plan } = await buildWithPlan(tx, lease.ownerId);
    await lockCellRow(tx, build.planSha256, lease.target);
    const refused = outcome.state === 'failed'
      ? outcome.failure as Failure
      : await pureByMistake(tx, { plan, planSha256: build.planSha256, target: lease.target, outcome });
    const ended = refused ? { state: 'failed', failure: asJson(refused), endedAt: new Date() } : {};
    const built = outcome.state === 'succeeded' && !refused
      ? { builtSha256: outcome.wheel.sha256, builtFilename: outcome.wheel.filename } : {};
    await tx.attempt.updateMany({
      where: { id: lease.attemptId, state: 'running' },
      data: { outcome: asJson(outcome), reusedFrom, ...ended, ...built },
    });
    await tx.cell.updateMany({
      where: { planSha256: build.planSha256, target: lease.target, state: 'running', attemptId: lease.attemptId },
      data: refused
        ? { state: 'failed', failure: asJson(refused) }
        : { step: 'describe', notes: asJson(outcome.state === 'succeeded' ? outcome.notes : []) },
    });
    await endLease(tx, lease.id);
    return refused ? 'failed' : 'succeeded';
  });
  changes.tellSoon('farm_build', lease.ownerId);
  return state;
}

/** The failure of a wheel that has lost its compiled part, else null. @source DESIGN "Order" */
async function pureByMistake(
  tx: Tx, order: { readonly plan: Plan; readonly planSha256: string; readonly target: string; readonly outcome: Succeeded },
): Promise<Failure | null> {
  const { plan, outcome } = order;
  // A backend may name a platform although every extension was given up: what is inside decides.
  const gaveUp = outcome.audit['objectCount'] === 0 && evidenceOf(outcome) !== null;
  if (!isPureWheel(outcome.wheel.filename) && !gaveUp) return null;
  const nativeSiblings = await countNative(tx, order.planSha256, order.target) > 0;
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

async function settleTest(ports: LogPorts, lease: OpenLease, outcome: TestOutcome): Promise<void> {
  if ('state' in outcome) return settleCancelled(ports, lease);
  const { database, changes } = ports;
  await sealLog(ports, lease.attemptId, 'test');
  await database.prisma.$transaction(async (tx) => {
    const { build } = await buildWithPlan(tx, lease.ownerId);
    await lockCellRow(tx, build.planSha256, lease.target);
    await tx.attempt.update({
      where: { id: lease.attemptId }, data: { testOutcome: asJson(outcome), testLock: asJson(outcome.lock) },
    });
    await tx.cell.updateMany({
      where: { planSha256: build.planSha256, target: lease.target, state: 'running', attemptId: lease.attemptId },
      data: {
        state: 'succeeded', step: null, tested: outcome.tested,
        ...(outcome.failure ? { testFailure: asJson(outcome.failure) } : {}),
      },
    });
    await endLease(tx, lease.id);
  });
  changes.tellSoon('farm_build', lease.ownerId);
}

async function settleSdist(ports: LogPorts, lease: OpenLease, outcome: SdistOutcome): Promise<void> {
  const { database, changes, blobs } = ports;
  if (outcome.state === 'succeeded' && !await blobs.has(outcome.sdist.sha256)) {
    fail('FARM_BAD_REQUEST', 'sdist', { why: `the sdist ${outcome.sdist.filename} was not put` });
  }
  await sealLog(ports, lease.attemptId, 'build');
  const moved = {
    succeeded: () => outcome.state === 'succeeded'
      ? { state: 'ready', sdistSha256: outcome.sdist.sha256, sdistFilename: outcome.sdist.filename } : {},
    failed: () => (outcome.state === 'failed' ? { state: 'failed', failure: asJson(outcome.failure) } : {}),
    cancelled: () => ({ state: 'cancelled' }),
  }[outcome.state]();
  await database.prisma.$transaction(async (tx) => {
    await tx.attempt.updateMany({
      where: { id: lease.attemptId, state: 'running' },
      data: { state: outcome.state, outcome: asJson(outcome), endedAt: new Date() },
    });
    await tx.source.updateMany({ where: { id: lease.ownerId, state: 'making' }, data: moved });
    await endLease(tx, lease.id);
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
    await endLease(tx, lease.id);
    await changes.tell(tx, 'farm_build', lease.ownerId);
  });
}

async function lockCellRow(tx: Tx, planSha256: string, target: string): Promise<void> {
  await tx.$queryRaw`select 1 from cell where plan_sha256 = ${planSha256} and target = ${target} for update`;
}

async function endLease(tx: Tx, id: string): Promise<void> {
  await tx.lease.updateMany({ where: { id, endedAt: null }, data: { endedAt: new Date() } });
}
