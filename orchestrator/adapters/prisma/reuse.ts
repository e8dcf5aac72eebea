import type { BuildOutcome, LockAnswer, LockReport } from '../../contract/worker.ts';
import { fail } from '../../domain/failure.ts';
import { attemptKeyText } from '../../domain/plan.ts';
import type { BlobStore, OpenLease } from '../../ports.ts';
import { asJson, type Tx } from './database.ts';
import { settleBuild } from './outcomes.ts';
import type { LogPorts } from './logs.ts';
import { asRow, buildWithPlan, sha256Of } from './rows.ts';

/**
 * Records the lock of an attempt and with it the attempt key; where an attempt under the same key has ended before,
 * its result becomes this attempt's and nothing is built.
 */
export async function recordLock(ports: LogPorts, lease: OpenLease, report: LockReport): Promise<LockAnswer> {
  const { database } = ports;
  const { prisma } = database;
  if (lease.kind === 'test') {
    await prisma.attempt.update({ where: { id: lease.attemptId }, data: { testLock: asJson(report.lock) } });
    return { attemptKey: sha256Of(JSON.stringify(report.lock)), known: false };
  }
  if (lease.kind === 'sdist') {
    await prisma.attempt.update({ where: { id: lease.attemptId }, data: { lock: asJson(report.lock) } });
    return { attemptKey: sha256Of(JSON.stringify(report.lock)), known: false };
  }
  const { build, plan } = await buildWithPlan(prisma, lease.ownerId);
  const attempt = await prisma.attempt.findUniqueOrThrow({ where: { id: lease.attemptId } });
  const row = asRow(attempt.row) ?? fail('FARM_INTERNAL', 'build', { why: `attempt ${attempt.id} has no row` });
  const attemptKey = sha256Of(attemptKeyText(plan, row, report.lock));
  await prisma.attempt.update({ where: { id: attempt.id }, data: { lock: asJson(report.lock), attemptKey } });
  const known = await knownAttempt(prisma, ports.blobs, { attemptKey, notId: attempt.id, again: build.again });
  if (!known) return { attemptKey, known: false };
  const state = await settleBuild(ports, lease, known.outcome as BuildOutcome, known.reusedFrom ?? known.id);
  return { attemptKey, known: true, state };
}

/** The newest attempt that ended under a key and whose result may stand for another. */
async function knownAttempt(
  tx: Tx, blobs: BlobStore, wanted: { readonly attemptKey: string; readonly notId: string; readonly again: boolean },
) {
  const found = await tx.attempt.findMany({
    where: { attemptKey: wanted.attemptKey, id: { not: wanted.notId }, state: { in: ['succeeded', 'failed'] } },
    orderBy: { startedAt: 'desc' }, take: 20,
  });
  for (const attempt of found) {
    const outcome = attempt.outcome as BuildOutcome | null;
    if (outcome?.state === 'succeeded' && attempt.state === 'succeeded' && await blobs.has(outcome.wheel.sha256)) return attempt;
    if (outcome?.state === 'failed' && !wanted.again && outcome.failure.blame === 'project') return attempt;
  }
  return null;
}
