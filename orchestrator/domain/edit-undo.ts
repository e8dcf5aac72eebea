/** The edit that takes an edit back. */
import type { EditGroup } from './edit-release.ts';
import type { EditOperation, FieldDiff } from './edit.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';

/**
 * Operations that put back what an edit changed. What later edits changed of the same values is not seen here: they are
 * undone first, or the preview says that there is nothing to take away.
 * @errors in words: the wheels of the release changed in ways that no single edit puts back
 */
export function undoOperations(groups: readonly EditGroup[]): Result<EditOperation[], string> {
  const changed = groups.filter(({ changes }) => changes.length > 0);
  const [first, ...others] = changed.map(({ changes }) => changes.flatMap(inverse));
  if (first === undefined) return err('it changed nothing');
  const text = JSON.stringify(first);
  if (changed.length !== groups.length || others.some((one) => JSON.stringify(one) !== text)) {
    return err('it changed the wheels of the release in different ways; put each value back by an edit of its own');
  }
  return ok(first.toSorted((a, b) => Number(a.kind !== 'remove') - Number(b.kind !== 'remove')));
}

/** Removals first: a value that comes back may have the place of one that goes. */
function inverse({ field, before, after }: FieldDiff): EditOperation[] {
  if (field === 'Metadata-Version') return [];   // it is raised only where a field needs it, and may stay
  if (before === null) return [{ kind: 'remove', field, value: field === 'Description' ? null : after }];
  return [{ kind: 'set', field, value: before }];
}
