import { CancellationScope, isCancellation } from '@temporalio/workflow';
import { causeOf } from './edit.ts';
import { importing } from './proxies.ts';

/**
 * Takes a release from the upstream index: every file is fetched and checked, then all are signed, then all become
 * visible. What ends before that leaves the index as it was.
 */
export async function importRelease({ importId }: { readonly importId: string }): Promise<void> {
  try {
    await importing.fetchImport({ importId });
    await importing.attestImport({ importId });
    await CancellationScope.nonCancellable(() => importing.publishImport({ importId }));
  } catch (error) {
    const why = isCancellation(error) ? {} : causeOf(error);
    await CancellationScope.nonCancellable(() => importing.endImport({ importId, ...why }));
    if (isCancellation(error)) throw error;
  }
}
