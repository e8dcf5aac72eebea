import { useState, type FormEvent, type ReactElement } from 'react';
import { answerOf, client, Refused } from './client.ts';
import { useLoaded } from './load.ts';
import { Paste, Refusal, Section } from './parts.tsx';

/** How the farm reaches GitHub: an App that two presses make, a token, or a webhook by hand. For admins. */
export default function GithubSetUp(): ReactElement | null {
  const { value, refused, reload } = useLoaded('github', () => answerOf(client.GET('/api/github')));
  const [organization, setOrganization] = useState('');
  const [token, setToken] = useState('');
  const [hook, setHook] = useState<{ url: string; secret: string } | null>(null);
  const [said, setSaid] = useState<Refused | null>(null);
  const act = (what: Promise<unknown>): void => {
    setSaid(null);
    what.catch((error: unknown) => setSaid(error instanceof Refused ? error : null));
  };
  if (!value) return refused ? <Refusal refused={refused} /> : null;
  const host = new URL(value.url).host;
  const makeApp = (event: FormEvent): void => {
    event.preventDefault();
    act(answerOf(client.POST('/api/github/app', { body: organization.trim() ? { organization: organization.trim() } : {} })).then(({ page }) => location.assign(page)));
  };
  const keepToken = (event: FormEvent): void => {
    event.preventDefault();
    act(answerOf(client.POST('/api/github/token', { body: { token: token.trim() } })).then(() => {
      setToken('');
      reload();
    }));
  };
  return (
    <Section title={`This farm at ${host}`}>
      <ul className="plain">
        <li>{value.app ? <><strong>✓ App</strong> <a href={`${value.url}/apps/${value.app}`} rel="noreferrer">{value.app}</a></> : <><strong>– No App</strong>: releases are found by asking every few minutes, and nothing is told back.</>}</li>
        <li>{value.token ? <><strong>✓ Token</strong> of a person</> : <><strong>– No token</strong></>}</li>
      </ul>
      <details open={!value.app && !value.token}><summary>{value.app ? 'Make another App' : 'Make the App: two presses, no key to copy'}</summary>
        <form className="inline" onSubmit={makeApp}>
          <label>Organization<input value={organization} pattern="[A-Za-z0-9\-]{1,39}" placeholder="your own account" onChange={(event) => setOrganization(event.target.value)} /></label>
          <button type="submit" className="main">Make the App</button>
        </form>
      </details>
      <details><summary>Or a token, or a webhook by hand</summary>
        <form className="inline" onSubmit={keepToken}>
          <label>Token of one who may administer the repositories<input required type="password" autoComplete="off" value={token} onChange={(event) => setToken(event.target.value)} placeholder="github_pat_…" /></label>
          <button type="submit">Keep it</button>
        </form>
        <p><button type="button" onClick={() => act(answerOf(client.POST('/api/github/webhook')).then(setHook))}>Show address and secret of the webhook</button></p>
        {hook ? <div role="status"><Paste label="Payload URL" text={hook.url} /><p className="quiet">Content type application/json; pushes, releases and issue comments.</p><Paste label="Secret" text={hook.secret} /></div> : null}
      </details>
      <Refusal refused={said} />
    </Section>
  );
}
