/**
 * Releases that are taken from the upstream index, as they cross the wall.
 *
 *   POST   /api/imports               ImportRequest -> ImportView (201)
 *   GET    /api/imports?limit=        ImportView[] newest first
 *   GET    /api/imports/:id           ImportView
 *   POST   /api/imports/:id/cancel    {by} -> 202
 */
import { Type, type Static } from 'typebox';
import { FailureShape } from './worker.ts';

const Text = Type.Union([Type.String(), Type.Null()]);

export const ImportRequest = Type.Object({
  /** `name==version` */
  what: Type.String({ maxLength: 300 }),
  by: Type.String({ minLength: 1, maxLength: 80 }),
});
export type ImportRequest = Static<typeof ImportRequest>;

/** A file; `bytes` is null until it came where upstream does not say. */
export const ImportFileView = Type.Object({
  filename: Type.String(), sha256: Type.String(), kind: Type.String(), bytes: Type.Union([Type.Integer(), Type.Null()]),
  fetched: Type.Boolean(),
  /** none | verified | unverified: the attestations of the place it came from. */
  attested: Type.String(), attestedWhy: Text,
  /** Why it cannot be edited; null where it can. */
  oddity: Text,
  yanked: Text,
});

export const ImportView = Type.Object({
  id: Type.String(), project: Type.String(), version: Type.String(), requestedBy: Type.String(),
  /** running | published | failed | cancelled */
  state: Type.String(),
  files: Type.Array(ImportFileView),
  notes: Type.Array(Type.String()),
  failure: Type.Union([FailureShape, Type.Null()]),
  startedAt: Type.String(), endedAt: Text,
  index: Type.String(),
});
export type ImportView = Static<typeof ImportView>;
