/**
 * An edit of published metadata: operations as people write them, applied to one METADATA text. Pure; what cannot be kept
 * is refused by name, and nothing that was not named changes.
 * @source DESIGN "Edits", STANDARDS section 4
 */
import { editableFields, markerExtras } from './edit-fields.ts';
import type { EditableField } from './edit-fields.ts';
import { requirementKey, requirementRisk, compareBounds } from './edit-risk.ts';
import type { Risk } from './edit-risk.ts';
import { bodyOf, changeBody, changeHeaders, headerValues, joinHeaders, readHeaders, sameField } from './edit-text.ts';
import type { HeaderText } from './edit-text.ts';
import { raiseMetadataVersion } from './edit-version.ts';
import { normalizeName } from './names.ts';
import { parseRequirement, printRequirement } from './requirement.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';
import { parseSpecifiers } from './version.ts';

/**
 * `set`: this value, in place of the one with the same key (requirement with its marker, extra, label; else the field's
 * only value). `remove`: this value, or with null the whole field. `bound`: these clauses besides the present ones, in
 * every requirement of the name, or in Requires-Python.
 */
export type EditOperation = {
  readonly kind: 'set' | 'remove' | 'bound';
  readonly field: string;
  readonly value: string | null;
};

export type EditFaultCode =
  | 'FARM_EDIT_FIELD' | 'FARM_EDIT_VALUE' | 'FARM_EDIT_AMBIGUOUS' | 'FARM_EDIT_NOTHING' | 'FARM_EDIT_METADATA' | 'FARM_EDIT_LICENCE';

/** Why an edit is refused; `words` fill the card of the code. */
export type EditFault = { readonly code: EditFaultCode; readonly words: Readonly<Record<string, string>> };

/** One changed value. @shape before: null where it was added; after: null where it was removed */
export type FieldDiff = {
  readonly field: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly risk: Risk;
};

export type EditedMetadata = {
  readonly metadata: string;
  readonly changes: readonly FieldDiff[];
  /** Whether somebody else must agree: something is installed that was not. */
  readonly secondApproval: boolean;
};

const fault = (code: EditFaultCode, words: EditFault['words']) => err<EditFault>({ code, words });

/**
 * Reads what follows `--set`, `--remove` or `--bound`: `Requires-Dist: numpy>=1.26,<3`.
 * @errors FARM_EDIT_FIELD: not on the list, Name and Version among them; FARM_EDIT_VALUE
 */
export function parseOperation(kind: EditOperation['kind'], text: string): Result<EditOperation, EditFault> {
  const match = /^\s*([A-Za-z-]+)\s*(?::\s*([^]*?)\s*)?$/.exec(text);
  const named = match?.[1] ?? text;
  const field = editableFields.find(({ name }) => sameField(name, named));
  if (field === undefined || (field.removeOnly === true && kind !== 'remove')) {
    return fault('FARM_EDIT_FIELD', { field: named, fields: editableFields.map(({ name }) => name).join(', ') });
  }
  const value = match?.[2] ?? null;
  if (kind === 'remove') return ok({ kind, field: field.name, value: value === '' ? null : value });
  if (kind === 'bound' && !['Requires-Dist', 'Requires-Python'].includes(field.name)) {
    return fault('FARM_EDIT_VALUE', { field: field.name, value: value ?? '', why: 'a bound goes to Requires-Dist or Requires-Python' });
  }
  const normal = field.normal(value ?? '');
  if (!normal.ok) return fault('FARM_EDIT_VALUE', { field: field.name, value: value ?? '', why: normal.error.why });
  return ok({ kind, field: field.name, value: normal.value });
}

/** Values of one field while operations run: those of the file in their places, and new ones. */
type Slots = { readonly before: readonly string[]; readonly kept: (string | null)[]; readonly added: string[] };

/**
 * Applies operations to METADATA. Order, folding, line ends, unknown fields and body stay as they are.
 * @errors FARM_EDIT_NOTHING: an operation finds nothing, or all together change nothing; FARM_EDIT_AMBIGUOUS;
 *   FARM_EDIT_VALUE; FARM_EDIT_METADATA: the text cannot be kept whole, by name
 */
export function editMetadata(text: string, operations: readonly EditOperation[]): Result<EditedMetadata, EditFault> {
  const read = readHeaders(text);
  if (!read.ok) return fault('FARM_EDIT_METADATA', { why: `line ${read.error.line}: ${read.error.why}` });
  const odd = oddity(read.value);
  if (odd !== null) return fault('FARM_EDIT_METADATA', { why: odd });
  const fields = new Map<string, Slots>();
  let body = bodyOf(read.value);
  for (const operation of operations) {
    const field = editableFields.find(({ name }) => name === operation.field);
    if (field === undefined) return fault('FARM_EDIT_FIELD', { field: operation.field, fields: '' });
    if (field.name === 'Description' && headerValues(read.value, 'Description').length === 0) {
      if (operation.kind === 'remove' && body === null) return nothing(operation);
      body = operation.kind === 'remove' ? null : operation.value;
      continue;
    }
    const before = headerValues(read.value, field.name);
    const slots = fields.get(field.name) ?? { before, kept: [...before], added: [] };
    fields.set(field.name, slots);
    const done = applyOne(operation, field, slots);
    if (!done.ok) return done;
  }
  let edited = read.value;
  for (const [field, { kept, added }] of fields) edited = changeHeaders(edited, { field, kept, added });
  if (body !== bodyOf(read.value)) edited = changeBody(edited, body);
  return judged(read.value, edited, operations);
}

function judged(
  original: HeaderText, edited: HeaderText, operations: readonly EditOperation[],
): Result<EditedMetadata, EditFault> {
  const extras = checkExtras(edited, operations);
  if (!extras.ok) return extras;
  const raised = raiseMetadataVersion(original, edited);
  if (!raised.ok) return fault('FARM_EDIT_METADATA', { why: raised.error });
  const changes = diffMetadata(original, raised.value);
  if (changes.length === 0) return fault('FARM_EDIT_NOTHING', { what: 'it changes no value' });
  return ok({
    metadata: joinHeaders(raised.value), changes,
    secondApproval: changes.some(({ risk }) => risk === 'add-dependency'),
  });
}

const nothing = ({ field, value }: EditOperation) =>
  fault('FARM_EDIT_NOTHING', { what: `there is no ${field}${value === null ? '' : `: ${value}`}` });

function applyOne(operation: EditOperation, field: EditableField, slots: Slots): Result<true, EditFault> {
  if (operation.kind === 'remove') return removeValue(operation, field, slots);
  if (operation.kind === 'bound') return addBound(operation, slots);
  const value = operation.value ?? '';
  const same = current(slots).filter((one) => !field.many || keyOf(field, one) === keyOf(field, value));
  const place = field.name === 'Requires-Dist' ? requirementPlace(value, same) : ok(same);
  if (!place.ok) return place;
  replace(slots, place.value, value);
  return ok(true);
}

const current = ({ kept, added }: Slots): string[] => [...kept.filter((one) => one !== null), ...added];
const keyOf = (field: EditableField, value: string): string => field.key(value);

/** Which requirements of the name a new one replaces: those of the same marker. @errors FARM_EDIT_AMBIGUOUS */
function requirementPlace(value: string, sameName: readonly string[]): Result<string[], EditFault> {
  const key = keyOfRequirement(value);
  const exact = sameName.filter((one) => keyOfRequirement(one) === key);
  if (exact.length > 0 || sameName.length === 0) return ok(exact);
  return fault('FARM_EDIT_AMBIGUOUS', { value, present: sameName.join(' | ') });
}

function keyOfRequirement(value: string): string {
  const parsed = parseRequirement(value);
  return parsed.ok ? requirementKey(parsed.value) : value;
}

/** Puts a value where the first of the old ones stood; the others go. A value that means the same keeps its spelling. */
function replace(slots: Slots, old: readonly string[], value: string): void {
  let placed = false;
  const put = (one: string | null): string | null => {
    if (one === null || !old.includes(one)) return one;
    if (placed) return null;
    placed = true;
    return normalText(one) === normalText(value) ? one : value;
  };
  slots.kept.splice(0, slots.kept.length, ...slots.kept.map(put));
  const added = slots.added.map(put).filter((one) => one !== null);
  slots.added.splice(0, slots.added.length, ...added, ...(placed ? [] : [value]));
}

function normalText(value: string): string {
  const parsed = parseRequirement(value);
  return parsed.ok ? printRequirement(parsed.value) : value.trim();
}

function removeValue(operation: EditOperation, field: EditableField, slots: Slots): Result<true, EditFault> {
  const { value } = operation;
  const wanted = current(slots).filter((one) => value === null || sameValue(field, one, value));
  if (wanted.length === 0) return nothing(operation);
  const drop = (one: string | null) => (one !== null && wanted.includes(one) ? null : one);
  slots.kept.splice(0, slots.kept.length, ...slots.kept.map(drop));
  slots.added.splice(0, slots.added.length, ...slots.added.filter((one) => !wanted.includes(one)));
  return ok(true);
}

/** A bare name means every requirement of the name; otherwise the meaning must be equal. */
function sameValue(field: EditableField, present: string, value: string): boolean {
  if (field.name === 'Requires-Dist') {
    const [left, right] = [parseRequirement(present), parseRequirement(value)];
    if (!left.ok || !right.ok) return present === value;
    const bare = right.value.specifiers.length === 0 && right.value.marker === null && right.value.extras.length === 0;
    return bare ? left.value.name === right.value.name : normalText(present) === normalText(value);
  }
  if (field.name === 'Provides-Extra') return normalizeName(present) === normalizeName(value);
  return present === value || (field.name === 'Project-URL' && !value.includes(',') && field.key(present) === field.key(value));
}

/** Adds clauses to what is there, so that one edit fits many releases. @errors FARM_EDIT_NOTHING: no such requirement */
function addBound(operation: EditOperation, slots: Slots): Result<true, EditFault> {
  const value = operation.value ?? '';
  if (operation.field === 'Requires-Python') {
    const old = current(slots)[0];
    replace(slots, current(slots), old === undefined ? value : joinClauses(old, value));
    return ok(true);
  }
  const bound = parseRequirement(value);
  if (!bound.ok || bound.value.marker !== null || bound.value.extras.length > 0 || bound.value.specifiers.length === 0) {
    return fault('FARM_EDIT_VALUE', { field: operation.field, value, why: 'a bound is a name and versions only' });
  }
  const widen = (one: string | null): string | null => {
    const old = one === null ? null : parseRequirement(one);
    if (old === null || !old.ok || old.value.name !== bound.value.name || old.value.url !== null) return one;
    const present = new Set(old.value.specifiers.map(({ operator, raw }) => operator + raw));
    const fresh = bound.value.specifiers.filter(({ operator, raw }) => !present.has(operator + raw));
    return fresh.length === 0 ? one : printRequirement({ ...old.value, specifiers: [...old.value.specifiers, ...fresh] });
  };
  if (!current(slots).some((one) => sameNamed(one, bound.value.name))) return nothing(operation);
  slots.kept.splice(0, slots.kept.length, ...slots.kept.map(widen));
  slots.added.splice(0, slots.added.length, ...slots.added.map((one) => widen(one) ?? one));
  return ok(true);
}

function sameNamed(text: string, name: string): boolean {
  const parsed = parseRequirement(text);
  return parsed.ok && parsed.value.name === name;
}

function joinClauses(present: string, more: string): string {
  const clauses = (text: string) => text.split(',').map((one) => one.trim()).filter((one) => one !== '');
  const known = new Set(clauses(present).map((one) => one.replaceAll(/\s/g, '')));
  return [present, ...clauses(more).filter((one) => !known.has(one.replaceAll(/\s/g, '')))].join(',');
}

const onceOnly = new Set(
  ['Metadata-Version', 'Name', 'Version', ...editableFields.filter(({ many }) => !many).map(({ name }) => name)]
    .map((name) => name.toLowerCase()));

/** What would be read differently by different readers. */
function oddity(text: HeaderText): string | null {
  const seen = new Set<string>();
  for (const { key, name } of text.blocks) {
    if (seen.has(key) && onceOnly.has(key)) return `it has ${name} more than once`;
    seen.add(key);
  }
  return seen.has('metadata-version') ? null : 'it has no Metadata-Version';
}

/** A requirement of an extra that is not provided is dead; an extra whose requirements stay cannot go. */
function checkExtras(edited: HeaderText, operations: readonly EditOperation[]): Result<true, EditFault> {
  const provided = new Set(headerValues(edited, 'Provides-Extra').map(normalizeName));
  const set = operations.filter(({ kind, field }) => kind === 'set' && field === 'Requires-Dist').map(({ value }) => value ?? '');
  const gone = operations.filter(({ kind, field }) => kind === 'remove' && field === 'Provides-Extra')
    .map(({ value }) => (value === null ? null : normalizeName(value)));
  if (set.length + gone.length === 0) return ok(true);
  for (const value of headerValues(edited, 'Requires-Dist').filter((one) => one.includes('extra'))) {
    for (const extra of markerExtras(value).filter((one) => !provided.has(normalizeName(one)))) {
      if (set.some((one) => normalText(one) === normalText(value))) {
        return fault('FARM_EDIT_VALUE', { field: 'Requires-Dist', value, why: `the extra ${extra} is not provided` });
      }
      if (gone.includes(normalizeName(extra)) || gone.includes(null)) {
        return fault('FARM_EDIT_VALUE', { field: 'Provides-Extra', value: extra, why: `${value} still needs it` });
      }
    }
  }
  return ok(true);
}

/** The difference of two METADATA texts as values, in the order of the fields; for people, for JSON and for provenance. */
export function diffMetadata(before: HeaderText, after: HeaderText): FieldDiff[] {
  const printed = new Map([...before.blocks, ...after.blocks].map(({ key, name }) => [key, name]));
  const [old, fresh] = [before, after].map(({ blocks }) => Map.groupBy(blocks, ({ key }) => key));
  const valuesIn = (side: typeof old, key: string) => side?.get(key)?.map(({ value }) => value) ?? [];
  const changes = [...printed].flatMap(([key, name]) => fieldDiff(name, valuesIn(old, key), valuesIn(fresh, key)));
  const [oldBody, newBody] = [bodyOf(before), bodyOf(after)];
  return oldBody === newBody ? changes : [...changes, { field: 'Description', before: oldBody, after: newBody, risk: 'text' }];
}

function fieldDiff(field: string, before: readonly string[], after: readonly string[]): FieldDiff[] {
  if (before.length === after.length && before.every((value, at) => value === after[at])) return [];
  const [left, right] = [[...before], [...after]];
  for (const value of before) {
    const at = right.indexOf(value);
    if (at === -1) continue;
    right.splice(at, 1);
    left.splice(left.indexOf(value), 1);
  }
  const key = (value: string) => (sameField(field, 'Requires-Dist') ? keyOfRequirement(value)
    : editableFields.find(({ name, many }) => many && sameField(name, field))?.key(value) ?? '');
  const pairs = left.map((old) => {
    const at = right.findIndex((one) => key(one) === key(old));
    return { old, fresh: at === -1 ? null : (right.splice(at, 1)[0] ?? null) };
  });
  return [...pairs, ...right.map((fresh) => ({ old: null, fresh }))]
    .map(({ old, fresh }) => ({ field, before: old, after: fresh, risk: riskOf(field, old, fresh) }));
}

function riskOf(field: string, before: string | null, after: string | null): Risk {
  const name = field.toLowerCase();
  if (name === 'requires-dist') return requirementRisk(before, after);
  if (name === 'provides-extra') return 'extra';
  if (name === 'license' || name === 'license-expression') return 'licence';
  if (name !== 'requires-python') return 'text';
  const [old, fresh] = [parseSpecifiers(before ?? ''), parseSpecifiers(after ?? '')];
  const risk = old.ok && fresh.ok ? compareBounds(old.value, fresh.value) : 'shift';
  return risk === 'same' ? 'text' : risk;
}

/** The difference as lines of `- Field: value` and `+ Field: value`. */
export function printDiff(changes: readonly FieldDiff[]): string {
  const lines = (sign: string, field: string, value: string | null) =>
    (value === null ? [] : `${field}: ${value}`.split('\n').map((one) => `${sign} ${one}\n`));
  return changes.flatMap(({ field, before, after }) => [...lines('-', field, before), ...lines('+', field, after)]).join('');
}
