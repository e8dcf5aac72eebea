import { err, ok } from './result.ts';
import type { Result } from './result.ts';

/** A parsed version. `text` is the normal form; numbers are exact (at most 15 digits each). */
export type Version = {
  readonly text: string;
  readonly epoch: number;
  readonly release: readonly number[];
  readonly pre: readonly ['a' | 'b' | 'rc', number] | null;
  readonly post: number | null;
  readonly dev: number | null;
  readonly local: readonly (string | number)[] | null;
};

export type Operator = '~=' | '==' | '!=' | '<=' | '>=' | '<' | '>' | '===';

/** One clause such as `>=3.9`. `prefix` holds the release of `==3.9.*`; `raw` is the text after the operator. */
export type Specifier = { operator: Operator; raw: string; version: Version | null; prefix: boolean };

/** @errors FARM_BAD_VERSION, FARM_BAD_SPECIFIER */
export type VersionError = { code: 'FARM_BAD_VERSION' | 'FARM_BAD_SPECIFIER'; text: string };

const pattern = new RegExp(
  '^v?(?:(\\d+)!)?(\\d+(?:\\.\\d+)*)' +
    '(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\\d*))?' +
    '(?:-(\\d+)|[-_.]?(post|rev|r)[-_.]?(\\d*))?' +
    '(?:[-_.]?(dev)[-_.]?(\\d*))?' +
    '(?:\\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$',
);

const preLetters: Record<string, 'a' | 'b' | 'rc'> = {
  alpha: 'a', a: 'a', beta: 'b', b: 'b', c: 'rc', rc: 'rc', pre: 'rc', preview: 'rc',
};

/**
 * Parses and normalises a version.
 * @errors FARM_BAD_VERSION, also for numbers of more than 15 digits
 * @source PEP 440, appendix B
 */
export function parseVersion(text: string): Result<Version, VersionError> {
  const lower = text.trim().toLowerCase();
  const match = lower.length <= 256 ? pattern.exec(lower) : null;
  if (match === null || /\d{16}/.test(lower.split('+')[0] ?? '')) return err({ code: 'FARM_BAD_VERSION', text });
  const [, epoch, release = '0', preWord, preNumber, ...suffixes] = match;
  const [implicitPost, postWord, postNumber, devWord, devNumber, local] = suffixes;
  const letter = preWord === undefined ? undefined : preLetters[preWord];
  const parts = {
    epoch: Number(epoch ?? 0),
    release: release.split('.').map(Number),
    pre: letter === undefined ? null : ([letter, Number(preNumber ?? 0)] as const),
    post: implicitPost !== undefined ? Number(implicitPost) : postWord !== undefined ? Number(postNumber ?? 0) : null,
    dev: devWord === undefined ? null : Number(devNumber ?? 0),
    local: local === undefined ? null : local.split(/[-_.]/).map(localPart),
  };
  return ok({ ...parts, text: printParts(parts) });
}

function localPart(part: string): string | number {
  return /^\d{1,15}$/.test(part) ? Number(part) : part;
}

function printParts(parts: Omit<Version, 'text'>): string {
  return [
    parts.epoch === 0 ? '' : `${parts.epoch}!`,
    parts.release.join('.'),
    parts.pre === null ? '' : parts.pre.join(''),
    parts.post === null ? '' : `.post${parts.post}`,
    parts.dev === null ? '' : `.dev${parts.dev}`,
    parts.local === null ? '' : `+${parts.local.join('.')}`,
  ].join('');
}

/** Normal form of a version, or null where the text is none. */
export function normalizeVersion(text: string): string | null {
  const parsed = parseVersion(text);
  return parsed.ok ? parsed.value.text : null;
}

/** Negative, zero or positive, as for `Array.sort`. Trailing zeros of the release do not count. @source PEP 440 */
export function compareVersions(left: Version, right: Version): number {
  return comparePublic(left, right) || compareLocal(left.local, right.local);
}

function comparePublic(left: Version, right: Version): number {
  return left.epoch - right.epoch
    || compareRelease(left.release, right.release)
    || compareTuples(suffixRank(left), suffixRank(right));
}

function compareRelease(left: readonly number[], right: readonly number[]): number {
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Order inside one release: dev alone, then a, b, rc, then the release, each followed by its post-releases. */
function suffixRank(version: Version): number[] {
  const stage = version.pre !== null
    ? ['a', 'b', 'rc'].indexOf(version.pre[0])
    : version.post === null && version.dev !== null ? -1 : 3;
  return [stage, version.pre?.[1] ?? 0, version.post ?? -1, version.dev ?? Number.POSITIVE_INFINITY];
}

function compareTuples(left: readonly number[], right: readonly number[]): number {
  for (const [index, value] of left.entries()) {
    const other = right[index] ?? 0;
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}

function compareLocal(left: Version['local'], right: Version['local']): number {
  if (left === null || right === null) return Number(left !== null) - Number(right !== null);
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const [a, b] = [left[index], right[index]];
    if (a === b) continue;
    if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
    if (typeof a !== typeof b) return typeof a === 'number' ? 1 : -1;
    return a < b ? -1 : 1;
  }
  return 0;
}

/** Whether a version is an alpha, beta, candidate or development release. */
export function isPrerelease(version: Version): boolean {
  return version.pre !== null || version.dev !== null;
}

/**
 * Parses `>=3.9, !=3.9.1` into clauses; the empty text gives none.
 * @errors FARM_BAD_SPECIFIER
 */
export function parseSpecifiers(text: string): Result<Specifier[], VersionError> {
  const specifiers: Specifier[] = [];
  for (const clause of text.split(',').map((part) => part.trim())) {
    if (clause === '') continue;
    const match = /^(~=|===|==|!=|<=|>=|<|>)\s*(\S+)$/.exec(clause);
    if (match === null) return err({ code: 'FARM_BAD_SPECIFIER', text });
    const [, operator, raw] = match as unknown as [string, Operator, string];
    const parsed = readSpecifier(operator, raw);
    if (parsed === null) return err({ code: 'FARM_BAD_SPECIFIER', text });
    specifiers.push(parsed);
  }
  return ok(specifiers);
}

function readSpecifier(operator: Operator, raw: string): Specifier | null {
  if (operator === '===') return { operator, raw, version: null, prefix: false };
  const prefix = raw.endsWith('.*');
  if (prefix && operator !== '==' && operator !== '!=') return null;
  const version = parseVersion(prefix ? raw.slice(0, -2) : raw);
  if (!version.ok) return null;
  const { local, release } = version.value;
  if (prefix && /[^\d.!v]/i.test(raw.slice(0, -2))) return null;
  if (operator === '~=' && (release.length < 2 || local !== null)) return null;
  if (local !== null && operator !== '==' && operator !== '!=') return null;
  return { operator, raw: prefix ? `${version.value.text}.*` : version.value.text, version: version.value, prefix };
}

/** Clauses in one normal order and spelling, for comparing two requirements. */
export function printSpecifiers(specifiers: readonly Specifier[]): string {
  return specifiers.map((one) => one.operator + one.raw).toSorted().join(',');
}

/** Whether a version satisfies every clause. Pre-releases are judged like others; choosing is for `newestVersion`. */
export function satisfies(version: Version, specifiers: readonly Specifier[]): boolean {
  return specifiers.every((specifier) => satisfiesOne(version, specifier));
}

function satisfiesOne(candidate: Version, specifier: Specifier): boolean {
  const { operator, version, prefix, raw } = specifier;
  if (version === null) return candidate.text === raw.toLowerCase();
  switch (operator) {
    case '==': return prefix ? startsWith(candidate, version) : equals(candidate, version);
    case '!=': return prefix ? !startsWith(candidate, version) : !equals(candidate, version);
    case '<=': return comparePublic(candidate, version) <= 0;
    case '>=': return comparePublic(candidate, version) >= 0;
    case '<': return below(candidate, version);
    case '>': return above(candidate, version);
    case '~=': return comparePublic(candidate, version) >= 0
      && startsWith(candidate, releaseOnly(version, version.release.slice(0, -1)));
    default: return false;
  }
}

function releaseOnly(version: Version, release: readonly number[]): Version {
  return { ...version, release, pre: null, post: null, dev: null, local: null };
}

function equals(candidate: Version, version: Version): boolean {
  return comparePublic(candidate, version) === 0
    && (version.local === null || compareLocal(candidate.local, version.local) === 0);
}

function startsWith(candidate: Version, version: Version): boolean {
  if (candidate.epoch !== version.epoch) return false;
  return compareRelease(version.release.map((_, index) => candidate.release[index] ?? 0), version.release) === 0;
}

/** `<V` leaves out pre-releases of V unless V is one itself. */
function below(candidate: Version, version: Version): boolean {
  return comparePublic(candidate, isPrerelease(version) ? version : { ...version, dev: 0 }) < 0;
}

/** `>V` leaves out V with a local label, and post-releases of V unless V is one itself. */
function above(candidate: Version, version: Version): boolean {
  const { dev, post } = version;
  if (dev !== null) return comparePublic(candidate, { ...version, dev: dev + 1 }) >= 0;
  if (post !== null) return comparePublic(candidate, { ...version, post: post + 1, dev: 0 }) >= 0;
  return comparePublic(candidate, { ...version, post: Number.POSITIVE_INFINITY }) > 0;
}

/**
 * The newest version that satisfies the clauses; pre-releases only where nothing else does.
 * Texts that are no versions are passed over. Returns the text as it was given.
 */
export function newestVersion(texts: readonly string[], specifiers: readonly Specifier[] = []): string | null {
  let best: { text: string; version: Version } | null = null;
  for (const text of texts) {
    const parsed = parseVersion(text);
    if (!parsed.ok || !satisfies(parsed.value, specifiers)) continue;
    if (best === null || outranks(parsed.value, best.version)) best = { text, version: parsed.value };
  }
  return best?.text ?? null;
}

function outranks(left: Version, right: Version): boolean {
  const stable = Number(isPrerelease(right)) - Number(isPrerelease(left));
  return stable !== 0 ? stable > 0 : compareVersions(left, right) > 0;
}

const microVersionsMax = 40;

/**
 * Whether Requires-Python admits a Python. A series such as `3.13` is admitted where one of its patch releases is,
 * so `>=3.8.1` admits `3.8`. Absent or unreadable bounds admit everything, as installers do.
 */
export function allowsPython(requiresPython: string | null, python: string): boolean {
  const specifiers = parseSpecifiers(requiresPython ?? '');
  if (!specifiers.ok) return true;
  const micros = /^\d+\.\d+$/.test(python)
    ? Array.from({ length: microVersionsMax }, (_, micro) => `${python}.${micro}`)
    : [python];
  return micros.some((text) => {
    const version = parseVersion(text);
    return version.ok && satisfies(version.value, specifiers.value);
  });
}
