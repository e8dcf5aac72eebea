import { continueAsNew, proxyActivities } from '@temporalio/workflow';
import { limits } from '../../../orchestrator/contract/limits.ts';

export interface BareOrder { readonly cells: number }
export interface BareActivities {
  noOp(order: { readonly buildId: string; readonly target: string }): Promise<{ state: string; wide: boolean }>;
}

const { noOp } = proxyActivities<BareActivities>({
  startToCloseTimeout: limits.leaseMsMax, heartbeatTimeout: limits.heartbeatTimeoutMs,
});

/** As many no-op activities as the farm's release workflow has: three, one after the other, a cell; the same window. */
export async function bare({ cells }: BareOrder): Promise<void> {
  const now = Math.min(cells, limits.cellsPerHistoryMax);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < now) {
      const order = { buildId: 'bare', target: `cell-${next++}` };
      for (let at = 0; at < 3; at += 1) await noOp(order);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limits.cellsInFlightMax, now) }, lane));
  if (cells > now) await continueAsNew<typeof bare>({ cells: cells - now });
}
