/**
 * Edits of published metadata, as they cross the wall. A preview writes nothing; an edit names the preview that it
 * confirms by its `basis`.
 *
 *   POST   /api/edits/preview       EditPreviewRequest -> EditPreview
 *   POST   /api/edit-batches/preview  EditPreviewRequest with a selector, `numpy<2` -> EditBatchPreview
 *   POST   /api/edit-batches          EditBatchRequest -> EditView[] (201)
 *   POST   /api/edits/check         EditPreviewRequest -> EditCheck: what stock resolvers say of it
 *   POST   /api/edits               EditRequest -> EditView (201)
 *   GET    /api/edits?limit=        EditView[] newest first
 *   GET    /api/edits/:id           EditView
 *   POST   /api/edits/:id/cancel    {by} -> 202
 *   POST   /api/edits/:id/approve   {by} -> EditView: the yes of a second maintainer to an added dependency
 *   POST   /api/edits/:id/refuse    {by, why} -> EditView: its no
 */
import { Type, type Static } from 'typebox';
import { FailureShape } from './worker.ts';

const Text = Type.Union([Type.String(), Type.Null()]);
const By = Type.String({ minLength: 1, maxLength: 80 });
const Operations = Type.Array(Type.String({ maxLength: 20_000 }), { maxItems: 50 });

export const EditPreviewRequest = Type.Object({
  /** `name==version` */
  what: Type.String({ maxLength: 300 }),
  mode: Type.String({ maxLength: 20 }),
  /** Each `Field: value`; of `remove` also a field alone. */
  set: Operations,
  remove: Operations,
  bound: Operations,
  /** The id of a published edit to take back; then there are no other operations, and `what` is empty or its release. */
  undo: Type.Optional(Type.String({ maxLength: 64 })),
});
export type EditPreviewRequest = Static<typeof EditPreviewRequest>;

const Asked = {
  why: Type.String({ minLength: 1, maxLength: 2_000, pattern: '\\S' }),
  by: By,
  /** The release or the selector, typed: approves an added dependency by the requester, where nobody else can. */
  selfApproval: Type.Optional(Type.String({ maxLength: 300 })),
  /** Deliver it although resolvers refuse the release with it. */
  acceptConflict: Type.Optional(Type.Boolean()),
  /** Publish a patched sdist although no build of it shows that it carries the edit. */
  acceptUnbuilt: Type.Optional(Type.Boolean()),
};

export const EditRequest = Type.Object({
  ...EditPreviewRequest.properties,
  ...Asked,
  /** `basis` of the preview that is confirmed. */
  basis: Type.String({ pattern: '^[0-9a-f]{64}$' }),
});
export type EditRequest = Static<typeof EditRequest>;

const Change = Type.Object({ field: Type.String(), before: Text, after: Text, risk: Type.String() });
const Group = Type.Object({ filenames: Type.Array(Type.String()), changes: Type.Array(Change) });

/** A wheel of an edit beside the file that it stands for. */
export const EditFileView = Type.Object({
  filename: Type.String(), bytes: Type.Integer(),
  /** Bytes that are stored for it; the others are ranges of the original. */
  storedBytes: Type.Integer(),
  original: Type.String(), originalSha256: Type.String(),
});

export const EditPreview = Type.Object({
  /** `buildTag` is 0 and `toVersion` the new version under mode `post`. */
  project: Type.String(), version: Type.String(), mode: Type.String(), buildTag: Type.Integer(), toVersion: Text,
  groups: Type.Array(Group),
  reach: Type.Array(Type.Object({
    form: Type.String(), kind: Type.String(), sees: Type.Boolean(), chosen: Text, why: Type.String(),
  })),
  files: Type.Array(EditFileView),
  /** Mode `post`: the sdist that is published with the wheels, or why there is none; null where the release has none. */
  sdist: Type.Union([Type.Object({
    filename: Text, original: Type.String(), originalSha256: Type.String(), failure: Type.Union([FailureShape, Type.Null()]),
  }), Type.Null()]),
  remarks: Type.Array(Type.String()),
  /** True where a dependency is added: the edit needs an approval of its own. */
  secondApproval: Type.Boolean(),
  /** Who else may give that approval; where there is nobody, the requester types the release. */
  approvers: Type.Array(Type.String()),
  basis: Type.String(),
});
export type EditPreview = Static<typeof EditPreview>;

/** SdistBuild of domain/sdist-build.ts; state building | equal | different | not built. */
export const EditSdistBuild = Type.Object({
  state: Type.String(), target: Text, fields: Type.Array(Type.String()), why: Type.String(),
  attemptId: Text, wheelSha256: Text, metadataSha256: Text,
});
export type EditSdistBuild = Static<typeof EditSdistBuild>;

export const EditView = Type.Object({
  id: Type.String(), project: Type.String(), version: Type.String(), mode: Type.String(), buildTag: Type.Integer(), toVersion: Text,
  /** awaiting-approval | running | published | failed | cancelled | refused */
  state: Type.String(),
  why: Type.String(), requestedBy: Type.String(),
  approvals: Type.Array(Type.Object({ by: Type.String(), at: Type.String(), kind: Type.String(), self: Type.Boolean() })),
  groups: Type.Array(Group),
  files: Type.Array(Type.Object({ ...EditFileView.properties, sha256: Type.String() })),
  failure: Type.Union([FailureShape, Type.Null()]),
  startedAt: Type.String(), endedAt: Text,
  index: Type.String(),
  /** What stock resolvers said of it, for each Python and platform; state resolved | conflict | not done. */
  resolution: Type.Array(Type.Object({ target: Type.String(), state: Type.String(), says: Type.String() })),
  acceptedConflict: Type.Boolean(),
  /** Of a patched sdist: what its one build says; null where there is none, or it was not asked yet. */
  sdistBuilt: Type.Union([EditSdistBuild, Type.Null()]),
  acceptedUnbuilt: Type.Boolean(),
  /** Who may say yes or no to an edit that is `awaiting-approval`; of any other nobody. */
  approvers: Type.Array(Type.String()),
  /** The edit that this one takes back. */
  undoes: Text,
  /** Edits that were asked for together have the same. */
  batchId: Text,
});
export type EditView = Static<typeof EditView>;

export const EditCheck = Type.Object({
  resolution: EditView.properties.resolution, sdistBuilt: EditView.properties.sdistBuilt,
});
export type EditCheck = Static<typeof EditCheck>;

export const EditBatchPreview = Type.Object({
  selector: Type.String(),
  releases: Type.Array(EditPreview),
  /** Releases that the edit changes nothing of. */
  unchanged: Type.Array(Type.String()),
  /** Releases that cannot be edited so; then none is. */
  refused: Type.Array(Type.Object({ what: Type.String(), failure: FailureShape })),
});
export type EditBatchPreview = Static<typeof EditBatchPreview>;

export const EditBatchRequest = Type.Object({
  ...EditPreviewRequest.properties,
  ...Asked,
  /** Of every release of the preview, by version. */
  bases: Type.Record(Type.String({ maxLength: 100 }), Type.String({ pattern: '^[0-9a-f]{64}$' })),
});
export type EditBatchRequest = Static<typeof EditBatchRequest>;

export const EditApproveRequest = Type.Object({
  by: By,
  /** The release, typed: where there is no other maintainer any more, the requester may approve it so. */
  selfApproval: Type.Optional(Type.String({ maxLength: 300 })),
});
export type EditApproveRequest = Static<typeof EditApproveRequest>;
export const EditRefuseRequest = Type.Object({ by: By, why: Asked.why });
export type EditRefuseRequest = Static<typeof EditRefuseRequest>;
