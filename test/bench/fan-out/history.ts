import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { temporal } from '@temporalio/proto';
import { median } from '../measure.ts';

export interface HistorySize {
  readonly events: number;
  readonly bytes: number;
  readonly largestPayload: number;
  readonly histories: number;
  /** Median milliseconds of each activity, waiting in its queue and being worked on. */
  readonly times: Readonly<Record<string, { readonly queued: number; readonly worked: number }>>;
}

/** Sums the histories of a workflow over its continue-as-new chain, from its first execution on. */
export async function historySize(client: Client, workflowId: string, firstRunId: string): Promise<HistorySize> {
  let next: string | null = firstRunId;
  const spans: Span[] = [];
  let size = { events: 0, bytes: 0, largestPayload: 0, histories: 0 };
  while (next) {
    const history: temporal.api.history.v1.IHistory = await client.workflow.getHandle(workflowId, next).fetchHistory();
    const events = history.events ?? [];
    spans.push(...spansOf(events));
    size = {
      events: size.events + events.length,
      bytes: size.bytes + proto.temporal.api.history.v1.History.encode(history).finish().length,
      largestPayload: Math.max(size.largestPayload, largestPayload(events)),
      histories: size.histories + 1,
    };
    next = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? null;
  }
  const times = [...Map.groupBy(spans, ({ activity }) => activity)].map(([activity, some]) => [activity, {
    queued: Math.round(median(some.map(({ queued }) => queued))),
      worked: Math.round(median(some.map(({ worked }) => worked))),
  }] as const);
  return { ...size, times: Object.fromEntries(times) };
}

interface Span { readonly activity: string; readonly queued: number; readonly worked: number }

/** When each activity of a history was scheduled, started and completed. @unit milliseconds */
function spansOf(events: readonly temporal.api.history.v1.IHistoryEvent[]): Span[] {
  const byId = new Map(events.map((event) => [String(event.eventId), event]));
  return events.flatMap((event): Span[] => {
    const done = event.activityTaskCompletedEventAttributes;
    const scheduled = byId.get(String(done?.scheduledEventId));
    const started = byId.get(String(done?.startedEventId));
    if (!done || !scheduled || !started) return [];
    const activity = scheduled.activityTaskScheduledEventAttributes?.activityType?.name ?? '';
    return [{ activity, queued: at(started) - at(scheduled), worked: at(event) - at(started) }];
  });
}

const at = ({ eventTime }: temporal.api.history.v1.IHistoryEvent): number =>
  Number(eventTime?.seconds ?? 0) * 1000 + (eventTime?.nanos ?? 0) / 1_000_000;


/** The most bytes of one payload anywhere in a value. */
export function largestPayload(value: unknown): number {
  if (value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) return Math.max(0, ...value.map(largestPayload));
  if (typeof value !== 'object' || value === null) return 0;
  return Math.max(0, ...Object.values(value).map(largestPayload));
}
