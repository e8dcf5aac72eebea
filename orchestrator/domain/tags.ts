import { err, ok } from './result.ts';
import type { Result } from './result.ts';

/** The compressed tag set at the end of a wheel filename; every combination of the three lists holds. */
export type TagSet = {
  readonly pythons: readonly string[];
  readonly abis: readonly string[];
  readonly platforms: readonly string[];
};

/** Parts of a target id such as `cp313t-manylinux_aarch64`. `arch` is empty for `win32`. */
export type TargetParts = {
  readonly python: string;
  readonly interpreter: string;
  readonly major: number;
  readonly minor: number;
  readonly freeThreaded: boolean;
  readonly family: string;
  readonly arch: string;
};

/** @errors FARM_BAD_TAG, FARM_BAD_TARGET */
export type TagError = { code: 'FARM_BAD_TAG' | 'FARM_BAD_TARGET'; text: string };

const tagPart = /^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$/;
const tagsExpandedMax = 1_000;

/**
 * Parses `py2.py3-none-any`.
 * @errors FARM_BAD_TAG; a Python tag must not start with a digit (PEP 825)
 */
export function parseTagSet(text: string): Result<TagSet, TagError> {
  const parts = text.split('-');
  const [pythons, abis, platforms] = parts;
  const wrong = parts.length !== 3 || parts.some((part) => !tagPart.test(part)) || /(^|\.)\d/.test(pythons ?? '');
  if (wrong || pythons === undefined || abis === undefined || platforms === undefined) {
    return err({ code: 'FARM_BAD_TAG', text });
  }
  const set = { pythons: split(pythons), abis: split(abis), platforms: split(platforms) };
  const count = set.pythons.length * set.abis.length * set.platforms.length;
  return count > tagsExpandedMax ? err({ code: 'FARM_BAD_TAG', text }) : ok(set);
}

function split(part: string): string[] {
  return [...new Set(part.toLowerCase().split('.'))].toSorted();
}

/** Compressed form with sorted parts. */
export function printTagSet(set: TagSet): string {
  return [set.pythons, set.abis, set.platforms].map((part) => part.toSorted().join('.')).join('-');
}

/** Every single tag of a set, sorted: the `Tag:` lines of WHEEL. */
export function expandTagSet(set: TagSet): string[] {
  return set.pythons
    .flatMap((python) => set.abis.flatMap((abi) => set.platforms.map((platform) => `${python}-${abi}-${platform}`)))
    .toSorted();
}

/** The set of all `Tag:` lines, each possibly compressed. @errors FARM_BAD_TAG */
export function expandTagLines(lines: readonly string[]): Result<string[], TagError> {
  const tags = new Set<string>();
  for (const line of lines) {
    const set = parseTagSet(line.trim());
    if (!set.ok) return set;
    for (const tag of expandTagSet(set.value)) tags.add(tag);
  }
  return ok([...tags].toSorted());
}

/** Whether a wheel with these tags fits every platform: no shared object may be inside. */
export function isPure(set: TagSet): boolean {
  return set.platforms.every((platform) => platform === 'any');
}

/**
 * Takes a target id apart.
 * @shape `<python>-<family>[_<arch>]`: `cp313-manylinux_aarch64`, `cp313t-win_amd64`, `cp311-win32`
 * @errors FARM_BAD_TARGET
 */
export function parseTargetId(id: string): Result<TargetParts, TagError> {
  const match = /^(([a-z]{2})(\d)(\d+)(t?)(?:_\d+)?)-([a-z]+)(32)?(?:_([a-z0-9_]+))?$/.exec(id);
  if (match === null) return err({ code: 'FARM_BAD_TARGET', text: id });
  const [, python = '', interpreter = '', major, minor, threads, family = '', bits, arch = ''] = match;
  return ok({
    python, interpreter, major: Number(major), minor: Number(minor), freeThreaded: threads === 't',
    family: family + (bits ?? ''), arch,
  });
}

/**
 * Whether the interpreter and platform of a target install a wheel with these tags. The glibc, musl or macOS floor is
 * not judged: the target id does not carry one.
 * @source packaging's `sys_tags`: abi3 of an older or equal minor, never for free-threaded builds
 */
export function targetAcceptsWheel(targetId: string, set: TagSet): boolean {
  const target = parseTargetId(targetId);
  if (!target.ok) return false;
  return set.platforms.some((platform) => set.abis.some((abi) => set.pythons.some((python) =>
    acceptsPlatform(target.value, platform) && acceptsAbi(target.value, python, abi, platform))));
}

function acceptsAbi(target: TargetParts, python: string, abi: string, platform: string): boolean {
  const own = target.interpreter + target.major + target.minor;
  if (abi === 'none') return python === own || acceptsGeneric(target, python);
  if (platform === 'any') return false;
  if (target.interpreter !== 'cp') return python === target.python.replace(/_\d+$/, '') && !abi.startsWith('abi3');
  const minor = cpythonMinor(python, target.major);
  if (abi === 'abi3') return !target.freeThreaded && minor >= 2 && minor <= target.minor;
  if (abi === 'abi3t') return target.freeThreaded && minor >= 2 && minor <= target.minor;
  return python === own && abi === own + (target.freeThreaded ? 't' : oldAbiFlag(target));
}

function oldAbiFlag(target: TargetParts): string {
  return target.major === 3 && target.minor < 8 ? 'm' : '';
}

function cpythonMinor(python: string, major: number): number {
  const match = /^cp(\d)(\d+)$/.exec(python);
  return match !== null && Number(match[1]) === major ? Number(match[2]) : -1;
}

/** `py3` and `py3N` with N up to the target's minor. */
function acceptsGeneric(target: TargetParts, python: string): boolean {
  const match = /^py(\d)(\d*)$/.exec(python);
  if (match === null || Number(match[1]) !== target.major) return false;
  return match[2] === '' || Number(match[2]) <= target.minor;
}

const macArchs: Record<string, readonly string[]> = {
  x86_64: ['x86_64', 'universal2', 'intel', 'fat64', 'universal'],
  arm64: ['arm64', 'universal2'],
  universal2: ['universal2'],
};

function acceptsPlatform(target: TargetParts, platform: string): boolean {
  if (platform === 'any') return true;
  const { family, arch } = target;
  if (family === 'win' || family === 'win32') return platform === (arch === '' ? family : `${family}_${arch}`);
  if (family === 'macosx') {
    const found = /^macosx_\d+_\d+_(\w+)$/.exec(platform)?.[1];
    return found !== undefined && (macArchs[arch] ?? [arch]).includes(found);
  }
  const versions: Record<string, string> = {
    manylinux: 'manylinux(?:1|2010|2014|_\\d+_\\d+)', musllinux: 'musllinux_\\d+_\\d+', android: 'android_\\d+',
    ios: 'ios_\\d+_\\d+', pyodide: '(?:pyodide|pyemscripten)_\\d+_\\d+',
  };
  const pattern = versions[family];
  return pattern !== undefined && new RegExp(`^${pattern}_${arch}$`).test(platform);
}
