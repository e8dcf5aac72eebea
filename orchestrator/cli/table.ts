import type { Screen } from '../../infra/setup/progress.ts';
import type { BuildView, CellView } from '../contract/api.ts';
import { printable } from './printable.ts';

const marks: Readonly<Record<string, string>> = {
  queued: '·', running: '▸', succeeded: '✓', covered: '≡', upstream: '↑', blocked: '⊘', failed: '✗', unsupported: '–', cancelled: '×',
};

/** `4.2 s`, `1 min 05 s`. @unit milliseconds */
export function duration(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}

/** `13 kB`, `4.1 MB`; decimal units. @unit bytes */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${Math.round(bytes / 1000)} kB`;
  return bytes < 1_000_000_000 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** State, step and tested state of a cell in words. */
export function words(cell: CellView): string {
  if (cell.state === 'running') return printable(cell.step ?? 'starting');
  if (cell.failure?.code === 'FARM_TARGET_SKIPPED') return printable(cell.failure.message.split(':')[0] ?? '');
  if (cell.state === 'blocked') return printable(cell.failure?.message.split(' (')[0] ?? 'blocked');
  if (cell.state === 'covered') return `covered by ${cell.coveredBy ?? '?'}`;
  const tested = cell.tested === null || cell.tested === 'passed' ? '' : `, test: ${cell.tested}`;
  return cell.state === 'succeeded' && cell.tested === 'passed' ? 'succeeded, tested' : `${cell.state}${tested}`;
}

/** Milliseconds that a cell has taken so far; null before it started. */
export function elapsed(cell: CellView, now: number): number | null {
  if (cell.startedAt === null) return null;
  return (cell.endedAt === null ? now : Date.parse(cell.endedAt)) - Date.parse(cell.startedAt);
}

/**
 * The table of a build: a line for each cell.
 * @shape now is milliseconds since 1970, so that the same view and time give the same lines
 */
export function tableLines(view: BuildView, now: number): string[] {
  const shown = view.cells.filter(({ state }) => state !== 'unsupported');
  const without = view.cells.length - shown.length;
  const width = Math.max(...shown.map((cell) => cell.target.length), 6);
  const done = shown.filter((cell) => !['queued', 'running'].includes(cell.state)).length;
  const lines = shown.map((cell) => {
    const ms = elapsed(cell, now);
    const time = ms === null ? '' : duration(ms);
    const again = cell.attempts > 1 ? ` (attempt ${cell.attempts})` : '';
    const bytes = cell.bytes === null ? '' : size(cell.bytes);
    return `  ${marks[cell.state] ?? '?'} ${cell.target.padEnd(width)}  ${words(cell).padEnd(24)} ${time.padStart(9)} ${bytes.padStart(8)}${again}`.trimEnd();
  });
  return [`${view.displayName} ${view.version}: ${done} of ${shown.length} cells, ${duration(now - Date.parse(view.startedAt))}`, ...lines,
    ...without > 0 ? [`  – ${without} targets of the grid are unsupported here`] : []];
}

/** What changed between two views, a line for each cell: for logs and other places that are not a terminal. */
export function changeLines(before: BuildView | null, after: BuildView, now: number): string[] {
  const seen = new Map(before?.cells.map((cell) => [cell.target, words(cell)]) ?? []);
  return after.cells.filter((cell) => cell.state !== 'queued' && cell.state !== 'unsupported' && seen.get(cell.target) !== words(cell)).map((cell) => {
    const ms = elapsed(cell, now);
    return `${cell.target}: ${words(cell)}${ms === null ? '' : ` (${duration(ms)})`}`;
  });
}

/** Writes a table that replaces itself on a terminal, and plain lines of change elsewhere. */
export class LiveTable {
  readonly #out: Screen;
  #drawn = 0;
  #last: BuildView | null = null;

  constructor(out: Screen) {
    this.#out = out;
  }

  show(view: BuildView): void {
    if (this.#out.isTTY) {
      const lines = tableLines(view, Date.now()).map((line) => line.slice(0, (this.#out.columns ?? 120) - 1));
      this.#out.write(`${this.#drawn > 0 ? `\x1b[${this.#drawn}A` : ''}${lines.map((line) => `\x1b[2K${line}\n`).join('')}`);
      this.#drawn = lines.length;
    } else {
      for (const line of changeLines(this.#last, view, Date.now())) this.#out.write(`${line}\n`);
    }
    this.#last = view;
  }

  /** Draws the clock again; a terminal only. */
  tick(): void {
    if (this.#out.isTTY && this.#last) this.show(this.#last);
  }
}
