import { useRef, useState, type ReactElement } from 'react';
import { farmUrl, pathOf } from './address.ts';
import { answerOf, client, type AttemptPage, type AttemptView, type Failure } from './client.ts';
import { LinkState } from './link-state.tsx';
import { useLive } from './live.ts';
import { useLoaded } from './load.ts';
import { Log } from './log.tsx';
import { A, Cause, Digest, Ms, Paste, Refusal, Section, Size, Table, Took, Waiting, When } from './parts.tsx';
import { RebuildButton } from './rebuild.tsx';
import { State } from './states.tsx';

/** One attempt: live log, steps, inputs, and how to open it without a farm. */
export default function AttemptPageOf({ id }: { id: string }): ReactElement {
  const { value, refused, change, reload } = useLoaded(`attempt ${id}`, () =>
    answerOf(client.GET('/api/attempts/{id}/page', { params: { path: { id } } })));
  const [lines, setLines] = useState<readonly string[]>(['']);
  const waiting = useRef<string[]>([]);
  const frame = useRef(0);
  const take = (): void => {
    frame.current = 0;
    const parts = waiting.current.join('').split('\n');
    waiting.current = [];
    setLines((before) => [...before.slice(0, -1), (before.at(-1) ?? '') + (parts[0] ?? ''), ...parts.slice(1)]);
  };
  const link = useLive(`api/attempts/${encodeURIComponent(id)}/live`, {
    log: ({ text }: { text: string }) => {
      waiting.current.push(text);
      frame.current ||= requestAnimationFrame(take);
    },
    attempt: (attempt: AttemptView) => {
      change((page) => ({ ...page, attempt }));
      if (value && value.attempt.state !== attempt.state) reload();
    },
  });
  if (!value) return refused ? <><h1>Attempt</h1><Refusal refused={refused} /></> : <><h1>Attempt</h1><Waiting rows={12} /></>;
  return <Shown page={value} link={<LinkState link={link} />} lines={lines} />;
}

function Shown({ page, link, lines }: { page: AttemptPage; link: ReactElement; lines: readonly string[] }): ReactElement {
  const { attempt } = page;
  const failure = attempt.failure ?? (page.testFailure as Failure | null);
  const running = attempt.state === 'running' || page.cellState === 'running';
  return (
    <>
      <p className="crumb"><A to="/">Projects</A> {page.project ? <A to={pathOf('projects', page.project)}>{page.displayName}</A> : null}</p>
      <header className="title"><h1>{page.project ? `${page.displayName} ${page.version}` : 'Making an sdist'} <code>{attempt.target}</code></h1>{link}</header>
      <p className="says"><State state={attempt.state} /> attempt {attempt.number}{attempt.step && running ? `, step ${attempt.step}` : ''}, <When at={page.startedAt} />, <Took from={page.startedAt} to={page.endedAt} />
        {attempt.worker ? <>, on <code>{attempt.worker}</code></> : null}</p>
      {failure ? <Section title="What went wrong"><Cause failure={failure} /></Section> : null}
      {attempt.reusedFrom ? <p>Nothing was compiled: <A to={pathOf('attempts', attempt.reusedFrom)}>an earlier attempt</A> had the same inputs.</p> : null}
      <Section title="Log">
        <Log lines={lines} evidence={failure?.evidence?.text ?? null} live={running} download={`api/attempts/${attempt.id}/log`}
          filename={`${page.project || 'sdist'}-${page.version}-${attempt.target}-${attempt.number}.log`} />
      </Section>
      <div className="columns">
        <Section title="Steps"><Steps attempt={attempt} /></Section>
        <Section title="Inputs"><Inputs page={page} /></Section>
      </div>
      {page.wheel ? <Section title="Result"><Result page={page} /></Section> : null}
      {page.project ? <Section title="Next"><RebuildButton project={page.project} buildId={attempt.buildId} targets={[attempt.target]} /></Section> : null}
      {page.image && page.source ? <Section title="Open it without a farm"><OpenIt page={page} /></Section> : null}
      {page.others.length > 1 ? (
        <Section title="All attempts at this cell">
          <Table label="Attempts" heads={['Attempt', 'State', 'Began', 'Took']}>
            {page.others.map((one) => (
              <tr key={one.id}><th scope="row">{one.id === attempt.id ? `${one.number}, this one` : <A to={pathOf('attempts', one.id)}>{one.number}</A>}</th>
                <td><State state={one.state} /></td><td><When at={one.startedAt} /></td><td><Took from={one.startedAt} to={one.endedAt} /></td></tr>
            ))}
          </Table>
        </Section>
      ) : null}
    </>
  );
}

/** Steps with their times; one that has begun and not ended goes on. */
function Steps({ attempt }: { attempt: AttemptView }): ReactElement {
  const begun = attempt.steps.filter(({ state }) => state === 'started');
  return (
    <Table label="Steps" heads={['Step', 'Began', 'Took']}>
      {begun.map((one, at) => {
        const end = attempt.steps.find((other) => other.step === one.step && other.state === 'ended' && other.at >= one.at);
        return (
          <tr key={at}><th scope="row">{one.step}</th><td><When at={one.at} /></td>
            <td>{end ? <Ms ms={end.ms} /> : attempt.state === 'running' ? <Took from={one.at} to={null} /> : <span className="quiet">not ended</span>}</td></tr>
        );
      })}
    </Table>
  );
}

function Inputs({ page }: { page: AttemptPage }): ReactElement {
  const { image, source, attempt } = page;
  return (
    <>
      <dl className="facts">
        {source ? <><dt>sdist</dt><dd>{source.filename}, <Size bytes={source.bytes} /> <Digest sha256={source.sha256} /></dd></> : null}
        <dt>Image</dt><dd>{image ? <>{image.name}, <Size bytes={image.bytes} /> <Digest sha256={image.tarSha256} /></> : <>key <Digest sha256={attempt.imageKey} /></>}</dd>
        {attempt.attemptKey ? <><dt>Attempt key</dt><dd><Digest sha256={attempt.attemptKey} /></dd></> : null}
        {page.cutoff ? <><dt>Cut-off</dt><dd><span title="Requirements uploaded later were not chosen">{page.cutoff}</span></dd></> : null}
      </dl>
      <Locked title="Build requirements" files={attempt.lock} />
      <Locked title="Test requirements" files={attempt.testLock} />
    </>
  );
}

/** Requirements with their digests. */
export function Locked({ title, files }: { title: string; files: AttemptView['lock'] }): ReactElement | null {
  if (files.length === 0) return null;
  return (
    <details open={files.length <= 6}><summary>{title}: {files.length}</summary>
      <ul className="plain">{files.map((file) => <li key={file.filename}><span title={file.filename}>{file.name} {file.version}</span> <Digest sha256={file.sha256} /></li>)}</ul>
    </details>
  );
}

function Result({ page }: { page: AttemptPage }): ReactElement | null {
  if (!page.wheel) return null;
  const { filename, sha256, bytes } = page.wheel;
  return (
    <dl className="facts">
      <dt>Wheel</dt><dd>{page.published ? <A to={pathOf('file', filename)}>{filename}</A> : <>{filename} <span className="tag">not published</span></>}</dd>
      <dt>Size</dt><dd><Size bytes={bytes} /> <Digest sha256={sha256} /></dd>
      <dt>Tested</dt><dd>{page.tested ?? 'not yet'}</dd>
      {page.sbom ? <><dt>SBOM</dt><dd><a href={`api/attempts/${page.attempt.id}/sbom`} download={`${filename}.cdx.json`}>CycloneDX JSON</a></dd></> : null}
    </dl>
  );
}

/** The container as it was: same image, no network, the limits of the cell. */
function OpenIt({ page }: { page: AttemptPage }): ReactElement | null {
  const { image, source, limits, attempt } = page;
  if (!image || !source) return null;
  const inputs = `${farmUrl()}/api/builds/${attempt.buildId}/cells/${attempt.target}/inputs`;
  const name = `wheelfarm/${image.name}:${image.key.slice(0, 12)}`;
  const memory = limits ? ` --memory ${limits.memoryBytes} --pids-limit ${limits.pidsMax}` : '';
  const text = [
    `curl -fsS -H "authorization: Bearer $FARM_TOKEN" -o image.tar ${inputs}/${image.tarSha256}`,
    `curl -fsS -H "authorization: Bearer $FARM_TOKEN" -o ${source.filename} ${inputs}/${source.sha256}`,
    `echo "${image.tarSha256}  image.tar" | sha256sum -c && docker import image.tar ${name}`,
    `docker run --rm -it --network none --cap-drop ALL --security-opt no-new-privileges${memory} \\`,
    `  -e SOURCE_DATE_EPOCH=${page.sourceDateEpoch} -v "$PWD/${source.filename}:/src/${source.filename}:ro" --tmpfs /work:exec -w /work ${name} sh`,
  ].join('\n');
  return <><Paste label="Open the cell with Docker" text={text} /><p className="quiet">On the machine of the farm, <code>./farm shell {page.project}=={page.version} {attempt.target}</code> opens the cell with its requirements.</p></>;
}
