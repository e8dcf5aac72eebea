import { ActivityFailure, continueAsNew, isCancellation, sleep } from '@temporalio/workflow';
import { triggering } from './proxies.ts';

/**
 * An announced release on its way: its sdists are made, its builds started, and their end is told. Each call is one step
 * that is written down; a server that is down is asked again by the activity's own retries.
 */
export async function trigger({ triggerId }: { readonly triggerId: string }): Promise<void> {
  for (let turn = 0; turn < turnsMax; turn += 1) {
    try {
      if (await triggering.advance({ triggerId }) === 'ended') return;
    } catch (error) {
      if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
      return; // the row says why
    }
    await sleep(Math.min(300 * 1.2 ** turn, 20_000));
  }
  await continueAsNew<typeof trigger>({ triggerId });
}

/** Then the history is begun anew. */
const turnsMax = 400;
