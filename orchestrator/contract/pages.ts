/**
 * What the pages of the dashboard read, and the words of its live streams.
 *
 *   GET  /api/projects                        ProjectsView
 *   GET  /api/projects/:name                  ProjectView: the whole grid, a letter for each cell (domain/grid.ts)
 *   GET  /api/live?project=                   server-sent events: `project` (ProjectSummary), `row` (LiveRow), `reset`
 *   GET  /api/attempts/:id/live?offset=       server-sent events: `log` ({text}), `attempt` (AttemptView), `end`
 *   GET  /api/attempts/:id/page               AttemptPage
 *   GET  /api/attempts/:id/sbom               CycloneDX JSON
 *   GET  /api/files/:filename                 FileView
 *   GET  /api/queue                           QueueView
 *   GET  /api/workers                         WorkersView
 *   GET  /api/feed?before=                    FeedView
 */
import { Type, type Static, type TSchema } from 'typebox';
import { AttemptView } from './api.ts';
import { BlobInput, GraftedLibrary, ImageInput, LimitsShape } from './worker.ts';

const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Text = orNull(Type.String());
const Count = Type.Integer({ minimum: 0 });

export const PlatformCount = Type.Object({ platform: Type.String(), served: Count, failed: Count, open: Count, wanted: Count });
export const ProjectSummary = Type.Object({
  name: Type.String(), displayName: Type.String(),
  /** Highest version that was planned, and the state of its newest build. */
  version: Text, state: Text, buildId: Text, startedAt: Text,
  served: Count, failed: Count, open: Count, wanted: Count,
  platforms: Type.Array(PlatformCount),
  asks: Count,
});
export type ProjectSummary = Static<typeof ProjectSummary>;

export const ProjectsView = Type.Object({
  projects: Type.Array(ProjectSummary),
  /** Platforms by the number of projects that have no wheel for them. */
  missing: Type.Array(Type.Object({ platform: Type.String(), projects: Count, wanted: Count, asks: Count })),
  /** Requirements without a wheel by the number of cells that wait for them. */
  blockedBy: Type.Array(Type.Object({ name: Type.String(), projects: Count, cells: Count })),
});
export type ProjectsView = Static<typeof ProjectsView>;

export const GridRow = Type.Object({
  version: Type.String(), buildId: Type.String(), state: Type.String(), origin: Type.String(),
  startedAt: Type.String(), endedAt: Text,
  /** Index into `shapes` of the view. */
  shape: Count,
  /** A letter for each target of the shape. */
  states: Type.String(), tested: Type.String(),
  /** `1` where the upstream index has a wheel for the target. */
  upstream: Type.String(),
  /** Failure codes by target. */
  causes: Type.Record(Type.String(), Type.String()),
  published: Count,
});
export type GridRow = Static<typeof GridRow>;

export const AskView = Type.Object({ platform: Type.String(), count: Count, newest: Type.String(), why: Type.Array(Type.String()) });

export const ProjectView = Type.Object({
  name: Type.String(), displayName: Type.String(), held: Type.Boolean(),
  shapes: Type.Array(Type.Array(Type.String())),
  /** Highest version first. */
  rows: Type.Array(GridRow),
  asks: Type.Array(AskView),
  /** Platforms that this farm can build for. */
  platforms: Type.Array(Type.String()),
  index: Type.String(),
});
export type ProjectView = Static<typeof ProjectView>;

/** A row that moved, with its targets. */
export const LiveRow = Type.Object({ project: Type.String(), targets: Type.Array(Type.String()), row: GridRow });
export type LiveRow = Static<typeof LiveRow>;

export const AttemptPage = Type.Object({
  attempt: AttemptView,
  project: Type.String(), displayName: Type.String(), version: Type.String(),
  cellState: Text, tested: Text, testFailure: Type.Unknown(),
  image: orNull(ImageInput), source: orNull(BlobInput), sourceDateEpoch: Type.Integer(), cutoff: Text,
  limits: orNull(LimitsShape),
  wheel: orNull(BlobInput), published: Type.Boolean(), sbom: Type.Boolean(), attested: Type.Boolean(),
  row: Type.Unknown(),
  others: Type.Array(Type.Object({ id: Type.String(), number: Count, state: Type.String(), startedAt: Type.String(), endedAt: Text })),
  startedAt: Type.String(), endedAt: Text,
  index: Type.String(), identity: Type.String(), issuer: Type.String(),
});
export type AttemptPage = Static<typeof AttemptPage>;

export const FileView = Type.Object({
  filename: Type.String(), sha256: Type.String(), bytes: Count, project: Type.String(), version: Type.String(), kind: Type.String(),
  uploadTime: Type.String(), requiresPython: Text, yanked: Text, target: Text, attemptId: Text, editId: Text, originalSha256: Text,
  /** The sdist that the farm built from, and the digest that the upstream index gives for the same filename. */
  sdist: orNull(Type.Object({ filename: Type.String(), sha256: Type.String(), origin: Type.String(), upstreamSha256: Text })),
  image: orNull(ImageInput),
  lock: Type.Array(Type.Object({ name: Type.String(), version: Type.String(), filename: Type.String(), sha256: Type.String() })),
  grafted: Type.Array(GraftedLibrary), audit: Type.Unknown(), notes: Type.Array(Type.String()),
  compilerCalls: orNull(Count), tested: Text, testHow: Text,
  /** Whether another attempt with the same inputs gave the same bytes. */
  reproduced: Type.Object({ answer: Type.Union([Type.Literal('yes'), Type.Literal('no'), Type.Literal('unknown')]), why: Type.String() }),
  attestations: Type.Array(Type.Object({ kind: Type.String(), predicateType: Type.String(), at: Type.String() })),
  /** Attestations of other files of the release, the sdist first. */
  sbom: Type.Boolean(), index: Type.String(), identity: Type.String(), issuer: Type.String(),
});
export type FileView = Static<typeof FileView>;

export const QueueView = Type.Object({
  waiting: Type.Array(Type.Object({
    buildId: Type.String(), project: Type.String(), version: Type.String(), target: Type.String(), state: Type.String(), step: Text,
    attemptId: Text, worker: Text, since: Type.String(), pool: Text, ahead: Count, expectedMs: orNull(Count),
  })),
  builds: Count,
  total: Count,
});
export type QueueView = Static<typeof QueueView>;

export const WorkersView = Type.Object({
  workers: Type.Array(Type.Object({
    name: Type.String(), pools: Type.Array(Type.String()), seenAt: Type.String(), running: Count, today: Count, failedByFarm: Count,
    now: Type.Array(Type.Object({ attemptId: Type.String(), target: Type.String(), project: Text, version: Text, step: Text, since: Type.String() })),
  })),
});
export type WorkersView = Static<typeof WorkersView>;

export const FeedView = Type.Object({
  entries: Type.Array(Type.Object({
    serial: Count, project: Type.String(), version: Type.String(), at: Type.String(), kind: Type.String(),
    files: Type.Array(Type.Object({ filename: Type.String(), sha256: Type.String(), bytes: Count })),
  })),
  serial: Count,
});
export type FeedView = Static<typeof FeedView>;
