import { useState, type ReactElement } from 'react';
import { farmUrl, pathOf } from './address.ts';
import { answerOf, client, type FeedView } from './client.ts';
import { AnnouncedSection, useAnnounced } from './announced.tsx';
import { useEvery, useLoaded } from './load.ts';
import { A, Digest, Ms, Refusal, Section, Size, Table, Took, Waiting, When } from './parts.tsx';
import { State } from './states.tsx';
import { count, duration } from './words.ts';

/** Pages about the whole farm. */
export default function FarmPages({ place }: { place: string }): ReactElement {
  if (place === 'queue') return <Queue />;
  if (place === 'workers') return <Workers />;
  if (place === 'feed') return <Feed />;
  if (place === 'api') return <Api />;
  return <Status />;
}

function Queue(): ReactElement {
  const { value, refused, reload } = useLoaded('queue', () => answerOf(client.GET('/api/queue')));
  useEvery(1000, reload);
  return (
    <>
      <h1>Queue</h1>
      <Refusal refused={refused} />
      {!value ? <Waiting /> : value.total === 0 ? <p>Nothing waits.</p> : (
        <Section title={`${count(value.total, 'cell')} of ${count(value.builds, 'build')}`}>
          <Table label="Queue" heads={['Cell', 'State', 'Waits for', 'Since', 'Took before']}>
            {value.waiting.map((one) => (
              <tr key={`${one.buildId} ${one.target}`}>
                <th scope="row"><A to={pathOf('projects', one.project)}>{one.project} {one.version}</A> <code>{one.target}</code></th>
                <td><State state={one.state} />{one.step && one.state === 'running' ? ` ${one.step}` : ''}</td>
                <td>{one.state === 'running' ? (one.attemptId ? <A to={pathOf('attempts', one.attemptId)}>{one.worker ?? 'a worker'}</A> : one.worker)
                  : <>a place in <code>{one.pool ?? 'a pool'}</code>, {one.ahead} before it</>}</td>
                <td><Took from={one.since} to={null} /></td><td><Ms ms={one.expectedMs} /></td>
              </tr>
            ))}
          </Table>
        </Section>
      )}
    </>
  );
}

function Workers(): ReactElement {
  const { value, refused, reload } = useLoaded('workers', () => answerOf(client.GET('/api/workers')));
  useEvery(2000, reload);
  return (
    <>
      <h1>Workers</h1>
      <Refusal refused={refused} />
      <p className="quiet">Another machine joins with the line that <code>./farm pool add NAME</code> prints; its token is listed, and revoked, under <A to="/account">Account</A>.</p>
      {!value ? <Waiting /> : value.workers.length === 0 ? <p>No worker has taken a cell in the last seven days.</p> : (
        <Table label="Workers" heads={['Worker', 'Pools', 'Works on', 'Last cell', 'Cells in 24 h', 'Failed by the farm']}>
          {value.workers.map((one) => (
            <tr key={one.name}>
              <th scope="row"><code>{one.name}</code></th><td>{one.pools.join(', ') || '–'}</td>
              <td>{one.now.length === 0 ? <span className="quiet">nothing</span> : <ul className="plain">{one.now.map((cell) => (
                <li key={cell.attemptId}><A to={pathOf('attempts', cell.attemptId)}>{cell.project ?? 'sdist'} {cell.version} {cell.target}</A> {cell.step}</li>))}</ul>}</td>
              <td><When at={one.seenAt} /></td><td className="number">{one.today}</td><td className="number">{one.failedByFarm}</td>
            </tr>
          ))}
        </Table>
      )}
    </>
  );
}

function Feed(): ReactElement {
  const [before, setBefore] = useState<string | undefined>(undefined);
  const { value, refused } = useLoaded(`feed ${before ?? ''}`, () =>
    answerOf(client.GET('/api/feed', { params: { query: { ...(before === undefined ? {} : { before }), limit: '50' } } })));
  return (
    <>
      <header className="title"><h1>Feed</h1><a className="button" href="feed.xml">RSS</a></header>
      <p className="quiet">Everything that became visible on the index, in the order of its serial.</p>
      <Refusal refused={refused} />
      {!value ? <Waiting /> : value.entries.length === 0 ? <p>Nothing was published yet.</p> : <Entries view={value} older={setBefore} />}
    </>
  );
}

function Entries({ view, older }: { view: FeedView; older: (before: string) => void }): ReactElement {
  const last = view.entries.at(-1)?.serial ?? 0;
  return (
    <>
      <Table label="Feed" heads={['Serial', 'Release', 'What', 'When', 'Files']}>
        {view.entries.map((one) => (
          <tr key={`${one.serial} ${one.version}`}><th scope="row" className="number">{one.serial}</th>
            <td><A to={pathOf('projects', one.project)}>{one.project} {one.version}</A></td><td>{one.kind === 'edit' ? 'edit of the metadata' : 'release'}</td><td><When at={one.at} /></td>
            <td><details><summary>{count(one.files.length, 'file')}, <Size bytes={one.files.reduce((sum, { bytes }) => sum + bytes, 0)} /></summary>
              <ul className="plain">{one.files.map((file) => <li key={file.filename}><A to={pathOf('file', file.filename)}>{file.filename}</A></li>)}</ul></details></td></tr>
        ))}
      </Table>
      {last > 1 ? <button type="button" onClick={() => older(String(last))}>Older</button> : null}
    </>
  );
}

function Status(): ReactElement {
  const { value, refused, reload } = useLoaded('status', () => answerOf(client.GET('/api/status')));
  const announced = useAnnounced();
  useEvery(5000, () => {
    reload();
    announced.reload();
  });
  return (
    <>
      <h1>Status</h1>
      <Refusal refused={refused} />
      {!value ? (refused ? null : <Waiting />) : (
        <dl className="facts">
          <dt>Answers</dt><dd><span className="answer is-yes"><strong>✓ Yes</strong></span>, for <span title={`${value.uptimeMs} ms`}>{duration(value.uptimeMs)}</span></dd>
          <dt>Version</dt><dd>{value.version}</dd><dt>Farm</dt><dd><code>{value.farmId}</code></dd>
          <dt>Projects</dt><dd>{value.projects.toLocaleString('en')}</dd><dt>Published files</dt><dd>{value.files.toLocaleString('en')}</dd>
          <dt>Open builds</dt><dd><A to="/queue">{value.openBuilds}</A></dd><dt>Serial of the index</dt><dd>{value.serial}</dd>
          <dt>Index</dt><dd><a href="simple/">{value.index}</a></dd>
          <dt>Trust configuration</dt><dd><a href=".well-known/wheelfarm/trust_config.json">trust_config.json</a> <Digest sha256={value.trustFingerprint} />
            <p className="quiet">Compare this fingerprint with one that you got another way. A local log makes signatures checkable; it is not public transparency.</p></dd>
        </dl>
      )}
      <AnnouncedSection value={announced.value} />
    </>
  );
}

interface Document { readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly summary: string; readonly security?: unknown }>>>> }

function Api(): ReactElement {
  const { value, refused } = useLoaded('openapi', async () => await (await fetch('api/openapi.json')).json() as Document);
  return (
    <>
      <header className="title"><h1>API</h1><a className="button" href="api/openapi.json">OpenAPI document</a></header>
      <p>Addresses start at <code>{farmUrl()}</code>. What changes something takes a token: <code>authorization: Bearer …</code>. Errors are Problems (RFC 9457) with a code and the next step.</p>
      <Refusal refused={refused} />
      {!value ? <Waiting /> : (
        <Table label="Addresses" heads={['Method', 'Address', 'What', 'Token']}>
          {Object.entries(value.paths).sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([path, methods]) => Object.entries(methods).map(([method, one]) => (
            <tr key={`${method} ${path}`}><td><code>{method.toUpperCase()}</code></td><th scope="row"><code>{path}</code></th><td>{one.summary}</td><td>{one.security ? 'yes' : ''}</td></tr>)))}
        </Table>
      )}
    </>
  );
}
