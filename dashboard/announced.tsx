import { useState, type FormEvent, type ReactElement } from 'react';
import { pathOf } from './address.ts';
import { answerOf, client, Refused, type AlertView, type RegistrationView, type TriggerView } from './client.ts';
import { useLoaded, type Loaded } from './load.ts';
import { A, Cause, Digest, Refusal, Section, When } from './parts.tsx';
import { useSession } from './session.tsx';

/** What is on its way to builds, what a person must know of, and repositories and names that do not answer now. */
export interface Announced { readonly triggers: readonly TriggerView[]; readonly alerts: readonly AlertView[]; readonly silent: readonly RegistrationView[] }

/** Reads it for one project, or for the whole farm. */
export const useAnnounced = (project?: string): Loaded<Announced> => useLoaded(`announced ${project ?? ''}`, async () => {
  const query = { limit: '20', ...(project === undefined ? {} : { project }) };
  const [triggers, alerts, registered] = await Promise.all([
    answerOf(client.GET('/api/triggers', { params: { query } })), answerOf(client.GET('/api/alerts', { params: { query } })),
    answerOf(client.GET('/api/registrations', { params: { query: project === undefined ? {} : { project } } })),
  ]);
  return { triggers, alerts, silent: registered.filter((one) => silence(one) !== null) };
});

/** Why a repository or a watched name could not be read when it was last asked; null where it could. */
export const silence = ({ repository, failure }: RegistrationView): RegistrationView['failure'] => repository?.failure ?? failure;

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
  if (!value || value.triggers.length + value.alerts.length + value.silent.length === 0) return null;
  const { triggers, alerts, silent } = value;
  // On the page of a project only the newest, and what is not built, stand before its grid.
  const shown = project === undefined ? triggers : triggers.filter(({ state }, at) => at === 0 || state !== 'ended').slice(0, 4);
  return (
    <>
      {alerts.length > 0 ? <Section title="Alerts">{alerts.map((alert) => <Alert key={alert.id} alert={alert} project={project} />)}</Section> : null}
      {silent.length > 0 ? <Section title="Waits for an answer">{silent.map((one) => <Silent key={one.project} one={one} />)}</Section> : null}
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

/** A repository or a name that is asked again and again until it answers. */
function Silent({ one }: { one: RegistrationView }): ReactElement | null {
  const failure = silence(one);
  if (!failure) return null;
  return (
    <article>
      <p>{one.repository?.fullName ?? one.project}: <strong>{failure.message}</strong> {one.repository?.state === 'vanished' ? failure.next : 'It is asked again by itself, less and less often; no release is lost.'}</p>
      <p className="quiet">{one.repository?.polledAt ? <>It answered <When at={one.repository.polledAt} />. </> : null}<code>{failure.code}</code></p>
    </article>
  );
}

/** One alert; who may edit the project may say that it was seen to. */
function Alert({ alert, project }: { alert: AlertView; project: string | undefined }): ReactElement | null {
  const session = useSession();
  const [why, setWhy] = useState('');
  const [seen, setSeen] = useState(false);
  const [refused, setRefused] = useState<Refused | null>(null);
  if (seen) return <p role="status">It is off the pages; what it stopped stays stopped.</p>;
  const send = (event: FormEvent): void => {
    event.preventDefault();
    setRefused(null);
    answerOf(client.POST('/api/alerts/{id}/acknowledge', { params: { path: { id: alert.id } }, body: { why, by: session.login ?? 'dashboard' } }))
      .then(() => setSeen(true), (error: unknown) => setRefused(error instanceof Refused ? error : null));
  };
  return (
    <article>
      <p className="quiet"><When at={alert.createdAt} />{alert.repository ? `, ${alert.repository}` : ''}</p>
      <Cause failure={alert.failure} />
      {session.may('maintainer', project ?? alert.project ?? '') ? (
        <form className="inline" onSubmit={send}>
          <label className="long">What was done about it (recorded)<input required maxLength={2000} value={why} onChange={(event) => setWhy(event.target.value)} /></label>
          <button type="submit">Acknowledge</button>
        </form>
      ) : null}
      <Refusal refused={refused} />
    </article>
  );
}
