import { useState, type FormEvent, type ReactElement } from 'react';
import type { Role } from '../orchestrator/domain/roles.ts';
import { go } from './address.ts';
import { answerOf, client, Refused } from './client.ts';
import { comeBack } from './kept.ts';
import { useLoaded } from './load.ts';
import { Paste, Refusal, Section, Table, Waiting, When } from './parts.tsx';
import { useSession } from './session.tsx';

const roles: readonly Role[] = ['viewer', 'trigger', 'maintainer', 'admin'];

/** Sign-in, tokens, and the audit log. */
export default function AccountPages({ place }: { place: string }): ReactElement {
  if (place === 'audit') return <Audit />;
  return <Account />;
}

function Account(): ReactElement {
  const session = useSession();
  if (!session.known) return <><h1>Account</h1><Waiting /></>;
  if (session.login === null) return <SignIn />;
  return (
    <>
      <h1>Account</h1>
      <p>Signed in as <strong>{session.login}</strong>. {session.local ? 'Only this machine reaches this farm, so whoever opens its pages here is its admin. Open it to others, and everybody signs in.' : null}</p>
      {session.local ? null : <p><button type="button" onClick={() => void answerOf(client.DELETE('/api/session')).then(session.reload)}>Sign out</button></p>}
      <Tokens />
      {session.may('admin') ? <><Hooks /><People /></> : null}
    </>
  );
}

/** An action that may be refused: what it said, and whether it goes on. */
function useAction(): { busy: boolean; refused: Refused | null; act: (what: () => Promise<void>) => void } {
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Refused | null>(null);
  const act = (what: () => Promise<void>): void => {
    setBusy(true);
    setRefused(null);
    what().catch((error: unknown) => setRefused(error instanceof Refused ? error : null)).finally(() => setBusy(false));
  };
  return { busy, refused, act };
}

function SignIn(): ReactElement {
  const session = useSession();
  const { busy, refused, act } = useAction();
  const [token, setToken] = useState('');
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    act(async () => {
      await answerOf(client.POST('/api/session', { body: { token } }));
      session.reload();
      if (!comeBack()) go('/account');
    });
  };
  return (
    <>
      <h1>Sign in</h1>
      <p>Everybody may look. Building, editing and the like take a role.</p>
      {session.github ? <p><a className="button" href="sign-in/github">Sign in with GitHub</a></p> : null}
      <Section title="With a token">
        <form className="start" onSubmit={submit}>
          <label>Token<input required type="password" autoComplete="off" value={token} onChange={(event) => setToken(event.target.value)} placeholder="whf_…" /></label>
          <button type="submit" className="main" disabled={busy}>Sign in</button>
          <p className="quiet">An admin makes one: <code>./farm token add NAME --role trigger</code></p>
          <Refusal refused={refused} />
        </form>
      </Section>
    </>
  );
}

function RoleSelect({ value, change }: { value: Role; change: (role: Role) => void }): ReactElement {
  return <label>Role<select value={value} onChange={(event) => change(event.target.value as Role)}>{roles.map((one) => <option key={one}>{one}</option>)}</select></label>;
}

function Tokens(): ReactElement {
  const { value, refused, reload } = useLoaded('tokens', () => answerOf(client.GET('/api/tokens')));
  const action = useAction();
  const [name, setName] = useState('');
  const [project, setProject] = useState('');
  const [role, setRole] = useState<Role>('trigger');
  const [made, setMade] = useState('');
  const add = (event: FormEvent): void => {
    event.preventDefault();
    action.act(async () => {
      const token = await answerOf(client.POST('/api/tokens', { body: { name, role, ...(project.trim() ? { project: project.trim() } : {}) } }));
      setMade(token.token);
      setName('');
      reload();
    });
  };
  return (
    <Section title="Tokens of the API">
      <Refusal refused={refused ?? action.refused} />
      {value && value.length > 0 ? (
        <Table label="Tokens" heads={['Name', 'May', 'Made', 'Last used', '']}>
          {value.map((one) => (
            <tr key={one.id}><th scope="row">{one.name}</th><td>{one.role} of {one.project || 'the whole farm'}</td><td><When at={one.createdAt} /></td>
              <td>{one.lastUsedAt ? <When at={one.lastUsedAt} /> : 'never'}</td>
              <td>{one.revokedAt ? <>revoked <When at={one.revokedAt} /></> : <button type="button" onClick={() => action.act(async () => {
                await answerOf(client.DELETE('/api/tokens/{id}', { params: { path: { id: one.id } } }));
                reload();
              })}>Revoke<span className="unseen"> {one.name}</span></button>}</td></tr>
          ))}
        </Table>
      ) : <p className="quiet">No token yet.</p>}
      <form className="inline" onSubmit={add}>
        <label>Name<input required maxLength={80} value={name} onChange={(event) => setName(event.target.value)} /></label>
        <label>Project<input value={project} placeholder="the whole farm" onChange={(event) => setProject(event.target.value)} /></label>
        <RoleSelect value={role} change={setRole} />
        <button type="submit" className="main" disabled={action.busy}>Make a token</button>
      </form>
      {made ? <div role="status"><p>Copy it now: the farm keeps its digest only.</p><Paste label="The new token" text={made} /></div> : null}
    </Section>
  );
}

function Hooks(): ReactElement {
  const { value, refused, reload } = useLoaded('hooks', () => answerOf(client.GET('/api/hooks')));
  const action = useAction();
  const [url, setUrl] = useState('');
  const [secret, setSecret] = useState('');
  const add = (event: FormEvent): void => {
    event.preventDefault();
    action.act(async () => {
      setSecret((await answerOf(client.POST('/api/hooks', { body: { url } }))).secret);
      setUrl('');
      reload();
    });
  };
  return (
    <Section title="Outgoing webhooks">
      <p className="quiet">Told of every publish. The header <code>x-farm-signature-256</code> is the HMAC of the body under the secret.</p>
      <Refusal refused={refused ?? action.refused} />
      {value && value.length > 0 ? (
        <Table label="Webhooks" heads={['Address', 'Told until serial', 'Last answer', '']}>
          {value.map((one) => (
            <tr key={one.id}><th scope="row">{one.url}</th><td className="number">{one.serial}</td><td>{one.lastStatus ?? 'none yet'}{one.failures > 0 ? `, failed ${one.failures} times` : ''}</td>
              <td><button type="button" onClick={() => action.act(async () => {
                await answerOf(client.DELETE('/api/hooks/{id}', { params: { path: { id: one.id } } }));
                reload();
              })}>Remove</button></td></tr>
          ))}
        </Table>
      ) : null}
      <form className="inline" onSubmit={add}>
        <label>Address<input required type="url" value={url} placeholder="https://example.org/hook" onChange={(event) => setUrl(event.target.value)} /></label>
        <button type="submit" className="main" disabled={action.busy}>Add</button>
      </form>
      {secret ? <div role="status"><p>The secret, shown this once:</p><Paste label="The secret" text={secret} /></div> : null}
    </Section>
  );
}

function People(): ReactElement {
  const { value, refused, reload } = useLoaded('accounts', () => answerOf(client.GET('/api/accounts')));
  const action = useAction();
  const [login, setLogin] = useState('');
  const [project, setProject] = useState('');
  const [role, setRole] = useState<Role>('maintainer');
  const change = (who: string, where: string, what: Role | null): void => action.act(async () => {
    await answerOf(client.PUT('/api/accounts/{login}/roles', { params: { path: { login: who } }, body: { role: what, ...(where ? { project: where } : {}) } }));
    reload();
  });
  return (
    <Section title="People">
      <Refusal refused={refused ?? action.refused} />
      {value && value.length > 0 ? (
        <Table label="People" heads={['Login', 'Kind', 'Roles']}>
          {value.map((one) => (
            <tr key={one.login}><th scope="row">{one.login}</th><td>{one.kind}</td>
              <td>{one.grants.length === 0 ? 'none' : <ul className="plain">{one.grants.map((grant) => (
                <li key={grant.project}>{grant.role} of {grant.project || 'the whole farm'} {one.kind === 'github' ? <button type="button" onClick={() => change(one.login, grant.project, null)}>Take</button> : null}</li>))}</ul>}</td></tr>
          ))}
        </Table>
      ) : null}
      <form className="inline" onSubmit={(event) => { event.preventDefault(); change(login.trim(), project.trim(), role); }}>
        <label>GitHub login<input required pattern="[A-Za-z0-9-]{1,39}" value={login} onChange={(event) => setLogin(event.target.value)} /></label>
        <label>Project<input value={project} placeholder="the whole farm" onChange={(event) => setProject(event.target.value)} /></label>
        <RoleSelect value={role} change={setRole} />
        <button type="submit" className="main" disabled={action.busy}>Give the role</button>
      </form>
    </Section>
  );
}

function Audit(): ReactElement {
  const [before, setBefore] = useState<string | undefined>(undefined);
  const { value, refused } = useLoaded(`audit ${before ?? ''}`, () => answerOf(client.GET('/api/audit', { params: { query: before === undefined ? {} : { before } } })));
  return (
    <>
      <h1>Audit log</h1>
      <Refusal refused={refused} />
      {!value ? (refused ? null : <Waiting />) : value.events.length === 0 ? <p>Nothing was done yet.</p> : (
        <>
          <Table label="Audit log" heads={['When', 'Who', 'What', 'Project', 'Answer', 'About']}>
            {value.events.map((one) => (
              <tr key={one.id}><td><When at={one.at} /></td><th scope="row">{one.actor} <span className="quiet">{one.via}</span></th><td><code>{one.action}</code></td>
                <td>{one.project || '–'}</td><td>{one.status < 400 ? `done (${one.status})` : `refused (${one.status})`}</td><td><code>{JSON.stringify(one.detail)}</code></td></tr>
            ))}
          </Table>
          {value.events.length === 100 ? <button type="button" onClick={() => setBefore(value.events.at(-1)?.id)}>Older</button> : null}
        </>
      )}
    </>
  );
}
