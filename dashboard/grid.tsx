import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactElement } from 'react';
import { compareTargets } from '../orchestrator/domain/coverage.ts';
import { stateOf, testedOf } from '../orchestrator/domain/grid.ts';
import type { GridRow } from './client.ts';
import { Mark, stateWords, testedWords } from './states.tsx';
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

/** Rows with their targets; rows of one shape share one map. */
export function linesOf(rows: readonly GridRow[], shapes: readonly (readonly string[])[]): Line[] {
  const maps = shapes.map((targets) => new Map(targets.map((target, at) => [target, at])));
  return rows.map((row) => ({ row, at: maps[row.shape] ?? new Map<string, number>() }));
}

export function cellOf({ row, at }: Line, target: string): Cell {
  const place = at.get(target);
  return {
    version: row.version, buildId: row.buildId, target, state: (place === undefined ? null : stateOf(row.states[place])) ?? 'none',
    tested: place === undefined ? null : testedOf(row.tested[place]), upstream: place !== undefined && row.upstream[place] === '1',
    cause: row.causes[target] ?? null,
  };
}

const words = (cell: Cell): string => [
  `${cell.version}, ${cell.target}: ${stateWords[cell.state]?.says ?? cell.state}`,
  ...(cell.tested ? [testedWords[cell.tested]?.says ?? cell.tested] : []), ...(cell.cause ? [cell.cause] : []),
  ...(cell.upstream ? ['upstream has a wheel'] : []),
].join(', ');

const rowHeight = 34;
/** Rows above and below the seen ones. */
const spare = 8;
const windowFrom = 60;

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

/** Versions by targets. Arrow keys move, Enter opens; only the rows that are seen are there. */
export function Grid({ lines, targets, chosen, choose, chooseColumn, chooseRow }: GridProps): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState({ from: 0, to: windowFrom });
  const [active, setActive] = useState({ row: 0, column: 0 });
  const focusing = useRef(false);
  const platforms = useMemo(() => [...Map.groupBy(targets, (target) => target.slice(target.indexOf('-') + 1))], [targets]);
  const whole = lines.length <= windowFrom;
  const look = useCallback(() => {
    const { scrollTop = 0, clientHeight = 600 } = box.current ?? {};
    const from = Math.max(0, Math.floor(scrollTop / rowHeight) - spare);
    const to = Math.ceil((scrollTop + clientHeight) / rowHeight) + spare;
    setSeen((before) => (before.from === from && before.to === to ? before : { from, to }));
  }, []);
  useEffect(look, [look, lines.length]);
  const [from, to] = whole ? [0, lines.length] : [seen.from, Math.min(lines.length, seen.to)];
  useLayoutEffect(() => {
    if (!focusing.current) return;
    const cell = box.current?.querySelector<HTMLElement>(`[data-row="${active.row}"][data-column="${active.column}"]`);
    if (!cell) return;
    focusing.current = false;
    cell.focus();
  });
  const move = (event: KeyboardEvent): void => {
    const step = ({ ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -1e6], End: [0, 1e6], PageDown: [10, 0], PageUp: [-10, 0] } as const)[event.key];
    if (!step) return;
    event.preventDefault();
    const row = Math.min(lines.length - 1, Math.max(0, active.row + step[0]));
    const column = Math.min(targets.length - 1, Math.max(0, active.column + step[1]));
    focusing.current = true;
    setActive({ row, column });
    const top = row * rowHeight;
    const { scrollTop = 0, clientHeight = 600 } = box.current ?? {};
    if (!whole && (top < scrollTop || top > scrollTop + clientHeight - 3 * rowHeight)) box.current?.scrollTo({ top: Math.max(0, top - clientHeight / 2) });
  };
  return (
    <div className="grid" ref={box} onScroll={whole ? undefined : look} tabIndex={-1}>
      <table role="grid" aria-label="Coverage: versions by targets" aria-rowcount={lines.length + 2} aria-colcount={targets.length + 1}>
        <thead>
          <tr role="row"><th scope="col" rowSpan={2} className="corner">Version</th>
            {platforms.map(([platform, of]) => <th key={platform} scope="colgroup" colSpan={of.length} className={of.length < 4 ? 'platform few' : 'platform'} title={platform}><span>{platformName(platform)}</span></th>)}</tr>
          <tr role="row">{platforms.flatMap(([, of]) => of.map((target, at) => (
            <th key={target} scope="col" className={at === 0 ? 'python begins' : 'python'}>
              <button type="button" tabIndex={-1} title={`${target}: choose the column`} onClick={() => chooseColumn(target)}>{pythonName(pythonOf(target))}</button>
            </th>)))}</tr>
        </thead>
        <tbody onKeyDown={move}>
          {from > 0 ? <Spacer rows={from} /> : null}
          {lines.slice(from, to).map((line, at) => (
            <Row key={line.row.version} line={line} targets={targets} at={from + at} active={active.row === from + at ? active.column : -1}
              chosen={chosen?.version === line.row.version ? chosen.target : null}
              choose={(column, target) => { setActive({ row: from + at, column }); choose(cellOf(line, target)); }} chooseRow={() => chooseRow(line)} />
          ))}
          {to < lines.length ? <Spacer rows={lines.length - to} /> : null}
        </tbody>
      </table>
    </div>
  );
}

function Spacer({ rows }: { rows: number }): ReactElement {
  return <tr aria-hidden="true"><td ref={(cell) => { if (cell) cell.style.height = `${rows * rowHeight}px`; }} /></tr>;
}

interface RowProps {
  readonly line: Line;
  readonly targets: readonly string[];
  readonly at: number;
  readonly active: number;
  readonly chosen: string | null;
  readonly choose: (column: number, target: string) => void;
  readonly chooseRow: () => void;
}

function Row({ line, targets, at, active, chosen, choose, chooseRow }: RowProps): ReactElement {
  const begins = (column: number): boolean => column === 0
    || targets[column - 1]?.replace(/^[^-]+/, '') !== targets[column]?.replace(/^[^-]+/, '');
  return (
    <tr role="row" aria-rowindex={at + 3}>
      <th scope="row"><button type="button" tabIndex={-1} title="Choose the release" onClick={chooseRow}>{line.row.version}</button></th>
      {targets.map((target, column) => {
        const cell = cellOf(line, target);
        const says = words(cell);
        return (
          <td key={target} role="gridcell" aria-selected={chosen === target} className={begins(column) ? 'begins' : undefined}>
            <button type="button" className={`cell ${cell.upstream ? 'upstream-has' : ''}`} data-row={at} data-column={column} data-state={cell.state}
              data-target={target} tabIndex={active === column ? 0 : -1} title={says} aria-label={says} onClick={() => choose(column, target)}>
              <Mark state={cell.state} tested={cell.tested} />
            </button>
          </td>
        );
      })}
    </tr>
  );
}
