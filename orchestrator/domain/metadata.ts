import { isValidName, normalizeName } from './names.ts';
import type { NormalizedName } from './names.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';
import { normalizeVersion } from './version.ts';

/** One header. A folded value keeps its line breaks and leading blanks, so that printing gives back what was read. */
export type Field = { readonly name: string; readonly value: string };

/** A METADATA, PKG-INFO or WHEEL file: headers in their order, unknown ones included, and the text after them. */
export type Metadata = { readonly fields: readonly Field[]; readonly body: string | null };

/** @errors FARM_METADATA_BROKEN with the line (from 1; 0 where a field is missing) and the reason in words */
export type MetadataError = { code: 'FARM_METADATA_BROKEN'; line: number; why: string };

/** The fields of core metadata that the farm reads. Texts are as written; name and version are normalised. */
export type CoreMetadata = {
  readonly metadataVersion: string;
  readonly name: NormalizedName;
  readonly version: string;
  readonly summary: string | null;
  readonly requiresPython: string | null;
  readonly requiresDist: readonly string[];
  readonly providesExtra: readonly string[];
  readonly licenseExpression: string | null;
  readonly licenseFiles: readonly string[];
  readonly dynamic: readonly string[];
};

/** What the WHEEL file says. `tags` are the lines as written. */
export type WheelFile = {
  readonly wheelVersion: string;
  readonly generator: string | null;
  readonly rootIsPurelib: boolean;
  readonly tags: readonly string[];
  readonly build: string | null;
};

const broken = (line: number, why: string) => err<MetadataError>({ code: 'FARM_METADATA_BROKEN', line, why });
const fieldsMax = 100_000;

/** Parses headers and body; both kinds of line end are read. @errors FARM_METADATA_BROKEN */
export function parseMetadata(text: string): Result<Metadata, MetadataError> {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  const fields: { name: string; value: string }[] = [];
  for (const [index, line] of lines.entries()) {
    if (line === '') return ok({ fields, body: bodyOf(lines.slice(index + 1)) });
    if (/^[ \t]/.test(line)) {
      const last = fields.at(-1);
      if (last === undefined) return broken(index + 1, 'a continuation line before the first field');
      last.value += `\n${line}`;
      continue;
    }
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    if (colon < 1 || !/^[!-9;-~]+$/.test(name)) {
      return broken(index + 1, `no field in ${JSON.stringify(line.slice(0, 80))}`);
    }
    if (fields.length >= fieldsMax) return broken(index + 1, 'too many fields');
    fields.push({ name, value: line.slice(colon + 1).trim() });
  }
  return ok({ fields, body: null });
}

function bodyOf(lines: readonly string[]): string | null {
  const body = lines.join('\n');
  return body === '' ? null : body;
}

/** Writes the file back: line feeds only, a body after one empty line. */
export function printMetadata(metadata: Metadata): string {
  const head = metadata.fields.map(({ name, value }) => `${name}: ${value}\n`).join('');
  return metadata.body === null ? head : `${head}\n${metadata.body}`;
}

/** All values of a field, whatever the case of its name. */
export function valuesOf(metadata: Metadata, name: string): string[] {
  const wanted = name.toLowerCase();
  return metadata.fields.filter((field) => field.name.toLowerCase() === wanted).map((field) => field.value);
}

/** The first value of a field, or null. */
export function valueOf(metadata: Metadata, name: string): string | null {
  return valuesOf(metadata, name)[0] ?? null;
}

/**
 * A copy in which a field has exactly these values, at the place of its first occurrence (else after the last field).
 * No value removes the field.
 */
export function withField(metadata: Metadata, name: string, values: readonly string[]): Metadata {
  const wanted = name.toLowerCase();
  const first = metadata.fields.findIndex((field) => field.name.toLowerCase() === wanted);
  const kept = metadata.fields.filter((field) => field.name.toLowerCase() !== wanted);
  const written = metadata.fields[first]?.name ?? name;
  const at = first === -1 ? kept.length : first;
  const fresh = values.map((value) => ({ name: written, value }));
  return { ...metadata, fields: [...kept.slice(0, at), ...fresh, ...kept.slice(at)] };
}

/**
 * Reads and checks the fields that every distribution needs.
 * @errors FARM_METADATA_BROKEN: a required field is missing or not valid, or the major version is not 1 or 2
 */
export function readCoreMetadata(metadata: Metadata): Result<CoreMetadata, MetadataError> {
  const metadataVersion = valueOf(metadata, 'Metadata-Version');
  const name = valueOf(metadata, 'Name');
  const rawVersion = valueOf(metadata, 'Version');
  if (metadataVersion === null || !/^[12]\.\d+$/.test(metadataVersion)) {
    return broken(0, `Metadata-Version is ${metadataVersion ?? 'missing'}`);
  }
  if (name === null || !isValidName(name)) return broken(0, `Name is ${name ?? 'missing'}`);
  const version = rawVersion === null ? null : normalizeVersion(rawVersion);
  if (version === null) return broken(0, `Version is ${rawVersion ?? 'missing'}`);
  return ok({
    metadataVersion, version, name: normalizeName(name),
    summary: valueOf(metadata, 'Summary'),
    requiresPython: valueOf(metadata, 'Requires-Python'),
    requiresDist: valuesOf(metadata, 'Requires-Dist'),
    providesExtra: valuesOf(metadata, 'Provides-Extra'),
    licenseExpression: valueOf(metadata, 'License-Expression'),
    licenseFiles: valuesOf(metadata, 'License-File'),
    dynamic: valuesOf(metadata, 'Dynamic').map((one) => one.toLowerCase()),
  });
}

/** Reads a WHEEL file. @errors FARM_METADATA_BROKEN: no Tag line, or a major version other than 1 */
export function readWheelFile(metadata: Metadata): Result<WheelFile, MetadataError> {
  const wheelVersion = valueOf(metadata, 'Wheel-Version');
  if (wheelVersion === null || !/^1\.\d+$/.test(wheelVersion)) {
    return broken(0, `Wheel-Version is ${wheelVersion ?? 'missing'}`);
  }
  const tags = valuesOf(metadata, 'Tag');
  if (tags.length === 0) return broken(0, 'WHEEL has no Tag');
  return ok({
    wheelVersion, tags,
    generator: valueOf(metadata, 'Generator'),
    rootIsPurelib: valueOf(metadata, 'Root-Is-Purelib')?.toLowerCase() === 'true',
    build: valueOf(metadata, 'Build'),
  });
}
