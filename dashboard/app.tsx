import { lazy, Suspense, useEffect, useState, type ReactElement } from 'react';
import { partsOf, useAddress } from './address.ts';
import { comeBack } from './kept.ts';
import { A, Waiting } from './parts.tsx';
import { ProjectPage } from './project.tsx';
import { ProjectsPage } from './projects.tsx';
import { useSession } from './session.tsx';

const RegisterPage = lazy(() => import('./register.tsx'));
const AccountPages = lazy(() => import('./account.tsx'));
const AskPage = lazy(() => import('./ask.tsx'));
const EditPages = lazy(() => import('./edit.tsx'));
const AttemptPage = lazy(() => import('./attempt.tsx'));
const FarmPages = lazy(() => import('./farm.tsx'));
const FilePage = lazy(() => import('./file.tsx'));

const places: readonly (readonly [string, string])[] = [
  ['/', 'Projects'], ['/queue', 'Queue'], ['/workers', 'Workers'], ['/feed', 'Feed'], ['/edits', 'Edits'], ['/status', 'Status'],
];

/** The frame of every page. */
export function App(): ReactElement {
  const { path } = useAddress();
  const { may, login } = useSession();
  // GitHub sends back to the first page.
  useEffect(() => { if (login !== null && path === '/') comeBack(); }, [login, path]);
  return (
    <>
      <a className="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById('main')?.focus(); }}>Skip to content</a>
      <header className="top">
        <A to="/" className="brand"><Wheel />Wheel farm</A>
        <nav aria-label="Farm">
          {places.map(([to, name]) => (
            <A key={to} to={to} aria-current={path === to || (to === '/' && path.startsWith('/projects')) ? 'page' : undefined}>{name}</A>
          ))}
        </nav>
        <Who />
        <Theme />
      </header>
      <main id="main" tabIndex={-1}><Suspense fallback={<Waiting />}><Page path={path} /></Suspense></main>
      <footer>
        <a href="simple/">Index for installers</a> <A to="/register">Register</A> <A to="/api">API</A> {may('admin') ? <A to="/audit">Audit log</A> : null}
      </footer>
    </>
  );
}

function Page({ path }: { path: string }): ReactElement {
  const [place = '', name = '', what = '', version = ''] = partsOf(path);
  useEffect(() => { document.title = name === '' ? `Wheel farm${place === '' ? '' : ` · ${place}`}` : `${name} · Wheel farm`; }, [place, name]);
  if (place === '') return <ProjectsPage />;
  if (place === 'projects' && what === 'ask') return <AskPage key={name} name={name} />;
  if (place === 'edits' || (place === 'projects' && what === 'edit')) return <EditPages key={`${name} ${version}`} place={place} name={name} version={version} />;
  if (place === 'projects' && name !== '') return <ProjectPage key={name} name={name} />;
  if (place === 'attempts' && name !== '') return <AttemptPage key={name} id={name} />;
  if (place === 'file' && name !== '') return <FilePage key={name} filename={name} />;
  if (place === 'register') return <RegisterPage />;
  if (['account', 'audit', 'sign-in'].includes(place)) return <AccountPages place={place} />;
  if (['queue', 'workers', 'feed', 'status', 'api'].includes(place)) return <FarmPages place={place} />;
  return <><h1>There is no such page</h1><p><A to="/">All projects</A></p></>;
}

/** Who is signed in; the one local admin is said plainly. */
function Who(): ReactElement {
  const { login, local, known } = useSession();
  return <A to={login === null ? '/sign-in' : '/account'} className="who">{!known ? 'Account' : login === null ? 'Sign in' : local ? 'Local admin' : login}</A>;
}

const themes = ['auto', 'light', 'dark'] as const;

/** Light, dark, or what the system says. */
function Theme(): ReactElement {
  const [theme, setTheme] = useState<string>(() => localStorage.getItem('theme') ?? 'auto');
  useEffect(() => {
    localStorage.setItem('theme', theme);
    document.documentElement.dataset['theme'] = theme;
  }, [theme]);
  return (
    <label className="theme"><span className="unseen">Colours</span>
      <select value={theme} onChange={(event) => setTheme(event.target.value)}>
        {themes.map((one) => <option key={one} value={one}>{one === 'auto' ? 'Auto' : one === 'light' ? 'Light' : 'Dark'}</option>)}
      </select>
    </label>
  );
}

function Wheel(): ReactElement {
  return (
    <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" fill="none" stroke="currentColor" strokeWidth="2">
      <circle cx="12" cy="12" r="9.5" /><circle cx="12" cy="12" r="2.2" fill="currentColor" /><path d="M12 2.5v7M12 14.5v7M2.5 12h7M14.5 12h7" />
    </svg>
  );
}
