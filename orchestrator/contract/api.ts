/**
 * Requests and answers of `/api/*`, for the command line, the dashboard and strangers. Every answer that is not 2xx is
 * a Problem (RFC 9457) with a code. Requests that change something carry `authorization: Bearer <api token>`.
 *
 *   GET    /api/status                           StatusView
 *   PUT    /api/sources/:sha256?kind&filename&epoch   bytes -> SourceView (kind folder | file)
 *   GET    /api/sources                          SourceView[] whose sdist is being made
 *   POST   /api/sources/git                      {what} -> SourceView, of a repository at the commit that is there now
 *   GET    /api/sources/:id                      SourceView
 *   POST   /api/sources/:id/cancel               -> 202, ends the making of an sdist
 *   POST   /api/plans                            BuildRequest -> PlanView            (starts nothing)
 *   POST   /api/builds                           BuildRequest -> BuildView           (201 started, 200 nothing to build)
 *   GET    /api/images                           ImageView[] that are being made or could not be made
 *   GET    /api/builds?limit=&project=&version=  BuildView[] newest first
 *   GET    /api/builds/:id                       BuildView
 *   GET    /api/builds/:id/waits                 BuildWait[]: queued cells whose pool has no worker
 *   GET    /api/builds/:id/events                server-sent events: `build` with a BuildView, on every change
 *   POST   /api/builds/:id/cancel                {by} -> 202
 *   GET    /api/attempts/:id                     AttemptView
 *   GET    /api/attempts/:id/log?offset=&follow= text; follow=1 streams until the attempt has ended
 *   GET    /api/builds/:id/cells/:target/inputs  CellInputs, what `./farm shell` opens
 *   POST   /api/edits/preview, /api/edits, /api/edits/:id/cancel; GET /api/edits, /api/edits/:id   see contract/edits.ts
 *   GET    /api/builds/:id/cells/:target/inputs/:sha256   bytes of its sdist or of its image's root tar; needs the token
 */
import { Type, type Static } from 'typebox';
import { RecipeFile } from './recipe.ts';
import { FailureShape, ImageInput, BlobInput, LimitsShape, LockedShape } from './worker.ts';

export const Problem = Type.Object({
  type: Type.String(), title: Type.String(), status: Type.Integer(), detail: Type.String(),
  code: Type.String(), blame: Type.String(), next: Type.String(),
  evidence: Type.Optional(Type.Unknown()),
});
export type Problem = Static<typeof Problem>;

export const BuildRequest = Type.Object({
  /** `name`, `name==version`; empty when `source` or `of` is given. */
  what: Type.String({ maxLength: 300 }),
  /** Id of an uploaded source, instead of `what`. */
  source: Type.Optional(Type.String({ maxLength: 64 })),
  /** Id of an earlier build, instead of `what`: the same release, from wherever it came. */
  of: Type.Optional(Type.String({ maxLength: 64 })),
  targets: Type.Array(Type.String({ maxLength: 80 }), { maxItems: 100 }),
  /** Only lower limits are taken. */
  limits: Type.Optional(Type.Partial(LimitsShape)),
  /** Builds the failed cells again, those that the project is to blame for too. */
  again: Type.Optional(Type.Boolean()),
  /** Over the project's own options and the farm's recipe of it. */
  recipe: Type.Optional(RecipeFile),
});
export type BuildRequest = Static<typeof BuildRequest>;

export const CellView = Type.Object({
  target: Type.String(),
  tier: Type.Integer(),
  state: Type.String(),
  step: Type.Union([Type.String(), Type.Null()]),
  tested: Type.Union([Type.String(), Type.Null()]),
  wheel: Type.Union([Type.String(), Type.Null()]),
  wheelSha256: Type.Union([Type.String(), Type.Null()]),
  coveredBy: Type.Union([Type.String(), Type.Null()]),
  attemptId: Type.Union([Type.String(), Type.Null()]),
  attempts: Type.Integer(),
  failure: Type.Union([FailureShape, Type.Null()]),
  testFailure: Type.Union([FailureShape, Type.Null()]),
  notes: Type.Array(Type.String()),
  startedAt: Type.Union([Type.String(), Type.Null()]),
  endedAt: Type.Union([Type.String(), Type.Null()]),
  bytes: Type.Union([Type.Integer(), Type.Null()]),
});
export type CellView = Static<typeof CellView>;

/** Where a release was cloned from. `ref` is a full name; null where a commit was asked for. */
export const GitView = Type.Object({
  url: Type.String(), ref: Type.Union([Type.String(), Type.Null()]), commit: Type.String(), subdirectory: Type.String(),
});
export type GitView = Static<typeof GitView>;

export const BuildView = Type.Object({
  id: Type.String(), project: Type.String(), displayName: Type.String(), version: Type.String(),
  planSha256: Type.String(), state: Type.String(),
  /** False where an unchanged plan had nothing to build. */
  started: Type.Boolean(),
  cells: Type.Array(CellView),
  /** Options that the project sets and the farm does not follow. */
  unsupported: Type.Optional(Type.Array(Type.Object({ option: Type.String(), why: Type.String() }))),
  failure: Type.Union([FailureShape, Type.Null()]),
  upstreamFiles: Type.Array(Type.String()),
  git: Type.Optional(GitView),
  /** Filenames of this release on the farm's index. */
  published: Type.Array(Type.String()),
  sdist: BlobInput,
  startedAt: Type.String(), endedAt: Type.Union([Type.String(), Type.Null()]),
  index: Type.String(),
});
export type BuildView = Static<typeof BuildView>;

/** An image of the catalogue: there, or how its making goes. */
export const ImageView = Type.Object({
  name: Type.String(),
  state: Type.Union([Type.Literal('made'), Type.Literal('missing'), Type.Literal('making'), Type.Literal('failed')]),
  /** What its recipe lets expect on two free cores. */
  expectedSeconds: Type.Integer(), expectedBytes: Type.Integer(),
  /** Since the making began; 0 where none goes on. */
  seconds: Type.Integer(),
  /** What is being done, or why it failed. */
  note: Type.String(),
  /** True where no build waits for it. */
  late: Type.Optional(Type.Boolean()),
});
export type ImageView = Static<typeof ImageView>;

/** A queued cell that nobody can take now. */
export const BuildWait = Type.Object({ target: Type.String(), pool: Type.String(), why: Type.String() });
export type BuildWait = Static<typeof BuildWait>;

export const PlanCellView = Type.Object({
  target: Type.String(), tier: Type.Integer(), state: Type.String(),
  /** Why it is not built: the project does not want it, or nothing here can; null where it is. */
  why: Type.Union([Type.String(), Type.Null()]),
  rows: Type.Array(Type.Object({
    image: Type.String(), imageKey: Type.String(), build: Type.String(), test: Type.String(), floor: Type.String(),
    buildPool: Type.String(),
  })),
  /** Candidate rows that are not taken, each with the cause. */
  passed: Type.Array(Type.Object({ image: Type.String(), why: Type.String() })),
  /** From earlier attempts of this target; null without history. */
  expectedMs: Type.Union([Type.Integer(), Type.Null()]),
  expectedBytes: Type.Union([Type.Integer(), Type.Null()]),
});
export const PlanView = Type.Object({
  sha256: Type.String(), project: Type.String(), version: Type.String(), cutoff: Type.String(),
  sdist: BlobInput, origin: Type.String(), sourceDateEpoch: Type.Integer(),
  cells: Type.Array(PlanCellView),
  /** Options that the project sets and the farm does not follow. */
  unsupported: Type.Array(Type.Object({ option: Type.String(), why: Type.String() })),
  /** True where every cell has ended under this plan: `./farm build` builds nothing. */
  unchanged: Type.Boolean(),
  /** Images that are made before the build can start; a row of theirs has an empty key until then. */
  images: Type.Array(ImageView),
});
export type PlanView = Static<typeof PlanView>;

export const GitSourceRequest = Type.Object({
  /** `owner/repo[@ref][#subdir]` or an https address with the same ends. */
  what: Type.String({ minLength: 1, maxLength: 800 }),
});

export const SourceView = Type.Object({
  id: Type.String(), kind: Type.String(), state: Type.String(), filename: Type.String(), bytes: Type.Integer(),
  git: Type.Optional(GitView),
  sdist: Type.Union([BlobInput, Type.Null()]), failure: Type.Union([FailureShape, Type.Null()]),
});
export type SourceView = Static<typeof SourceView>;

export const AttemptView = Type.Object({
  id: Type.String(), buildId: Type.String(), target: Type.String(), number: Type.Integer(), state: Type.String(),
  step: Type.Union([Type.String(), Type.Null()]), worker: Type.Union([Type.String(), Type.Null()]),
  attemptKey: Type.Union([Type.String(), Type.Null()]), imageKey: Type.String(),
  reusedFrom: Type.Union([Type.String(), Type.Null()]),
  lock: Type.Array(LockedShape), testLock: Type.Array(LockedShape),
  steps: Type.Array(Type.Object({ step: Type.String(), state: Type.String(), at: Type.String(), ms: Type.Union([Type.Integer(), Type.Null()]) })),
  failure: Type.Union([FailureShape, Type.Null()]),
  logBytes: Type.Integer(),
});
export type AttemptView = Static<typeof AttemptView>;

export const CellInputs = Type.Object({
  project: Type.String(), version: Type.String(), target: Type.String(),
  image: ImageInput, source: BlobInput, lock: Type.Array(LockedShape), sourceDateEpoch: Type.Integer(),
  /** Requirements uploaded later were not chosen. ISO 8601. */
  cutoff: Type.String(),
  limits: LimitsShape,
  /** BuildOptions of domain/cell-options.ts: what the project asks for. */
  options: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  failure: Type.Union([FailureShape, Type.Null()]),
});
export type CellInputs = Static<typeof CellInputs>;

export const StatusView = Type.Object({
  farmId: Type.String(), version: Type.String(), index: Type.String(), dashboard: Type.String(),
  projects: Type.Integer(), files: Type.Integer(), serial: Type.Integer(),
  openBuilds: Type.Integer(), uptimeMs: Type.Integer(), trustFingerprint: Type.String(),
});
export type StatusView = Static<typeof StatusView>;
