/** The fields that an edit may change, and what their values must look like. @source STANDARDS 4.3, core metadata */
import { holdsControl } from './edit-text.ts';
import type { Marker } from './marker.ts';
import { isValidName, normalizeName } from './names.ts';
import { parseRequirement, printRequirement } from './requirement.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';
import { parseSpecifiers } from './version.ts';

/** A value that cannot be, in words. */
export type ValueFault = { readonly why: string };

export type EditableField = {
  readonly name: string;
  /** Whether a file may have it several times. */
  readonly many: boolean;
  /** The lowest Metadata-Version that has it. */
  readonly since: string;
  /** What is written for a value that was given. */
  readonly normal: (value: string) => Result<string, ValueFault>;
  /** Values with the same key replace each other. */
  readonly key: (value: string) => string;
  /** Only taken away, never set. */
  readonly removeOnly?: boolean;
};

const summaryMax = 512;
const labelMax = 32;
const valueMax = 8_192;
const wrong = (why: string): Result<string, ValueFault> => err({ why });

function line(value: string): Result<string, ValueFault> {
  if (value === '') return wrong('it is empty');
  if (value.length > valueMax) return wrong(`it has more than ${valueMax} characters`);
  return holdsControl(value) || /[\u0085\u2028\u2029]/.test(value) ? wrong('it holds a line break or control character') : ok(value);
}

function requirement(value: string): Result<string, ValueFault> {
  const parsed = parseRequirement(value);
  if (!parsed.ok) return wrong(parsed.error.why);
  if (parsed.value.url !== null) return wrong('it names an address; indexes refuse such a requirement');
  return ok(printRequirement(parsed.value));
}

function projectUrl(value: string): Result<string, ValueFault> {
  const match = /^([^,]+),\s*(https?:\/\/\S+)$/.exec(value);
  if (match === null) return wrong('it is not "label, address"');
  return (match[1] ?? '').trim().length > labelMax ? wrong(`its label has more than ${labelMax} characters`) : line(value);
}

const pythonBounds = (value: string) =>
  (value !== '' && parseSpecifiers(value).ok ? line(value) : wrong('it is not a list of version bounds'));
const classifier = (value: string) => (/^[^:]+( :: [^:]+)+$/.test(value) ? line(value) : wrong('it is not "A :: B"'));
const extra = (value: string) => (isValidName(value) ? ok<string>(normalizeName(value)) : wrong('it is not a name'));
const summary = (value: string) => (value.length > summaryMax ? wrong(`it has more than ${summaryMax} characters`) : line(value));
const body = (value: string) => (/\0|\r/.test(value) || value.trim() === '' ? wrong('it is empty, or holds a carriage return') : ok(value));
const requirementName = (value: string) => {
  const parsed = parseRequirement(value);
  return parsed.ok ? parsed.value.name : value;
};

const one = (name: string, since: string, normal: EditableField['normal'] = line): EditableField =>
  ({ name, since, normal, many: false, key: () => '' });

/** Everything that an edit may change; any other field is refused by name. */
export const editableFields: readonly EditableField[] = [
  { name: 'Requires-Dist', many: true, since: '1.2', normal: requirement, key: requirementName },
  { name: 'Provides-Extra', many: true, since: '2.1', normal: extra, key: normalizeName },
  one('Requires-Python', '1.2', pythonBounds),
  one('Summary', '1.0', summary),
  one('Description', '2.1', body),
  one('Description-Content-Type', '2.1'),
  one('Keywords', '1.0'),
  { name: 'Classifier', many: true, since: '1.1', normal: classifier, key: (value) => value },
  { name: 'Project-URL', many: true, since: '1.2', normal: projectUrl, key: (value) => label(value) },
  one('Author', '1.0'), one('Author-email', '1.0'), one('Maintainer', '1.2'), one('Maintainer-email', '1.2'),
  one('License-Expression', '2.4', licenceExpression),
  { ...one('License', '1.0'), removeOnly: true },
];

/** PEP 753: labels do not differ by case and punctuation. */
function label(value: string): string {
  return (value.split(',')[0] ?? '').toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** The form of an SPDX expression; whether an identifier exists is not judged here. @source PEP 639, SPDX annex D */
function licenceExpression(value: string): Result<string, ValueFault> {
  const tokens = value.match(/[()]|[^\s()]+/g) ?? [];
  let [depth, wantsId] = [0, true];
  const words: string[] = [];
  for (const token of tokens) {
    const operator = /^(and|or|with)$/i.test(token);
    if (token === '(' ? !wantsId : token === ')' ? wantsId || depth === 0 : operator === wantsId) {
      return wrong(`${token} does not stand where it can`);
    }
    if (token === '(') depth += 1;
    else if (token === ')') depth -= 1;
    else {
      if (!operator && !/^[A-Za-z0-9.-]+\+?$/.test(token)) return wrong(`${token} is no licence identifier`);
      wantsId = operator;
    }
    words.push(operator ? token.toUpperCase() : token);
  }
  if (wantsId || depth !== 0) return wrong('it is not a whole expression');
  return ok(words.join(' ').replaceAll('( ', '(').replaceAll(' )', ')'));
}

/** Extras that a requirement asks for in its marker, normalised. */
export function markerExtras(value: string): string[] {
  const parsed = parseRequirement(value);
  return parsed.ok && parsed.value.marker !== null ? extrasOf(parsed.value.marker) : [];
}

function extrasOf(marker: Marker): string[] {
  if (marker.kind !== 'compare') return [...extrasOf(marker.left), ...extrasOf(marker.right)];
  const sides = [marker.left, marker.right];
  if (!sides.some((side) => 'variable' in side && side.variable === 'extra')) return [];
  return sides.flatMap((side) => ('text' in side ? [normalizeName(side.text)] : []));
}
