/** One edit over all wheels of a release, and what its sdist says to it. */
import { editMetadata } from './edit.ts';
import type { EditFault, EditOperation, EditedMetadata, FieldDiff } from './edit.ts';
import { bodyOf, headerValues, readHeaders, sameField } from './edit-text.ts';
import type { HeaderText } from './edit-text.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';
import { requirementDifference } from './requirement.ts';

/** A wheel of the release with its METADATA. */
export type WheelMetadata = { readonly filename: string; readonly metadata: string };

/** Wheels that change in the same way. */
export type EditGroup = { readonly filenames: readonly string[]; readonly changes: readonly FieldDiff[] };

export type EditedRelease = {
  readonly wheels: readonly (EditedMetadata & { readonly filename: string })[];
  /** One where all wheels change alike; several where their METADATA differed before. */
  readonly groups: readonly EditGroup[];
  readonly secondApproval: boolean;
  /** For people: wheels that still differ, fields that the sdist cannot carry or has otherwise. */
  readonly remarks: readonly string[];
};

/**
 * Applies an edit to every wheel or to none. A wheel that already says what the edit asks for is no error as long as
 * another one changes; it is then delivered again like the others, so that one build tag holds for all.
 * @shape sdist: its PKG-INFO, null where the release has none
 * @errors those of `editMetadata`, with the wheel's name in `words.file`
 */
export function editRelease(
  wheels: readonly WheelMetadata[], operations: readonly EditOperation[], sdist: string | null,
): Result<EditedRelease, EditFault> {
  const edited: (EditedMetadata & { filename: string })[] = [];
  let unchanged: EditFault | null = null;
  for (const { filename, metadata } of wheels) {
    const one = editMetadata(metadata, operations);
    if (one.ok) {
      edited.push({ ...one.value, filename });
      continue;
    }
    if (one.error.code !== 'FARM_EDIT_NOTHING') return err({ ...one.error, words: { ...one.error.words, file: filename } });
    unchanged = one.error;
    edited.push({ filename, metadata, changes: [], secondApproval: false });
  }
  if (edited.every(({ changes }) => changes.length === 0)) {
    return err(unchanged ?? { code: 'FARM_EDIT_NOTHING', words: { what: 'the release has no wheels' } });
  }
  const groups = groupsOf(edited);
  return ok({
    wheels: edited, groups, secondApproval: edited.some(({ secondApproval }) => secondApproval),
    remarks: [...stillDifferent(edited), ...(sdist === null ? [] : sdistRemarks(edited, sdist))],
  });
}

function groupsOf(edited: readonly (EditedMetadata & { filename: string })[]): EditGroup[] {
  const groups = new Map<string, { filenames: string[]; changes: readonly FieldDiff[] }>();
  for (const { filename, changes } of edited) {
    const key = JSON.stringify(changes);
    const group = groups.get(key) ?? { filenames: [], changes };
    group.filenames.push(filename);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function headersOf(metadata: string): HeaderText {
  const read = readHeaders(metadata);
  return read.ok ? read.value : { mark: '', blocks: [], rest: '', lineEnd: '\n' };
}

/** Resolvers that read one wheel for all platforms are wrong where wheels require different things. */
function stillDifferent(edited: readonly (EditedMetadata & { filename: string })[]): string[] {
  const [first, ...others] = edited;
  if (first === undefined) return [];
  const base = headerValues(headersOf(first.metadata), 'Requires-Dist');
  return others.flatMap(({ filename, metadata }) => {
    const { onlyLeft, onlyRight } = requirementDifference(base, headerValues(headersOf(metadata), 'Requires-Dist'));
    const words = [...onlyLeft.map((one) => `not ${one}`), ...onlyRight.map((one) => `also ${one}`)];
    return words.length === 0 ? [] : [`after the edit, ${filename} requires ${words.join(', ')}, unlike ${first.filename}`];
  });
}

/** What the sdist's own metadata says to each changed field. @source PEP 643: Dynamic since metadata 2.2 */
function sdistRemarks(edited: readonly (EditedMetadata & { filename: string })[], pkgInfo: string): string[] {
  const sdist = headersOf(pkgInfo);
  const dynamic = headerValues(sdist, 'Dynamic').map((one) => one.toLowerCase());
  const fields = [...new Set(edited.flatMap(({ changes }) => changes.map(({ field }) => field)))]
    .filter((field) => !sameField(field, 'Metadata-Version'));
  const changed = edited.find(({ changes }) => changes.length > 0);
  const after = headersOf(changed?.metadata ?? '');
  return fields.flatMap((field) => {
    if (dynamic.includes(field.toLowerCase())) {
      return [`${field} is dynamic in the sdist: a build computes it, so the sdist cannot carry this edit`];
    }
    const values = (text: HeaderText) => (sameField(field, 'Description') ? [bodyOf(text) ?? ''] : headerValues(text, field));
    const { onlyLeft, onlyRight } = requirementDifference(values(sdist), values(after));
    return onlyLeft.length + onlyRight.length === 0 ? [] : [
      `the sdist's own ${field} stays as it is; a build from it gives the old value under a respin, and a post-release patches it`];
  });
}
