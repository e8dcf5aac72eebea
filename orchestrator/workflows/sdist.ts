import { ActivityFailure, ApplicationFailure, isCancellation, rootCause } from '@temporalio/workflow';
import { buildQueue, type SdistOrder } from '../contract/messages.ts';
import { buildOn, control } from './proxies.ts';

/** Makes the sdist of a folder in a sealed container; the outcome is recorded by the activity. */
export async function sdist({ sourceId, pool }: SdistOrder): Promise<void> {
  try {
    await buildOn(buildQueue(pool)).sdist({ sourceId });
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    const cause = error.cause instanceof ApplicationFailure ? error.cause : null;
    await control.giveUp({
      buildId: sourceId, target: '', step: 'sdist',
      code: cause?.type ?? 'FARM_WORKER_LOST', why: cause?.message ?? rootCause(error) ?? 'no answer',
    });
  }
}
