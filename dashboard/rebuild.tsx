import { useState, type ReactElement } from 'react';
import { answerOf, client, Refused } from './client.ts';
import type { Cell } from './grid.tsx';
import { useSession } from './session.tsx';
import { A, Refusal } from './parts.tsx';

/** A row or a column that was chosen. */
export type Choice =
  | { readonly kind: 'row'; readonly version: string; readonly buildId: string; readonly state: string; readonly cells: readonly Cell[] }
  | { readonly kind: 'column'; readonly target: string; readonly cells: readonly Cell[] };

/** Cells of the release of a build, to be built again. */
export interface Order { readonly project: string; readonly buildId: string; readonly targets: readonly string[] }

/** What a build that was asked for answered, in words. */
export async function start({ buildId, targets }: Order): Promise<string> {
  const view = await answerOf(client.POST('/api/builds', { body: { what: '', of: buildId, targets: [...targets], again: true } }));
  return view.started ? 'It is being built; this page moves by itself.' : 'Nothing is to build: what was asked for has a wheel.';
}

/** Builds cells of one release again. */
export function RebuildButton(order: Order): ReactElement {
  const [said, setSaid] = useState<string | null>(null);
  const [refused, setRefused] = useState<Refused | null>(null);
  const [busy, setBusy] = useState(false);
  const { may, known, login } = useSession();
  if (known && !may('trigger', order.project)) return <p className="quiet">Rebuilding takes the role trigger. {login === null ? <A to="/sign-in">Sign in</A> : null}</p>;
  const act = async (): Promise<void> => {
    setBusy(true);
    setRefused(null);
    try {
      setSaid(await start(order));
    } catch (error) {
      setRefused(error instanceof Refused ? error : null);
    }
    setBusy(false);
  };
  return (
    <div className="action">
      <button type="button" className="main" disabled={busy} onClick={() => void act()}>{busy ? 'Asking…' : 'Rebuild'}</button>
      <span role="status">{said}</span>
      <Refusal refused={refused} />
    </div>
  );
}
