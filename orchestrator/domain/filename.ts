import { filenamePart, isValidName, normalizeName } from './names.ts';
import type { NormalizedName } from './names.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';
import { parseTagSet, printTagSet } from './tags.ts';
import type { TagSet } from './tags.ts';
import { normalizeVersion } from './version.ts';

/** A build tag: sorts by its number, then by the rest. The farm writes numbers only. */
export type BuildTag = { readonly number: number; readonly rest: string };

/** A wheel filename in parts. `version` is normalised; `variant` is PEP 825's label (kept, not offered). */
export type WheelFilename = {
  readonly name: NormalizedName;
  readonly version: string;
  readonly build: BuildTag | null;
  readonly tags: TagSet;
  readonly variant: string | null;
};

export type SdistFilename = {
  readonly name: NormalizedName;
  readonly version: string;
  readonly extension: '.tar.gz' | '.zip';
};

/** @errors FARM_BAD_FILENAME with the reason in words */
export type FilenameError = { code: 'FARM_BAD_FILENAME'; text: string; why: string };

const filenameBytesMax = 255;

/**
 * Parses a wheel filename; older names with capitals and dots are read too.
 * @errors FARM_BAD_FILENAME
 * @source binary distribution format; PEP 825 for six and seven parts
 */
export function parseWheelFilename(text: string): Result<WheelFilename, FilenameError> {
  const wrong = (why: string) => err<FilenameError>({ code: 'FARM_BAD_FILENAME', text, why });
  if (!text.endsWith('.whl')) return wrong('it does not end in .whl');
  if (text.length > filenameBytesMax || /[/\\\0]/.test(text)) return wrong('it is too long or holds a path separator');
  const parts = text.slice(0, -4).split('-');
  if (parts.length < 5 || parts.length > 7) return wrong(`it has ${parts.length} parts instead of 5, 6 or 7`);
  const hasBuild = parts.length === 7 || (parts.length === 6 && /^\d/.test(parts[2] ?? ''));
  const [rawName = '', rawVersion = '', ...rest] = parts;
  const build = hasBuild ? parseBuildTag(rest.shift() ?? '') : null;
  if (hasBuild && build === null) return wrong('the build tag does not start with a digit');
  if (!isValidName(rawName)) return wrong('the name is not valid');
  const version = normalizeVersion(rawVersion.replaceAll('_', '-'));
  if (version === null) return wrong('the version is not valid');
  const variant = rest.length === 4 ? (rest.pop() ?? null) : null;
  const tags = parseTagSet(rest.join('-'));
  if (!tags.ok) return wrong('the tags are not valid');
  return ok({ name: normalizeName(rawName), version, build, tags: tags.value, variant });
}

/** Reads `1` or `1abc`; null where the text does not start with a digit. */
export function parseBuildTag(text: string): BuildTag | null {
  const match = /^(\d{1,15})([A-Za-z0-9_.]*)$/.exec(text);
  return match === null ? null : { number: Number(match[1]), rest: match[2] ?? '' };
}

/** Negative, zero or positive; no build tag sorts below every build tag. */
export function compareBuildTags(left: BuildTag | null, right: BuildTag | null): number {
  if (left === null || right === null) return Number(left !== null) - Number(right !== null);
  return left.number - right.number || (left.rest < right.rest ? -1 : Number(left.rest > right.rest));
}

/** Normal spelling: lower-case name with `_`, normalised version, sorted tags. Inverse of `parseWheelFilename`. */
export function printWheelFilename(wheel: Omit<WheelFilename, 'variant'> & { variant?: string | null }): string {
  const parts = [filenamePart(wheel.name), wheel.version.replaceAll('-', '_')];
  if (wheel.build !== null) parts.push(`${wheel.build.number}${wheel.build.rest}`);
  parts.push(printTagSet(wheel.tags));
  if (wheel.variant !== undefined && wheel.variant !== null) parts.push(wheel.variant);
  return `${parts.join('-')}.whl`;
}

/**
 * Parses `name-version.tar.gz` (or `.zip`); names with hyphens are read from the right.
 * @errors FARM_BAD_FILENAME
 */
export function parseSdistFilename(text: string): Result<SdistFilename, FilenameError> {
  const wrong = (why: string) => err<FilenameError>({ code: 'FARM_BAD_FILENAME', text, why });
  const extension = (['.tar.gz', '.zip'] as const).find((one) => text.endsWith(one));
  if (extension === undefined) return wrong('it ends in neither .tar.gz nor .zip');
  if (text.length > filenameBytesMax || /[/\\\0]/.test(text)) return wrong('it is too long or holds a path separator');
  const stem = text.slice(0, -extension.length);
  for (let dash = stem.lastIndexOf('-'); dash > 0; dash = stem.lastIndexOf('-', dash - 1)) {
    const version = normalizeVersion(stem.slice(dash + 1));
    if (version === null) continue;
    const name = stem.slice(0, dash);
    return isValidName(name) ? ok({ name: normalizeName(name), version, extension }) : wrong('the name is not valid');
  }
  return wrong('no part after a hyphen is a version');
}

/** `name-version.tar.gz` in the normal spelling. @source PEP 625 */
export function printSdistFilename(sdist: { name: NormalizedName; version: string }): string {
  return `${filenamePart(sdist.name)}-${sdist.version}.tar.gz`;
}

/** The folder in a wheel that holds its metadata, by the normal spelling. */
export function distInfoFolder(wheel: { name: NormalizedName; version: string }): string {
  return `${filenamePart(wheel.name)}-${wheel.version}.dist-info`;
}
