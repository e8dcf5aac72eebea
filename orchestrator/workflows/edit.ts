import type { EditOrder } from '../contract/messages.ts';
import { ActivityFailure, ApplicationFailure, CancellationScope, isCancellation, rootCause } from '@temporalio/workflow';
import { editing, editingHere } from './proxies.ts';

/**
 * Delivers an edit: every wheel is made, resolvers judge the staged release, then all are signed, then all become visible. What ends before that leaves the
 * release as it was. Publishing is not interrupted: an edit that was cancelled must not appear afterwards.
 * @shape judged: wheels and judgement were there when somebody said yes; what is left takes a moment, so the process that
 *   took the workflow does it at once
 */
export async function edit({ editId, judged = false }: EditOrder): Promise<void> {
  try {
    if (judged) {
      // Whoever cancels writes it into the edit first, where the activity sees it.
      await CancellationScope.nonCancellable(() => editingHere.deliverEdit({ editId }));
      return;
    }
    await editing.readyEdit({ editId });
    await CancellationScope.nonCancellable(() => editing.publishEdit({ editId }));
  } catch (error) {
    const why = isCancellation(error) ? {} : causeOf(error);
    await CancellationScope.nonCancellable(() => editing.endEdit({ editId, ...why }));
    if (isCancellation(error)) throw error;
  }
}

/** The failure code and words of the last delivery. */
export function causeOf(error: unknown): { code: string; why: string } {
  // A local activity that was tried again after a while has its failure one level deeper.
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (!(cause instanceof ActivityFailure) && cause instanceof ApplicationFailure) return { code: cause.type ?? 'FARM_INTERNAL', why: cause.message };
  }
  return { code: 'FARM_INTERNAL', why: rootCause(error) ?? 'no answer' };
}
