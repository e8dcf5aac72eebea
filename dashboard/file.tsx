import type { ReactElement } from 'react';
import { farmUrl, pathOf } from './address.ts';
import { Locked } from './attempt.tsx';
import { answerOf, client, type FileView } from './client.ts';
import { useLoaded } from './load.ts';
import { A, Digest, Paste, Refusal, Section, Size, Table, Waiting, When } from './parts.tsx';
import { filePath, verifyLines } from './verify.ts';

/** A published file: where it comes from, what is in it, and how to check that. */
export default function FilePage({ filename }: { filename: string }): ReactElement {
  const { value, refused } = useLoaded(`file ${filename}`, () =>
    answerOf(client.GET('/api/files/{filename}', { params: { path: { filename } } })));
  return (
    <>
      <p className="crumb"><A to="/">Projects</A> {value ? <A to={pathOf('projects', value.project)}>{value.project}</A> : null}</p>
      <h1 className="filename">{filename}</h1>
      <Refusal refused={refused} />
      {value ? <Shown file={value} /> : refused ? null : <Waiting rows={10} />}
    </>
  );
}

function Shown({ file }: { file: FileView }): ReactElement {
  return (
    <>
      <dl className="facts">
        <dt>Release</dt><dd>{file.project} {file.version}{file.yanked === null ? null : <span className="tag">yanked{file.yanked ? `: ${file.yanked}` : ''}</span>}</dd>
        <dt>Size</dt><dd><Size bytes={file.bytes} /></dd>
        <dt>SHA-256</dt><dd><code className="whole">{file.sha256}</code></dd>
        <dt>Published</dt><dd><When at={file.uploadTime} /></dd>
        {file.requiresPython ? <><dt>Requires Python</dt><dd>{file.requiresPython}</dd></> : null}
        {file.target ? <><dt>Target</dt><dd><code>{file.target}</code></dd></> : null}
        {file.attemptId ? <><dt>Built by</dt><dd><A to={pathOf('attempts', file.attemptId)}>attempt and log</A></dd></> : null}
        {file.editId ? <><dt>Edited</dt><dd><A to={pathOf('edits', file.editId)}>only the metadata was changed</A></dd></> : null}
      </dl>
      <p className="links"><a className="button" href={filePath(file.sha256, file.filename).slice(1)} download>Download</a>
        <a className="button" href={`${filePath(file.sha256, file.filename).slice(1)}.metadata`}>METADATA</a>
        {file.sbom && file.attemptId ? <a className="button" href={`api/attempts/${file.attemptId}/sbom`}>SBOM</a> : null}
        {file.attestations.length > 0 ? <a className="button" href={`${filePath(file.sha256, file.filename).slice(1)}.sigstore.json`}>Attestation</a> : null}</p>
      <div className="columns">
        <Section title="Source"><Source file={file} /></Section>
        <Section title="Reproduced">
          <p className={`answer is-${file.reproduced.answer}`}><strong>{{ yes: '✓ Yes', no: '✗ No', unknown: '? Not known' }[file.reproduced.answer]}</strong> {file.reproduced.why}</p>
          {file.tested ? <p>Tests: {file.tested}{file.testHow ? `, ${file.testHow}` : ''}</p> : null}
          {file.compilerCalls === null ? null : <p>{file.compilerCalls.toLocaleString('en')} compiler calls.</p>}
        </Section>
      </div>
      {file.grafted.length > 0 ? <Section title="Grafted libraries"><Grafted file={file} /></Section> : null}
      {file.image ? <Section title="Made with">
        <p>Image {file.image.name}, <Size bytes={file.image.bytes} /> <Digest sha256={file.image.tarSha256} /></p><Locked title="Build requirements" files={file.lock} /></Section> : null}
      {file.attestations.length > 0 ? (
        <Section title="Verify">
          <ul className="plain">{file.attestations.map((one) => <li key={one.kind}>{one.kind}: <code>{one.predicateType}</code>, <When at={one.at} /></li>)}</ul>
          <Paste label="Verify with the stock client" text={verifyLines({ base: farmUrl(), ...file })} />
        </Section>
      ) : null}
    </>
  );
}

function Source({ file }: { file: FileView }): ReactElement {
  const { sdist } = file;
  if (!sdist) return <p>No sdist is known for this file.</p>;
  const same = sdist.upstreamSha256 === sdist.sha256;
  return (
    <>
      <p>{sdist.filename} <Digest sha256={sdist.sha256} /></p>
      {sdist.upstreamSha256 === null ? <p>It came from a {sdist.origin}; the upstream index has no file of this name that went through here.</p>
        : <p className={`answer is-${same ? 'yes' : 'no'}`}><strong>{same ? '✓ Equal' : '✗ Not equal'}</strong> to the digest that the upstream index gives{same ? '' : <>: <Digest sha256={sdist.upstreamSha256} /></>}.</p>}
    </>
  );
}

/** Copies of shared libraries in the wheel. The SBOM names their licences where the image's package says them. */
function Grafted({ file }: { file: FileView }): ReactElement {
  const { value } = useLoaded(`sbom ${file.attemptId ?? ''}`, () => licencesOf(file.attemptId));
  return (
    <Table label="Grafted libraries" heads={['Library', 'Licence', 'Digest']}>
      {file.grafted.map((one) => (
        <tr key={one.path}><th scope="row"><code>{one.path}</code></th>
          <td>{value === null ? '…' : value.get(one.sha256) ?? <span className="quiet">not said</span>}</td><td><Digest sha256={one.sha256} /></td></tr>
      ))}
    </Table>
  );
}

interface Sbom { readonly components?: readonly { readonly hashes?: readonly { readonly content: string }[]; readonly licenses?: readonly { readonly expression?: string; readonly license?: { readonly id?: string; readonly name?: string } }[] }[] }

async function licencesOf(attemptId: string | null): Promise<ReadonlyMap<string, string>> {
  if (!attemptId) return new Map();
  const answer = await fetch(`api/attempts/${attemptId}/sbom`);
  if (!answer.ok) return new Map();
  const { components = [] } = await answer.json() as Sbom;
  return new Map(components.flatMap(({ hashes = [], licenses = [] }) => {
    const words = licenses.map(({ expression, license }) => expression ?? license?.id ?? license?.name ?? '').filter(Boolean).join(', ');
    return words === '' ? [] : hashes.map(({ content }): [string, string] => [content, words]);
  }));
}
