import { useState, type ReactElement } from 'react';
import { answerOf, client, Refused, type EditView } from './client.ts';
import { A, Refusal, Section } from './parts.tsx';
import { useSession } from './session.tsx';

/** Yes or no to an edit that adds a dependency. Who may say it, the farm knows; the page only offers it. */
export function Approve({ edit, done }: { edit: EditView; done: () => void }): ReactElement {
  const session = useSession();
  const [refused, setRefused] = useState<Refused | null>(null);
  const [busy, setBusy] = useState(false);
  const [why, setWhy] = useState('');
  const [typed, setTyped] = useState('');
  const path = { id: edit.id };
  const by = session.login ?? 'dashboard';
  const release = `${edit.project}==${edit.version}`;
  const alone = edit.approvers.length === 0;
  const send = (act: Promise<unknown>): void => {
    setBusy(true);
    setRefused(null);
    act.then(() => setBusy(false), (error: unknown) => {
      setRefused(error instanceof Refused ? error : null);
      setBusy(false);
    }).finally(done);
  };
  return (
    <Section title="It waits for an approval">
      <p>It adds a dependency, so a maintainer other than {edit.requestedBy} must agree{alone ? '; there is nobody else any more' : `: ${edit.approvers.join(', ')}`}.</p>
      {session.known && !session.may('maintainer', edit.project) ? <p className="quiet">Approving takes the role maintainer. {session.login === null ? <A to="/sign-in">Sign in</A> : null}</p> : (
        <div className="start">
          {alone ? <label>Type {release} to approve it yourself; that is recorded and attested.<input value={typed} spellCheck={false} autoComplete="off" onChange={(event) => setTyped(event.target.value)} /></label> : null}
          <button type="button" className="main" disabled={busy || (alone && typed.trim() !== release)} onClick={() => send(answerOf(client.POST('/api/edits/{id}/approve', { params: { path }, body: { by, ...(alone ? { selfApproval: typed.trim() } : {}) } })))}>Approve</button>
          <form className="inline" onSubmit={(event) => { event.preventDefault(); send(answerOf(client.POST('/api/edits/{id}/refuse', { params: { path }, body: { by, why } }))); }}>
            <label className="long">Or refuse it, because<input required maxLength={2000} value={why} onChange={(event) => setWhy(event.target.value)} /></label>
            <button type="submit" disabled={busy}>Refuse</button>
          </form>
        </div>
      )}
      <Refusal refused={refused} />
    </Section>
  );
}
