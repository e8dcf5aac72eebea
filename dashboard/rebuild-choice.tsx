import { Dialog, DialogDismiss, DialogHeading } from '@ariakit/react';
import { useState, type ReactElement } from 'react';
import { answerOf, client, Refused } from './client.ts';
import type { Cell } from './grid.tsx';
import { Refusal } from './parts.tsx';
import { RebuildButton, start, type Choice } from './rebuild.tsx';
import { count } from './words.ts';

const open = (cell: Cell): boolean => ['failed', 'blocked', 'cancelled'].includes(cell.state);

const targetsOf = (cells: readonly Cell[]): string[] => cells.filter(open).map(({ target }) => target);

/** Rebuild or cancel a release, or rebuild a target in all releases that miss it. */
export default function Rebuild({ project, choice, close }: { project: string; choice: Choice; close: () => void }): ReactElement {
  return (
    <Dialog open onClose={close} className="drawer" backdrop={<div className="backdrop" />} unmountOnHide>
      <header><DialogHeading render={<h2 />}>{choice.kind === 'row' ? `${project} ${choice.version}` : <code>{choice.target}</code>}</DialogHeading>
        <DialogDismiss className="close" aria-label="Close">×</DialogDismiss></header>
      {choice.kind === 'row' ? <OneRelease project={project} choice={choice} /> : <OneTarget project={project} choice={choice} />}
    </Dialog>
  );
}

function OneRelease({ project, choice }: { project: string; choice: Extract<Choice, { kind: 'row' }> }): ReactElement {
  const [said, setSaid] = useState('');
  const [refused, setRefused] = useState<Refused | null>(null);
  const failed = choice.cells.filter(open).length;
  const cancel = async (): Promise<void> => {
    setRefused(null);
    try {
      await answerOf(client.POST('/api/builds/{id}/cancel', { params: { path: { id: choice.buildId } }, body: { by: 'dashboard' } }));
      setSaid('The build ends within seconds.');
    } catch (error) {
      setRefused(error instanceof Refused ? error : null);
    }
  };
  return (
    <>
      <p>{failed === 0 ? 'Every cell has a wheel, or cannot have one.' : `${count(failed, 'cell')} without a wheel ${failed === 1 ? 'is' : 'are'} built again.`}</p>
      <RebuildButton project={project} buildId={choice.buildId} targets={failed === 0 ? [] : targetsOf(choice.cells)} />
      {choice.state === 'running' ? (
        <div className="action"><button type="button" onClick={() => void cancel()}>Cancel the build</button><span role="status">{said}</span></div>
      ) : null}
      <Refusal refused={refused} />
    </>
  );
}

function OneTarget({ project, choice }: { project: string; choice: Extract<Choice, { kind: 'column' }> }): ReactElement {
  const missing = choice.cells.filter(open);
  const [said, setSaid] = useState('');
  const [refused, setRefused] = useState<Refused | null>(null);
  const [busy, setBusy] = useState(false);
  const act = async (): Promise<void> => {
    setBusy(true);
    setRefused(null);
    try {
      for (const [at, cell] of missing.entries()) {
        setSaid(`${at + 1} of ${missing.length}: ${cell.version}`);
        await start({ project, buildId: cell.buildId, targets: [choice.target] });
      }
      setSaid(`${count(missing.length, 'build')} started.`);
    } catch (error) {
      setRefused(error instanceof Refused ? error : null);
    }
    setBusy(false);
  };
  return (
    <>
      <p>{missing.length === 0 ? 'No release misses this target.' : `${count(missing.length, 'release')} without a wheel for it: ${missing.map(({ version }) => version).join(', ')}.`}</p>
      {missing.length > 0 ? <button type="button" className="main" disabled={busy} onClick={() => void act()}>Rebuild the column</button> : null}
      <p role="status">{said}</p>
      <Refusal refused={refused} />
    </>
  );
}
