import type { Brand } from './brand.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';

/** A project name as indexes compare it: lower case, runs of `-`, `_` and `.` folded to one `-`. */
export type NormalizedName = Brand<string, 'NormalizedName'>;

/** @errors FARM_BAD_NAME */
export type NameError = { code: 'FARM_BAD_NAME'; text: string };

const nameBytesMax = 214;

/**
 * Whether a text may be a project name or an extra.
 * @source core metadata specification, field Name
 */
export function isValidName(text: string): boolean {
  return text.length <= nameBytesMax && /^([a-z0-9]|[a-z0-9][a-z0-9._-]*[a-z0-9])$/i.test(text);
}

/**
 * Normal form of a name; does not check that the name is valid.
 * @source PEP 503
 */
export function normalizeName(raw: string): NormalizedName {
  return raw.toLowerCase().replace(/[-_.]+/g, '-') as NormalizedName;
}

/** Checks and normalises a project name. @errors FARM_BAD_NAME */
export function parseName(text: string): Result<NormalizedName, NameError> {
  return isValidName(text) ? ok(normalizeName(text)) : err({ code: 'FARM_BAD_NAME', text });
}

/** The name as it stands in wheel and sdist filenames and in `.dist-info` folders: `-` becomes `_`. */
export function filenamePart(name: NormalizedName): string {
  return name.replaceAll('-', '_');
}
