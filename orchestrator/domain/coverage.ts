import { parseWheelFilename } from './filename.ts';
import { isPure, parseTargetId, targetAcceptsWheel } from './tags.ts';
import type { TagSet } from './tags.ts';

/** The farm's wheels of a release beside upstream's. Target lists are sorted. */
export type CoverageComparison = {
  readonly upstreamWheels: number;
  readonly farmWheels: number;
  /** Targets that only the farm serves. */
  readonly fresh: readonly string[];
  /** Targets that only upstream serves. */
  readonly missing: readonly string[];
  readonly both: readonly string[];
};

/** Targets of one platform, for a short line: `manylinux_aarch64: cp312, cp313`. */
export type TargetGroup = { readonly platform: string; readonly pythons: readonly string[] };

const macArchs: Readonly<Record<string, readonly string[]>> = {
  universal2: ['arm64', 'x86_64'], intel: ['x86_64'], fat64: ['x86_64'], universal: ['x86_64'],
};

/**
 * Compares two sets of wheel filenames of one release, target by target. Judged are the targets given and those that
 * the filenames themselves name; other files (sdists, unreadable names) are passed over.
 */
export function compareCoverage(
  ours: readonly string[], upstream: readonly string[], targets: readonly string[] = [],
): CoverageComparison {
  const [ourTags, upstreamTags] = [tagsOf(ours), tagsOf(upstream)];
  const named = [...ourTags, ...upstreamTags].flatMap(targetsNamedBy);
  const judged = [...new Set([...targets, ...named])].toSorted(compareTargets);
  const served = (tags: readonly TagSet[]) =>
    new Set(judged.filter((id) => tags.some((set) => targetAcceptsWheel(id, set))));
  const [here, there] = [served(ourTags), served(upstreamTags)];
  return {
    upstreamWheels: upstreamTags.length, farmWheels: ourTags.length,
    fresh: judged.filter((id) => here.has(id) && !there.has(id)),
    missing: judged.filter((id) => there.has(id) && !here.has(id)),
    both: judged.filter((id) => there.has(id) && here.has(id)),
  };
}

function tagsOf(filenames: readonly string[]): TagSet[] {
  return filenames.flatMap((name) => {
    const parsed = parseWheelFilename(name);
    return parsed.ok ? [parsed.value.tags] : [];
  });
}

/** Target ids that a native wheel's own tags name; none for pure wheels and for `py3-none-<platform>`. */
export function targetsNamedBy(set: TagSet): string[] {
  if (isPure(set)) return [];
  const ids = set.pythons.flatMap((python) => set.abis.flatMap((abi) =>
    set.platforms.flatMap((platform) => platformIds(platform).map((one) => `${pythonId(python, abi)}-${one}`))));
  return [...new Set(ids)].filter((id) => /^(cp|pp|gp)/.test(id) && targetAcceptsWheel(id, set));
}

function pythonId(python: string, abi: string): string {
  return abi === `${python}t` || abi === 'abi3t' ? `${python}t` : python;
}

function platformIds(platform: string): string[] {
  const linux = /^(manylinux|musllinux)(?:1|2010|2014|_\d+_\d+)_(\w+)$/.exec(platform);
  if (linux !== null) return [`${linux[1]}_${linux[2]}`];
  const mac = /^macosx_\d+_\d+_(\w+)$/.exec(platform)?.[1];
  if (mac !== undefined) return (macArchs[mac] ?? [mac]).map((arch) => `macosx_${arch}`);
  const mobile = /^(?:(android)_\d+|(ios)_\d+_\d+|pyodide_\d+_\d+|pyemscripten_\d+_\d+)_(\w+)$/.exec(platform);
  if (mobile !== null) return [`${mobile[1] ?? mobile[2] ?? 'pyodide'}_${mobile[3]}`];
  return platform.startsWith('win') ? [platform] : [];
}

/** Order for people: by interpreter, then by minor version as a number, then by platform. */
export function compareTargets(left: string, right: string): number {
  const [a, b] = [parseTargetId(left), parseTargetId(right)];
  if (a.ok && b.ok) {
    const byPython = textOrder(a.value.interpreter, b.value.interpreter) || a.value.major - b.value.major
      || a.value.minor - b.value.minor || Number(a.value.freeThreaded) - Number(b.value.freeThreaded);
    if (byPython !== 0) return byPython;
  }
  return textOrder(left, right);
}

function textOrder(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}

/** Gathers target ids by platform, platforms in order of their names. */
export function groupTargets(ids: readonly string[]): TargetGroup[] {
  const groups = new Map<string, string[]>();
  for (const id of ids.toSorted(compareTargets)) {
    const dash = id.indexOf('-');
    const platform = id.slice(dash + 1);
    groups.set(platform, [...(groups.get(platform) ?? []), id.slice(0, dash)]);
  }
  return [...groups]
    .map(([platform, pythons]) => ({ platform, pythons }))
    .toSorted((left, right) => textOrder(left.platform, right.platform));
}
