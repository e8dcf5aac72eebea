/** Names and argument types of workflows, task queues and ids. Payloads carry ids and small values only. */

/** `[targetId, build queue, test queue]`: places in `queues` of the order; -1 where there is no test. */
export type CellRef = readonly [target: string, buildQueue: number, testQueue: number];

export interface ReleaseOrder {
  readonly buildId: string;
  /** Names of task queues, each once: an order of a thousand cells must stay below `limits.payloadBytesMax`. */
  readonly queues: readonly string[];
  /** Built alone first; null when it was done before a continue-as-new. */
  readonly scout: CellRef | null;
  /** One chain for a platform, lowest Python first. */
  readonly chains: readonly (readonly CellRef[])[];
}

/** What a cell's build says to the workflow: no more than is needed to sequence. */
export interface CellAnswer {
  readonly state: 'succeeded' | 'failed' | 'cancelled';
  /** True where the wheel may serve other targets too: the workflow asks `cover`. */
  readonly wide: boolean;
}

export interface SdistOrder { readonly sourceId: string; readonly pool: string }

/** `judged`: its wheels were made and judged before it was recorded. */
export interface EditOrder { readonly editId: string; readonly judged?: boolean }

export const controlQueue = 'control';
/** The task queue of a pool's activities: `build.linux-amd64`, `test.linux-amd64`. */
export const buildQueue = (pool: string): string => `build.${pool}`;
export const testQueue = (pool: string): string => `test.${pool}`;
/** Every worker of a pool asks it all the time and gets nothing: one whose places are all taken asks no other queue. */
export const hereQueue = (pool: string): string => `here.${pool}`;

/** Workflow ids: one open workflow for a build. */
export const releaseWorkflowId = (buildId: string): string => `release-${buildId}`;
export const editWorkflowId = (editId: string): string => `edit-${editId}`;
export const importWorkflowId = (importId: string): string => `import-${importId}`;
export const triggerWorkflowId = (triggerId: string): string => `trigger-${triggerId}`;
export const sdistWorkflowId = (sourceId: string): string => `sdist-${sourceId}`;
