/**
 * Every time-out, size, count and cap of the farm, with units in the names. One place, so that a reader can see
 * what a stranger can make the farm do at most.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const second = 1000;
const minute = 60 * second;

export const limits = {
  // sdists and wheels
  sdistBytesMax: 512 * MiB,
  sdistUnpackedBytesMax: 2 * GiB,
  sdistMembersMax: 100_000,
  archiveRatioMax: 200,
  wheelBytesMax: 1 * GiB,
  wheelMembersMax: 50_000,
  folderBytesMax: 512 * MiB,

  // repositories
  /** A clone with its history: twice this and its checkout fit into a cell's work folder. */
  cloneBytesMax: 768 * MiB,
  cloneMsMax: 10 * minute,
  submodulesMax: 50,
  gitRefsBytesMax: 64 * MiB,
  /** Pages of 100 that are read of one list. */
  githubPagesMax: 20,
  /** Source: GitHub takes 65,535 characters of a check run's summary and of a comment. */
  githubTextMax: 65_000,
  /** Source: GitHub sends at most 25 MB; what is read here is far smaller. */
  webhookBytesMax: 4 * MiB,
  pollMs: 5 * minute,
  /** A repository that does not answer is asked less often, at most so seldom. */
  pollMsMax: 60 * minute,
  pollsAtOnce: 4,
  /** Of the tags that name versions, the newest so many are looked at. */
  tagsWatchedMax: 200,
  triggerRetryMsMax: 24 * 60 * minute,

  // a sealed cell
  cellMemoryBytes: 3 * GiB,
  /** tmpfs work folder; counted with the container's memory. */
  cellWorkBytes: 2 * GiB,
  cellPidsMax: 512,
  cellCpus: 2,
  stepMsMax: { fetch: 5 * minute, requires: 5 * minute, sdist: 20 * minute, build: 60 * minute, repair: 10 * minute, audit: 5 * minute, test: 15 * minute },
  /** How long a step may print nothing. Source: Hydra's maxsilent is 3600 s; sealed cells are smaller. */
  stepSilenceMsMax: 30 * minute,
  logBytesMax: 16 * MiB,
  logChunkBytesMax: 256 * KiB,
  logFlushMs: 250,
  /** Step events of a moment go together; a person looks at a table that is drawn a few times a second. */
  eventFlushMs: 400,
  /** An input, output or rest of a log that is no bigger goes with the request before or after it. */
  smallBytesMax: 48 * KiB,
  /** A cancel must reach the container and be recorded in 5 s; this is the container's share. */
  cancelGraceMs: 1 * second,

  // orchestration
  cellsInFlightMax: 64,
  cellsPerHistoryMax: 400,
  payloadBytesMax: 64 * KiB,
  heartbeatMs: 2 * second,
  heartbeatTimeoutMs: 20 * second,
  cellDeliveriesMax: 5,
  signRetryMsMax: 6 * 60 * minute,
  planeListedMsMax: 2 * second,
  workerConcurrency: 2,
  leaseMsMax: 3 * 60 * minute,
  /** How long an image that could not be made is not tried again. */
  imageRetryMs: 5 * minute,
  imageMakingMsMax: 60 * minute,

  // HTTP
  jsonBodyBytesMax: 1 * MiB,
  upstreamMsMax: 30 * second,
  upstreamPageFreshMs: 60 * second,
  upstreamPageBytesMax: 64 * MiB,
  /** How long a name that upstream does not have is not asked for again. */
  upstreamMissingMs: 10 * second,
  /** How long a stale page is served without asking an upstream that just failed. */
  upstreamRetryMs: 5 * second,
  /** Rendered pages in the memory of a control plane: the farm's own, and those of upstream. */
  pagesBytesMax: 64 * MiB,
  upstreamPagesBytesMax: 48 * MiB,
  /** Coverage grids in the memory of a control plane, with the rows that they were made of. */
  gridsBytesMax: 48 * MiB,
  planeBeatMs: 1 * second,
  /** A plane that was not seen for so long is not waited for. */
  planeSeenMsMax: 5 * second,
  followersMax: 500,
  /** How long a browser stays signed in. */
  sessionMs: 12 * 60 * minute,
  /** Platforms that one address may ask for in a day. */
  asksPerDayMax: 20,
  /** A webhook is tried so often, each time later, and then switched off. */
  hookTriesMax: 12,

  // edits
  editReleasesMax: 100,
  /** Pythons and platforms that a staged edit is resolved for, and how long one may take. */
  resolveTargetsMax: 40,
  resolvesAtOnce: 4,
  resolveMsMax: 60 * second,

  // imports
  importFilesMax: 1_000,
  importBytesMax: 20 * GiB,
  /** Files of one import that are fetched and checked at the same time. */
  importFilesAtOnce: 4,
  importMsMax: 2 * 60 * minute,
  provenanceBytesMax: 2 * MiB,

  // blobs
  blobUntouchedMs: 24 * 60 * minute,
} as const;

/** A test sets lower limits for one build through `POST /api/builds`; only lowering is accepted. */
export interface CellLimits {
  readonly memoryBytes: number;
  readonly workBytes: number;
  readonly pidsMax: number;
  readonly stepMsMax: number;
  readonly silenceMsMax: number;
  readonly logBytesMax: number;
}

/** The limits of a cell when nothing lowers them. */
export const cellLimits: CellLimits = {
  memoryBytes: limits.cellMemoryBytes,
  workBytes: limits.cellWorkBytes,
  pidsMax: limits.cellPidsMax,
  stepMsMax: limits.stepMsMax.build,
  silenceMsMax: limits.stepSilenceMsMax,
  logBytesMax: limits.logBytesMax,
};
