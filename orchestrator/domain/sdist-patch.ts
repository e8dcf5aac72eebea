/**
 * The sdist of a post-release: PKG-INFO edited like the wheels, and the static `[project]` table of pyproject.toml, so
 * that a build from it gives the edited METADATA. Whatever a build back end computes by itself cannot be patched; such an
 * sdist is left out by name. Pure: `parse` reads TOML.
 * @source DESIGN "Edits", PEP 621, PEP 625, PEP 643
 */
import { editMetadata } from './edit.ts';
import type { EditOperation, FieldDiff } from './edit.ts';
import { bodyOf, headerValues, readHeaders, sameField, withHeader } from './edit-text.ts';
import { filenamePart, normalizeName } from './names.ts';
import { parseRequirement, requirementDifference } from './requirement.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';
import { keysOf, tableOf, translateField } from './sdist-table.ts';
import type { FieldValues, TableChange, TomlTable } from './sdist-table.ts';
import { changeToml, tomlText } from './toml-text.ts';
import { normalizeVersion } from './version.ts';

/** The texts of an sdist that an edit changes. @shape settings: pyproject.toml as it was parsed */
export type SdistTexts = {
  readonly filename: string;
  readonly pkgInfo: string;
  readonly pyproject: string | null;
  readonly settings: TomlTable;
};

export type PatchOrder = {
  readonly sdist: SdistTexts;
  readonly name: string;
  readonly operations: readonly EditOperation[];
  readonly version: string;
  readonly toVersion: string;
  /** Null for what is no TOML. */
  readonly parse: (text: string) => TomlTable | null;
};

/** The patched sdist. @shape folder: its only folder; changes: what the edit changed in PKG-INFO */
export type PatchedSdist = {
  readonly filename: string;
  readonly folder: string;
  readonly pkgInfo: string;
  readonly pyproject: string;
  readonly changes: readonly FieldDiff[];
};

/** Back ends that take static fields from the `[project]` table as they stand there. */
const backEnds = new Set([
  'setuptools.build_meta', 'hatchling.build', 'flit_core.buildapi', 'pdm.backend', 'poetry.core.masonry.api', 'mesonpy',
  'scikit_build_core.build', 'maturin', 'uv_build',
]);

/**
 * Patches the texts of an sdist.
 * @errors the sdist's own values, each in words: what the edit cannot be carried by
 */
export function patchSdist(order: PatchOrder): Result<PatchedSdist, readonly string[]> {
  const { sdist, name, operations, version, toVersion } = order;
  if (!sdist.filename.endsWith('.tar.gz')) return err([`${sdist.filename} is no .tar.gz`]);
  // What could not be decoded would be written back as something else.
  const unreadable = (sdist.pkgInfo + (sdist.pyproject ?? '')).includes('\uFFFD');
  if (unreadable) return err(['its PKG-INFO or pyproject.toml is not UTF-8']);
  const edited = editMetadata(sdist.pkgInfo, operations);
  if (!edited.ok) {
    const { words, code } = edited.error;
    return err([`its PKG-INFO: ${words['what'] ?? words['why'] ?? code}`]);
  }
  const { changes, metadata } = edited.value;
  const project = tableOf(sdist.settings['project']);
  const computed = backEndFault(sdist);
  if (computed !== null || project === null) return err([computed ?? 'its pyproject.toml has no [project] table']);
  const fields = fieldsOf(changes);
  const wanted = [
    versionChange(sdist.settings, version, toVersion),
    ...fields.map((field) => fieldChange(project, field, [sdist.pkgInfo, metadata])),
  ];
  const faults = wanted.flatMap((one) => (one.ok ? [] : [one.error]));
  if (faults.length > 0) return err(faults);
  const pyproject = patchTable(order, merged(wanted.flatMap((one) => (one.ok ? one.value : []))));
  if (pyproject === null) return err(['its pyproject.toml is written in a way that the farm does not patch']);
  const folder = `${filenamePart(normalizeName(name))}-${toVersion}`;
  const pkgInfo = withHeader(metadata, 'Version', toVersion);
  return ok({ filename: `${folder}.tar.gz`, folder, pyproject, changes, pkgInfo });
}

/** A wheel of the release with its edited METADATA. */
type EditedWheel = { readonly filename: string; readonly metadata: string; readonly changes: readonly FieldDiff[] };

/**
 * Fields that the edit changed and that the patched sdist says otherwise than a wheel of the release, in words.
 */
export function unlikeWheels(pkgInfo: string, wheels: readonly EditedWheel[]): string[] {
  const fields = fieldsOf(wheels.flatMap(({ changes }) => changes));
  return wheels.flatMap(({ filename, metadata }) => fields.flatMap((field) => {
    const { onlyLeft, onlyRight } = requirementDifference(valuesOf(pkgInfo, field), valuesOf(metadata, field));
    const differences = [...onlyLeft.map((one) => `also ${one}`), ...onlyRight.map((one) => `not ${one}`)];
    return differences.length === 0 ? [] : [`its ${field} says ${differences.join(', ')}, unlike ${filename}`];
  })).slice(0, differencesNamed);
}

const differencesNamed = 5;

/** Provides-Extra first: what a new extra requires is put in its place by Requires-Dist. */
const fieldsOf = (changes: readonly FieldDiff[]): string[] =>
  [...new Set(changes.map(({ field }) => field))].filter((field) => !sameField(field, 'Metadata-Version'))
    .toSorted((left, right) => Number(sameField(right, 'Provides-Extra')) - Number(sameField(left, 'Provides-Extra')));

function valuesOf(metadata: string, field: string): string[] {
  const read = readHeaders(metadata);
  if (!read.ok) return [];
  const values = headerValues(read.value, field);
  return sameField(field, 'Description') && values.length === 0 ? [bodyOf(read.value) ?? ''] : values;
}

/** Why nothing that the `[project]` table says is sure to come out of a build. */
function backEndFault({ pyproject, settings }: SdistTexts): string | null {
  const system = tableOf(settings['build-system']) ?? {};
  if (pyproject === null || settings['project'] === undefined) {
    return 'it has no [project] table: the build back end computes its metadata';
  }
  if (system['backend-path'] !== undefined) return 'its build back end is its own code, which may compute any metadata';
  const backEnd = system['build-backend'] ?? 'setuptools.build_meta';
  if (typeof backEnd === 'string' && backEnds.has(backEnd)) return null;
  return `the farm does not know how its build back end ${String(backEnd)} computes metadata`;
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value as unknown[] : []);
const dynamicKeys = (project: TomlTable): readonly unknown[] => listOf(project['dynamic']);

type Wanted = Result<readonly TableChange[], string>;

function versionChange(settings: TomlTable, version: string, toVersion: string): Wanted {
  const project = tableOf(settings['project']) ?? {};
  const said = project['version'];
  if (said === undefined && takesPkgInfo(settings) && dynamicKeys(project).includes('version')) return ok([]);
  if (said === undefined) return err('Version is dynamic: the build back end computes it');
  if (typeof said !== 'string' || normalizeVersion(said) !== normalizeVersion(version)) {
    return err('project.version of pyproject.toml is another one');
  }
  return ok([{ path: ['project', 'version'], value: tomlText(toVersion), parsed: toVersion }]);
}

/** Hatchling reads a dynamic version from the PKG-INFO of an sdist, unless the project keeps it at an old release. */
function takesPkgInfo(settings: TomlTable): boolean {
  const { 'build-backend': backEnd, requires } = tableOf(settings['build-system']) ?? {};
  const hatchling = listOf(requires).flatMap((one) => {
    const parsed = parseRequirement(String(one));
    return parsed.ok && parsed.value.name === 'hatchling' ? [parsed.value] : [];
  });
  return backEnd === 'hatchling.build' && hatchling.length > 0
    && hatchling.every(({ url, specifiers }) =>
      url === null && specifiers.every(({ operator }) => ['>=', '>', '!='].includes(operator)));
}

function fieldChange(project: TomlTable, field: string, [before, after]: readonly [string, string]): Wanted {
  const dynamic = valuesOf(before, 'Dynamic').some((one) => sameField(one, field))
    || keysOf(field).some((key) => dynamicKeys(project).includes(key));
  if (dynamic) return err(`${field} is dynamic: the build back end computes it`);
  const values: FieldValues = { before: valuesOf(before, field), after: valuesOf(after, field) };
  const translated = translateField(project, field, values);
  return translated.ok ? translated : err(`${field}: ${translated.error}`);
}

/** One change for each key: an extra that goes takes its requirements with it, else the last one counts. */
function merged(changes: readonly TableChange[]): TableChange[] {
  const byPath = new Map<string, TableChange>();
  for (const one of changes) {
    const key = JSON.stringify(one.path);
    if (byPath.get(key)?.value !== null) byPath.set(key, one);
  }
  return [...byPath.values()];
}

/** The text with the changes; null where a parser does not read exactly them in it, and all else as before. */
function patchTable({ sdist, parse }: PatchOrder, changes: readonly TableChange[]): string | null {
  const text = changeToml(sdist.pyproject ?? '', changes);
  const parsed = text === null ? null : parse(text);
  const expected = changes.reduce((table, { path, parsed: value }) => withValue(table, path, value), sdist.settings);
  return parsed !== null && sameValue(parsed, expected) ? text : null;
}

function withValue(table: TomlTable, [key = '', ...rest]: readonly string[], value: unknown): TomlTable {
  if (rest.length > 0) return { ...table, [key]: withValue(tableOf(table[key]) ?? {}, rest, value) };
  const others = Object.fromEntries(Object.entries(table).filter(([one]) => one !== key));
  return value === undefined ? others : { ...others, [key]: value };
}

/** Whether two parsed values are equal; the order of keys says nothing. */
function sameValue(left: unknown, right: unknown): boolean {
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) {
    return Object.is(left, right);
  }
  if (left instanceof Date || right instanceof Date) {
    return left instanceof Date && right instanceof Date && left.toISOString() === right.toISOString();
  }
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const [ours, theirs] = [Object.entries(left), right as Readonly<Record<string, unknown>>];
  return ours.length === Object.keys(right).length
    && ours.every(([key, value]) => Object.hasOwn(theirs, key) && sameValue(value, theirs[key]));
}
