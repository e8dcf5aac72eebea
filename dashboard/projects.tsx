import { useDeferredValue, useMemo, useState, type ReactElement } from 'react';
import { go, pathOf, useAddress } from './address.ts';
import { answerOf, client, type ProjectsView, type ProjectSummary } from './client.ts';
import { LinkState } from './link-state.tsx';
import { useLive } from './live.ts';
import { useLoaded } from './load.ts';
import { A, Paste, Refusal, Section, Waiting, When } from './parts.tsx';
import { StartBuild } from './start-build.tsx';
import { Mark, State } from './states.tsx';
import { count, platformName } from './words.ts';

/** All projects: coverage at a glance, what misses most, what blocks most. */
export function ProjectsPage(): ReactElement {
  const { value, refused, reload, change } = useLoaded('projects', () => answerOf(client.GET('/api/projects')));
  const link = useLive('api/live', {
    project: (one: ProjectSummary) => change((view) => ({ ...view, projects: withProject(view.projects, one) })),
    reset: reload,
  });
  return (
    <>
      <header className="title"><h1>Projects</h1><LinkState link={link} /></header>
      <Refusal refused={refused} />
      {value ? <Everything view={value} /> : refused ? null : <Waiting rows={10} />}
    </>
  );
}

const withProject = (projects: ProjectsView['projects'], one: ProjectSummary): ProjectsView['projects'] =>
  [...projects.filter(({ name }) => name !== one.name), one].sort((a, b) => (a.name < b.name ? -1 : 1));

function Everything({ view }: { view: ProjectsView }): ReactElement {
  if (view.projects.length === 0) return <FirstUse />;
  return (
    <div className="beside">
      <div><ProjectList projects={view.projects} /></div>
      <aside>
        <Section title="Build a release"><StartBuild /><p><A to="/register">Register a repository</A>, and every release is built.</p></Section>
        <Ranking title="Platforms that miss most" empty="Every project has a wheel for every platform that it was planned for.">
          {view.missing.slice(0, 12).map(({ platform, projects, wanted, asks }) => (
            <li key={platform}>
              <span>{platformName(platform)} <code className="quiet">{platform}</code></span>
              <span className="number">{projects} of {wanted}{asks > 0 ? `, ${count(asks, 'request')}` : ''}</span>
            </li>
          ))}
        </Ranking>
        <Ranking title="Blocked by" empty="No cell waits for a requirement.">
          {view.blockedBy.slice(0, 12).map(({ name, projects, cells }) => (
            <li key={name}><A to={pathOf('projects', name)}>{name}</A><span className="number">{count(cells, 'cell')} of {count(projects, 'project')}</span></li>
          ))}
        </Ranking>
      </aside>
    </div>
  );
}

function Ranking({ title, empty, children }: { title: string; empty: string; children: ReactElement[] }): ReactElement {
  return <Section title={title}>{children.length > 0 ? <ol className="ranking">{children}</ol> : <p className="quiet">{empty}</p>}</Section>;
}

function FirstUse(): ReactElement {
  return (
    <div className="first">
      <p>No project was built here yet. Name a release of the upstream index, and its wheels are built for every platform of this farm.</p>
      <StartBuild />
      <p>Or on the machine of the farm:</p>
      <Paste label="Build a first release" text="./farm build markupsafe==3.0.2" />
    </div>
  );
}

const shownAtFirst = 200;

function ProjectList({ projects }: { projects: readonly ProjectSummary[] }): ReactElement {
  const { query } = useAddress();
  const [text, setText] = useState(query.get('q') ?? '');
  const [all, setAll] = useState(false);
  const wanted = useDeferredValue(text.trim().toLowerCase());
  const found = useMemo(() => projects.filter((one) =>
    one.name.includes(wanted) || one.platforms.some(({ platform, served }) => served === 0 && platform === wanted)), [projects, wanted]);
  const shown = all ? found : found.slice(0, shownAtFirst);
  return (
    <>
      <label className="search"><span className="unseen">Search projects</span>
        <input type="search" placeholder="Search projects" value={text} onChange={(event) => {
          setText(event.target.value);
          go(event.target.value === '' ? '/' : `/?q=${encodeURIComponent(event.target.value)}`, 'replace');
        }} />
        <span className="quiet" role="status">{count(found.length, 'project')}</span>
      </label>
      <ul className="projects">{shown.map((one) => <Project key={one.name} one={one} />)}</ul>
      {shown.length < found.length ? <button type="button" onClick={() => setAll(true)}>Show all {found.length.toLocaleString('en')}</button> : null}
    </>
  );
}

function Project({ one }: { one: ProjectSummary }): ReactElement {
  const { served, wanted, failed, open } = one;
  return (
    <li>
      <div className="who">
        <A to={pathOf('projects', one.name)} className="name">{one.displayName}</A>
        <span className="quiet">{one.version ?? 'no release'}</span>
        {one.asks > 0 ? <span className="tag">{count(one.asks, 'request')}</span> : null}
      </div>
      <div className="how">
        <Bar served={served} failed={failed} open={open} wanted={wanted} />
        <ul className="chips" aria-label="Platforms">
          {one.platforms.map((platform) => {
            const state = platform.served > 0 ? 'succeeded' : platform.open > 0 ? 'running' : platform.failed > 0 ? 'failed' : 'unsupported';
            const words = `${platformName(platform.platform)}: ${platform.served} of ${platform.wanted}`;
            return <li key={platform.platform} title={words}><Mark state={state} small /><span className="unseen">{words}</span></li>;
          })}
        </ul>
      </div>
      <div className="when">{one.state ? <State state={one.state} /> : null}{one.startedAt ? <When at={one.startedAt} /> : null}</div>
    </li>
  );
}

interface BarCounts { served: number; failed: number; open: number; wanted: number }

/** Coverage as a bar and in numbers. */
export function Bar({ served, failed, open, wanted }: BarCounts): ReactElement {
  const share = (part: number): number => (wanted === 0 ? 0 : (part / wanted) * 100);
  const words = [`${served} of ${wanted}`, ...(failed > 0 ? [`${failed} failed`] : []), ...(open > 0 ? [`${open} open`] : [])].join(', ');
  return (
    <span className="bar">
      <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect width="100" height="6" className="rest" />
        <rect width={share(served)} height="6" className="served" />
        <rect x={share(served)} width={share(failed)} height="6" className="failed" />
        <rect x={share(served + failed)} width={share(open)} height="6" className="open" />
      </svg>
      <span className="number">{words}</span>
    </span>
  );
}
