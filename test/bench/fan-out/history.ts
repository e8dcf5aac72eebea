import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { temporal } from '@temporalio/proto';

export interface HistorySize { readonly events: number; readonly bytes: number; readonly largestPayload: number; readonly histories: number }

/** Sums the histories of a workflow over its continue-as-new chain, from its first execution on. */
export async function historySize(client: Client, workflowId: string, firstRunId: string): Promise<HistorySize> {
  let next: string | null = firstRunId;
  let size: HistorySize = { events: 0, bytes: 0, largestPayload: 0, histories: 0 };
  while (next) {
    const history: temporal.api.history.v1.IHistory = await client.workflow.getHandle(workflowId, next).fetchHistory();
    const events = history.events ?? [];
    size = {
      events: size.events + events.length,
      bytes: size.bytes + proto.temporal.api.history.v1.History.encode(history).finish().length,
      largestPayload: Math.max(size.largestPayload, largestPayload(events)),
      histories: size.histories + 1,
    };
    next = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? null;
  }
  return size;
}

/** The most bytes of one payload anywhere in a value. */
export function largestPayload(value: unknown): number {
  if (value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) return Math.max(0, ...value.map(largestPayload));
  if (typeof value !== 'object' || value === null) return 0;
  return Math.max(0, ...Object.values(value).map(largestPayload));
}
