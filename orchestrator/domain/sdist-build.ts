/**
 * The one build of a patched sdist: whether the wheel that its back end makes says what the wheels of the post-release
 * say. A back end may compute what the table leaves out, so only a build shows it.
 * @source DESIGN "Edits", core metadata specification
 */
import { bodyOf, headerValues, readHeaders } from './edit-text.ts';
import type { HeaderText } from './edit-text.ts';
import { normalizeName } from './names.ts';
import { normalRequirements } from './requirement.ts';
import { targetAcceptsWheel } from './tags.ts';
import { parseWheelFilename } from './filename.ts';
import { normalizeVersion } from './version.ts';

/** What came of it. `not built`: nobody could, or the build failed; `why` says so in words. */
export type SdistBuild = {
  readonly state: 'building' | 'equal' | 'different' | 'not built';
  /** The target that it was built for; null where none was. */
  readonly target: string | null;
  /** Fields of METADATA that differ, by name. */
  readonly fields: readonly string[];
  /** In words for people; empty where the two are equal. */
  readonly why: string;
  readonly attemptId: string | null;
  /** Of the wheel that was built, and of its METADATA. */
  readonly wheelSha256: string | null;
  readonly metadataSha256: string | null;
};

/** A row that may build it: it runs on the machine of the worker. */
export type BuildRow = { readonly target: string; readonly build: string; readonly test: string };

/** Chosen, and the wheel whose METADATA it is compared with. @shape wheel: its filename */
export type BuildChoice = { readonly target: string; readonly wheel: string };

/** What no two builds need to agree in: the version of the form, and what an sdist of another back end would compute. */
const unjudged = new Set(['metadata-version', 'dynamic']);
const valuesShown = 3;

/**
 * The target that a patched sdist is built for: the first native one that a wheel of the release is for, else the first
 * native one.
 * @returns null where no native row is there
 */
export function chooseBuild(wheels: readonly string[], rows: readonly BuildRow[]): BuildChoice | null {
  const native = rows.filter(({ build, test }) => build === 'native' || test === 'native').map(({ target }) => target);
  const target = native.find((one) => wheels.some((filename) => isFor(one, filename))) ?? native[0];
  const wheel = target === undefined ? undefined : comparedWith(target, wheels);
  return target === undefined || wheel === undefined ? null : { target, wheel };
}

/** The wheel whose METADATA a build for a target is compared with: the first that is for it, else the first. */
export const comparedWith = (target: string, wheels: readonly string[]): string | undefined =>
  wheels.find((filename) => isFor(target, filename)) ?? wheels[0];

function isFor(target: string, filename: string): boolean {
  const parsed = parseWheelFilename(filename);
  return parsed.ok && targetAcceptsWheel(target, parsed.value.tags);
}

/** Why an edit is not published without a yes to what its build says; null where nothing is wrong with it. */
export function sdistBuildFault(file: string, { state, fields, why }: SdistBuild): SdistBuildFault | null {
  if (state === 'different') return { code: 'FARM_EDIT_SDIST_DIFFERS', words: { file, fields: fields.join(', '), why } };
  return state === 'not built' ? { code: 'FARM_EDIT_SDIST_UNBUILT', words: { file, why } } : null;
}

/** A failure card and its words. */
export type SdistBuildFault = {
  readonly code: 'FARM_EDIT_SDIST_DIFFERS' | 'FARM_EDIT_SDIST_UNBUILT';
  readonly words: Readonly<Record<string, string>>;
};

/**
 * Fields in which two METADATA differ, with words about each. Order counts nowhere; requirements are compared in normal
 * form, names and versions normalized.
 */
export function metadataDifference(built: string, wanted: string): { readonly field: string; readonly why: string }[] {
  const [left, right] = [readHeaders(built), readHeaders(wanted)];
  if (!left.ok || !right.ok) return [{ field: 'METADATA', why: 'it cannot be read' }];
  const names = new Map([...right.value.blocks, ...left.value.blocks].map(({ key, name }) => [key, name]));
  const fields = [...names].filter(([key]) => !unjudged.has(key) && key !== 'description').map(([, name]) => name);
  return [...fields, 'Description'].flatMap((field) => {
    const [said, asked] = [meaning(left.value, field), meaning(right.value, field)];
    const more = said.filter((one) => !asked.includes(one));
    const less = asked.filter((one) => !said.includes(one));
    if (more.length + less.length === 0) return [];
    return [{ field, why: field === 'Description' ? 'another text' : [...shown('also', more), ...shown('not', less)].join(', ') }];
  });
}

const shown = (word: string, all: readonly string[]): string[] =>
  [...all.slice(0, valuesShown).map((one) => `${word} ${one.slice(0, 200)}`), ...(all.length > valuesShown ? ['…'] : [])];

/** The values of a field in a form in which equal ones are equal texts. */
function meaning(text: HeaderText, field: string): string[] {
  const values = headerValues(text, field);
  switch (field.toLowerCase()) {
    case 'requires-dist': return normalRequirements(values);
    case 'name': case 'provides-extra': return values.map(normalizeName);
    case 'version': return values.map((one) => normalizeVersion(one) ?? one);
    case 'requires-python': return values.map((one) => listOf(one.replaceAll(/\s/g, '')).join(','));
    case 'keywords': return values.flatMap(listOf).toSorted();
    case 'description': return [(values[0] ?? bodyOf(text) ?? '').replaceAll(/\s+/g, ' ').trim()];
    case 'project-url': return values.map((one) => one.replace(/\s*,\s*/, ', ').trim());
    default: return values.map((one) => one.replaceAll(/\s+/g, ' ').trim());
  }
}

const listOf = (text: string): string[] =>
  text.split(',').map((one) => one.trim()).filter((one) => one !== '').toSorted();
