import { Dialog, DialogDismiss, DialogHeading } from '@ariakit/react';
import type { ReactElement } from 'react';
import { farmUrl, pathOf } from './address.ts';
import { answerOf, client, type BuildView, type CellView } from './client.ts';
import type { Cell } from './grid.tsx';
import { useLoaded } from './load.ts';
import { A, Cause, Digest, Paste, Refusal, Size, Took, Waiting } from './parts.tsx';
import { RebuildButton } from './rebuild.tsx';
import { State, stateWords, testedWords } from './states.tsx';
import { filePath, verifyLines } from './verify.ts';

/** One cell: what it is, why, and everything that it left. */
export default function CellDrawer({ project, cell, close }: { project: string; cell: Cell; close: () => void }): ReactElement {
  const { value, refused } = useLoaded(`${cell.buildId} ${cell.target} ${cell.state} ${cell.tested ?? ''}`, () =>
    answerOf(client.GET('/api/builds/{id}', { params: { path: { id: cell.buildId } } })));
  // Cells of a release may be of builds of their own: the newest build that has this one, if the row's newest leaves it out.
  const elsewhere = value !== null && !has(value, cell);
  const { value: earlier } = useLoaded(elsewhere ? `earlier ${cell.buildId} ${cell.target}` : '', async () => (elsewhere
    ? answerOf(client.GET('/api/builds', { params: { query: { project, version: cell.version, limit: '50' } } })) : []));
  const build = value && (!elsewhere ? value : earlier?.find((one) => has(one, cell, 'cancelled')) ?? earlier?.find((one) => has(one, cell)));
  const view = build?.cells.find(({ target }) => target === cell.target);
  return (
    <Dialog open onClose={close} className="drawer" backdrop={<div className="backdrop" />} unmountOnHide>
      <header><DialogHeading render={<h2 />}><code>{cell.target}</code></DialogHeading><DialogDismiss className="close" aria-label="Close">×</DialogDismiss></header>
      <p className="quiet">{project} {cell.version}</p>
      <p className="says"><State state={cell.state} /> {stateWords[cell.state]?.says}{cell.tested ? `; ${testedWords[cell.tested]?.says}` : ''}</p>
      <Refusal refused={refused} />
      {view && build ? <Details build={build} cell={view} /> : refused || (elsewhere && earlier) ? null : <Waiting rows={5} />}
      {elsewhere && earlier && !build ? <p>This cell was built long ago; its build is not among the newest of the release.</p> : null}
      <RebuildButton project={project} buildId={cell.buildId} targets={[cell.target]} />
      <p>{cell.upstream ? 'The upstream index has a wheel for this target, too.' : 'The upstream index has no wheel for this target.'}</p>
    </Dialog>
  );
}

/** Whether a build has the cell, in another state than this one. */
const has = ({ cells }: BuildView, { target }: Cell, but?: string): boolean => cells.some((one) => one.target === target && one.state !== but);

function Details({ build, cell }: { build: BuildView; cell: CellView }): ReactElement {
  const { wheel, wheelSha256 } = cell;
  const published = wheel !== null && build.published.includes(wheel);
  return (
    <>
      {cell.failure ? <Cause failure={cell.failure} /> : null}
      {cell.testFailure ? <Cause failure={cell.testFailure} /> : null}
      <dl className="facts">
        <dt>Tier</dt><dd>{cell.tier}</dd>
        {cell.step ? <><dt>Step</dt><dd>{cell.step}</dd></> : null}
        {cell.coveredBy ? <><dt>Covered by</dt><dd><code>{cell.coveredBy}</code></dd></> : null}
        <dt>Attempts</dt><dd>{cell.attempts}</dd>
        {cell.startedAt ? <><dt>Time</dt><dd><Took from={cell.startedAt} to={cell.endedAt} /></dd></> : null}
        {wheel ? <><dt>Wheel</dt><dd>{published ? <A to={pathOf('file', wheel)}>{wheel}</A> : wheel}</dd></> : null}
        {cell.bytes === null ? null : <><dt>Size</dt><dd><Size bytes={cell.bytes} /></dd></>}
        {wheelSha256 ? <><dt>Digest</dt><dd><Digest sha256={wheelSha256} /></dd></> : null}
      </dl>
      {cell.notes.length > 0 ? <ul>{cell.notes.map((note) => <li key={note}>{note}</li>)}</ul> : null}
      {cell.attemptId ? (
        <p className="links">
          <A className="button" to={pathOf('attempts', cell.attemptId)}>Attempt and log</A>
          {wheel ? <a className="button" href={`api/attempts/${cell.attemptId}/sbom`} download={`${wheel}.cdx.json`}>SBOM</a> : null}
          {published && wheelSha256 ? <a className="button" href={`${filePath(wheelSha256, wheel).slice(1)}.sigstore.json`}>Attestation</a> : null}
        </p>
      ) : null}
      {published && wheelSha256 ? <Verify sha256={wheelSha256} filename={wheel} /> : null}
    </>
  );
}

function Verify({ sha256, filename }: { sha256: string; filename: string }): ReactElement | null {
  const { value } = useLoaded(`file ${filename}`, () => answerOf(client.GET('/api/files/{filename}', { params: { path: { filename } } })));
  if (!value) return null;
  return <Paste label="Verify" text={verifyLines({ base: farmUrl(), sha256, filename, identity: value.identity, issuer: value.issuer })} />;
}
