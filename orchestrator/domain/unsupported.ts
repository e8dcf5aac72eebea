import { failure } from './failure.ts';
import type { UnservedTarget } from './plan.ts';
import { parseTargetId } from './tags.ts';

/**
 * A line of images/unsupported.json: every target of its Pythons and platforms that no row serves. `why` may say
 * `{python}`.
 */
export interface UnsupportedLine {
  /** `cp312`, `pp311` */
  readonly pythons: readonly string[];
  /** `manylinux_x86_64`, `win32` */
  readonly platforms: readonly string[];
  readonly why: string;
}

/**
 * The targets of the grid without a row, the first line that names one giving its cause.
 * @param served targets that rows serve
 */
export function expandUnsupported(lines: readonly UnsupportedLine[], served: ReadonlySet<string>): readonly UnservedTarget[] {
  const found = new Map<string, UnservedTarget>();
  for (const { pythons, platforms, why } of lines) {
    for (const target of pythons.flatMap((python) => platforms.map((platform) => `${python}-${platform}`))) {
      if (served.has(target) || found.has(target)) continue;
      const words = { target, why: why.replace('{python}', interpreterOf(target)) };
      found.set(target, { target, python: pythonOf(target), skipped: failure('FARM_TARGET_UNSUPPORTED', 'plan', words) });
    }
  }
  return [...found.values()];
}

/** The Python version of a target id: `3.12`; empty for an id that does not parse. */
export function pythonOf(target: string): string {
  const parts = parseTargetId(target);
  return parts.ok ? `${parts.value.major}.${parts.value.minor}` : '';
}

/** The interpreter of a target for people: `CPython 3.13`, `free-threaded CPython 3.13`, `PyPy 3.11`. */
export function interpreterOf(target: string): string {
  const parts = parseTargetId(target);
  if (!parts.ok) return target;
  const names: Readonly<Record<string, string>> = { cp: 'CPython', pp: 'PyPy', gp: 'GraalPy' };
  const { interpreter, freeThreaded } = parts.value;
  return `${freeThreaded ? 'free-threaded ' : ''}${names[interpreter] ?? interpreter} ${pythonOf(target)}`;
}
