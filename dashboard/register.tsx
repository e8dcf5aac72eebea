import { useState, type FormEvent, type ReactElement } from 'react';
import { go, pathOf } from './address.ts';
import { answerOf, client, Refused, type Proposal } from './client.ts';
import { useLoaded } from './load.ts';
import { A, Cause, Ms, Refusal, Section, Size, Table, When } from './parts.tsx';
import { useSession } from './session.tsx';

/** Register a repository, or watch a name: paste it, look at what is proposed, confirm. */
export default function RegisterPage(): ReactElement {
  const session = useSession();
  const [what, setWhat] = useState('');
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Refused | null>(null);
  const [proposal, setProposal] = useState<Proposal | null>(null);
  const propose = (event: FormEvent): void => {
    event.preventDefault();
    setBusy(true);
    setRefused(null);
    setProposal(null);
    answerOf(client.POST('/api/registrations/proposal', { body: { what: what.trim() } }))
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
      {proposal ? <Proposed key={what} what={what.trim()} proposal={proposal} /> : null}
      <Registered />
    </>
  );
}

function Proposed({ what, proposal }: { what: string; proposal: Proposal }): ReactElement {
  const session = useSession();
  const [chosen, setChosen] = useState(() => new Set(proposal.targets.filter((one) => one.proposed).map(({ target }) => target)));
  const [refused, setRefused] = useState<Refused | null>(null);
  const { repository, name } = proposal;
  const register = (): void => {
    setRefused(null);
    answerOf(client.POST('/api/registrations', { body: { what, targets: [...chosen], by: session.login ?? 'dashboard', ...(proposal.project ? { project: proposal.project } : {}) } }))
      .then((made) => go(pathOf('projects', made.project)), (error: unknown) => setRefused(error instanceof Refused ? error : null));
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
        <p>The name is <strong>{name.state}</strong>{name.owner ? ` by ${name.owner}` : ''}. {name.evidence}</p>
        {proposal.problems.map((problem) => <Cause key={problem.code} failure={problem} />)}
        {proposal.report.length > 0 ? <ul>{proposal.report.map((one) => <li key={one.says}><strong>{one.level}</strong>: {one.says} {one.fix}</li>)}</ul> : null}
      </Section>
      <Section title="Targets">
        <Table label="Targets" heads={['Build', 'Why', 'On the index', 'Takes', 'Size']}>
          {proposal.targets.map((one) => (
            <tr key={one.target}><th scope="row"><label className="check"><input type="checkbox" checked={chosen.has(one.target)} onChange={() => toggle(one.target)} /> <code>{one.target}</code></label></th>
              <td>{one.why}</td><td>{one.onIndex ? '✓ yes' : '✗ no'}</td><td><Ms ms={one.expectedMs} /></td><td><Size bytes={one.expectedBytes} /></td></tr>
          ))}
        </Table>
        <p><button type="button" className="main" disabled={proposal.problems.length > 0 || chosen.size === 0} onClick={register}>Register</button></p>
        <Refusal refused={refused} />
      </Section>
    </>
  );
}

function Registered(): ReactElement | null {
  const { value, refused } = useLoaded('registrations', () => answerOf(client.GET('/api/registrations')));
  if (!value || value.length === 0) return refused ? <Refusal refused={refused} /> : null;
  return (
    <Section title="Registered">
      <Table label="Registered" heads={['Project', 'Repository', 'Proof', 'Since']}>
        {value.map((one) => (
          <tr key={one.project}><th scope="row"><A to={pathOf('projects', one.project)}>{one.project}</A></th>
            <td>{one.repository ? <>{one.repository.fullName}, {one.repository.state}</> : 'watched by its name'}{one.failure ? <>: {one.failure.message}</> : null}</td>
            <td>{one.proof.kind}</td><td><When at={one.createdAt} /></td></tr>
        ))}
      </Table>
    </Section>
  );
}
