import { Client, Connection, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { controlQueue, editWorkflowId, hereQueue, importWorkflowId, releaseWorkflowId, sdistWorkflowId, triggerWorkflowId } from '../contract/messages.ts';
import type { Workflows } from '../ports.ts';

/** TASK_QUEUE_TYPE_ACTIVITY of Temporal's API. */
const activityQueue = 2;
const pollerSeenMsMax = 90_000;

/**
 * Port Workflows over a Temporal server.
 * @shape address `host:port`; sdistPool the pool that makes sdists of folders
 */
export function temporalWorkflows(address: string, sdistPool: string): Workflows & { close(): Promise<void> } {
  const connection = Connection.lazy({ address });
  const client = new Client({ connection });
  const start = async (workflow: string, workflowId: string, argument: unknown): Promise<void> => {
    try {
      await client.workflow.start(workflow, {
        workflowId, taskQueue: controlQueue, args: [argument], workflowIdReusePolicy: 'REJECT_DUPLICATE',
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  };
  const cancel = async (workflowId: string): Promise<void> => {
    try {
      await client.workflow.getHandle(workflowId).cancel();
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  };
  return {
    startRelease: (order) => start('release', releaseWorkflowId(order.buildId), order),
    startSdist: (sourceId) => start('sdist', sdistWorkflowId(sourceId), { sourceId, pool: sdistPool }),
    startTrigger: (triggerId) => start('trigger', triggerWorkflowId(triggerId), { triggerId }),
    startEdit: (order) => start('edit', editWorkflowId(order.editId), order),
    cancelEdit: (editId) => cancel(editWorkflowId(editId)),
    startImport: (importId) => start('importRelease', importWorkflowId(importId), { importId }),
    cancelImport: (importId) => cancel(importWorkflowId(importId)),
    cancelRelease: (buildId) => cancel(releaseWorkflowId(buildId)),
    cancelSdist: (sourceId) => cancel(sdistWorkflowId(sourceId)),
    async isOpen(workflowId) {
      try {
        return (await client.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    },
    async workersOf(pool) {
      const { pollers } = await connection.workflowService.describeTaskQueue({
        namespace: client.options.namespace, taskQueue: { name: hereQueue(pool) }, taskQueueType: activityQueue,
      });
      // The server names a poller for minutes after its last word; one that is there asks anew each minute.
      return (pollers ?? []).filter(({ lastAccessTime }) =>
        Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1000 < pollerSeenMsMax).length;
    },
    close: () => connection.close(),
  };
}
