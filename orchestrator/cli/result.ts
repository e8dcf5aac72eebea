import type { BuildView, CellView } from '../contract/api.ts';
import { compareCoverage, groupTargets } from '../domain/coverage.ts';
import type { Failure } from '../domain/failure.ts';
import { printable } from './printable.ts';
import { duration, size } from './table.ts';

/** The one object of `--json`, on the last line. */
export function jsonResult(view: BuildView): unknown {
  return {
    id: view.id, project: view.project, version: view.version, index: view.index,
    cells: view.cells.map((cell) => ({
      target: cell.target, state: cell.state, tested: cell.tested, wheel: cell.wheel,
      failure: cell.failure ?? cell.testFailure,
    })),
  };
}

/** What `--json` says when there is no build: the same object, empty, and why. */
export function jsonFailure(failure: Failure): unknown {
  return { project: null, version: null, index: null, cells: [], failure };
}

/** 0 when every required target has a wheel and the release is visible. */
export const exitStatus = (view: BuildView): number =>
  (view.state === 'succeeded' ? 0 : view.state === 'cancelled' ? 130 : 1);

/** The last page of a build: coverage, failures with cause and next step, lines to paste. */
export function resultLines(view: BuildView, trust: { identity: string; issuer: string; fingerprint: string }): string[] {
  return [
    '', ...headLines(view), '', ...coverageLines(view), ...gapLines(view), ...noteLines(view), ...unsupportedLines(view.unsupported ?? []),
    ...failureLines(view),
    ...(view.state === 'succeeded' ? ['', ...pasteLines(view, trust)] : []),
  ].map(printable);
}

function headLines(view: BuildView): string[] {
  const took = view.endedAt ? duration(Date.parse(view.endedAt) - Date.parse(view.startedAt)) : '';
  const bytes = view.cells.reduce((sum, cell) => sum + (cell.bytes ?? 0), 0);
  const first = view.started ? `in ${took}` : 'nothing to build: this plan has ended before';
  const state = view.state === 'succeeded' ? 'is on the index' : view.state === 'cancelled' ? 'was cancelled' : 'is NOT on the index';
  return [
    `${view.displayName} ${view.version} ${state}: ${first}, ${size(bytes)} of wheels.`,
    ...(view.failure ? [`  ${view.failure.code}: ${view.failure.message}`, `  Next: ${view.failure.next}`] : []),
  ];
}

function coverageLines(view: BuildView): string[] {
  const wanted = view.cells.map((cell) => cell.target);
  const seen = compareCoverage(view.published, view.upstreamFiles, wanted);
  const parts = [`Coverage: upstream ${seen.upstreamWheels} wheels, farm ${seen.farmWheels}`];
  if (seen.fresh.length > 0) parts.push(`new: ${grouped(seen.fresh)}`);
  const unsupported = new Set(view.cells.filter(({ state }) => state === 'unsupported').map(({ target }) => target));
  const failed = seen.missing.filter((target) => wanted.includes(target) && !unsupported.has(target));
  const unplanned = seen.missing.filter((target) => !wanted.includes(target));
  if (failed.length > 0) parts.push(`missing: ${failed.map((target) => `${target} (${because(view, target)})`).join(', ')}`);
  const lines = [parts.join('; ')];
  if (unplanned.length > 0) lines.push(`  Upstream also has, outside this plan: ${grouped(unplanned)}`);
  return lines;
}

const grouped = (targets: readonly string[]): string =>
  groupTargets(targets).map(({ platform, pythons }) => `${platform} ${pythons.join(' ')}`).join(', ');

function because(view: BuildView, target: string): string {
  const cell = view.cells.find((one) => one.target === target);
  return cell?.failure?.code ?? cell?.testFailure?.code ?? cell?.state ?? 'not planned';
}

const tierWords = ['', 'required', 'wanted', 'best effort'];

/** Targets without a good wheel: what keeps a release from its index, and what does not. */
function gapLines(view: BuildView): string[] {
  const bad = view.cells.filter((cell) => ['failed', 'cancelled', 'blocked'].includes(cell.state) || cell.tested === 'failed');
  if (bad.length === 0) return [];
  const words = bad.map((cell) => `${cell.target} (${tierWords[cell.tier] ?? ''}: ${because(view, cell.target)})`);
  return [`Gaps: ${words.join(', ')}${view.state === 'succeeded' ? '; no required target is among them' : ''}`];
}

/** Targets that are not built from the start, one line for each cause. Pure. */
export function leftLines(cells: readonly { readonly target: string; readonly why: string }[]): string[] {
  const causes = Map.groupBy(cells, ({ target, why }) => why.replace(`${target} is not supported here: `, 'not supported here: '));
  return [...causes].map(([why, those]) => {
    const shown = those.length > unsupportedShownMax ? `${those.length} targets` : grouped(those.map(({ target }) => target));
    return `Not built: ${shown}: ${why}`;
  });
}

const unsupportedShownMax = 12;

function noteLines(view: BuildView): string[] {
  const notes = new Map<string, string[]>();
  for (const cell of view.cells) for (const note of cell.notes) notes.set(note, [...(notes.get(note) ?? []), cell.target]);
  return [...notes].map(([note, targets]) =>
    `Note: ${note} (${targets.length === view.cells.length ? 'every cell' : targets.join(', ')})`);
}

/** What the project sets and the farm does not follow, a line each. */
export const unsupportedLines = (unsupported: NonNullable<BuildView['unsupported']>): string[] =>
  unsupported.map(({ option, why }) => `Not followed: [tool.cibuildwheel] ${option}: ${why}`);

/** A cell that was never to be built says why on one line; it is no failure of the release. */
function failureLines(view: BuildView): string[] {
  const left = view.cells.flatMap(({ target, state, failure }) =>
    (state === 'unsupported' && failure ? [{ target, why: failure.message }] : []));
  return [
    ...leftLines(left),
    ...view.cells.filter((cell) => cell.state !== 'unsupported').flatMap((cell) => failuresOf(view, cell)),
  ];
}

function failuresOf(view: BuildView, cell: CellView): string[] {
  return [
    ...(cell.failure ? oneFailure(view, cell, cell.failure) : []),
    ...(cell.testFailure ? oneFailure(view, cell, cell.testFailure) : []),
  ];
}

function oneFailure(view: BuildView, cell: CellView, failure: NonNullable<CellView['failure']>): string[] {
  const { evidence } = failure;
  return [
    '', `${cell.target}: ${failure.step} failed: ${failure.message}`,
    ...(evidence ? [`  First error: ${firstError(evidence)}`] : []),
    `  ${failure.code}, blame: ${failure.blame}`,
    `  Next: ${failure.next}`,
    ...(cell.attemptId ? [`  Log: ./farm logs ${cell.target} --build ${view.id}   Open it: ./farm shell ${view.project}==${view.version} ${cell.target}`] : []),
  ];
}

/** File, line and words of the first error; of a Python traceback the innermost place and the exception. Pure. */
export function firstError(evidence: { readonly file?: string | undefined; readonly line?: number | undefined; readonly text: string }): string {
  const lines = evidence.text.split('\n').filter((line) => line.trim() !== '');
  const frames = [...evidence.text.matchAll(/^ +File "([^"\n]+)", line (\d+)/gm)];
  const frame = lines[0]?.startsWith('Traceback (most') ? frames.at(-1) : undefined;
  const words = (frame ? lines.findLast((line) => !line.startsWith(' ')) : lines[0]) ?? '';
  const file = evidence.file ?? frame?.[1]?.replace(/^\/work\/(src\/)?/, '');
  const line = evidence.file === undefined ? frame?.[2] : evidence.line;
  return `${file ? `${file}${line ? `:${line}` : ''}: ` : ''}${words}`;
}

/** The file's place on the index: `/files/<2>/<2>/<rest of the digest>/<filename>`. */
export const filePath = (sha256: string, filename: string): string =>
  `/files/${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256.slice(4)}/${filename}`;

function pasteLines(view: BuildView, trust: { identity: string; issuer: string; fingerprint: string }): string[] {
  const base = view.index.replace(/\/simple\/$/, '');
  const built = view.cells.filter((cell) => cell.state === 'succeeded' && cell.wheel && cell.wheelSha256);
  const file = built.find((cell) => cell.target.endsWith('x86_64')) ?? built[0];
  if (!file?.wheel || !file.wheelSha256) return [];
  const url = `${base}${filePath(file.wheelSha256, file.wheel)}`;
  return [
    'Install it:',
    `  python3 -m venv venv && venv/bin/pip install --index-url ${view.index} ${view.project}==${view.version}`,
    'Verify a wheel (every file has its bundle beside it):',
    `  venv/bin/pip install sigstore && curl -fsSO ${url} -O ${url}.sigstore.json`,
    `  curl -fsSO ${base}/.well-known/wheelfarm/trust_config.json   # sha256 ${trust.fingerprint}`,
    `  venv/bin/python -m sigstore --trust-config trust_config.json verify identity --offline --bundle ${file.wheel}.sigstore.json \\`,
    `    --cert-identity ${trust.identity} --cert-oidc-issuer ${trust.issuer} ${file.wheel}`,
  ];
}
