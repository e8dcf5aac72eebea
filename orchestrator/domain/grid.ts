/** The coverage grid as text: one letter for a cell's state, one for its test. Small on the wire, quick to compare. */
import type { CellState, Tested } from './plan.ts';
import { parseTagSet, targetAcceptsWheel } from './tags.ts';

const stateLetters: Readonly<Record<CellState, string>> = {
  queued: 'q', running: 'r', succeeded: 's', covered: 'c', upstream: 'u', blocked: 'b', failed: 'f', unsupported: 'x', cancelled: 'k',
};
const testedLetters: Readonly<Record<Tested, string>> = { passed: 'p', failed: 'f', 'no-runner': 'n', 'no-requirement': 'm' };
const stateOfLetter = new Map(Object.entries(stateLetters).map(([state, letter]) => [letter, state as CellState]));
const testedOfLetter = new Map(Object.entries(testedLetters).map(([tested, letter]) => [letter, tested as Tested]));

/** What a cell has none of: no plan names the target, or nothing was tested. */
export const noLetter = '.';

/** The letter of a cell state; `.` for a state that is none. */
export const stateLetter = (state: string): string => stateLetters[state as CellState] ?? noLetter;

/** The letter of a test's result; `.` where nothing was tested. */
export const testedLetter = (tested: string | null): string => testedLetters[tested as Tested] ?? noLetter;

/** The state behind a letter; null where no plan names the target. */
export const stateOf = (letter: string | undefined): CellState | null => stateOfLetter.get(letter ?? '') ?? null;

/** The test result behind a letter. */
export const testedOf = (letter: string | undefined): Tested | null => testedOfLetter.get(letter ?? '') ?? null;

/** Whether an installer finds a wheel of this farm for the cell. */
export const isServed = (state: string | null): boolean => state === 'succeeded' || state === 'covered';

/** Whether a cell was wanted and ended without a wheel, by somebody's doing. */
export const isGap = (state: string | null): boolean => state === 'failed' || state === 'blocked';

/** One version of a project: letters stand in the order of its targets. */
export interface GridLine {
  readonly version: string;
  readonly targets: readonly string[];
  readonly states: string;
  readonly tested: string;
}

export interface Regression {
  readonly target: string;
  /** The version that lost it, and the newest one before that had it. */
  readonly version: string;
  readonly served: string;
  readonly state: CellState | null;
}

/**
 * Targets that the newest version does not serve though an older one does.
 * @param lines newest version first; cells that still go on are no regressions
 */
export function regressionsOf(lines: readonly GridLine[]): Regression[] {
  const [newest, ...older] = lines;
  if (!newest) return [];
  const now = new Map(newest.targets.map((target, at) => [target, stateOf(newest.states[at])]));
  const found = new Map<string, Regression>();
  for (const line of older) {
    for (const [at, target] of line.targets.entries()) {
      if (found.has(target) || !isServed(stateOf(line.states[at]))) continue;
      const state = now.get(target) ?? null;
      if (isServed(state) || state === 'queued' || state === 'running' || state === 'upstream') continue;
      found.set(target, { target, version: newest.version, served: line.version, state });
    }
  }
  return [...found.values()];
}

/**
 * Answers for each target whether one of the filenames serves it: `1` or `0`. Versions of a project mostly have wheels of
 * the same tags, so an answer is remembered by tags and targets.
 */
export function upstreamReader(): (filenames: readonly string[], targets: readonly string[]) => string {
  const known = new Map<string, string>();
  return (filenames, targets) => {
    const tags = [...new Set(filenames.flatMap(tagTextOf))].sort();
    const key = `${targets.join(' ')}|${tags.join(' ')}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const sets = tags.flatMap((text) => { const parsed = parseTagSet(text); return parsed.ok ? [parsed.value] : []; });
    const answer = targets.map((target) => (sets.some((set) => targetAcceptsWheel(target, set)) ? '1' : '0')).join('');
    if (known.size >= knownMax) known.clear();
    known.set(key, answer);
    return answer;
  };
}

const knownMax = 2_000;

/** Python, abi and platform tag of a wheel's name; nothing for other files. */
function tagTextOf(filename: string): string[] {
  if (!filename.endsWith('.whl')) return [];
  const abi = filename.lastIndexOf('-', filename.lastIndexOf('-') - 1);
  return [filename.slice(filename.lastIndexOf('-', abi - 1) + 1, -4)];
}

/** The requirement that keeps a cell from being built, where its failure names one. */
export function blockedOn(failure: { readonly code: string; readonly message: string } | null): string | null {
  if (failure?.code === 'FARM_BLOCKED') return /^blocked by (\S+)/.exec(failure.message)?.[1] ?? null;
  if (failure === null || !/^FARM_REQUIREMENT_(NO_WHEEL|UNKNOWN)$/.test(failure.code)) return null;
  const name = /requirement ([A-Za-z0-9][\w.-]*)/.exec(failure.message)?.[1];
  return name === undefined ? null : name.toLowerCase().replace(/[-_.]+/g, '-').replace(/-+$/, '');
}
