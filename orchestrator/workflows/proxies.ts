import { proxyActivities, proxyLocalActivities, type ActivityOptions } from '@temporalio/workflow';
import type { BuildActivities, ControlActivities, EditActivities, ImportActivities, TestActivities, TriggerActivities } from '../contract/activities.ts';
import { limits } from '../contract/limits.ts';
import { controlQueue } from '../contract/messages.ts';

/** A cell's activity is delivered again when its worker dies or the farm broke; a project's failure is a value. */
const cellOptions = (taskQueue: string, msMax: number): ActivityOptions => ({
  taskQueue,
  startToCloseTimeout: msMax,
  heartbeatTimeout: limits.heartbeatTimeoutMs,
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s', maximumAttempts: limits.cellDeliveriesMax },
  // The cell's containers are gone and `cancelled` is recorded before the workflow goes on.
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
});

/** Build activities on the queue of a pool. */
export const buildOn = (queue: string): BuildActivities =>
  proxyActivities<BuildActivities>(cellOptions(queue, limits.leaseMsMax));

/** Test activities on the queue of a pool. */
export const testOn = (queue: string): TestActivities =>
  proxyActivities<TestActivities>(cellOptions(queue, limits.leaseMsMax));

/** Short control activities: retried for as long as an outage lasts. */
export const control = proxyActivities<ControlActivities>({
  taskQueue: controlQueue,
  startToCloseTimeout: '5m',
  scheduleToCloseTimeout: limits.signRetryMsMax,
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
});

/** Control activities of edits: people wait for them, so one whose process died is soon delivered again. */
export const editing = proxyActivities<EditActivities>({
  taskQueue: controlQueue,
  startToCloseTimeout: '15m',
  heartbeatTimeout: limits.heartbeatTimeoutMs,
  scheduleToCloseTimeout: limits.signRetryMsMax,
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
});

/**
 * The same in the process that has the workflow, without a way through the queue: for work of a moment. A process that
 * dies is noticed when its workflow task ends, and another one begins anew.
 */
export const editingHere = proxyLocalActivities<Pick<EditActivities, 'deliverEdit'>>({
  startToCloseTimeout: '1m',
  scheduleToCloseTimeout: limits.signRetryMsMax,
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
});

/** Control activities of imports: downloads of gigabytes, whose heartbeats show that they go on. */
export const importing = proxyActivities<ImportActivities>({
  taskQueue: controlQueue,
  startToCloseTimeout: limits.importMsMax,
  heartbeatTimeout: limits.heartbeatTimeoutMs,
  scheduleToCloseTimeout: limits.signRetryMsMax,
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
  // Nothing is fetched any more when the import has ended.
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
});

/** Steps of announced releases: GitHub may be down for hours, or tell this farm to wait. */
export const triggering = proxyActivities<TriggerActivities>({
  taskQueue: controlQueue,
  startToCloseTimeout: '5m',
  scheduleToCloseTimeout: limits.triggerRetryMsMax,
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5m' },
});
