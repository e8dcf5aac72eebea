import { ActivityFailure, ApplicationFailure, CancellationScope, isCancellation, rootCause } from '@temporalio/workflow';
import { editing } from './proxies.ts';

/**
 * Delivers an edit: every wheel is made, resolvers judge the staged release, then all are signed, then all become visible. What ends before that leaves the
 * release as it was. Publishing is not interrupted: an edit that was cancelled must not appear afterwards.
 */
export async function edit({ editId }: { readonly editId: string }): Promise<void> {
  try {
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
  const cause = error instanceof ActivityFailure ? error.cause : null;
  if (cause instanceof ApplicationFailure) return { code: cause.type ?? 'FARM_INTERNAL', why: cause.message };
  return { code: 'FARM_INTERNAL', why: rootCause(error) ?? 'no answer' };
}
