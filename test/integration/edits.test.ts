import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { editActivities } from '../../orchestrator/activities/edits.ts';
import { composedBlobs } from '../../orchestrator/adapters/blobs-composed.ts';
import { prismaHistories } from '../../orchestrator/adapters/history.ts';
import { indexYanks } from '../../orchestrator/adapters/index-yank.ts';
import { prismaEdits } from '../../orchestrator/adapters/edits.ts';
import { prismaLateEdits } from '../../orchestrator/adapters/prisma/late-edits.ts';
import { prismaEditRecords } from '../../orchestrator/adapters/prisma/edit-records.ts';
import { localSigner } from '../../orchestrator/adapters/sigstore/local-signer.ts';
import { openLocalAuthority } from '../../orchestrator/adapters/sigstore/local.ts';
import { pgLogStore } from '../../orchestrator/adapters/sigstore/log-store-pg.ts';
import type { EditActivities } from '../../orchestrator/contract/activities.ts';
import type { EditView } from '../../orchestrator/contract/edits.ts';
import type { EditRecords, Edits } from '../../orchestrator/edit-ports.ts';
import type { BlobStore, Index, Signer } from '../../orchestrator/ports.ts';
import { startControlPlane, type ControlPlane } from '../support/control-plane.ts';
import { makeWheel } from '../support/distributions.ts';
import { clientVenv } from '../support/clients.ts';
import { run } from '../support/clients-run.ts';
import { filesToPublish, startIndexPlane, type IndexPlane } from '../support/index-plane.ts';

let plane: ControlPlane;
/** Serves what is published, from the blobs that edits are made of. */
let web: IndexPlane;
let folder: string;
let edits: Edits & { sweep(): Promise<void> };
let records: EditRecords;
let index: Index;
let served: Pick<BlobStore, 'has' | 'size' | 'stream'>;
let activities: EditActivities;
let signer: Signer;
let number = 0;

beforeAll(async () => {
  plane = await startControlPlane();
  folder = await mkdtemp(join(tmpdir(), 'farm-edits-'));
  const { database, workflows, upstream, ports: { clock } } = plane;
  web = await startIndexPlane({ databaseUrl: database.url, upstream: 'http://127.0.0.1:9/simple/', folder });
  const { blobs } = web;
  index = web.index;
  records = prismaEditRecords({ database, blobs });
  served = composedBlobs(blobs, database.pool);
  edits = prismaEdits({ database, blobs, workflows, upstream, clock, records, builder: 'test 1', index: 'http://127.0.0.1/simple/' });
  const authority = await openLocalAuthority({ folder: join(folder, 'keys'), farmId: 'test', now: clock.now });
  signer = localSigner({ authority, log: pgLogStore(database.pool) });
  const acts = editActivities({ edits: records, records: plane.records, signer, index });
  const logger = new DefaultLogger('ERROR');   // a refusal is an answer here, not a fault
  const deliverable = <O>(act: (order: O) => Promise<void>) => (order: O) => new MockActivityEnvironment({}, { logger }).run(act, order) as Promise<void>;
  activities = {
    prepareEdit: deliverable(acts.prepareEdit), attestEdit: deliverable(acts.attestEdit), publishEdit: deliverable(acts.publishEdit), endEdit: deliverable(acts.endEdit),
  };
}, 120_000);
afterAll(async () => {
  await web.stop();
  await plane.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A project of its own with one published wheel. */
async function published(): Promise<string> {
  const name = `edited${(number += 1)}`;
  const wheel = makeWheel({ name, version: '1.0', requiresPython: '>=3.8', requires: ['six>=1'] });
  await index.publish({ project: name, displayName: name, version: '1.0', buildId: 'b', files: await filesToPublish(web.blobs, [wheel]) });
  return name;
}
const request = (name: string, set: readonly string[] = ['Requires-Python: >=3.9']) =>
  ({ what: `${name}==1.0`, mode: 'respin', set: [...set], remove: [], bound: [] });
async function started(name: string, set?: readonly string[], more: object = {}): Promise<EditView> {
  const asked = request(name, set);
  const { basis } = await edits.preview(asked);
  return edits.start({ ...asked, basis, why: 'a test', by: 'me', ...more });
}
const filenames = (name: string) => index.published(name, '1.0');
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(() => 'no failure', (error: { failure?: { code: string }; type?: string }) => error.failure?.code ?? error.type ?? String(error));
async function bytesOf(sha256: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of await served.stream(sha256)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
async function deliver(editId: string): Promise<void> {
  await activities.prepareEdit({ editId });
  await activities.attestEdit({ editId });
  await activities.publishEdit({ editId });
}

describe.each(['pip', 'uv'] as const)('a stock %s', (client) => {
  it('installs what was edited, and the old file where a lock has its hash', async () => {
    const bin = await clientVenv('edit', ['pip==26.3', 'uv==0.13.8', 'wheel==0.45.1']);
    const name = await published();
    const [old] = await plane.database.prisma.file.findMany({ where: { project: name } });
    const { id } = await started(name);
    await deliver(id);
    const lock = join(folder, `${name}.txt`);
    await writeFile(lock, `${name}==1.0 --hash=sha256:${old?.sha256 ?? ''}\n`);
    const [command, first] = client === 'pip' ? ['pip', ['install', '--no-cache-dir']] as const
      : ['uv', ['pip', 'install', '--no-cache', '--python', join(bin, 'python')]] as const;
    const bound = async (target: string, ...what: string[]): Promise<string | undefined> => {
      const said = await run(join(bin, command), [...first, '--no-deps', '--only-binary', ':all:', '--target', join(folder, target),
        '--index-url', `${web.url}/simple/`, ...what]);
      expect(said.code, said.output).toBe(0);
      return /^Requires-Python: (.*)/m.exec(await readFile(join(folder, target, `${name}-1.0.dist-info/METADATA`), 'utf8'))?.[1];
    };
    expect(await bound(`${client}-new`, `${name}==1.0`)).toBe('>=3.9');
    expect(await bound(`${client}-old`, '--require-hashes', '-r', lock)).toBe('>=3.8');
  }, 120_000);
});

describe('an edit', () => {
  it('is previewed without a trace', async () => {
    const name = await published();
    const preview = await edits.preview(request(name));
    expect(preview).toMatchObject({
      project: name, version: '1.0', buildTag: 1, secondApproval: false,
      groups: [{ changes: [{ field: 'Requires-Python', before: '>=3.8', after: '>=3.9', risk: 'tighten' }] }],
      files: [{ filename: `${name}-1.0-1-py3-none-any.whl`, original: `${name}-1.0-py3-none-any.whl` }],
    });
    expect(preview.reach.find(({ form }) => form === `${name}==1.0`)?.sees).toBe(true);
    const { prisma } = plane.database;
    expect([await prisma.edit.count({ where: { project: name } }), (await filenames(name)).length]).toEqual([0, 1]);
  });

  it('becomes visible at the end only, and a second delivery of any activity changes nothing', async () => {
    const name = await published();
    const { id } = await started(name);
    expect(plane.workflows.edits).toContain(id);
    const look = async () => ({
      edit: await edits.view(id), files: await filenames(name),
      signed: await plane.database.prisma.attestation.count({ where: { filename: { startsWith: `${name}-` } } }),
      leaves: await plane.database.prisma.logLeaf.count(),
    });
    for (const act of ['prepareEdit', 'attestEdit'] as const) {
      await activities[act]({ editId: id });
      const first = await look();
      await activities[act]({ editId: id });
      expect(await look()).toEqual(first);
      expect(first.files).toEqual([`${name}-1.0-py3-none-any.whl`]);
    }
    await activities.publishEdit({ editId: id });
    const done = await look();
    expect(done).toMatchObject({ edit: { state: 'published' }, files: [`${name}-1.0-1-py3-none-any.whl`, `${name}-1.0-py3-none-any.whl`], signed: 2 });
    expect(await code(activities.publishEdit({ editId: id }))).toBe('FARM_ENDED');
    await activities.endEdit({ editId: id });
    expect(await look()).toEqual(done);
  });

  it('gives a file with its digest, made of ranges and a tail, also after three edits', async () => {
    const name = await published();
    for (const bound of ['>=3.9', '>=3.10', '>=3.11']) {
      const { id } = await started(name, [`Requires-Python: ${bound}`]);
      await deliver(id);
      const [file] = (await edits.view(id)).files;
      const bytes = await bytesOf(file?.sha256 ?? '');
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(file?.sha256);
      expect([bytes.length, await served.size(file?.sha256 ?? '')]).toEqual([file?.bytes, file?.bytes]);
      expect(await web.blobs.has(file?.sha256 ?? '')).toBe(false);
    }
    const rows = await plane.database.prisma.editWheel.findMany({ where: { filename: { startsWith: `${name}-` } } });
    expect(new Set(rows.map(({ baseSha256 }) => baseSha256)).size).toBe(1);
    const file = await plane.database.prisma.file.findUniqueOrThrow({ where: { filename: `${name}-1.0-3-py3-none-any.whl` } });
    expect(file.requiresPython).toBe('>=3.11');
    expect(file.originalSha256).toBe((await plane.database.prisma.file.findUniqueOrThrow({ where: { filename: `${name}-1.0-2-py3-none-any.whl` } })).sha256);
  });

  it('needs the typed release where it adds a dependency', async () => {
    const name = await published();
    expect(await code(started(name, ['Requires-Dist: evil']))).toBe('FARM_EDIT_APPROVAL');
    expect(await code(started(name, ['Requires-Dist: evil'], { selfApproval: name }))).toBe('FARM_EDIT_APPROVAL');
    const { approvals } = await started(name, ['Requires-Dist: evil'], { selfApproval: `${name}==1.0` });
    expect(approvals.map(({ kind, self }) => [kind, self])).toEqual([['edit', true], ['added-dependency', true]]);
  });

  it('is one at a time, for the files that its preview showed', async () => {
    const name = await published();
    const stale = await edits.preview(request(name));
    const { id } = await started(name);
    expect(await code(started(name))).toBe('FARM_EDIT_RUNNING');
    await deliver(id);
    const late = edits.start({ ...request(name, ['Summary: late']), basis: stale.basis, why: 'a test', by: 'me' });
    expect(await code(late)).toBe('FARM_EDIT_STALE');
  });

  it('is not published where a wheel joined the release meanwhile', async () => {
    const name = await published();
    const { id } = await started(name);
    await activities.prepareEdit({ editId: id });
    await activities.attestEdit({ editId: id });
    const wheel = makeWheel({ name, version: '1.0', content: 'another' });
    const [file] = await filesToPublish(web.blobs, [wheel]);
    if (!file) throw new Error('no file');
    const filename = `${name}-1.0-cp311-cp311-manylinux_2_17_x86_64.whl`;
    await index.publish({ project: name, displayName: name, version: '1.0', buildId: 'b', files: [{ ...file, filename }] });
    expect(await code(activities.publishEdit({ editId: id }))).toBe('FARM_EDIT_STALE');
    await activities.endEdit({ editId: id, code: 'FARM_EDIT_STALE', why: 'other files' });
    expect(await edits.view(id)).toMatchObject({ state: 'failed', files: [], failure: { code: 'FARM_EDIT_STALE', message: 'other files' } });
    expect((await filenames(name)).length).toBe(2);
  });

  it('is published whole when a cancel comes too late', async () => {
    const { id } = await started(await published());
    await edits.cancel(id, 'me');
    await deliver(id);
    expect(await edits.view(id)).toMatchObject({ state: 'published', failure: null });
  });

  it('leaves nothing when it ends before it was published', async () => {
    const name = await published();
    const { id } = await started(name);
    await activities.prepareEdit({ editId: id });
    await activities.endEdit({ editId: id });
    expect(await edits.view(id)).toMatchObject({ state: 'cancelled', files: [] });
    expect(await code(activities.publishEdit({ editId: id }))).toBe('FARM_ENDED');
    expect(await filenames(name)).toEqual([`${name}-1.0-py3-none-any.whl`]);
  });

  it('waits for Temporal, and is cancelled without it', async () => {
    const name = await published();
    plane.workflows.away = true;
    const { id } = await started(name);
    expect(plane.workflows.edits).not.toContain(id);
    await edits.sweep();
    plane.workflows.away = false;
    await edits.sweep();
    expect(plane.workflows.edits).toContain(id);
    plane.workflows.away = true;
    const other = await started(await published());
    await edits.cancel(other.id, 'me');
    plane.workflows.away = false;
    expect(await edits.view(other.id)).toMatchObject({ state: 'cancelled', failure: { code: 'FARM_CANCELLED', message: 'Cancelled by me.' } });
  });

  it('refuses what is not there by name', async () => {
    const name = await published();
    expect(await code(edits.preview({ ...request(name), what: name }))).toBe('FARM_WHAT_UNCLEAR');
    expect(await code(edits.preview({ ...request(name), what: `${name}==2.0` }))).toBe('FARM_EDIT_RELEASE');
    expect(await code(edits.preview({ ...request(name), mode: 'other' }))).toBe('FARM_EDIT_MODE');
    expect(await code(edits.preview(request(name, ['Name: other'])))).toBe('FARM_EDIT_FIELD');
    expect(await code(edits.preview(request(name, ['Requires-Dist: six>=1'])))).toBe('FARM_EDIT_NOTHING');
    await plane.database.prisma.file.updateMany({ where: { project: name }, data: { yanked: 'broken' } });
    expect(await code(edits.preview(request(name)))).toBe('FARM_EDIT_RELEASE');
  });
});

describe('several releases', () => {
  it('get a bound in one action, all recorded or none, and one of them is taken back by another edit', async () => {
    const name = `edited${(number += 1)}`;
    for (const version of ['1.0', '1.1', '2.0']) {
      const wheel = makeWheel({ name, version, requiresPython: '>=3.8', requires: version === '1.1' ? ['six>=1,<2'] : ['six>=1'] });
      await index.publish({ project: name, displayName: name, version, buildId: 'b', files: await filesToPublish(web.blobs, [wheel]) });
    }
    const asked = { what: `${name}<3`, mode: 'respin', set: [], remove: [], bound: ['Requires-Dist: six<2'] };
    const preview = await edits.previewBatch(asked);
    expect([preview.releases.map(({ version }) => version), preview.unchanged, preview.refused]).toEqual([['1.0', '2.0'], [`${name}==1.1`], []]);
    const bases = Object.fromEntries(preview.releases.map(({ version, basis }) => [version, basis]));
    expect(await code(edits.startBatch({ ...asked, bases: { '1.0': bases['1.0'] ?? '' }, why: 'a test', by: 'me' }))).toBe('FARM_EDIT_STALE');
    expect(await code(edits.startBatch({ ...asked, bases: { ...bases, '2.0': '0'.repeat(64) }, why: 'a test', by: 'me' }))).toBe('FARM_EDIT_STALE');
    expect(await plane.database.prisma.edit.count({ where: { project: name } })).toBe(0);
    const started = await edits.startBatch({ ...asked, bases, why: 'a test', by: 'me' });
    for (const { id } of started) await deliver(id);
    expect(new Set(started.map(({ batchId }) => batchId)).size).toBe(1);
    const changes = async (id: string) => (await edits.view(id)).groups.map((group) => group.changes.map(({ before, after }) => [before, after]));
    expect(await changes(started[1]?.id ?? '')).toEqual([[['six>=1', 'six<2,>=1']]]);
    const undo = { what: '', mode: 'respin', set: [], remove: [], bound: [], undo: started[1]?.id ?? '' };
    const back = await edits.start({ ...undo, basis: (await edits.preview(undo)).basis, why: 'it works', by: 'me' });
    await deliver(back.id);
    expect(back).toMatchObject({ version: '2.0', buildTag: 2, undoes: started[1]?.id });
    expect(await changes(back.id)).toEqual([[['six<2,>=1', 'six>=1']]]);
    expect(await code(edits.preview({ ...undo, what: `${name}==1.0` }))).toBe('FARM_EDIT_UNDO');
    expect(await code(edits.previewBatch({ ...asked, what: `${name}>9` }))).toBe('FARM_EDIT_SELECTOR');
    expect(await code(edits.previewBatch({ ...asked, what: name }))).toBe('FARM_EDIT_SELECTOR');
  });
});

describe('a yank', () => {
  it('is on the page with its reason until it is taken back; the history tells all of it', async () => {
    const name = await published();
    await deliver((await started(name)).id);
    const yanks = indexYanks({ pool: web.pool, clock: plane.ports.clock, origin: () => web.url });
    const yanked = async () => {
      const page = await (await fetch(`${web.url}/simple/${name}/`, { headers: { accept: 'application/vnd.pypi.simple.v1+json' } })).json() as { files: { yanked: unknown }[] };
      return page.files.map((file) => file.yanked);
    };
    const order = { what: `${name}==1.0.0`, why: 'it loses data', by: 'me' };
    expect(await yanks.yank({ ...order, action: 'yank' })).toMatchObject({ version: '1.0', files: 2, listed: 'yes' });
    expect(await yanks.yank({ ...order, action: 'yank' })).toMatchObject({ files: 0 });
    expect(await yanked()).toEqual(['it loses data', 'it loses data']);
    expect(await code(edits.preview(request(name)))).toBe('FARM_EDIT_RELEASE');
    await yanks.yank({ ...order, why: 'it does not', action: 'unyank' });
    expect(await yanked()).toEqual([false, false]);
    const history = await prismaHistories(plane.database).of(name);
    expect(history.map(({ kind, by, why, changes }) => [kind, by, why, changes.length])).toEqual([
      ['edit', 'me', 'a test', 2], ['yank', 'me', 'it loses data', 0], ['unyank', 'me', 'it does not', 0]]);
    expect(await code(yanks.yank({ ...order, what: `${name}==2.0`, action: 'yank' }))).toBe('FARM_EDIT_RELEASE');
  });
});

describe('a wheel that is built after edits', () => {
  const lateOrder = async (name: string, parts: object = {}) => {
    const wheel = makeWheel({ name, version: '1.0', content: 'late', requiresPython: '>=3.8', requires: ['six>=1'], ...parts });
    const [file] = await filesToPublish(web.blobs, [wheel]);
    if (!file) throw new Error('no file');
    return { project: name, displayName: name, version: '1.0', buildId: 'b2', files: [file] };
  };
  const platform = { tag: 'cp311-cp311-manylinux_2_17_x86_64' };

  it('joins with every edit in force, signed, and can be edited with the others', async () => {
    const name = await published();
    await deliver((await started(name)).id);
    await deliver((await started(name, ['Requires-Dist: six>=1,<2', 'Summary: edited'])).id);
    const late = prismaLateEdits({ database: plane.database, blobs: web.blobs });
    const order = await lateOrder(name, platform);
    const { origins, files } = await late.of(order);
    expect(files.map(({ filename }) => filename)).toEqual([`${name}-1.0-2-cp311-cp311-manylinux_2_17_x86_64.whl`]);
    await plane.records.saveAttestations(await signer.signRespins(origins));
    expect(await late.of(order)).toEqual({ origins: [], files });
    await index.publish({ ...order, files: [...order.files, ...files] });
    const metadata = Buffer.from(await web.blobs.bytes(files[0]?.metadataSha256 ?? '')).toString();
    for (const line of ['Requires-Python: >=3.9', 'Requires-Dist: six<2,>=1', 'Summary: edited']) expect(metadata).toContain(line);
    expect(createHash('sha256').update(await bytesOf(files[0]?.sha256 ?? '')).digest('hex')).toBe(files[0]?.sha256);
    await deliver((await started(name, ['Summary: all of them'])).id);
    expect((await filenames(name)).filter((one) => one.includes('-1.0-3-')).length).toBe(2);
    expect(await late.of({ ...order, files: [] })).toEqual({ origins: [], files: [] });
  });

  it('is refused where an edit does not fit it, or its dependencies are others', async () => {
    const name = await published();
    await deliver((await started(name, ['Requires-Dist: six>=1,<2'])).id);
    const late = prismaLateEdits({ database: plane.database, blobs: web.blobs });
    const two = { ...platform, requires: ['six>=1; python_version < "3"', 'six>=2; python_version >= "3"'] };
    expect(await code(late.of(await lateOrder(name, two)))).toBe('FARM_EDIT_LATE');
    expect(await code(late.of(await lateOrder(name, { ...platform, requires: ['six>=1', 'attrs'] })))).toBe('FARM_REQUIRES_DIFFER');
  });
});

describe('a post-release', () => {
  const post = async (name: string, version: string, set: readonly string[]) => {
    const asked = { what: `${name}==${version}`, mode: 'post', set: [...set], remove: [], bound: [] };
    const preview = await edits.preview(asked);
    const { id } = await edits.start({ ...asked, basis: preview.basis, why: 'a test', by: 'me' });
    await deliver(id);
    return { preview, view: await edits.view(id) };
  };

  it('is a version of its own with the same payload, says what keeps the old version, and can be edited again', async () => {
    const name = `edited${(number += 1)}`;
    const wheel = makeWheel({ name, version: '1.0', requiresPython: '>=3.8', requires: ['six>=1'], content: '__version__ = 1.0' });
    await index.publish({ project: name, displayName: name, version: '1.0', buildId: 'b', files: await filesToPublish(web.blobs, [wheel]) });
    const first = await post(name, '1.0', ['Requires-Python: >=3.9']);
    expect(first.preview).toMatchObject({ mode: 'post', toVersion: '1.0.post1', files: [{ filename: `${name}-1.0.post1-py3-none-any.whl` }] });
    expect(first.preview.remarks.join()).toContain(`go on saying 1.0, because an edit changes none: ${name}.py`);
    expect(first.preview.reach.find(({ form }) => form === `${name}==1.0`)?.sees).toBe(false);
    expect([await filenames(name), await index.published(name, '1.0.post1')]).toEqual([[`${name}-1.0-py3-none-any.whl`], [`${name}-1.0.post1-py3-none-any.whl`]]);
    const second = await post(name, '1.0.post1', ['Summary: again']);
    expect(second.view).toMatchObject({ state: 'published', toVersion: '1.0.post2', files: [{ original: `${name}-1.0.post1-py3-none-any.whl` }] });
    const respun = await edits.preview({ what: `${name}==1.0.post2`, mode: 'respin', set: ['Summary: and again'], remove: [], bound: [] });
    expect(respun.files.map(({ filename }) => filename)).toEqual([`${name}-1.0.post2-1-py3-none-any.whl`]);
    for (const { view } of [first, second]) {
      const [file] = view.files;
      const bytes = await bytesOf(file?.sha256 ?? '');
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(file?.sha256);
      await writeFile(join(folder, file?.filename ?? ''), bytes);
    }
    const bin = await clientVenv('edit', ['pip==26.3', 'uv==0.13.8', 'wheel==0.45.1']);
    const said = await run(join(bin, 'pip'), ['install', '--no-cache-dir', '--no-deps', '--target', join(folder, name), '--index-url', `${web.url}/simple/`, name]);
    expect(said.output).toContain(`${name}-1.0.post2`);
    const unpacked = await run(join(bin, 'wheel'), ['unpack', '-d', join(folder, `${name}-unpacked`), join(folder, `${name}-1.0.post2-py3-none-any.whl`)]);
    expect(unpacked.code, unpacked.output).toBe(0);
  });
});
