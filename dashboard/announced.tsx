import type { ReactElement } from 'react';
import { pathOf } from './address.ts';
import { answerOf, client, type AlertView, type TriggerView } from './client.ts';
import { useLoaded, type Loaded } from './load.ts';
import { A, Cause, Digest, Section, Table, When } from './parts.tsx';

/** What is on its way to builds, and what a person must know of. */
export interface Announced { readonly triggers: readonly TriggerView[]; readonly alerts: readonly AlertView[] }

/** Reads it for one project, or for the whole farm. */
export const useAnnounced = (project?: string): Loaded<Announced> => useLoaded(`announced ${project ?? ''}`, async () => {
  const query = { limit: '20', ...(project === undefined ? {} : { project }) };
  const [triggers, alerts] = await Promise.all([
    answerOf(client.GET('/api/triggers', { params: { query } })), answerOf(client.GET('/api/alerts', { params: { query } })),
  ]);
  return { triggers, alerts };
});

const says: Readonly<Record<string, string>> = {
  received: '… announced', making: '▸ its sdist is being made', building: '▸ its cells are being built', ended: '✓ built', failed: '✗ not built',
};
const causes: Readonly<Record<string, string>> = { webhook: 'told by a webhook', poll: 'found by asking', comment: 'asked for in a comment' };

/** How one announced release is, with why it waits or was not built. */
function How({ one, project }: { one: TriggerView; project: string | undefined }): ReactElement {
  const parts = one.parts.filter((part) => project === undefined || part.project === project);
  return (
    <>
      <p><span className={`answer is-${one.state === 'ended' ? 'yes' : one.state === 'failed' ? 'no' : 'open'}`}><strong>{says[one.state] ?? one.state}</strong></span></p>
      {one.failure ? <Cause failure={one.failure} /> : null}
      {parts.map((part) => (part.failure ? <Cause key={part.project} failure={part.failure} /> : null))}
    </>
  );
}

/** Alerts first; then the releases that were announced, newest first. */
export function AnnouncedSection({ value, project, title = 'Announced releases' }: { value: Announced | null; project?: string; title?: string }): ReactElement | null {
  if (!value || value.triggers.length + value.alerts.length === 0) return null;
  const { triggers, alerts } = value;
  return (
    <>
      {alerts.length > 0 ? (
        <Section title="Alerts">{alerts.map((alert) => <article key={alert.id}><p className="quiet"><When at={alert.createdAt} />{alert.repository ? `, ${alert.repository}` : ''}</p><Cause failure={alert.failure} /></article>)}</Section>
      ) : null}
      {triggers.length > 0 ? (
        <Section title={title}>
          <Table label={title} heads={['Tag or version', 'How it is', 'Came', 'Commit']}>
            {triggers.slice(0, project === undefined ? 20 : 5).map((one) => (
              <tr key={one.id} data-trigger={one.ref}>
                <th scope="row"><code>{one.ref}</code>{project === undefined ? one.parts.map((part) => <p key={part.project}><A to={pathOf('projects', part.project)}>{part.project}</A></p>) : null}</th>
                <td><How one={one} project={project} /></td>
                <td>{causes[one.cause] ?? one.cause}, <When at={one.createdAt} /></td>
                <td>{one.commit ? <Digest sha256={one.commit} kind="commit" /> : <span className="quiet">–</span>}</td>
              </tr>
            ))}
          </Table>
        </Section>
      ) : null}
    </>
  );
}
