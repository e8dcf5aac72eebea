/**
 * What happened to a release after it was published, and yanks.
 *
 *   POST   /api/yanks                     YankRequest -> YankView (201)
 *   GET    /api/history?what=NAME==VERSION  HistoryEntry[] oldest first; NAME alone: all its versions
 */
import { Type, type Static } from 'typebox';

const Text = Type.Union([Type.String(), Type.Null()]);

export const YankRequest = Type.Object({
  /** `name==version` */
  what: Type.String({ maxLength: 300 }),
  /** yank | unyank */
  action: Type.Union([Type.Literal('yank'), Type.Literal('unyank')]),
  why: Type.String({ minLength: 1, maxLength: 500, pattern: '^[^\\u0000-\\u001f\\u007f]*[^\\s\\u0000-\\u001f\\u007f][^\\u0000-\\u001f\\u007f]*$' }),
  by: Type.String({ minLength: 1, maxLength: 80 }),
});
export type YankRequest = Static<typeof YankRequest>;

export const YankView = Type.Object({
  project: Type.String(), version: Type.String(), action: Type.String(), why: Type.String(), by: Type.String(),
  /** Files whose state changed. */
  files: Type.Integer(), at: Type.String(), listed: Type.String(),
});
export type YankView = Static<typeof YankView>;

export const HistoryEntry = Type.Object({
  at: Type.String(), version: Type.String(),
  /** build | rebuild | import | edit | yank | unyank */
  kind: Type.String(), id: Type.String(), state: Type.String(), by: Text, why: Text,
  /** What was changed, a line each: `- Field: value`, `+ Field: value`; of a rebuild its build tag or version. */
  changes: Type.Array(Type.String()),
  files: Type.Array(Type.Object({ filename: Type.String(), sha256: Type.String() })),
});
export type HistoryEntry = Static<typeof HistoryEntry>;
