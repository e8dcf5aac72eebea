import type { ReactElement } from 'react';
import { pathOf } from './address.ts';
import { answerOf, client, type AlertView, type TriggerView } from './client.ts';
import { useLoaded, type Loaded } from './load.ts';
import { A, Cause, Digest, Section, When } from './parts.tsx';

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

/** How one announced release is. */
function How({ one: { state } }: { one: TriggerView }): ReactElement {
  return <span className={`answer is-${state === 'ended' ? 'yes' : state === 'failed' ? 'no' : 'open'}`}><strong>{says[state] ?? state}</strong></span>;
}

/** Alerts first; then the releases that were announced, newest first. */
export function AnnouncedSection({ value, project, title = 'Announced releases' }: { value: Announced | null; project?: string; title?: string }): ReactElement | null {
  if (!value || value.triggers.length + value.alerts.length === 0) return null;
  const { triggers, alerts } = value;
  // On the page of a project only the newest, and what is not built, stand before its grid.
  const shown = project === undefined ? triggers : triggers.filter(({ state }, at) => at === 0 || state !== 'ended').slice(0, 4);
  return (
    <>
      {alerts.length > 0 ? (
        <Section title="Alerts">{alerts.map((alert) => <article key={alert.id}><p className="quiet"><When at={alert.createdAt} />{alert.repository ? `, ${alert.repository}` : ''}</p><Cause failure={alert.failure} /></article>)}</Section>
      ) : null}
      {triggers.length > 0 ? (
        <Section title={title}>
          <ol className="announced">
            {shown.map((one) => (
              <li key={one.id} data-trigger={one.ref}>
                <p className="says"><code>{one.ref}</code> <How one={one} />
                  <span className="quiet">{causes[one.cause] ?? one.cause}, <When at={one.createdAt} />{one.commit ? <>, commit <Digest sha256={one.commit} kind="commit" /></> : null}</span></p>
                {project === undefined ? <p>{one.parts.map((part) => <A key={part.project} to={pathOf('projects', part.project)}>{part.project} </A>)}</p> : null}
                {one.failure ? <Cause failure={one.failure} /> : null}
                {one.parts.map((part) => (part.failure && (project === undefined || part.project === project) ? <Cause key={part.project} failure={part.failure} /> : null))}
              </li>
            ))}
          </ol>
        </Section>
      ) : null}
    </>
  );
}
