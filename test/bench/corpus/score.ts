/** What the corpus keeps of a build and how it is judged. Pure. */
import type { BuildView, CellView } from '../../../orchestrator/contract/api.ts';
import { compareCoverage } from '../../../orchestrator/domain/coverage.ts';
import type { Failure } from '../../../orchestrator/domain/failure.ts';

/** A line of projects.json. */
export interface CorpusProject {
  readonly project: string;
  readonly version: string;
  /** Back end and language: why it is in the corpus. */
  readonly shape: string;
  /** A Python beside the corpus's own, `3.11`. */
  readonly second?: string;
}

export interface CorpusCell {
  readonly target: string;
  /** As the farm says it; `unfinished` where the slice's time was over. */
  readonly state: string;
  readonly tested: string | null;
  /** The project publishes a wheel that this target takes. */
  readonly upstream: boolean;
  /** Of the failure; null where there is none. */
  readonly code: string | null;
  readonly blame: string | null;
  readonly says: string | null;
  /** First step to the end; null where nothing was built. */
  readonly seconds: number | null;
}

/** A file of results/corpus: one project. */
export interface CorpusResult extends CorpusProject {
  /** ISO 8601. */
  readonly at: string;
  /** The farm's commit. */
  readonly farm: string;
  /** SHA-256 of the recipe given beside the project; null without one. */
  readonly recipe: string | null;
  readonly cells: readonly CorpusCell[];
}

export type Family = 'Linux' | 'Windows' | 'macOS';

/** Cells that have a wheel, of all; `open` of them were not built to the end yet, and count as without. */
export interface Share { readonly had: number; readonly of: number; readonly open: number }

export interface Score {
  /** Linux cells for which the project itself publishes a wheel. */
  readonly published: Share;
  readonly linux: Share;
  readonly windows: Share;
  readonly macos: Share;
  readonly tested: number;
  readonly audited: number;
  /** Targets that only the farm serves, by project. */
  readonly onlyOurs: readonly { readonly project: string; readonly targets: readonly string[] }[];
}

/** What is wanted of each share, in percent. @source the corpus's goals */
export const goals = { published: 95, linux: 80, windows: 60, macos: 60 } as const;

const addresses = /\b(?:https?|git|ssh):\/\/\S+/g;
const saysMax = 300;

/** What of a cell is kept. Addresses are left out: they say where the machine downloads, not why a cell failed. */
function cellOf(cell: CellView, upstream: ReadonlySet<string>): CorpusCell {
  const failure = (cell.failure ?? cell.testFailure) as Failure | null;
  const running = cell.state === 'queued' || cell.state === 'running' || cell.state === 'cancelled';
  const ms = cell.startedAt && cell.endedAt ? Date.parse(cell.endedAt) - Date.parse(cell.startedAt) : null;
  return {
    target: cell.target, state: running ? 'unfinished' : cell.state, tested: cell.tested, upstream: upstream.has(cell.target),
    code: failure?.code ?? null, blame: failure?.blame ?? null, says: running ? null : shortened(failure?.message ?? cell.notes[0] ?? null),
    seconds: ms === null || running ? null : Math.round(ms / 100) / 10,
  };
}

function shortened(text: string | null): string | null {
  if (text === null) return null;
  const plain = text.replaceAll(addresses, '(address)').replaceAll(/\s+/g, ' ').trim();
  return plain.length > saysMax ? `${plain.slice(0, saysMax - 1)}…` : plain;
}

/** The cells of a build, in the order of `targets`; a target that the build does not name is `unfinished`. */
export function cellsOf(view: Pick<BuildView, 'cells' | 'upstreamFiles'>, targets: readonly string[]): CorpusCell[] {
  const { missing } = compareCoverage([], view.upstreamFiles, targets);
  const upstream = new Set(missing);
  const byTarget = new Map(view.cells.map((cell) => [cell.target, cellOf(cell, upstream)]));
  return targets.map((target) => byTarget.get(target) ?? {
    target, state: 'unfinished', tested: null, upstream: upstream.has(target), code: null, blame: null, says: null, seconds: null,
  });
}

/** The cells where there is no build: all failed as the plan did, or the slice's time was over before it was made. */
export const cellsOfFailure = (failure: Pick<Failure, 'code' | 'blame' | 'message'>, targets: readonly string[]): CorpusCell[] =>
  targets.map((target) => ({
    target, state: failure.code === 'FARM_CANCELLED' ? 'unfinished' : 'failed', tested: null, upstream: false,
    code: failure.code, blame: failure.blame, says: shortened(failure.message), seconds: null,
  }));

/** A wheel that may be used: built, or covered by one that was, and no test of it failed. */
export const isHad = ({ state, tested }: CorpusCell): boolean =>
  (state === 'succeeded' || state === 'covered') && tested !== 'failed';

export const isEnded = ({ cells }: Pick<CorpusResult, 'cells'>): boolean => cells.every(({ state }) => state !== 'unfinished');

/** @errors throws on a target that is of no family */
export function familyOf(target: string): Family {
  if (/-(manylinux|musllinux)_/.test(target)) return 'Linux';
  if (/-win/.test(target)) return 'Windows';
  if (/-macosx_/.test(target)) return 'macOS';
  throw new Error(`${target} is of no family`);
}

const share = (cells: readonly CorpusCell[]): Share => ({
  had: cells.filter(isHad).length, of: cells.length, open: cells.filter(({ state }) => state === 'unfinished').length,
});

/** Judges all results; cells that have not ended count as not had. */
export function scoreOf(results: readonly CorpusResult[]): Score {
  const cells = results.flatMap((result) => result.cells);
  const of = (family: Family): CorpusCell[] => cells.filter(({ target }) => familyOf(target) === family);
  const wheels = cells.filter(isHad);
  return {
    published: share(of('Linux').filter(({ upstream }) => upstream)),
    linux: share(of('Linux')), windows: share(of('Windows')), macos: share(of('macOS')),
    tested: wheels.filter(({ tested }) => tested === 'passed').length,
    audited: wheels.filter(({ tested }) => tested !== 'passed').length,
    onlyOurs: results.flatMap(({ project, cells: own }) => {
      const targets = own.filter((cell) => isHad(cell) && !cell.upstream).map(({ target }) => target);
      return targets.length > 0 ? [{ project, targets }] : [];
    }),
  };
}

/** In percent, rounded down: a goal is not met by rounding. Null of nothing. */
export const percentOf = ({ had, of }: Share): number | null => (of === 0 ? null : Math.floor(had / of * 1000) / 10);
