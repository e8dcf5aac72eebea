/** Metadata-Version after an edit: raised only where a field needs it, and only where the rest allows it. */
import { editableFields } from './edit-fields.ts';
import { changeHeaders, headerValues } from './edit-text.ts';
import type { HeaderText } from './edit-text.ts';
import { normalizeName } from './names.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';

function atLeast(version: string, wanted: string): boolean {
  const [left, right] = [version, wanted].map((text) => text.split('.').map(Number));
  const [major = 0, minor = 0] = left ?? [];
  const [wantedMajor = 0, wantedMinor = 0] = right ?? [];
  return major !== wantedMajor ? major > wantedMajor : minor >= wantedMinor;
}

/**
 * Raises Metadata-Version where a field that is new in this file needs it. Crossing 2.3 normalises Provides-Extra.
 * @errors why it cannot be raised, in words: extras that become equal, licence files in a place that 2.4 does not know
 * @source core metadata 2.1 to 2.4; PEP 685, PEP 639
 */
export function raiseMetadataVersion(original: HeaderText, edited: HeaderText): Result<HeaderText, string> {
  const [version = '1.0'] = headerValues(original, 'Metadata-Version');
  if (!/^[12]\.\d+$/.test(version)) return err(`its Metadata-Version is ${version}`);
  const fresh = editableFields.filter(({ name }) =>
    headerValues(edited, name).length > 0 && headerValues(original, name).length === 0);
  const bodyIsNew = original.rest.trim() === '' && edited.rest.trim() !== '' ? ['2.1'] : [];
  const needed = [...fresh.map(({ since }) => since), ...bodyIsNew].filter((since) => !atLeast(version, since))
    .toSorted((a, b) => (atLeast(a, b) ? -1 : 1))[0];
  if (needed === undefined) return ok(edited);
  if (atLeast(needed, '2.4') && headerValues(edited, 'License-File').length > 0) {
    return err(`License-Expression needs Metadata-Version 2.4, which wants licence files in another folder than ${version}; `
      + 'that takes a rebuild');
  }
  const raised = changeHeaders(edited, { field: 'Metadata-Version', kept: [needed], added: [] });
  return atLeast(needed, '2.3') ? normalExtras(raised) : ok(raised);
}

function normalExtras(text: HeaderText): Result<HeaderText, string> {
  const extras = headerValues(text, 'Provides-Extra').map((one) => normalizeName(one));
  const twice = extras.find((one, index) => extras.indexOf(one) !== index);
  if (twice !== undefined) return err(`two of its extras are ${twice} after normalisation`);
  return ok(changeHeaders(text, { field: 'Provides-Extra', kept: extras, added: [] }));
}
