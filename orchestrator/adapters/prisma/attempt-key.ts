import { fail } from '../../domain/failure.ts';
import { attemptKeyText, type Locked } from '../../domain/plan.ts';
import type { OpenLease } from '../../ports.ts';
import type { Tx } from './database.ts';
import { asRow, buildFacts, planOf, sha256Of } from './rows.ts';

/** The key of a build's attempt, once its requirements are locked: 64 hexadecimal digits. @errors FARM_NOT_FOUND */
export async function attemptKeyOf(tx: Tx, lease: OpenLease, lock: readonly Locked[]): Promise<string> {
  const { planSha256 } = await buildFacts(tx, lease.ownerId);
  const row = lease.row ?? asRow((await tx.attempt.findUniqueOrThrow({ where: { id: lease.attemptId } })).row)
    ?? fail('FARM_INTERNAL', 'build', { why: `attempt ${lease.attemptId} has no row` });
  return sha256Of(attemptKeyText(await planOf(tx, planSha256), row, lock));
}
