/** For which Pythons and platforms a staged release is resolved before it is published, and what came of it. */
import { parseWheelFilename } from './filename.ts';
import { parseSpecifiers, parseVersion, satisfies } from './version.ts';

/** One resolution. `before`: what the same question gave without the edit; asked only where it fails with it. */
export type Resolution = {
  /** `3.11 x86_64-unknown-linux-gnu` */
  readonly target: string;
  readonly state: 'resolved' | 'conflict' | 'not done';
  /** The resolver's words; empty where it resolved. */
  readonly says: string;
};

export type ResolveTarget = { readonly python: string; readonly platform: string };

/** Names of the resolver for platform tags; what has none here is not resolved, and that is said. */
const platforms: readonly (readonly [tag: RegExp, platform: string])[] = [
  [/^(many)?linux.*_x86_64$/, 'x86_64-unknown-linux-gnu'], [/^(many)?linux.*_aarch64$/, 'aarch64-unknown-linux-gnu'],
  [/^musllinux.*_x86_64$/, 'x86_64-unknown-linux-musl'], [/^musllinux.*_aarch64$/, 'aarch64-unknown-linux-musl'],
  [/^macosx.*_(x86_64|universal2|intel)$/, 'x86_64-apple-darwin'], [/^macosx.*_(arm64|universal2)$/, 'aarch64-apple-darwin'],
  [/^win_amd64$/, 'x86_64-pc-windows-msvc'], [/^win_arm64$/, 'aarch64-pc-windows-msvc'],
];
const anyPlatform = ['x86_64-unknown-linux-gnu', 'aarch64-apple-darwin', 'x86_64-pc-windows-msvc'];
/** CPython versions that a wheel for every later one is resolved for. */
const livePythons = ['3.10', '3.11', '3.12', '3.13', '3.14'];

/**
 * The Pythons and platforms that a release's wheels are for.
 * @shape filenames: wheels; targetsMax: how many at most, spread over all
 * @returns `unknown`: platform tags that the resolver has no name for
 */
export function resolveTargets(filenames: readonly string[], targetsMax: number): { readonly targets: readonly ResolveTarget[]; readonly unknown: readonly string[] } {
  const found = new Map<string, ResolveTarget>();
  const unknown = new Set<string>();
  for (const filename of filenames) {
    const parsed = parseWheelFilename(filename);
    if (!parsed.ok) continue;
    const { tags } = parsed.value;
    for (const tag of tags.platforms) {
      const names = tag === 'any' ? anyPlatform : platforms.filter(([pattern]) => pattern.test(tag)).map(([, name]) => name);
      if (names.length === 0) unknown.add(tag);
      for (const platform of names) {
        for (const python of pythonsOf(tags.pythons, tags.abis)) found.set(`${python} ${platform}`, { python, platform });
      }
    }
  }
  const all = [...found.values()].toSorted((a, b) => (`${a.platform} ${a.python.padStart(5, '0')}` < `${b.platform} ${b.python.padStart(5, '0')}` ? -1 : 1));
  const step = Math.max(1, all.length / targetsMax);
  const targets = Array.from({ length: Math.min(all.length, targetsMax) }, (_, place) => all[Math.floor(place * step)]).filter((one) => one !== undefined);
  return { targets, unknown: [...unknown].toSorted() };
}

function pythonsOf(pythons: readonly string[], abis: readonly string[]): string[] {
  return [...new Set(pythons.flatMap((tag) => {
    const cpython = /^cp3(\d+)$/.exec(tag);
    if (cpython === null) return /^py3$|^py2\.?3?$/.test(tag) ? livePythons : [];
    const version = `3.${cpython[1] ?? ''}`;
    return abis.includes('abi3') || abis.includes('none') ? livePythons.filter((live) => Number(live.slice(2)) >= Number(cpython[1])) : [version];
  }))];
}

/** Whether a target's Python is one that the wheels exclude by their own wish: nothing is to be resolved there. */
export function excludes(requiresPython: string | null, python: string): boolean {
  const specifiers = parseSpecifiers(requiresPython ?? '');
  const version = parseVersion(`${python}.0`);
  return specifiers.ok && version.ok && !satisfies(version.value, specifiers.value);
}

/** What the exit and the words of the resolver mean. */
export function judgeResolution(exit: number | null, stderr: string): Pick<Resolution, 'state' | 'says'> {
  if (exit === 0) return { state: 'resolved', says: '' };
  const words = stderr.split('\n').map((line) => line.replace(/^[\s×╰─▶hint:]+/u, '').trim())
    .filter((line) => line !== '' && !line.startsWith('warning:')).join(' ').slice(0, 2_000);
  return { state: /No solution found/i.test(stderr) ? 'conflict' : 'not done', says: words || 'it was stopped' };
}
