/**
 * Building a published release again.
 *
 *   POST   /api/rebuilds/sources   RebuildRequest with a `setVersion` -> SourceView: the sdist of that version
 *   POST   /api/rebuilds           RebuildRequest -> BuildView (201); the same version gets the next build tag
 */
import { Type, type Static } from 'typebox';
import { RecipeFile } from './recipe.ts';

export const RebuildRequest = Type.Object({
  /** `name==version` of a release that is on this farm. */
  what: Type.String({ maxLength: 300 }),
  /** Globs; none: the targets that it was built for. */
  targets: Type.Array(Type.String({ maxLength: 80 }), { maxItems: 100 }),
  recipe: Type.Optional(RecipeFile),
  /** PEP 440; sdist and wheels get it through the environment of the build back end. */
  setVersion: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  why: Type.String({ minLength: 1, maxLength: 2_000, pattern: '\\S' }),
  by: Type.String({ minLength: 1, maxLength: 80 }),
});
export type RebuildRequest = Static<typeof RebuildRequest>;
