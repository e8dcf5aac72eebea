/** Which files of a release an edit is made for. */
import type { FieldDiff } from './edit.ts';
import type { EditOperation } from './edit.ts';
import { compareBuildTags, parseWheelFilename, printWheelFilename } from './filename.ts';

/** A published file of a release. @shape sha256: 64 lower-case hex digits; yanked: null where it is not */
export type PublishedFile = { readonly filename: string; readonly sha256: string; readonly yanked: string | null };

/**
 * The wheels that installers choose now: of those that differ only in their build tag the highest. Yanked ones are left
 * out, because a new file would bring them back. Sorted by filename.
 * @source binary distribution format: with equal tags the highest build tag wins
 */
export function currentWheels<T extends PublishedFile>(files: readonly T[]): T[] {
  const newest = new Map<string, T>();
  for (const file of files) {
    const parsed = parseWheelFilename(file.filename);
    if (!parsed.ok || file.yanked !== null) continue;
    const key = printWheelFilename({ ...parsed.value, build: null });
    const known = newest.get(key);
    const other = known === undefined ? null : parseWheelFilename(known.filename);
    if (other?.ok === true && compareBuildTags(other.value.build, parsed.value.build) > 0) continue;
    newest.set(key, file);
  }
  return [...newest.values()].toSorted((left, right) => (left.filename < right.filename ? -1 : 1));
}

/** The text whose digest names a list of files: a preview and the edit that confirms it must agree on it. */
export const basisText = (wheels: readonly PublishedFile[], buildTag: number): string =>
  `${buildTag}\n${wheels.map(({ filename, sha256 }) => `${sha256} ${filename}\n`).join('')}`;

/**
 * What a respin cannot do because the old files stay: an installer that a new file does not suit takes an old one.
 * @source installers skip files whose Requires-Python excludes them, before they compare build tags
 */
export function respinRemarks(changes: readonly FieldDiff[]): string[] {
  const narrower = changes.find(({ field, risk }) => field === 'Requires-Python' && ['tighten', 'shift'].includes(risk));
  return narrower === undefined ? [] : [
    `a Python that ${narrower.after} excludes skips the new files and still takes the old ones, which stay; yank those to keep it out`];
}

/**
 * Bounds that a `set` takes away without saying so: `Requires-Python: <3.14` in the place of `>=3.10` also lets 3.6 in.
 */
export function replacedRemarks(operations: readonly EditOperation[], changes: readonly FieldDiff[]): string[] {
  return changes.flatMap(({ field, before, after }) => {
    const set = operations.some((one) => one.kind === 'set' && one.field === field && one.value === after);
    if (!set || before === null || after === null || !['Requires-Python', 'Requires-Dist'].includes(field)) return [];
    const kept = new Set(clausesOf(after));
    const gone = clausesOf(before).filter((one) => !kept.has(one));
    const fresh = clausesOf(after).filter((one) => !clausesOf(before).includes(one));
    if (gone.length === 0 || fresh.some((one) => gone.some((old) => sideOf(one) === sideOf(old)))) return [];
    return [`--set puts "${after}" in the place of "${before}", so ${gone.join(',')} is gone; to add to it: --bound "${field}: ${after}"`];
  });
}

/** Version clauses without spaces, markers and extras. */
const clausesOf = (text: string): string[] =>
  [...(text.split(';')[0] ?? '').matchAll(/(?:[<>]=?|[=!~]=|===)\s*[\w.*+!-]+/g)].map(([clause]) => clause.replaceAll(/\s/g, ''));

/** Clauses of one side replace each other: a new lower bound in the place of an old one is meant. */
const sideOf = (clause: string): string => clause.charAt(0);
