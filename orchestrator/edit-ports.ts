/** The doors of edits, imports, yanks and histories, with their laws. Adapters implement them, composition roots join them. */
import type { EditApproveRequest, EditBatchPreview, EditBatchRequest, EditCheck, EditPreview, EditPreviewRequest, EditRefuseRequest, EditRequest, EditView } from './contract/edits.ts';
import type { HistoryEntry, YankRequest, YankView } from './contract/history.ts';
import type { BuildView, SourceView } from './contract/api.ts';
import type { ImportRequest, ImportView } from './contract/imports.ts';
import type { RebuildRequest } from './contract/rebuilds.ts';
import type { RespinOrigin } from './domain/edit-statement.ts';
import type { Failure } from './domain/failure.ts';
import type { ImportOrigin } from './domain/import-statement.ts';
import type { Resolution } from './domain/resolution.ts';
import type { SdistBuild } from './domain/sdist-build.ts';
import type { FileToPublish, PublishOrder } from './ports.ts';

/** What edits of published metadata do for the API. */
export interface Edits {
  /**
   * What an edit would do; writes nothing of it.
   * @shape asker: account id, absent for whoever is at the farm's machine; the same in all of them
   * @errors FARM_WHAT_UNCLEAR, FARM_EDIT_*, FARM_WHEEL_BROKEN
   */
  preview(request: EditPreviewRequest, asker?: string): Promise<EditPreview>;
  /** The same for every release that a selector names: `numpy<2`. Releases that say it already are left out. */
  previewBatch(request: EditPreviewRequest, asker?: string): Promise<EditBatchPreview>;
  /** All edits are recorded in one transaction, then each is delivered. @errors as `start` */
  startBatch(request: EditBatchRequest, asker?: string): Promise<readonly EditView[]>;
  /**
   * What stock resolvers say of the release with the edit; the edit is then not checked again. Of a post-release also what
   * the one build of its patched sdist says: while that goes on the same is asked again.
   * @errors as `preview`
   */
  check(request: EditPreviewRequest): Promise<EditCheck>;
  /**
   * Delivers it, or lets it wait for a second maintainer where it adds a dependency.
   * @errors as `preview`; FARM_EDIT_CONFLICT, FARM_EDIT_STALE, FARM_EDIT_RUNNING, FARM_EDIT_APPROVAL,
   *   FARM_EDIT_SDIST_DIFFERS, FARM_EDIT_SDIST_UNBUILT
   */
  start(request: EditRequest, asker?: string): Promise<EditView>;
  /** With an edit of a batch, all that wait in it are approved. @errors FARM_EDIT_SAME_PERSON, FARM_EDIT_NOT_WAITING, FARM_NOT_FOUND */
  approve(id: string, request: EditApproveRequest, asker?: string): Promise<EditView>;
  /** As `approve`; the requester may, too. @errors FARM_EDIT_NOT_WAITING, FARM_NOT_FOUND */
  refuse(id: string, request: EditRefuseRequest): Promise<EditView>;
  view(id: string): Promise<EditView>;
  newest(limit: number): Promise<readonly EditView[]>;
  /** An edit that is being published is not cancelled any more. */
  cancel(id: string, by: string): Promise<void>;
}

/** Builds published releases again. Laws: while one goes on no edit of the release starts, and the other way round. */
export interface Rebuilds {
  /** Has the sdist of another version made; one that was made before is taken again. @errors FARM_REBUILD_* */
  source(request: RebuildRequest): Promise<SourceView>;
  /** @errors FARM_REBUILD_*, FARM_EDIT_RUNNING, and those of planning and of making the sdist */
  start(request: RebuildRequest): Promise<BuildView>;
}

/** Yanks and takes them back. Laws: reason, record and page in one transaction; the same call twice changes nothing. */
export interface Yanks {
  /** @errors FARM_WHAT_UNCLEAR, FARM_EDIT_RELEASE */
  yank(request: YankRequest): Promise<YankView>;
}

/** What happened to a release. */
export interface Histories {
  /** Oldest first. @shape what: `name==version`, or a name for all versions @errors FARM_WHAT_UNCLEAR, FARM_EDIT_RELEASE */
  of(what: string): Promise<readonly HistoryEntry[]>;
}

/** Edits that activities read and move. Laws: as `Records`; an ended edit that was not published leaves no wheels. */
export interface EditRecords {
  /**
   * Makes every wheel of the edit and records it. Equal calls give equal bytes.
   * @errors FARM_EDIT_*, FARM_WHEEL_BROKEN, FARM_ENDED
   */
  prepare(editId: string): Promise<void>;
  /** Its files that have no attestation yet; none of an edit that somebody has cancelled. @errors FARM_ENDED */
  toSign(editId: string): Promise<readonly RespinOrigin[]>;
  /**
   * What is published of it.
   * @returns null where somebody has cancelled it @errors FARM_EDIT_STALE where the release got other files meanwhile; FARM_ENDED
   */
  toPublish(editId: string): Promise<PublishOrder | null>;
  /** Ends an edit that is running; any other stays as it is. */
  end(editId: string, state: 'published' | 'failed' | 'cancelled', failure?: Failure): Promise<void>;
}

/** Releases that are taken from the upstream index, for the API. */
export interface Imports {
  /**
   * Starts an import; joins one that goes on, answers one that has every file already.
   * @errors FARM_WHAT_UNCLEAR, FARM_PROJECT_UNKNOWN, FARM_VERSION_UNKNOWN, FARM_IMPORT_*, FARM_TOO_LARGE,
   *   FARM_UPSTREAM_UNREACHABLE
   */
  start(request: ImportRequest): Promise<ImportView>;
  view(id: string): Promise<ImportView>;
  newest(limit: number): Promise<readonly ImportView[]>;
  /** An import that is being published is not cancelled any more. */
  cancel(id: string, by: string): Promise<void>;
}

/** Imports that activities read and move. Laws: as `EditRecords`. */
export interface ImportRecords {
  /**
   * Fetches, checks and records every file that is not here yet.
   * @errors FARM_DIGEST_MISMATCH, FARM_IMPORT_FILE, FARM_IMPORT_ATTESTATION, FARM_TOO_LARGE, FARM_ENDED
   */
  fetchAll(importId: string, signal: AbortSignal): Promise<void>;
  /** The files that have no attestation of this farm yet. @errors FARM_ENDED */
  toSign(importId: string): Promise<readonly ImportOrigin[]>;
  /** @errors FARM_IMPORT_HELD, FARM_IMPORT_BUILT where that came meanwhile; FARM_ENDED */
  toPublish(importId: string): Promise<PublishOrder>;
  end(importId: string, state: 'published' | 'failed' | 'cancelled', failure?: Failure): Promise<void>;
}

/** Wheels that join a release after it was edited. Laws: every call may be made twice; equal calls give equal bytes. */
export interface LateEdits {
  /**
   * What has to be published with wheels that were built after edits: the same wheels with every edit in force.
   * @returns `origins`: those that are not signed yet
   * @errors FARM_EDIT_LATE, FARM_REQUIRES_DIFFER
   */
  of(order: PublishOrder): Promise<{ readonly origins: readonly RespinOrigin[]; readonly files: readonly FileToPublish[] }>;
}

/** Has the patched sdist of a post-release built once. Laws: a build of the same bytes is asked for once; what it says is recorded. */
export interface EditSdistBuilds {
  /**
   * How the build is; `building` is asked again. `accepted`: somebody said yes to what it is.
   * @returns null where the edit has no patched sdist @errors FARM_ENDED, FARM_NOT_FOUND
   */
  of(editId: string): Promise<{ readonly filename: string; readonly found: SdistBuild; readonly accepted: boolean } | null>;
}

/** Judges the staged wheels of an edit by stock resolvers. Laws: what could not be asked is recorded as not done, never as good. */
export interface EditChecks {
  /** `accepted`: somebody said yes to conflicts. */
  check(editId: string): Promise<{ readonly conflicts: readonly Resolution[]; readonly accepted: boolean }>;
}
