import { lazy, Suspense, useState, type FormEvent, type ReactElement } from 'react';
import { go, pathOf } from './address.ts';
import { answerOf, client, Refused, type Proposal } from './client.ts';
import { silence } from './announced.tsx';
import { useLoaded } from './load.ts';
import { A, Cause, Ms, Refusal, Section, Size, Table, When } from './parts.tsx';
import { useSession } from './session.tsx';
import { count } from './words.ts';

const GithubSetUp = lazy(() => import('./github.tsx'));

/** Register a repository, or watch a name: paste it, look at what is proposed, confirm. */
export default function RegisterPage(): ReactElement {
  const session = useSession();
  const [what, setWhat] = useState('');
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Refused | null>(null);
  const [proposal, setProposal] = useState<Proposal | null>(null);
  const [project, setProject] = useState<string | undefined>(undefined);
  const propose = (event: FormEvent | null, name?: string): void => {
    event?.preventDefault();
    setProject(name);
    setBusy(true);
    setRefused(null);
    setProposal(null);
    answerOf(client.POST('/api/registrations/proposal', { body: { what: what.trim(), ...(name ? { project: name } : {}) } }))
      .then(setProposal, (error: unknown) => setRefused(error instanceof Refused ? error : null)).finally(() => setBusy(false));
  };
  return (
    <>
      <h1>Register</h1>
      <p>From then on every release is built for every platform that you choose. Nothing is put into the repository.</p>
      {session.known && session.login === null ? <p className="note">Registering takes a role. <A to="/sign-in">Sign in</A></p> : null}
      <form className="inline" onSubmit={propose}>
        <label className="long">Repository or project<input required value={what} maxLength={400} placeholder="owner/repo" autoCapitalize="none" spellCheck={false}
          onChange={(event) => setWhat(event.target.value)} /></label>
        <button type="submit" className="main" disabled={busy}>{busy ? 'Reading…' : 'Look'}</button>
      </form>
      <Refusal refused={refused} />
      {proposal ? <Proposed key={`${what} ${project ?? ''}`} what={what.trim()} proposal={proposal} nameIt={(name) => propose(null, name)} /> : null}
      <Registered />
      {session.may('admin') ? <Suspense><GithubSetUp /></Suspense> : null}
    </>
  );
}

function Proposed({ what, proposal, nameIt }: { what: string; proposal: Proposal; nameIt: (name: string) => void }): ReactElement {
  const session = useSession();
  const [chosen, setChosen] = useState(() => new Set(proposal.targets.filter((one) => one.proposed).map(({ target }) => target)));
  const [refused, setRefused] = useState<Refused | null>(null);
  const { repository, name: holder } = proposal;
  const [name, setName] = useState('');
  const [why, setWhy] = useState('');
  const total = proposal.targets.filter(({ target }) => chosen.has(target))
    .reduce((sum, one) => ({ ms: sum.ms + (one.expectedMs ?? 0), bytes: sum.bytes + (one.expectedBytes ?? 0) }), { ms: 0, bytes: 0 });
  // An admin of the farm may answer for a name that is held; nothing else can be passed over.
  const stops = proposal.problems.filter(({ code }) => !(code === 'FARM_NAME_HELD' && session.may('admin') && why.trim() !== ''));
  const register = (): void => {
    setRefused(null);
    answerOf(client.POST('/api/registrations', { body: {
      // Every target stays every target when the farm learns a new one.
      what, targets: proposal.targets.every(({ target }) => chosen.has(target)) ? [] : [...chosen], by: session.login ?? 'dashboard',
      ...(proposal.project ? { project: proposal.project } : {}), ...(why.trim() ? { approval: { why: why.trim() } } : {}),
    } }))
      .then((made) => {
        // Who brought it maintains it from now on.
        session.reload();
        go(pathOf('projects', made.project));
      }, (error: unknown) => setRefused(error instanceof Refused ? error : null));
  };
  const toggle = (target: string): void => setChosen((before) => {
    const next = new Set(before);
    if (!next.delete(target)) next.add(target);
    return next;
  });
  return (
    <>
      <Section title={proposal.project ?? 'No project name yet'}>
        {repository ? <p><a href={repository.url} rel="noreferrer">{repository.fullName}</a>, branch {repository.defaultBranch}{repository.admin ? `, administered by ${repository.who ?? 'you'}` : ', which you do not administer'}</p> : <p>A name of the upstream index that is watched.</p>}
        {holder.state === 'held' ? null : <p>The name is <strong>{holder.state}</strong>: {holder.evidence}.</p>}
        {proposal.problems.map((problem) => <Cause key={problem.code} failure={problem} />)}
        {repository && !proposal.project ? (
          <form className="inline" onSubmit={(event) => { event.preventDefault(); nameIt(name.trim()); }}>
            <label>Name of the project<input required value={name} pattern="[A-Za-z0-9]([A-Za-z0-9._\-]*[A-Za-z0-9])?" onChange={(event) => setName(event.target.value)} /></label>
            <button type="submit">Look again</button>
          </form>
        ) : null}
        {session.may('admin') && proposal.problems.some(({ code }) => code === 'FARM_NAME_HELD') ? (
          <label>You are an admin of this farm: why the name is {repository?.fullName}’s all the same (recorded)
            <input value={why} maxLength={2000} onChange={(event) => setWhy(event.target.value)} /></label>
        ) : null}
      </Section>
      {proposal.report.length > 0 ? (
        <Section title="Readiness">
          <Table label="Readiness" heads={['', 'What was read', 'What to do']}>
            {proposal.report.map((one) => (
              <tr key={one.says}><td><span className={`answer is-${levels[one.level]?.[0] ?? 'open'}`}><strong>{levels[one.level]?.[1] ?? one.level}</strong></span></td><th scope="row">{one.says}</th><td>{one.fix || <span className="quiet">nothing</span>}</td></tr>
            ))}
          </Table>
          {proposal.tags.length > 0 ? <p className="quiet">Newest tags: {proposal.tags.slice(0, 5).join(', ')}. What is there now was released before; the next tag is built.</p> : null}
        </Section>
      ) : null}
      <Section title="Targets">
        <p>{count(chosen.size, 'target')} of {proposal.targets.length}, {proposal.targets.filter((one) => chosen.has(one.target) && !one.onIndex).length} of them not on the upstream index{total.ms > 0 ? <>; about <Ms ms={total.ms} /> and <Size bytes={total.bytes} /> a release</> : null}.</p>
        <Table label="Targets" heads={['Build', 'Why', 'On the index', 'Takes', 'Size']}>
          {proposal.targets.map((one) => (
            <tr key={one.target}><th scope="row"><label className="check"><input type="checkbox" checked={chosen.has(one.target)} onChange={() => toggle(one.target)} /> <code>{one.target}</code></label></th>
              <td>{one.why}</td><td>{one.onIndex ? '✓ yes' : '✗ no'}</td><td><Ms ms={one.expectedMs} /></td><td><Size bytes={one.expectedBytes} /></td></tr>
          ))}
        </Table>
        <p><button type="button" className="main" disabled={stops.length > 0 || chosen.size === 0} onClick={register}>Register</button></p>
        <Refusal refused={refused} />
      </Section>
    </>
  );
}

const levels: Readonly<Record<string, readonly [string, string]>> = { good: ['yes', '✓ good'], hint: ['maybe', '! hint'], bad: ['no', '✗ bad'] };

function Registered(): ReactElement | null {
  const session = useSession();
  const [gone, setGone] = useState<Refused | null>(null);
  const { value, refused, reload } = useLoaded('registrations', () => answerOf(client.GET('/api/registrations')));
  if (!value || value.length === 0) return refused ? <Refusal refused={refused} /> : null;
  return (
    <Section title="Registered">
      <Table label="Registered" heads={['Project', 'Repository', 'Targets', 'Proof', 'Since', '']}>
        {value.map((one) => (
          <tr key={one.project}><th scope="row"><A to={pathOf('projects', one.project)}>{one.project}</A></th>
            <td>{one.repository ? <>{one.repository.fullName}, {one.repository.state}</> : 'watched by its name'}{silence(one) ? <>: {silence(one)?.message}</> : null}</td>
            <td>{one.targets.length === 0 ? 'all' : one.targets.length}</td><td title={one.proof.evidence}>{one.proof.kind}</td><td><When at={one.createdAt} /></td>
            <td>{session.may('admin', one.project) ? <button type="button" onClick={() => answerOf(client.DELETE('/api/registrations/{project}', { params: { path: { project: one.project } } }))
              .then(reload, (error: unknown) => setGone(error instanceof Refused ? error : null))}>Remove<span className="unseen"> {one.project}</span></button> : null}</td></tr>
        ))}
      </Table>
      <Refusal refused={gone} />
    </Section>
  );
}
