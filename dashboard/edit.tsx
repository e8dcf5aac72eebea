import { useEffect, useRef, useState, type FormEvent, type ReactElement } from 'react';
import { go, pathOf } from './address.ts';
import { answerOf, client, Refused, type EditPreview, type EditView } from './client.ts';
import { leaveToSignIn, useKept } from './kept.ts';
import { useEvery, useLoaded } from './load.ts';
import { A, Cause, Refusal, Section, Size, Table, Waiting, When } from './parts.tsx';
import { Approve } from './edit-approval.tsx';
import { useSession } from './session.tsx';
import { State } from './states.tsx';
import { count } from './words.ts';

type Operation = 'set' | 'bound' | 'remove';
interface Line { readonly id: number; readonly operation: Operation; readonly field: string; readonly value: string }

const fields = ['Requires-Dist', 'Requires-Python', 'Classifier', 'License-Expression', 'Keywords', 'Project-URL', 'Summary', 'Maintainer', 'Maintainer-email', 'Author', 'Author-email'];
/** How long somebody types before the preview is asked for. @unit milliseconds */
const restMs = 350;

const textOf = ({ field, value }: Line): string => (value.trim() === '' ? field : `${field}: ${value.trim()}`);
const asked = (what: string, mode: string, lines: readonly Line[]) => {
  const of = (operation: Operation): string[] => lines.filter((line) => line.operation === operation && (operation === 'remove' || line.value.trim() !== '')).map(textOf);
  return { what, mode, set: of('set'), bound: of('bound'), remove: of('remove') };
};

/** Edit a published release: form, live difference, who will see it, confirmation. */
export function EditForm({ project, version }: { project: string; version: string }): ReactElement {
  const session = useSession();
  const release = `${project} ${version}`;
  const [lines, setLines, forgetLines] = useKept<readonly Line[]>(`lines ${release}`, [{ id: 0, operation: 'bound', field: 'Requires-Dist', value: '' }]);
  const [mode, setMode, forgetMode] = useKept(`mode ${release}`, 'respin');
  const [why, setWhy, forgetWhy] = useKept(`why ${release}`, '');
  const forget = (): void => { for (const one of [forgetLines, forgetMode, forgetWhy]) one(); };
  const signIn = <A to="/sign-in" onClick={() => leaveToSignIn(pathOf('projects', project, 'edit', version))}>Sign in</A>;
  const [preview, setPreview] = useState<EditPreview | null>(null);
  const [refused, setRefused] = useState<Refused | null>(null);
  const turn = useRef(0);
  const request = asked(`${project}==${version}`, mode, lines);
  const key = JSON.stringify(request);
  useEffect(() => {
    const now = turn.current += 1;
    const order = JSON.parse(key) as typeof request;
    setPreview(null);
    if (order.set.length + order.bound.length + order.remove.length === 0) {
      setRefused(null);
      return undefined;
    }
    const timer = setTimeout(() => {
      answerOf(client.POST('/api/edits/preview', { body: order })).then(
        (value) => { if (now === turn.current) { setPreview(value); setRefused(null); } },
        (error: unknown) => { if (now === turn.current) { setPreview(null); setRefused(error instanceof Refused ? error : null); } },
      );
    }, restMs);
    return () => clearTimeout(timer);
  }, [key]);
  const change = (id: number, next: Partial<Line>): void => setLines(lines.map((line) => (line.id === id ? { ...line, ...next } : line)));
  return (
    <>
      <p className="crumb"><A to="/">Projects</A> <A to={pathOf('projects', project)}>{project}</A></p>
      <h1>Edit the metadata of {project} {version}</h1>
      <p>Every wheel of the release is delivered again as a new file; its code stays byte for byte the same, nothing is compiled, and the old files stay.</p>
      {session.known && !session.may('maintainer', project) ? <p className="note">Only a maintainer of {project} can confirm an edit. {session.login === null ? <>{signIn}; what you typed stays.</> : null}</p> : null}
      <Section title="What to change">
        {lines.map((line) => (
          <div className="inline" key={line.id}>
            <label>Do<select value={line.operation} onChange={(event) => change(line.id, { operation: event.target.value as Operation })}>
              <option value="bound">Add a bound to</option><option value="set">Set</option><option value="remove">Remove</option></select></label>
            <label>Field<select value={line.field} onChange={(event) => change(line.id, { field: event.target.value })}>{fields.map((one) => <option key={one}>{one}</option>)}</select></label>
            <label className="long">Value<input value={line.value} spellCheck={false} placeholder={line.field === 'Requires-Python' ? '>=3.9,<3.15' : line.operation === 'bound' ? 'numpy<3' : ''}
              onChange={(event) => change(line.id, { value: event.target.value })} /></label>
            {lines.length > 1 ? <button type="button" onClick={() => setLines(lines.filter(({ id }) => id !== line.id))}>Drop<span className="unseen"> this change</span></button> : null}
          </div>
        ))}
        <label className="mode">Deliver as<select value={mode} onChange={(event) => setMode(event.target.value)}>
          <option value="respin">the same version with the next build tag</option><option value="post">a post-release</option></select></label>
        <p><button type="button" onClick={() => setLines([...lines, { id: Math.max(...lines.map(({ id }) => id)) + 1, operation: 'set', field: 'Requires-Python', value: '' }])}>Another change</button></p>
      </Section>
      <div aria-live="polite" className="flow">
        <Refusal refused={refused} />
        {preview ? <Preview preview={preview} /> : null}
      </div>
      {preview ? <Confirm key={preview.basis} preview={preview} request={request} why={why} setWhy={setWhy} sent={forget} /> : null}
    </>
  );
}

/** The difference of METADATA, line by line; signs say what colour says, too. */
function Difference({ groups }: { groups: EditPreview['groups'] }): ReactElement {
  return (
    <>
      {groups.map((group) => (
        <figure key={group.filenames.join(' ')} className="difference">
          <figcaption>{group.filenames.length === 1 ? group.filenames[0] : `METADATA of ${count(group.filenames.length, 'wheel')}`}</figcaption>
          <pre tabIndex={0}>{group.changes.flatMap((one, at) => [
            ...(one.before === null ? [] : [<del key={`${at}-`}>{`- ${one.field}: ${one.before}\n`}</del>]),
            ...(one.after === null ? [] : [<ins key={`${at}+`}>{`+ ${one.field}: ${one.after}\n`}</ins>]),
          ])}</pre>
          <p className="quiet">{[...new Set(group.changes.map(({ risk }) => risk).filter(Boolean))].join(', ')}</p>
        </figure>
      ))}
    </>
  );
}

function Preview({ preview }: { preview: EditPreview }): ReactElement {
  const bytes = preview.files.reduce((sum, one) => sum + one.storedBytes, 0);
  return (
    <>
      <Section title="What changes"><Difference groups={preview.groups} />
        {preview.remarks.map((remark) => <p key={remark} className="note">{remark}</p>)}
        <details><summary>{count(preview.files.length, 'new file')}, <Size bytes={bytes} /> to store</summary>
          <ul className="plain">{preview.files.map((file) => <li key={file.filename}>{file.filename} <span className="quiet">for {file.original}</span></li>)}</ul></details>
      </Section>
      <Section title="Who will see it">
        <Table label="Who will see it" heads={['Asked for', 'Sees it', 'Takes', 'Why']}>
          {preview.reach.map((row) => (
            <tr key={`${row.kind} ${row.form}`}><th scope="row">{row.kind === 'requirement' ? <code>{row.form}</code> : row.form}</th>
              <td><span className={`answer is-${row.sees ? 'yes' : 'no'}`}><strong>{row.sees ? '✓ yes' : '✗ no'}</strong></span></td><td>{row.chosen ?? '–'}</td><td>{row.why}</td></tr>
          ))}
        </Table>
      </Section>
    </>
  );
}

type Asked = ReturnType<typeof asked>;
const buildPollMs = 700;

/** What stock clients and the one build of a patched sdist find wrong with an edit; waits while that build goes on. */
async function findings(body: Asked): Promise<readonly string[]> {
  let check = await answerOf(client.POST('/api/edits/check', { body }));
  while (check.sdistBuilt?.state === 'building') {
    await new Promise((done) => { setTimeout(done, buildPollMs); });
    check = await answerOf(client.POST('/api/edits/check', { body }));
  }
  const { resolution, sdistBuilt } = check;
  const conflicts = resolution.filter(({ state }) => state === 'conflict').map(({ target, says }) => `${target}: ${says}`);
  if (sdistBuilt?.state === 'different') {
    conflicts.push(`A build of the patched sdist says otherwise in ${sdistBuilt.fields.join(', ')}: ${sdistBuilt.why}`);
  }
  if (sdistBuilt?.state === 'not built') conflicts.push(`No build shows that the patched sdist carries the edit: ${sdistBuilt.why}`);
  return conflicts;
}

interface ConfirmProps { readonly preview: EditPreview; readonly request: Asked; readonly why: string; readonly setWhy: (why: string) => void; readonly sent: () => void }

function Confirm({ preview, request, why, setWhy, sent }: ConfirmProps): ReactElement {
  const session = useSession();
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Refused | null>(null);
  const release = `${preview.project}==${preview.version}`;
  const [found, setFound] = useState<readonly string[]>([]);
  const [accepted, setAccepted] = useState(false);
  const alone = preview.secondApproval && preview.approvers.length === 0;
  const deliver = async (): Promise<void> => {
    const wrong = accepted ? [] : await findings(request);
    setFound(accepted ? found : wrong);
    if (wrong.length > 0) return setBusy(false);
    const edit = await answerOf(client.POST('/api/edits', {
      body: {
        ...request, basis: preview.basis, why, by: session.login ?? 'dashboard', ...(alone ? { selfApproval: typed.trim() } : {}),
        ...(accepted ? { acceptConflict: true, acceptUnbuilt: true } : {}),
      },
    }));
    sent();
    return go(pathOf('edits', edit.id));
  };
  const confirm = (event: FormEvent): void => {
    event.preventDefault();
    setBusy(true);
    setRefused(null);
    deliver().catch((error: unknown) => {
      setRefused(error instanceof Refused ? error : null);
      setBusy(false);
      session.reload();
    });
  };
  return (
    <Section title="Confirm">
      <form className="start" onSubmit={confirm}>
        <label>Why (recorded and attested)<input required maxLength={2000} value={why} onChange={(event) => setWhy(event.target.value)} /></label>
        {alone ? (
          <label>An added dependency needs an approval of its own, and nobody else may give it. Type {release} to approve it yourself; that is recorded and attested.
            <input required value={typed} spellCheck={false} autoComplete="off" onChange={(event) => setTyped(event.target.value)} /></label>
        ) : preview.secondApproval ? <p className="note">An added dependency needs the yes of another maintainer: {preview.approvers.join(', ')}. The edit waits for it.</p> : null}
        <button type="submit" className="main" disabled={busy || (alone && typed.trim() !== release)}>{busy ? 'Checking and delivering…' : preview.secondApproval && !alone ? 'Ask for the approval' : `Deliver ${count(preview.files.length, 'file')}`}</button>
        {found.length > 0 ? (
          <div role="alert"><p>Nothing was delivered. Stock clients and a build of it say:</p>
            <ul>{found.map((one) => <li key={one}>{one}</li>)}</ul>
            <label className="check"><input type="checkbox" required checked={accepted} onChange={(event) => setAccepted(event.target.checked)} /> I have read this; deliver it all the same</label></div>
        ) : null}
        <Refusal refused={refused} />
      </form>
    </Section>
  );
}

/** One edit: its state, approvals and files. */
export function EditPage({ id }: { id: string }): ReactElement {
  const { value, refused, reload } = useLoaded(`edit ${id}`, () => answerOf(client.GET('/api/edits/{id}', { params: { path: { id } } })));
  useEvery(700, () => { if (value && ['running', 'awaiting-approval'].includes(value.state)) reload(); });
  return (
    <>
      <p className="crumb"><A to="/">Projects</A> {value ? <A to={pathOf('projects', value.project)}>{value.project}</A> : null}</p>
      <h1>{value ? `Edit of ${value.project} ${value.version}` : 'Edit'}</h1>
      <Refusal refused={refused} />
      {value ? <Edited edit={value} reload={reload} /> : refused ? null : <Waiting />}
    </>
  );
}

/** What the one build of a patched sdist says. */
function builtWords({ state, target, fields, why }: NonNullable<EditView['sdistBuilt']>): string {
  if (state === 'equal') return `The patched sdist was built once, for ${target ?? ''}: its METADATA is that of the wheels.`;
  if (state === 'different') return `A build of the patched sdist for ${target ?? ''} says otherwise in ${fields.join(', ')}: ${why}`;
  return `No build shows that the patched sdist carries the edit: ${why}`;
}

function Edited({ edit, reload }: { edit: EditView; reload: () => void }): ReactElement {
  const cancel = (): void => { void answerOf(client.POST('/api/edits/{id}/cancel', { params: { path: { id: edit.id } }, body: { by: 'dashboard' } })).catch(() => undefined); };
  return (
    <>
      <p className="says"><State state={edit.state} /> <When at={edit.endedAt ?? edit.startedAt} />, asked for by {edit.requestedBy}: <q>{edit.why}</q>
        {['running', 'awaiting-approval'].includes(edit.state) ? <> <button type="button" onClick={cancel}>Cancel</button></> : null}</p>
      {edit.failure ? <Cause failure={edit.failure} /> : null}
      {edit.sdistBuilt ? <p className={edit.sdistBuilt.state === 'equal' ? 'quiet' : 'note'}>{builtWords(edit.sdistBuilt)}</p> : null}
      {edit.state === 'awaiting-approval' ? <Approve edit={edit} done={reload} /> : null}
      <Section title={edit.state === 'published' ? 'What changed' : 'What changes'}><Difference groups={edit.groups} /></Section>
      <Section title="Approvals">
        {edit.approvals.length === 0 ? <p className="quiet">{edit.state === 'awaiting-approval' ? 'None yet.' : 'None was needed.'}</p> : (
          <ul className="plain">{edit.approvals.map((one) => <li key={`${one.by} ${one.at}`}>{one.kind} by {one.by}{one.self ? ', who asked for it' : ''}, <When at={one.at} /></li>)}</ul>
        )}
      </Section>
      <Section title="Files">
        <Table label="Files" heads={['File', 'Stands for', 'Size', 'Stored']}>
          {edit.files.map((file) => (
            <tr key={file.filename}><th scope="row">{edit.state === 'published' ? <A to={pathOf('file', file.filename)}>{file.filename}</A> : file.filename}</th>
              <td>{file.original}</td><td><Size bytes={file.bytes} /></td><td><Size bytes={file.storedBytes} /></td></tr>
          ))}
        </Table>
      </Section>
    </>
  );
}

/** Edits, newest first. */
export function EditList(): ReactElement {
  const { value, refused } = useLoaded('edits', () => answerOf(client.GET('/api/edits')));
  return (
    <>
      <h1>Edits</h1>
      <Refusal refused={refused} />
      {!value ? (refused ? null : <Waiting />) : value.length === 0 ? <p>Nothing was edited yet.</p> : (
        <Table label="Edits" heads={['Release', 'State', 'Why', 'Who', 'When']}>
          {value.map((one) => (
            <tr key={one.id}><th scope="row"><A to={pathOf('edits', one.id)}>{one.project} {one.version}</A></th><td><State state={one.state} /></td><td>{one.why}</td><td>{one.requestedBy}</td><td><When at={one.startedAt} /></td></tr>
          ))}
        </Table>
      )}
    </>
  );
}

/** The pages about edits. */
export default function EditPages({ place, name, version }: { place: string; name: string; version: string }): ReactElement {
  if (place === 'projects') return <EditForm key={`${name} ${version}`} project={name} version={version} />;
  return name === '' ? <EditList /> : <EditPage id={name} />;
}
