import { useState, type FormEvent, type ReactElement } from 'react';
import { go, pathOf } from './address.ts';
import { answerOf, client, Refused } from './client.ts';
import { A, Refusal } from './parts.tsx';
import { useSession } from './session.tsx';

/** Builds a release of the upstream index by its name. */
export function StartBuild(): ReactElement {
  const [what, setWhat] = useState('');
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Refused | null>(null);
  const { may, known } = useSession();
  if (known && !may('trigger')) return <p className="quiet">Building takes the role trigger. <A to="/sign-in">Sign in</A></p>;
  const start = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setRefused(null);
    try {
      const view = await answerOf(client.POST('/api/builds', { body: { what: what.trim(), targets: [] } }));
      go(pathOf('projects', view.project));
    } catch (error) {
      setRefused(error instanceof Refused ? error : null);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form className="start" onSubmit={(event) => void start(event)}>
      <label>Release
        <input required value={what} placeholder="markupsafe==3.0.2" autoCapitalize="none" spellCheck={false} maxLength={300}
          onChange={(event) => setWhat(event.target.value)} />
      </label>
      <button type="submit" className="main" disabled={busy}>{busy ? 'Planning…' : 'Build'}</button>
      <Refusal refused={refused} />
    </form>
  );
}
