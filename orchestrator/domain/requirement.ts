import { parseMarker, printMarker } from './marker.ts';
import type { Marker } from './marker.ts';
import { isValidName, normalizeName } from './names.ts';
import type { NormalizedName } from './names.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';
import { parseSpecifiers, printSpecifiers } from './version.ts';
import type { Specifier } from './version.ts';

/** A parsed requirement. Either `url` is set or the clauses hold; extras are normalised and sorted. */
export type Requirement = {
  readonly name: NormalizedName;
  readonly extras: readonly string[];
  readonly specifiers: readonly Specifier[];
  readonly url: string | null;
  readonly marker: Marker | null;
};

/** @errors FARM_BAD_REQUIREMENT with the reason in words */
export type RequirementError = { code: 'FARM_BAD_REQUIREMENT'; text: string; why: string };

const requirementBytesMax = 8_192;

/**
 * Parses `name[extra]>=1; marker`, `name (>=1)` and `name @ url ; marker`.
 * @errors FARM_BAD_REQUIREMENT
 * @source PEP 508, and the older form with parentheses
 */
export function parseRequirement(text: string): Result<Requirement, RequirementError> {
  const wrong = (why: string) => err<RequirementError>({ code: 'FARM_BAD_REQUIREMENT', text, why });
  if (text.length > requirementBytesMax) return wrong('it is too long');
  const head = /^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?\s*/.exec(text);
  const name = head?.[1];
  if (head === null || name === undefined || !isValidName(name)) return wrong('it does not start with a name');
  const listed = (head[2] ?? '').trim();
  const extras = listed === '' ? [] : listed.split(',').map((extra) => extra.trim());
  if (!extras.every(isValidName)) return wrong('an extra is not valid');
  const rest = splitRest(text.slice(head[0].length));
  const marker = rest.marker === null ? ok(null) : parseMarker(rest.marker);
  if (!marker.ok) return wrong(`its marker: ${marker.error.why}`);
  const specifiers = parseSpecifiers(rest.versions);
  if (!specifiers.ok || rest.versions.startsWith(',')) return wrong('its version bounds are not valid');
  if (rest.url !== null && !/^\S+$/.test(rest.url)) return wrong('its address is empty or holds a blank');
  return ok({
    name: normalizeName(name), extras: [...new Set(extras.map(normalizeName))].toSorted(),
    specifiers: specifiers.value, url: rest.url, marker: marker.value,
  });
}

/** Splits what follows name and extras. In a URL a semicolon ends it only after a blank. */
function splitRest(rest: string): { versions: string; url: string | null; marker: string | null } {
  if (rest.startsWith('@')) {
    const address = rest.slice(1).trim();
    const cut = address.search(/\s+;/);
    const url = cut === -1 ? address : address.slice(0, cut);
    return { versions: '', url, marker: cut === -1 ? null : address.slice(address.indexOf(';', cut) + 1) };
  }
  const semicolon = rest.indexOf(';');
  const bounds = (semicolon === -1 ? rest : rest.slice(0, semicolon)).trim();
  const versions = bounds.startsWith('(') && bounds.endsWith(')') ? bounds.slice(1, -1) : bounds;
  return { versions, url: null, marker: semicolon === -1 ? null : rest.slice(semicolon + 1) };
}

/** Normal form: equal requirements give equal text, whatever their spelling. */
export function printRequirement(requirement: Requirement): string {
  const extras = requirement.extras.length === 0 ? '' : `[${requirement.extras.join(',')}]`;
  const source = requirement.url === null ? printSpecifiers(requirement.specifiers) : ` @ ${requirement.url}`;
  const blank = requirement.url === null ? '' : ' ';
  const marker = requirement.marker === null ? '' : `${blank}; ${printMarker(requirement.marker)}`;
  return `${requirement.name}${extras}${source}${marker}`;
}

/** The normal form of each text, sorted, without repeats; a text that does not parse stays as it is, trimmed. */
export function normalRequirements(texts: readonly string[]): string[] {
  const normal = texts.map((text) => {
    const parsed = parseRequirement(text);
    return parsed.ok ? printRequirement(parsed.value) : text.trim();
  });
  return [...new Set(normal)].toSorted();
}

/** What one list requires and the other does not, in normal form; both empty when the lists mean the same. */
export function requirementDifference(
  left: readonly string[], right: readonly string[],
): { onlyLeft: string[]; onlyRight: string[] } {
  const [normalLeft, normalRight] = [normalRequirements(left), normalRequirements(right)];
  return {
    onlyLeft: normalLeft.filter((one) => !normalRight.includes(one)),
    onlyRight: normalRight.filter((one) => !normalLeft.includes(one)),
  };
}
