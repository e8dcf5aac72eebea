/** The activity interfaces that workflows see (types only). */
import type { CellAnswer } from './messages.ts';

/** Of the build plane; queue of the row's build pool. */
export interface BuildActivities {
  /** fetch, requires, build, repair, audit in a sealed container; the outcome is recorded through `/worker/*`. */
  build(order: { buildId: string; target: string }): Promise<CellAnswer>;
  /** Makes the sdist of a folder. */
  sdist(order: { sourceId: string }): Promise<{ state: 'succeeded' | 'failed' | 'cancelled' }>;
}

/** Of the build plane; queue of the row's test pool. */
export interface TestActivities {
  test(order: { buildId: string; target: string }): Promise<{ tested: 'passed' | 'failed' | 'no-requirement' | 'cancelled' }>;
}

/** Of the control plane: takes ids only and reads what it signs from Postgres. */
export interface ControlActivities {
  /** Splices the SBOM in and writes the final wheel; from here on its digest is the wheel. */
  describe(order: { buildId: string; target: string }): Promise<CellAnswer>;
  /** Marks the cells of this build that an existing wheel serves; answers the targets that are still to build. */
  cover(order: { buildId: string; targets: readonly string[] }): Promise<readonly string[]>;
  /** Records that the farm gave a cell up: the failure of the last delivery. */
  giveUp(order: { buildId: string; target: string; step: 'build' | 'describe' | 'test' | 'sdist'; code: string; why: string }): Promise<void>;
  /** Signs every file of the release that has no bundle: one certificate and one checkpoint. */
  attest(order: { buildId: string }): Promise<void>;
  /** Makes visible what is in, in one transaction, where tier 1 succeeded; ends the build. */
  publish(order: { buildId: string }): Promise<{ state: 'succeeded' | 'failed' }>;
  /** Ends a cancelled build: open cells become cancelled. */
  cancelled(order: { buildId: string }): Promise<void>;
}

/** Of the control plane, for edits of published metadata; takes ids only. */
export interface EditActivities {
  /** Makes and records every wheel of the edit. */
  prepareEdit(order: { editId: string }): Promise<void>;
  /** Lets stock resolvers judge the staged release. @errors FARM_EDIT_CONFLICT */
  checkEdit(order: { editId: string }): Promise<void>;
  /** All three, one after the other: people wait, and what each leaves is there for a second delivery. @errors of the three */
  readyEdit(order: { editId: string }): Promise<void>;
  /** Signs and publishes an edit whose wheels were made and judged before; one that was cancelled meanwhile ends. */
  deliverEdit(order: { editId: string }): Promise<void>;
  /** Signs the wheels: one certificate and one checkpoint. */
  attestEdit(order: { editId: string }): Promise<void>;
  /** Makes all wheels visible in one transaction. */
  publishEdit(order: { editId: string }): Promise<void>;
  /** Ends an edit that was not published: `code` and `why` of the last delivery, or cancelled where there are none. */
  endEdit(order: { editId: string; code?: string; why?: string }): Promise<void>;
}

/** Of the control plane, for releases of the upstream index; takes ids only. */
export interface ImportActivities {
  /** Fetches and checks every file. */
  fetchImport(order: { importId: string }): Promise<void>;
  /** Signs what says where the files came from: one certificate and one checkpoint. */
  attestImport(order: { importId: string }): Promise<void>;
  /** Makes all files visible in one transaction. */
  publishImport(order: { importId: string }): Promise<void>;
  /** Ends an import that was not published: `code` and `why` of the last delivery, or cancelled where there are none. */
  endImport(order: { importId: string; code?: string; why?: string }): Promise<void>;
}

/** Of the control plane, for announced releases; takes ids only. */
export interface TriggerActivities {
  /** One step forward. */
  advance(order: { triggerId: string }): Promise<'wait' | 'ended'>;
}
