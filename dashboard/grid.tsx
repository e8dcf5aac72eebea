import { memo, useCallback, useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type MouseEvent, type PointerEvent, type ReactElement } from 'react';
import { compareTargets } from '../orchestrator/domain/coverage.ts';
import { stateOf, testedOf } from '../orchestrator/domain/grid.ts';
import type { GridRow } from './client.ts';
import { stateWords, testedWords } from './states.tsx';
import { platformName, pythonName, pythonOf } from './words.ts';

/** A cell as the grid shows it. */
export interface Cell {
  readonly version: string;
  readonly buildId: string;
  readonly target: string;
  readonly state: string;
  readonly tested: string | null;
  readonly upstream: boolean;
  readonly cause: string | null;
}

/** A row with the place of each target in its letters. */
export interface Line { readonly row: GridRow; readonly at: ReadonlyMap<string, number> }

const maps = new WeakMap<readonly string[], ReadonlyMap<string, number>>();
const known = new WeakMap<GridRow, Line>();

/** Rows with their targets; rows of one shape share one map, and a row that has not changed keeps its line. */
export function linesOf(rows: readonly GridRow[], shapes: readonly (readonly string[])[]): Line[] {
  const ats = shapes.map((targets) => {
    const at = maps.get(targets) ?? new Map(targets.map((target, place) => [target, place]));
    maps.set(targets, at);
    return at;
  });
  return rows.map((row) => {
    const at = ats[row.shape] ?? new Map<string, number>();
    const before = known.get(row);
    if (before?.at === at) return before;
    const line = { row, at };
    known.set(row, line);
    return line;
  });
}

export function cellOf({ row, at }: Line, target: string): Cell {
  const place = at.get(target);
  return {
    version: row.version, buildId: row.buildId, target, state: (place === undefined ? null : stateOf(row.states[place])) ?? 'none',
    tested: place === undefined ? null : testedOf(row.tested[place]), upstream: place !== undefined && row.upstream[place] === '1',
    cause: row.causes[target] ?? null,
  };
}

const words = (cell: Cell): string => `${cell.version}, ${cell.target}: ${stateWords[cell.state]?.says ?? cell.state}${
  cell.tested ? `, ${testedWords[cell.tested]?.says ?? cell.tested}` : ''}${cell.cause ? `, ${cell.cause}` : ''}${cell.upstream ? ', upstream has a wheel' : ''}`;

/** As the style sheet has it. @unit pixels */
const rowHeight = 34;
/** Rows above and below the seen ones. */
const spare = 6;
/** From so many rows on only the seen ones are there. */
const windowFrom = 32;

/** Rows that a box so high shows, with the spare ones below. */
const rowsIn = (height: number): number => Math.ceil(height / rowHeight) + spare;
/** The height that the style sheet gives the box at most: what it shows before it is there to be measured. */
const heightMax = (): number => Math.min(innerHeight * 0.75, 736);

const moves: Readonly<Record<string, readonly [rows: number, columns: number]>> = {
  ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -1e6], End: [0, 1e6], PageDown: [10, 0], PageUp: [-10, 0],
};

/** The cell that an event happened in; null beside all cells. */
const cellAt = (event: { readonly target: EventTarget }): HTMLElement | null => (event.target as Element).closest<HTMLElement>('.cell');
/** Row and column of a cell's element. */
const placeOf = ({ dataset }: HTMLElement): { row: number; column: number } => ({ row: Number(dataset['row']), column: Number(dataset['column']) });

interface GridProps {
  readonly lines: readonly Line[];
  readonly targets: readonly string[];
  readonly chosen: Cell | null;
  readonly choose: (cell: Cell) => void;
  readonly chooseColumn: (target: string) => void;
  readonly chooseRow: (line: Line) => void;
}

/** Targets of all rows, by platform, then by Python. */
export function columnsOf(shapes: readonly (readonly string[])[]): string[] {
  const platform = (target: string): string => target.slice(target.indexOf('-') + 1);
  return [...new Set(shapes.flat())].sort((a, b) =>
    (platform(a) === platform(b) ? compareTargets(a, b) : platform(a) < platform(b) ? -1 : 1));
}

/** Versions by targets. Arrow keys move, Enter opens; only the rows that are seen are there, and one handler hears all cells. */
export function Grid({ lines, targets, chosen, choose, chooseColumn, chooseRow }: GridProps): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const whole = lines.length <= windowFrom;
  const { from, to } = useSeen(box, lines.length, whole);
  const [active, setActive] = useState({ row: 0, column: 0 });
  const focusing = useRef(false);
  useLayoutEffect(() => {
    if (!focusing.current) return;
    const cell = box.current?.querySelector<HTMLElement>(`[data-row="${active.row}"][data-column="${active.column}"]`);
    if (!cell) return;
    focusing.current = false;
    cell.focus();
  });
  const open = (cell: HTMLElement): void => {
    const place = placeOf(cell);
    const [line, target] = [lines[place.row], targets[place.column]];
    setActive(place);
    if (line && target !== undefined) choose(cellOf(line, target));
  };
  const press = (event: KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const cell = cellAt(event);
    const step = moves[event.key];
    if (!step && !(cell && ['Enter', ' '].includes(event.key))) return;
    event.preventDefault();
    if (!step) {
      if (cell) open(cell);
      return;
    }
    const now = cell ? placeOf(cell) : active;
    const row = Math.min(lines.length - 1, Math.max(0, now.row + step[0]));
    const column = Math.min(targets.length - 1, Math.max(0, now.column + step[1]));
    focusing.current = true;
    setActive({ row, column });
    const top = row * rowHeight;
    const { scrollTop = 0, clientHeight = 600 } = box.current ?? {};
    if (!whole && (top < scrollTop || top > scrollTop + clientHeight - 3 * rowHeight)) box.current?.scrollTo({ top: Math.max(0, top - clientHeight / 2) });
  };
  const click = (event: MouseEvent): void => {
    const cell = cellAt(event);
    if (cell) return open(cell);
    const line = lines[Number((event.target as Element).closest<HTMLElement>('[data-release]')?.dataset['release'] ?? -1)];
    if (line) chooseRow(line);
  };
  // Tab always finds a cell: the active one, or the one of its column that is nearest to it and there.
  const stop = Math.min(Math.max(active.row, from), to - 1);
  return (
    <div className="grid" ref={box} tabIndex={-1} onKeyDown={press}>
      <table role="grid" aria-label="Coverage: versions by targets. Enter opens a cell" aria-rowcount={lines.length + 2} aria-colcount={targets.length + 1}>
        <Heads targets={targets} widest={widestOf(lines)} choose={chooseColumn} />
        <tbody onClick={click} onPointerOver={explain}>
          {from > 0 ? <Spacer rows={from} /> : null}
          {lines.slice(from, to).map((line, at) => (
            <Row key={line.row.version} line={line} targets={targets} at={from + at} active={stop === from + at ? active.column : -1}
              chosen={chosen?.version === line.row.version ? chosen.target : null} />
          ))}
          {to < lines.length ? <Spacer rows={lines.length - to} /> : null}
        </tbody>
      </table>
    </div>
  );
}

/** The rows that are seen, with spare ones around. Focus on a row that goes away stays in the box, where keys go on from it. */
function useSeen(box: { readonly current: HTMLDivElement | null }, count: number, whole: boolean): { from: number; to: number } {
  const [seen, setSeen] = useState(() => ({ from: 0, to: rowsIn(heightMax()) }));
  const look = useCallback(() => {
    if (!box.current) return;
    const { scrollTop, clientHeight } = box.current;
    const from = Math.max(0, Math.floor(scrollTop / rowHeight) - spare);
    const to = rowsIn(scrollTop + clientHeight);
    const focused = document.activeElement?.closest<HTMLElement>('.grid .cell');
    if (focused && (placeOf(focused).row < from || placeOf(focused).row >= to)) box.current.focus({ preventScroll: true });
    setSeen((before) => (before.from === from && before.to === to ? before : { from, to }));
  }, [box]);
  useEffect(() => {
    if (whole) return undefined;
    look();
    const scrolled = box.current;
    scrolled?.addEventListener('scroll', look, { passive: true });
    addEventListener('resize', look);
    return () => {
      scrolled?.removeEventListener('scroll', look);
      removeEventListener('resize', look);
    };
  }, [box, look, whole, count]);
  if (whole) return { from: 0, to: count };
  // A list that became shorter may end above what was seen.
  const to = Math.min(count, seen.to);
  return { from: Math.min(seen.from, Math.max(0, to - 1)), to };
}

/** The words of a cell for the mouse, when it comes there. */
function explain(event: PointerEvent): void {
  const cell = cellAt(event);
  if (cell) cell.title = cell.ariaLabel ?? '';
}

const widestOf = (lines: readonly Line[]): string => lines.reduce((longest, { row: { version } }) => (version.length > longest.length ? version : longest), '');

/** The heads of the columns. The longest version stands there unseen, so that its column is as wide whatever rows are there. */
const Heads = memo(({ targets, widest, choose }: { targets: readonly string[]; widest: string; choose: (target: string) => void }): ReactElement => {
  const platforms = [...Map.groupBy(targets, (target) => target.slice(target.indexOf('-') + 1))];
  return (
    <thead>
      <tr role="row"><th scope="col" rowSpan={2} className="corner">Version<span className="widest" aria-hidden="true">{widest}</span></th>
        {platforms.map(([platform, of]) => <th key={platform} scope="colgroup" colSpan={of.length} className={of.length < 4 ? 'platform few' : 'platform'} title={platform}><span>{platformName(platform)}</span></th>)}</tr>
      <tr role="row">{platforms.flatMap(([, of]) => of.map((target, at) => (
        <th key={target} scope="col" className={at === 0 ? 'python begins' : 'python'}>
          <button type="button" tabIndex={-1} title={`${target}: choose the column`} onClick={() => choose(target)}>{pythonName(pythonOf(target))}</button>
        </th>)))}</tr>
    </thead>
  );
});

function Spacer({ rows }: { rows: number }): ReactElement {
  return <tr aria-hidden="true"><td ref={(cell) => { if (cell) cell.style.height = `${rows * rowHeight}px`; }} /></tr>;
}

interface RowProps {
  readonly line: Line;
  readonly targets: readonly string[];
  readonly at: number;
  readonly active: number;
  readonly chosen: string | null;
}

const platformOf = (target: string | undefined): string => target?.slice(target.indexOf('-')) ?? '';

/** One version. A cell is one element: the style sheet draws its sign, the result of its test and the line of upstream. */
const Row = memo(({ line, targets, at, active, chosen }: RowProps): ReactElement => (
  <tr role="row" aria-rowindex={at + 3}>
    <th scope="row"><button type="button" tabIndex={-1} title="Choose the release" data-release={at}>{line.row.version}</button></th>
    {targets.map((target, column) => {
      const cell = cellOf(line, target);
      const begins = column === 0 || platformOf(targets[column - 1]) !== platformOf(target);
      return (
        <td key={target} role="gridcell" tabIndex={active === column ? 0 : -1} aria-label={words(cell)} aria-selected={chosen === target}
          className={`cell is-${cell.state}${begins ? ' begins' : ''}${cell.upstream ? ' upstream-has' : ''}${cell.tested ? ` tests-${cell.tested}` : ''}`}
          data-row={at} data-column={column} data-state={cell.state} data-target={target}
          data-sign={stateWords[cell.state]?.glyph ?? '?'} data-test={cell.tested ? testedWords[cell.tested]?.glyph : undefined} />
      );
    })}
  </tr>
));
