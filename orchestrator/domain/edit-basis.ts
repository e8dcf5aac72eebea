/** Which files of a release an edit is made for. */
import type { FieldDiff } from './edit.ts';
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
