/** The doors of the control plane to the world, with their laws. Adapters implement them, composition roots join them. */
import type {
  AttemptView, BuildRequest, BuildView, BuildWait, CellInputs, ImageView, PlanView, SourceView,
} from './contract/api.ts';
import type { CellLimits } from './contract/limits.ts';
import type { EditOrder, ReleaseOrder } from './contract/messages.ts';
import type {
  LastWords, LeaseGrant, LeaseRequest, LockAnswer, LockReport, Outcome, StepEvent,
} from './contract/worker.ts';
import type { CatalogueRow, Locked, Plan, PlanRow, Policy, Tested, UnservedTarget } from './domain/plan.ts';
import type { RespinOrigin } from './domain/edit-statement.ts';
import type { ImportOrigin } from './domain/import-statement.ts';
import type { Failure, Step } from './domain/failure.ts';

/**
 * Bytes under their SHA-256. Laws: `put` writes a temporary file in the same file system, syncs it, renames it, syncs
 * the folder, and only then adds the row; a failed or wrong upload leaves nothing; two puts of the same bytes are one
 * blob; `collect` deletes only what has no reference and was untouched for limits.blobUntouchedMs, under the lock that
 * `put` takes.
 */
export interface BlobStore {
  /** @errors FARM_DIGEST_MISMATCH, FARM_TOO_LARGE, FARM_NO_SPACE */
  put(bytes: AsyncIterable<Uint8Array> | Uint8Array, expect?: { sha256?: string; bytesMax?: number }): Promise<{ sha256: string; bytes: number }>;
  /** Takes a file that is on this machine already: hard link where possible, else copy. */
  /** `trusted`: the farm made this file and wrote its digest beside it; only its size is compared. */
  putFile(path: string, expect?: { sha256?: string; trusted?: { bytes: number } }): Promise<{ sha256: string; bytes: number }>;
  has(sha256: string): Promise<boolean>;
  bytes(sha256: string): Promise<Uint8Array>;
  stream(sha256: string, range?: { start: number; end: number }): Promise<NodeJS.ReadableStream>;
  size(sha256: string): Promise<number>;
  /** A path to read from; adapters without files make a temporary one. */
  path(sha256: string): Promise<string>;
  collect(now: Date): Promise<{ deleted: number; bytes: number }>;
}

/** Rows, policy and image records; reads images/ and what set-up has made. */
export interface Catalogue {
  rows(): Promise<readonly CatalogueRow[]>;
  policy(): Promise<Policy>;
  /** Rows whose images are on this farm, with their keys. */
  planRows(of?: readonly CatalogueRow[]): Promise<readonly PlanRow[]>;
  /** Targets of the grid that no row serves, each with the cause. */
  unsupported(): Promise<readonly UnservedTarget[]>;
  image(name: string, key: string): Promise<{ name: string; key: string; tarSha256: string; bytes: number }>;
  /** The image of a tool of the farm, `git`, as it was made last; null where it is not on this farm. */
  tool(name: 'git'): Promise<{ name: string; key: string; tarSha256: string; bytes: number } | null>;
}

/**
 * Images that are made when a build first needs them. Laws: an image that is being made is not begun again; one that
 * could not be made is not tried again for limits.imageRetryMs.
 */
export interface Images {
  /** Says how the images are; starts nothing. */
  states(names: readonly string[]): Promise<readonly ImageView[]>;
  /** Begins the making of what is missing; answers at once. */
  make(names: readonly string[]): void;
  /** Every image that is being made or could not be made. */
  view(): readonly ImageView[];
  stop(): void;
}

/** What the upstream index has of a project. Null when it has none (404). */
export interface UpstreamProject {
  readonly name: string;
  readonly versions: readonly string[];
  readonly files: readonly UpstreamFileView[];
}
export interface UpstreamFileView {
  readonly filename: string;
  readonly url: string;
  readonly sha256: string;
  readonly bytes: number | null;
  readonly uploadTime: string | null;
  readonly requiresPython: string | null;
  readonly yanked: string | boolean;
  readonly metadataSha256: string | null;
  /** Address of its PEP 740 provenance object; null where upstream names none. */
  readonly provenanceUrl?: string | null;
}

/** The upstream index. Laws: pages are cached and revalidated with their ETag; a file is checked against its digest. */
export interface Upstream {
  /** @errors FARM_UPSTREAM_UNREACHABLE */
  project(name: string): Promise<UpstreamProject | null>;
  /** Puts a file into the blob store. @errors FARM_DIGEST_MISMATCH, FARM_UPSTREAM_UNREACHABLE */
  fetch(file: UpstreamFileView): Promise<{ sha256: string; bytes: number }>;
}

/** Starts and ends workflows. */
export interface Workflows {
  /** Starting a workflow id that is open is not an error. */
  startRelease(order: ReleaseOrder): Promise<void>;
  startSdist(sourceId: string): Promise<void>;
  startTrigger(triggerId: string): Promise<void>;
  cancelRelease(buildId: string): Promise<void>;
  cancelSdist(sourceId: string): Promise<void>;
  startEdit(order: EditOrder): Promise<void>;
  cancelEdit(editId: string): Promise<void>;
  startImport(importId: string): Promise<void>;
  cancelImport(importId: string): Promise<void>;
  isOpen(workflowId: string): Promise<boolean>;
  /** How many workers of a pool are here, those without a free place too. */
  workersOf(pool: string): Promise<number>;
}

export interface Clock { now(): Date }

/** Everything that the signing step needs to know of a file: read from records, never from a payload. */
export interface FileToSign {
  readonly filename: string;
  readonly sha256: string;
  readonly kind: 'sdist' | 'wheel';
  readonly target: string | null;
  readonly attempt: null | {
    readonly id: string;
    readonly attemptKey: string;
    readonly image: { readonly name: string; readonly key: string; readonly tarSha256: string };
    readonly lock: readonly Locked[];
    readonly logSha256: string | null;
    readonly sbomSha256: string | null;
    readonly startedAt: string;
    readonly endedAt: string;
    readonly worker: string;
  };
}

/** Takes statements as they are signed, so that those of a thousand wheels never stand in memory together. */
export type KeepSigned = (signed: readonly SignedStatement[]) => Promise<void>;

/**
 * Signs files; with `keep` the answer is empty. Laws: the same statement twice finds the first bundle; one certificate and one checkpoint for a call.
 */
export interface Signer {
  signRelease(order: {
    readonly plan: Plan; readonly planSha256: string; readonly buildId: string; readonly files: readonly FileToSign[];
  }, keep?: KeepSigned): Promise<readonly SignedStatement[]>;
  /** A publish attestation and a respin's provenance for each wheel of an edit. */
  signRespins(origins: readonly RespinOrigin[]): Promise<readonly SignedStatement[]>;
  /** A publish attestation and a provenance that says where it came from, for each file of an import. */
  signImports(origins: readonly ImportOrigin[]): Promise<readonly SignedStatement[]>;
  /** ClientTrustConfig JSON text. */
  trustConfig(): Promise<{ readonly json: string; readonly fingerprint: string }>;
  readonly identity: string;
  readonly issuer: string;
}
export interface SignedStatement {
  readonly filename: string;
  readonly fileSha256: string;
  readonly kind: 'publish' | 'provenance';
  readonly predicateType: string;
  readonly statementSha256: string;
  /** Sigstore bundle v0.3. */
  readonly bundle: unknown;
}

/** A file that is to become visible. */
export interface FileToPublish {
  readonly filename: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly kind: 'sdist' | 'wheel';
  readonly requiresPython: string | null;
  readonly metadataSha256: string | null;
  readonly target: string | null;
  readonly attemptId: string | null;
  /** Set for a wheel of an edit: the edit, the file that it changed, and the build that made that one. */
  readonly edit?: { readonly id: string; readonly originalSha256: string; readonly buildId: string | null };
  /** Set for an imported file: the import, and what the index said of it that it came from. */
  readonly imported?: { readonly id: string; readonly uploadTime: string | null; readonly yanked: string | null };
}

/** What is published together. */
export interface PublishOrder {
  readonly project: string; readonly displayName: string; readonly version: string;
  /** Null where nothing was built. */
  readonly buildId: string | null;
  readonly files: readonly FileToPublish[];
}

/**
 * The index. Laws: `publish` writes files, page and serial in one transaction and answers when every live plane has
 * the serial, or after limits.planeListedMsMax; the same call twice changes nothing; a published filename never gets
 * other bytes.
 */
export interface Index {
  /** @errors FARM_PUBLISH_CONFLICT */
  publish(order: PublishOrder): Promise<{ readonly serial: number; readonly listed: 'yes' | 'pending' }>;
  published(project: string, version: string): Promise<readonly string[]>;
}

/** What `builds` does for the API: plans, starts, reads. */
export interface Builds {
  /** Queued cells whose pool has no worker. */
  waits(id: string): Promise<readonly BuildWait[]>;
  plan(request: BuildRequest): Promise<PlanView>;
  start(request: BuildRequest): Promise<BuildView>;
  view(id: string): Promise<BuildView>;
  /** Of all, of a project, or of one release. */
  newest(limit: number, of?: { readonly project?: string; readonly version?: string }): Promise<readonly BuildView[]>;
  cancel(id: string, by: string): Promise<void>;
  /** Calls back on every change of the build until the signal aborts. */
  watch(id: string, changed: (view: BuildView) => void, signal: AbortSignal): Promise<void>;
}

/** What describe needs of a cell whose build succeeded. */
export interface DescribeInput {
  readonly plan: Plan;
  readonly attemptId: string;
  readonly target: string;
  readonly builtSha256: string;
  readonly builtFilename: string;
  /** The image that the attempt ran in. */
  readonly image: { readonly name: string; readonly key: string };
  readonly lock: readonly Locked[];
  readonly grafted: readonly {
    readonly path: string; readonly sha256: string; readonly soname?: string;
    readonly library?: { readonly name: string; readonly version: string; readonly purl: string; readonly licence: string };
  }[];
  /** External libraries in its binaries; `sha256` is of their source. */
  readonly linked?: readonly { readonly name: string; readonly version: string; readonly purl: string; readonly licence: string; readonly sha256: string }[];
  /** The wheel's own floor, where binaries of Debian raised it above that of the row. */
  readonly floor?: string;
  /** True where the row has a test: the cell then goes on to step `test`. */
  readonly tested: boolean;
  /** The release's other wheels that are described or published already: their Requires-Dist must be equal. */
  readonly siblings: readonly { readonly target: string; readonly metadataSha256: string }[];
}

/** The final wheel of a cell. */
export interface Described {
  readonly wheelSha256: string;
  readonly wheelFilename: string;
  readonly bytes: number;
  readonly metadataSha256: string;
  readonly sbomSha256: string;
}

/** Writes the final wheel of a cell: checks it, splices the SBOM in. @errors FARM_WHEEL_*, FARM_REQUIRES_DIFFER */
export interface Describer {
  describe(input: DescribeInput): Promise<Described>;
}

/**
 * Records that activities read and move. Laws: every call may be made twice; a state moves by compare-and-set, so a
 * late call changes nothing that has ended.
 */
export interface Records {
  planOf(buildId: string): Promise<{ readonly plan: Plan; readonly planSha256: string }>;
  cellsOf(buildId: string): Promise<readonly {
    readonly target: string; readonly state: string; readonly tested: string | null;
    readonly wheelFilename: string | null; readonly wheelSha256: string | null;
  }[]>;
  /** Null where the cell has no built wheel, or has ended. */
  describeInput(buildId: string, target: string): Promise<DescribeInput | null>;
  /**
   * False where the wheel was compared with no other one (`alone`) and another one of the release is described by now:
   * two that are described at the same time must not miss each other, so it is described again.
   */
  recordDescribed(buildId: string, target: string, described: Described, alone?: boolean): Promise<boolean>;
  recordFailure(buildId: string, target: string, failure: Failure): Promise<void>;
  /** `testFailure` of a cell whose test could not be done; the wheel stays. */
  recordTestGivenUp(buildId: string, target: string, failure: Failure): Promise<void>;
  /** Marks targets covered by the wheel of another target. */
  coverCells(buildId: string, covered: readonly { readonly target: string; readonly by: string }[]): Promise<void>;
  filesToSign(buildId: string): Promise<readonly FileToSign[]>;
  saveAttestations(statements: readonly SignedStatement[]): Promise<void>;
  filesToPublish(buildId: string): Promise<readonly FileToPublish[]>;
  /** Ends a build and whatever of its cells is still open. */
  endBuild(buildId: string, state: 'succeeded' | 'failed' | 'cancelled', failure?: Failure): Promise<void>;
  recordSdistFailure(sourceId: string, failure: Failure): Promise<void>;
}

/** A lease whose id and secret were right. */
export interface OpenLease {
  readonly id: string;
  readonly kind: 'sdist' | 'build' | 'test';
  /** Build id, or source id for kind `sdist`. */
  readonly ownerId: string;
  readonly target: string;
  readonly attemptId: string;
  readonly inputs: readonly string[];
  readonly ended: boolean;
  /** The candidate row of the attempt, where it is known without a look. */
  readonly row?: PlanRow;
  /** Digest of the secret, for calls that look themselves whether the lease is in force. */
  readonly secretHash?: string;
}

/**
 * What `/worker/*` asks. Laws: one lease for a delivery, a newer one revokes the older; a lease reads its own inputs
 * only; after the outcome only the same outcome is taken again.
 */
export interface WorkerDoor {
  /** @errors FARM_LEASE_STALE, FARM_ENDED, FARM_NOT_FOUND, FARM_IMAGE_MISSING */
  lease(request: LeaseRequest): Promise<LeaseGrant>;
  /** @errors FARM_UNAUTHORIZED (no such lease, wrong secret), FARM_LEASE_STALE, FARM_ENDED */
  open(leaseId: string, secret: string): Promise<OpenLease>;
  /** The lease for `lock` and `end`, which look themselves whether it is in force. @errors FARM_UNAUTHORIZED, as `open` */
  name(leaseId: string, secret: string): Promise<OpenLease>;
  /** @errors FARM_NOT_FOUND where the digest is no input of this lease */
  input(lease: OpenLease, sha256: string): Promise<{ readonly bytes: number; readonly stream: NodeJS.ReadableStream }>;
  /** @errors FARM_DIGEST_MISMATCH, FARM_TOO_LARGE, FARM_NO_SPACE, FARM_ENDED */
  output(lease: OpenLease, sha256: string, body: AsyncIterable<Uint8Array>): Promise<{ sha256: string; bytes: number }>;
  /** `taken` false with the right offset where the bytes do not go on where the log ends. @errors FARM_TOO_LARGE */
  log(lease: OpenLease, offset: number, bytes: Uint8Array): Promise<{ readonly taken: boolean; readonly offset: number }>;
  /** One event, or several in their order. */
  event(lease: OpenLease, event: StepEvent | readonly StepEvent[]): Promise<void>;
  lock(lease: OpenLease, report: LockReport): Promise<LockAnswer>;
  /** @errors FARM_BAD_REQUEST (wheel not put, wrong kind), FARM_ENDED (another outcome was taken before) */
  outcome(lease: OpenLease, outcome: Outcome): Promise<void>;
  /** The outcome with what was not sent before it. @errors as `outcome`, `log` and `output` */
  end(lease: OpenLease, last: LastWords): Promise<void>;
}

/** Attempts as people see them. */
export interface Attempts {
  view(id: string): Promise<AttemptView>;
  /** Log bytes from an offset on; with `follow` until the attempt has ended or the signal aborts. */
  log(id: string, from: { readonly offset: number; readonly follow: boolean; readonly signal: AbortSignal }): AsyncIterable<Uint8Array>;
  /** What `./farm shell` opens: image, inputs and requirements of a cell's newest attempt. */
  inputs(buildId: string, target: string): Promise<CellInputs>;
  /** The bytes of one of them. @errors FARM_NOT_FOUND where the digest is neither its sdist nor its image */
  input(buildId: string, target: string, sha256: string): Promise<{ readonly bytes: number; readonly stream: NodeJS.ReadableStream }>;
}

/** Folders and files that somebody sent to be built. */
export interface Sources {
  /** @errors FARM_SDIST_*, FARM_PYPROJECT_BROKEN, FARM_DIGEST_MISMATCH, FARM_TOO_LARGE */
  add(order: {
    readonly kind: 'folder' | 'file'; readonly filename: string; readonly sha256: string; readonly epoch: number;
    readonly body: AsyncIterable<Uint8Array>;
  }): Promise<SourceView>;
  /**
   * A repository at the commit that its ref names now; its sdist is made in the background, once for each commit.
   * @errors FARM_REPOSITORY_*, FARM_REF_UNKNOWN, FARM_TAG_MOVED
   */
  addGit(what: string): Promise<SourceView>;
  view(id: string): Promise<SourceView>;
  /** Sources whose sdist is being made, the newest first. */
  making(): Promise<readonly SourceView[]>;
  cancel(id: string): Promise<void>;
}

/** Counts for the status page. */
export interface Tallies {
  count(): Promise<{ readonly projects: number; readonly files: number; readonly serial: number; readonly openBuilds: number }>;
}

export type { CellLimits, Failure, Step, Tested };
