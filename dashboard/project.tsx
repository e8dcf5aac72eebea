import { lazy, Suspense, useCallback, useMemo, useState, type ReactElement } from 'react';
import { isServed, regressionsOf, stateOf } from '../orchestrator/domain/grid.ts';
import { farmUrl, pathOf } from './address.ts';
import { AnnouncedSection, useAnnounced, type Announced } from './announced.tsx';
import { answerOf, client, type GridRow, type ProjectView } from './client.ts';
import { cellOf, columnsOf, Grid, linesOf, type Cell, type Line } from './grid.tsx';
import { LinkState } from './link-state.tsx';
import { useLive } from './live.ts';
import { useLoaded } from './load.ts';
import { A, Paste, Refusal, Section, Waiting, When } from './parts.tsx';
import { Bar } from './projects.tsx';
import type { Choice } from './rebuild.tsx';
import { Legend, Mark, State } from './states.tsx';
import { count, platformName } from './words.ts';

const CellDrawer = lazy(() => import('./cell.tsx'));
const Rebuild = lazy(() => import('./rebuild-choice.tsx'));

interface LiveRow { readonly targets: string[]; readonly row: GridRow }

/** The grid with one row changed or new; its targets may be a shape of their own. */
function withRow(view: ProjectView, { targets, row }: LiveRow): ProjectView {
  const key = targets.join(' ');
  const found = view.shapes.findIndex((shape) => shape.join(' ') === key);
  const shapes = found < 0 ? [...view.shapes, targets] : view.shapes;
  const changed = { ...row, shape: found < 0 ? shapes.length - 1 : found };
  const at = view.rows.findIndex(({ version }) => version === row.version);
  return { ...view, shapes, rows: at < 0 ? [changed, ...view.rows] : view.rows.with(at, changed) };
}

/** One project: its coverage grid, what was lost, and what to do about it. */
export function ProjectPage({ name }: { name: string }): ReactElement {
  const { value, refused, reload, change } = useLoaded(`project ${name}`, () =>
    answerOf(client.GET('/api/projects/{name}', { params: { path: { name } } })));
  const announced = useAnnounced(name);
  const link = useLive(value ? `api/live?project=${encodeURIComponent(name)}` : null, {
    row: (word: LiveRow) => {
      // A version that is new here has its place in the order of versions, which the farm knows.
      if (value?.rows.some(({ version }) => version === word.row.version)) change((view) => withRow(view, word));
      else reload();
    },
    announced: () => announced.reload(),
    reset: () => {
      reload();
      announced.reload();
    },
  });
  return (
    <>
      <p className="crumb"><A to="/">Projects</A></p>
      <header className="title"><h1>{value?.displayName ?? name}</h1><LinkState link={link} /></header>
      <Refusal refused={refused} />
      {value ? <Shown view={value} announced={announced.value} /> : refused ? null : <Waiting rows={12} />}
    </>
  );
}

function Shown({ view, announced }: { view: ProjectView; announced: Announced | null }): ReactElement {
  const targets = useMemo(() => columnsOf(view.shapes), [view.shapes]);
  const lines = useMemo(() => linesOf(view.rows, view.shapes), [view.rows, view.shapes]);
  const [cell, setCell] = useState<Cell | null>(null);
  const [choice, setChoice] = useState<Choice | null>(null);
  const newest = lines[0];
  const open = useCallback((one: Cell) => { if (one.state !== 'none') setCell(one); }, []);
  const chooseColumn = useCallback((target: string) => setChoice({ kind: 'column', target, cells: lines.map((line) => cellOf(line, target)) }), [lines]);
  const now = cell && lines.find(({ row }) => row.version === cell.version);
  const wait = <AnnouncedSection value={announced} project={view.name} />;
  if (!newest) return <>{wait}<p>No release of this project was built yet. {view.held ? 'The next tag that names a version is built by itself; the newest release of the index is built with ' : 'Build its newest release: '}<code>./farm build {view.name}</code></p></>;
  return (
    <>
      <Summary view={view} line={newest} />
      <Regressions lines={lines} open={open} />
      {wait}
      <Section title="Coverage" beside={<Legend />}>
        <Grid lines={lines} targets={targets} chosen={cell} choose={open} chooseColumn={chooseColumn}
          chooseRow={(line) => setChoice({ kind: 'row', version: line.row.version, buildId: line.row.buildId, state: line.row.state, cells: cellsOf(line) })} />
      </Section>
      <Asks view={view} />
      <Section title="Install and show">
        <Paste label="Install" text={`pip install --index-url ${view.index} ${view.name}`} />
        <p><img className="badge" src={`badge/${encodeURIComponent(view.name)}.svg`} alt={`Coverage of ${view.displayName}`} height="20" /></p>
        <Paste label="Badge for a README" text={`[![wheels](${farmUrl()}/badge/${view.name}.svg)](${farmUrl()}${pathOf('projects', view.name)})`} />
      </Section>
      <Suspense>{cell && now ? <CellDrawer project={view.name} cell={cellOf(now, cell.target)} close={() => setCell(null)} /> : null}
      {choice ? <Rebuild project={view.name} choice={choice} close={() => setChoice(null)} /> : null}</Suspense>
    </>
  );
}

const cellsOf = (line: Line): Cell[] => [...line.at.keys()].map((target) => cellOf(line, target));

function Summary({ view, line }: { view: ProjectView; line: Line }): ReactElement {
  const { row } = line;
  const cells = cellsOf(line);
  const served = cells.filter(({ state }) => isServed(state));
  const upstream = cells.filter((cell) => cell.upstream);
  const fresh = served.filter((cell) => !cell.upstream).length;
  const missed = upstream.filter(({ state }) => !isServed(state)).length;
  const open = cells.filter(({ state }) => state === 'queued' || state === 'running').length;
  const failed = cells.filter(({ state }) => ['failed', 'blocked', 'cancelled'].includes(state)).length;
  return (
    <div className="summary">
      <div><span className="quiet">Version</span><strong>{row.version}</strong><State state={row.state} /> <When at={row.endedAt ?? row.startedAt} /></div>
      <div><span className="quiet">Targets with a wheel here</span><strong className="number">{served.length} of {cells.length}</strong>
        <Bar served={served.length} failed={failed} open={open} wanted={cells.length} /></div>
      <div><span className="quiet">On the upstream index</span><strong className="number">{upstream.length} of {cells.length}</strong>
        <span>{fresh > 0 ? `${fresh} only here` : 'none only here'}{missed > 0 ? `, ${missed} only there` : ''}</span></div>
      <div><span className="quiet">Published</span><strong className="number">{count(row.published, 'file')}</strong>
        <span><A to={pathOf('projects', view.name, 'edit', row.version)}>Edit the metadata</A> <a href={`simple/${encodeURIComponent(view.name)}/`}>Files</a></span></div>
    </div>
  );
}

function Regressions({ lines, open }: { lines: readonly Line[]; open: (cell: Cell) => void }): ReactElement | null {
  const lost = useMemo(() => regressionsOf(lines.map(({ row, at }) => ({ version: row.version, targets: [...at.keys()], states: row.states, tested: row.tested }))), [lines]);
  const newest = lines[0];
  if (lost.length === 0 || !newest) return null;
  return (
    <Section title={count(lost.length, 'regression')}>
      <ul className="regressions">
        {lost.map(({ target, version, served, state }) => {
          const cell = cellOf(newest, target);
          return (
            <li key={target}><Mark state={state ?? 'none'} />
              <span><code>{target}</code> had a wheel in {served}, not in {version}{cell.cause ? <>: <code>{cell.cause}</code></> : null}</span>
              {cell.state === 'none' ? null : <button type="button" onClick={() => open(cell)}>Open</button>}</li>
          );
        })}
      </ul>
    </Section>
  );
}

function Asks({ view }: { view: ProjectView }): ReactElement {
  const newest = view.rows[0];
  const has = new Set(newest ? (view.shapes[newest.shape] ?? []).flatMap((target, at) =>
    (isServed(stateOf(newest.states[at])) ? [target.slice(target.indexOf('-') + 1)] : [])) : []);
  return (
    <Section title="Requests for platforms" beside={<A className="button" to={pathOf('projects', view.name, 'ask')}>Ask for a platform</A>}>
      {view.asks.length === 0 ? <p className="quiet">Nobody has asked for a platform.</p> : (
        <ul className="ranking">
          {view.asks.map(({ platform, count: some, why, newest: at }) => (
            <li key={platform}><span>{platformName(platform)} <code className="quiet">{platform}</code> {has.has(platform) ? <span className="tag">has wheels</span> : null}
              {why.map((one, place) => <q key={place}>{one}</q>)}</span><span className="number">{count(some, 'request')}, <When at={at} /></span></li>
          ))}
        </ul>
      )}
    </Section>
  );
}
