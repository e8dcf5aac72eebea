import type { BuildOutcome, LockAnswer, LockReport } from '../../contract/worker.ts';
import { fail } from '../../domain/failure.ts';
import type { BlobStore, OpenLease } from '../../ports.ts';
import { attemptKeyOf } from './attempt-key.ts';
import { asJson, type Tx } from './database.ts';
import { callLock, hasEnded } from './cell-calls.ts';
import { namedLease, settleBuild } from './outcomes.ts';
import type { LogPorts } from './logs.ts';
import { buildFacts, sha256Of } from './rows.ts';

/**
 * Records the lock of an attempt and with it the attempt key; where an attempt under the same key has ended before,
 * its result becomes this attempt's and nothing is built.
 */
export async function recordLock(ports: LogPorts, lease: OpenLease, report: LockReport): Promise<LockAnswer> {
  const { database } = ports;
  const { prisma } = database;
  if (lease.kind === 'test') {
    if (await hasEnded(database.pool, namedLease(lease))) fail('FARM_ENDED', 'test', { thing: `Lease ${lease.id}` });
    await prisma.attempt.update({ where: { id: lease.attemptId }, data: { testLock: asJson(report.lock) } });
    return { attemptKey: sha256Of(JSON.stringify(report.lock)), known: false };
  }
  if (lease.kind === 'sdist') {
    await prisma.attempt.update({ where: { id: lease.attemptId }, data: { lock: asJson(report.lock) } });
    return { attemptKey: sha256Of(JSON.stringify(report.lock)), known: false };
  }
  const facts = await buildFacts(prisma, lease.ownerId);
  const attemptKey = await attemptKeyOf(prisma, lease, report.lock);
  const asked = { attemptId: lease.attemptId, lock: report.lock, attemptKey };
  if (!await callLock(database.pool, namedLease(lease), asked)) return { attemptKey, known: false };
  const known = await knownAttempt(prisma, ports.blobs, { attemptKey, notId: lease.attemptId, again: facts.again });
  if (!known) return { attemptKey, known: false };
  const state = await settleBuild(ports, lease, { outcome: known.outcome as BuildOutcome, reusedFrom: known.reusedFrom ?? known.id });
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
