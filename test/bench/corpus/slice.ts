/** Which projects a slice takes. Pure. */
import { matchesGlob } from '../../../orchestrator/domain/plan.ts';
import { isEnded, isHad, type CorpusCell, type CorpusProject, type CorpusResult } from './score.ts';

export interface SliceOrder {
  /** What has ended already is left out. */
  readonly resume: boolean;
  /** Of what has ended, projects with a cell without a wheel are taken again. */
  readonly again: boolean;
  /** These alone; all where empty. */
  readonly names: readonly string[];
  /** Globs: these cells alone, the others stay as they are; all where empty. */
  readonly targets: readonly string[];
  /** @unit milliseconds; Infinity where none was given */
  readonly budgetMs: number;
}

/** A project with what it would be built for now. */
export interface Candidate extends CorpusProject {
  readonly targets: readonly string[];
  readonly recipe: string | null;
}

/** A result that still says what a new build would: same version, same recipe, same targets. */
export function isCurrent(result: CorpusResult | undefined, candidate: Candidate): result is CorpusResult {
  return result !== undefined && result.version === candidate.version && result.recipe === candidate.recipe
    && candidate.targets.every((target) => result.cells.some((cell) => cell.target === target));
}

/** The projects of a slice, in the order of the list: cheap ones come first there. @errors throws on an unknown name */
export function sliceOf(candidates: readonly Candidate[], results: readonly CorpusResult[], order: SliceOrder): Candidate[] {
  const unknown = order.names.filter((name) => !candidates.some(({ project }) => project === name));
  if (unknown.length > 0) throw new Error(`not in the corpus: ${unknown.join(', ')}`);
  return candidates.filter((candidate) => {
    if (order.names.length > 0 && !order.names.includes(candidate.project)) return false;
    const result = results.find(({ project }) => project === candidate.project);
    if (!order.resume || !isCurrent(result, candidate)) return true;
    const asked = targetsOf(candidate, order);
    const cells = result.cells.filter(({ target }) => asked.includes(target));
    return !isEnded({ cells }) || (order.again && !cells.every(isHad));
  });
}

/** The targets of a candidate that a slice is for. */
export const targetsOf = ({ targets }: Candidate, order: SliceOrder): string[] =>
  targets.filter((target) => order.targets.length === 0 || order.targets.some((glob) => matchesGlob(glob, target)));

/** New cells; in the place of those that have not ended, the ones of an older result. */
export const merged = (fresh: readonly CorpusCell[], older: readonly CorpusCell[]): CorpusCell[] => fresh.map((cell) =>
  (cell.state === 'unfinished' ? older.find(({ target, state }) => target === cell.target && state !== 'unfinished') ?? cell : cell));

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** `90m`, `2h`, `45s`. @unit of the answer: milliseconds @errors throws on anything else */
export function budgetMsOf(text: string): number {
  const [, count, unit = ''] = /^(\d{1,5})([smh])$/.exec(text) ?? [];
  const ms = Number(count) * (units[unit] ?? Number.NaN);
  if (!(ms > 0)) throw new Error(`--budget ${text} is no time: 90m, 2h or 45s`);
  return ms;
}

/** Reads `--resume --again --budget 90m --targets GLOB,GLOB NAME…`. @errors throws on an unknown option */
export function readSlice(argv: readonly string[]): SliceOrder {
  const order = { resume: false, again: false, names: [] as string[], targets: [] as string[], budgetMs: Number.POSITIVE_INFINITY };
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '--resume') order.resume = true;
    else if (word === '--again') order.again = true;
    else if (word === '--budget') order.budgetMs = budgetMsOf(words.shift() ?? '');
    else if (word === '--targets') order.targets.push(...(words.shift() ?? '').split(','));
    else if (word.startsWith('-')) throw new Error(`${word} is no option of the corpus: --resume, --again, --budget, --targets`);
    else order.names.push(word);
  }
  return { ...order, resume: order.resume || order.again };
}
