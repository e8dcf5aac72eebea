/**
 * The static `[project]` table of a pyproject.toml beside the metadata that build back ends make of it. A field is only
 * taken over where the table says already what the metadata says: then the table is its source.
 * @source PEP 621, PEP 639
 */
import { sameField } from './edit-text.ts';
import type { Marker } from './marker.ts';
import { normalizeName } from './names.ts';
import { parseRequirement, printRequirement } from './requirement.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';
import { tomlList, tomlText } from './toml-text.ts';
import type { TomlChange } from './toml-text.ts';

/** A parsed TOML table. */
export type TomlTable = Readonly<Record<string, unknown>>;

/** Values of a field before and after an edit. */
export type FieldValues = { readonly before: readonly string[]; readonly after: readonly string[] };

/** A key with its new value, as text and as what a parser reads of it; `value` undefined where it goes. */
export type TableChange = TomlChange & { readonly parsed: unknown };

type Translated = Result<readonly TableChange[], string>;

function change(path: readonly string[], parsed: string | readonly string[] | undefined): TableChange {
  const value = parsed === undefined ? null : typeof parsed === 'string' ? tomlText(parsed) : tomlList(parsed);
  return { path: ['project', ...path], parsed, value };
}

/** Which keys of the table hold a field. */
export function keysOf(field: string): readonly string[] {
  return Object.entries(keys).find(([name]) => sameField(name, field))?.[1] ?? [];
}

const keys: Readonly<Record<string, readonly string[]>> = {
  'Requires-Dist': ['dependencies', 'optional-dependencies'], 'Provides-Extra': ['optional-dependencies'],
  'Requires-Python': ['requires-python'], Summary: ['description'], Keywords: ['keywords'], Classifier: ['classifiers'],
  'Project-URL': ['urls'], 'License-Expression': ['license'],
};

/**
 * What an edit of a field is in the table.
 * @errors in words: the table says it otherwise than the metadata did, or has no place for it
 */
export function translateField(project: TomlTable, field: string, values: FieldValues): Translated {
  switch (field.toLowerCase()) {
    case 'requires-dist': return requirements(project, values);
    case 'provides-extra': return extras(project, values);
    case 'requires-python': return single(project, 'requires-python', values, clauses);
    case 'summary': return single(project, 'description', values, (text) => [text.trim()]);
    case 'keywords': return listed(project, 'keywords', eachOf(values, words));
    case 'classifier': return listed(project, 'classifiers', values);
    case 'project-url': return urls(project, values);
    case 'license-expression':
      if (values.before.length === 0) return err('the [project] table has no licence expression to change');
      return single(project, 'license', values, (text) => [text.trim()]);
    default: return err('the farm does not patch it');
  }
}

const words = (text: string): string[] => text.split(',').map((one) => one.trim()).filter((one) => one !== '');
const clauses = (text: string): string[] => words(text.replaceAll(/\s/g, ''));
const eachOf = ({ before, after }: FieldValues, meaning: (text: string) => string[]): FieldValues =>
  ({ before: before.flatMap(meaning), after: after.flatMap(meaning) });

function single(
  project: TomlTable, key: string, { before, after }: FieldValues, meaning: (text: string) => string[],
): Translated {
  const said = project[key];
  if (said !== undefined && typeof said !== 'string') return otherwise(key);
  if (!sameList((said === undefined ? [] : [said]).flatMap(meaning), before.flatMap(meaning))) return otherwise(key);
  return ok([change([key], after[0])]);
}

function listed(project: TomlTable, key: string, { before, after }: FieldValues): Translated {
  const said = textsOf(project[key]);
  if (said === null || !sameList(said, before)) return otherwise(key);
  return ok([change([key], [...after])]);
}

function urls(project: TomlTable, { before, after }: FieldValues): Translated {
  const said = tableOf(project['urls']);
  if (said === null) return otherwise('urls');
  const pairs = (texts: readonly string[]) => new Map(texts.map((text) => {
    const comma = text.indexOf(',');
    return [text.slice(0, comma).trim(), text.slice(comma + 1).trim()] as const;
  }));
  const [old, fresh] = [pairs(before), pairs(after)];
  const lines = (all: Iterable<readonly [string, unknown]>) => [...all].map(([label, url]) => `${label}, ${String(url)}`);
  if (!sameList(lines(Object.entries(said)), lines(old))) return otherwise('urls');
  const gone = [...old.keys()].filter((label) => !fresh.has(label)).map((label) => change(['urls', label], undefined));
  const other = [...fresh].filter(([label, url]) => old.get(label) !== url);
  return ok([...gone, ...other.map(([label, url]) => change(['urls', label], url))]);
}

/**
 * The requirements of each extra in normal form and without it; those of no extra under ''.
 * @errors a marker that no table can say
 */
function byExtra(values: readonly string[]): Result<Map<string, string[]>, string> {
  const found = new Map<string, string[]>();
  for (const value of values) {
    const parsed = parseRequirement(value);
    if (!parsed.ok) return err(`${value}: ${parsed.error.why}`);
    const split = withoutExtra(parsed.value.marker);
    if (split === null) return err(`the marker of ${value} cannot stand in the [project] table`);
    const group = found.get(split.extra) ?? [];
    group.push(printRequirement({ ...parsed.value, marker: split.marker }));
    found.set(split.extra, group);
  }
  return ok(found);
}

/** Splits `A and extra == "x"`; null where the extra stands elsewhere. */
function withoutExtra(marker: Marker | null): { extra: string; marker: Marker | null } | null {
  if (marker === null) return { extra: '', marker };
  if (marker.kind === 'or') return namesExtra(marker) ? null : { extra: '', marker };
  if (marker.kind === 'compare') {
    if (!namesExtra(marker)) return { extra: '', marker };
    const text = 'text' in marker.left ? marker.left.text : 'text' in marker.right ? marker.right.text : null;
    return marker.operator === '==' && text !== null ? { extra: normalizeName(text), marker: null } : null;
  }
  const [left, right] = [withoutExtra(marker.left), withoutExtra(marker.right)];
  if (left === null || right === null || (left.extra !== '' && right.extra !== '')) return null;
  const extra = left.extra || right.extra;
  if (left.marker === null || right.marker === null) return { extra, marker: left.marker ?? right.marker };
  return { extra, marker: { ...marker, left: left.marker, right: right.marker } };
}

function namesExtra(marker: Marker): boolean {
  if (marker.kind !== 'compare') return namesExtra(marker.left) || namesExtra(marker.right);
  return [marker.left, marker.right].some((side) => 'variable' in side && side.variable === 'extra');
}

function requirements(project: TomlTable, { before, after }: FieldValues): Translated {
  const [old, fresh] = [byExtra(before), byExtra(after)];
  if (!old.ok) return old;
  if (!fresh.ok) return fresh;
  const optional = tableOf(project['optional-dependencies']);
  const main = textsOf(project['dependencies']);
  if (optional === null || main === null) return otherwise('dependencies');
  const places = new Map<string, { path: readonly string[]; said: readonly string[] }>();
  places.set('', { path: ['dependencies'], said: main });
  for (const [name, list] of Object.entries(optional)) {
    const said = textsOf(list);
    if (said === null || places.has(normalizeName(name))) return otherwise('optional-dependencies');
    places.set(normalizeName(name), { path: ['optional-dependencies', name], said });
  }
  for (const extra of new Set([...places.keys(), ...old.value.keys()])) {
    const key = extra === '' ? 'dependencies' : `optional-dependencies.${extra}`;
    if (!sameList((places.get(extra)?.said ?? []).map(normal), old.value.get(extra) ?? [])) return otherwise(key);
  }
  return ok([...new Set([...places.keys(), ...fresh.value.keys()])].flatMap((extra) => {
    const wanted = fresh.value.get(extra) ?? [];
    const { path, said } = places.get(extra) ?? { path: ['optional-dependencies', extra], said: [] };
    if (sameList(wanted, said.map(normal))) return [];
    // What is not edited keeps its spelling.
    return [change(path, wanted.map((one) => said.find((text) => normal(text) === one) ?? one))];
  }));
}

function extras(project: TomlTable, { before, after }: FieldValues): Translated {
  const said = tableOf(project['optional-dependencies']);
  if (said === null || !sameList(Object.keys(said).map(normalizeName), before.map(normalizeName))) {
    return otherwise('optional-dependencies');
  }
  const [old, fresh] = [before, after].map((names) => new Set<string>(names.map(normalizeName)));
  const gone = Object.keys(said).filter((name) => !fresh?.has(normalizeName(name)));
  const added = [...fresh ?? []].filter((name) => old?.has(name) !== true);
  const place = (name: string) => ['optional-dependencies', name];
  return ok([...gone.map((name) => change(place(name), undefined)), ...added.map((name) => change(place(name), []))]);
}

function normal(text: string): string {
  const parsed = parseRequirement(text);
  return parsed.ok ? printRequirement(parsed.value) : text.trim();
}

const otherwise = (key: string) => err(`project.${key} of pyproject.toml does not say what the metadata says`);

const sameList = (left: readonly string[], right: readonly string[]): boolean =>
  left.length === right.length && left.toSorted().every((one, at) => one === right.toSorted()[at]);

function textsOf(value: unknown): string[] | null {
  if (value === undefined) return [];
  return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : null;
}

/** A table as it was parsed; an empty one where there is none, null for what is no table. */
export function tableOf(value: unknown): TomlTable | null {
  if (value === undefined) return {};
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as TomlTable : null;
}
