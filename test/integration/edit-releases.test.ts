import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prismaHistories } from '../../orchestrator/adapters/history.ts';
import { indexYanks } from '../../orchestrator/adapters/index-yank.ts';
import { prismaLateEdits } from '../../orchestrator/adapters/prisma/late-edits.ts';
import { judgeAgainst } from '../../orchestrator/cli/verify-against.ts';
import type { EditView } from '../../orchestrator/contract/edits.ts';
import type { Statement } from '../../orchestrator/domain/statement.ts';
import { makeSdist, makeWheel } from '../support/distributions.ts';
import { clientVenv } from '../support/clients.ts';
import { run } from '../support/clients-run.ts';
import { filesToPublish } from '../support/index-plane.ts';
import { startEditPlane, type EditPlane } from '../support/edit-plane.ts';
import { codeOf as code } from '../support/failures.ts';

let kit: EditPlane;
let { plane, web, folder, edits, index, activities, signer } = {} as EditPlane;

beforeAll(async () => {
  kit = await startEditPlane();
  ({ plane, web, folder, edits, index, activities, signer } = kit);
}, 300_000);
afterAll(() => kit.stop());

const published = () => kit.published();
const request: EditPlane['request'] = (name, set) => kit.request(name, set);
const started: EditPlane['started'] = (name, set, more) => kit.started(name, set, more);
const filenames = (name: string) => kit.filenames(name);
const bytesOf = (sha256: string) => kit.bytesOf(sha256);
const deliver = (editId: string) => kit.deliver(editId);

describe('several releases', () => {
  it('get a bound in one action, all recorded or none, and one of them is taken back by another edit', async () => {
    const name = kit.name();
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
    const name = kit.name();
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

describe('the sdist of a post-release', () => {
  const table = (name: string, more = '') =>
    `[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n[project]\nname = "${name}"\nversion = "1.0"\nrequires-python = ">=3.8"\ndependencies = ["six>=1"]\n${more}`;
  const withSdist = async (pyproject: (name: string) => string) => {
    const name = kit.name();
    const wanted = { name, version: '1.0', requiresPython: '>=3.8', requires: ['six>=1'] };
    const files = [makeWheel(wanted), await makeSdist({ ...wanted, pyproject: pyproject(name) })];
    await index.publish({ project: name, displayName: name, version: '1.0', buildId: 'b', files: await filesToPublish(web.blobs, files) });
    const asked = { what: `${name}==1.0`, mode: 'post', set: ['Requires-Python: >=3.9'], remove: [], bound: ['Requires-Dist: six<2'] };
    const preview = await edits.preview(asked);
    const start = (more: object = {}) => edits.start({ ...asked, basis: preview.basis, why: 'a test', by: 'me', ...more });
    return { name, preview, asked, start, later: () => index.published(name, '1.0.post1') };
  };

  it('is published with the wheels: signed, proved against the original, and edited again', async () => {
    const { name, preview, start, later } = await withSdist(table);
    const filename = `${name}-1.0.post1.tar.gz`;
    expect(preview.sdist).toMatchObject({ filename, original: `${name}-1.0.tar.gz`, failure: null });
    expect(preview.reach.find(({ form }) => form.includes('--no-binary'))?.sees).toBe(true);
    const { id } = await start();
    await activities.prepareEdit({ editId: id });
    await activities.attestEdit({ editId: id });
    await activities.attestEdit({ editId: id });
    expect(await later()).toEqual([]);
    await activities.publishEdit({ editId: id });
    expect(await later()).toEqual([`${name}-1.0.post1-py3-none-any.whl`, filename]);
    const { prisma } = plane.database;
    const file = await prisma.file.findUniqueOrThrow({ where: { filename } });
    const original = await prisma.file.findUniqueOrThrow({ where: { filename: `${name}-1.0.tar.gz` } });
    expect(file).toMatchObject({ kind: 'sdist', requiresPython: '>=3.9', editId: id, originalSha256: original.sha256, version: '1.0.post1' });
    const bundles = await prisma.attestation.findMany({ where: { fileSha256: file.sha256 }, orderBy: { kind: 'asc' } });
    expect(bundles.map(({ kind }) => kind)).toEqual(['provenance', 'publish']);
    const [fresh, old] = await Promise.all([file, original].map(async (one) => {
      const path = join(folder, one.filename);
      await writeFile(path, await bytesOf(one.sha256));
      return { path, filename: one.filename, sha256: one.sha256 };
    }));
    if (!fresh || !old) throw new Error('no files');
    const envelope = (bundles[0]?.bundle as { dsseEnvelope: { payload: string } } | undefined)?.dsseEnvelope ?? { payload: '' };
    const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString()) as Statement;
    const judged = await judgeAgainst({ file: fresh, original: old, statement, farmId: 'test' });
    expect(judged.ok ? judged.value.join('\n') : judged.error).toMatch(/\+ Requires-Python: >=3.9[^]*everything but PKG-INFO and pyproject.toml/);
    const forged = structuredClone(statement) as unknown as { predicate: { buildDefinition: { externalParameters: { operations: unknown[] } } } };
    forged.predicate.buildDefinition.externalParameters.operations.pop();
    expect(await judgeAgainst({ file: fresh, original: old, statement: forged as unknown as Statement, farmId: 'test' })).toMatchObject({ ok: false });
    const again = await edits.preview({ what: `${name}==1.0.post1`, mode: 'post', set: ['Requires-Python: >=3.10'], remove: [], bound: [] });
    expect(again.sdist).toMatchObject({ filename: `${name}-1.0.post2.tar.gz`, original: filename, failure: null });
  });

  it('is left out where a build back end computes the version, and the preview says so', async () => {
    const { name, preview, start, later } = await withSdist((one) => table(one, 'dynamic = ["version"]').replace('version = "1.0"\n', ''));
    expect(preview.sdist).toMatchObject({ filename: null, failure: { code: 'FARM_EDIT_SDIST' } });
    expect(preview.remarks.join()).toContain("the sdist's own values: Version is dynamic");
    await deliver((await start()).id);
    expect(await later()).toEqual([`${name}-1.0.post1-py3-none-any.whl`]);
  });

  it('is published unbuilt only after a yes to that, which is attested', async () => {
    const { start, name } = await withSdist(table);
    const { id } = await start();
    await activities.prepareEdit({ editId: id });
    const { workersOf } = plane.workflows;
    plane.workflows.workersOf = async () => 0;
    try {
      await expect(activities.checkEdit({ editId: id })).rejects.toMatchObject({
        type: 'FARM_EDIT_SDIST_UNBUILT', message: expect.stringContaining('no worker of pool linux-amd64 is connected') });
      await activities.endEdit({ editId: id, code: 'FARM_EDIT_SDIST_UNBUILT', why: 'no worker' });
      const { id: second } = await start({ acceptUnbuilt: true });
      await activities.prepareEdit({ editId: second });
      await activities.checkEdit({ editId: second });
      await activities.attestEdit({ editId: second });
      await activities.publishEdit({ editId: second });
      expect(await edits.view(second)).toMatchObject({ state: 'published', acceptedUnbuilt: true, sdistBuilt: { state: 'not built', target: null } });
    } finally {
      plane.workflows.workersOf = workersOf;
    }
    const { sha256: fileSha256 } = await plane.database.prisma.file.findUniqueOrThrow({ where: { filename: `${name}-1.0.post1.tar.gz` } });
    const { bundle } = await plane.database.prisma.attestation.findFirstOrThrow({ where: { fileSha256, kind: 'provenance' } });
    const { payload } = (bundle as { dsseEnvelope: { payload: string } }).dsseEnvelope;
    expect(JSON.parse(Buffer.from(payload, 'base64').toString())).toMatchObject({ predicate: { buildDefinition: { internalParameters: {
      sdistBuilt: { state: 'not built', why: expect.stringContaining('no worker') } } } } });
  });

  it('is built once for equal bytes; a build that says otherwise is refused, and accepted by name', async () => {
    const { start, name, asked } = await withSdist(table);
    const { prisma } = plane.database;
    expect((await edits.check(asked)).sdistBuilt).toMatchObject({ state: 'building', target: 'cp311-manylinux_x86_64' });
    await edits.check(asked);
    const sources = await prisma.source.findMany({ where: { kind: 'patched', filename: `${name}-1.0.post1.tar.gz` } });
    expect(sources.map(({ state, buildTarget }) => [state, buildTarget])).toEqual([['making', 'cp311-manylinux_x86_64']]);
    expect(plane.workflows.sdists).toContain(sources[0]?.id);
    const made = async (requires: readonly string[]) => {
      const { sha256 } = await web.blobs.put(makeWheel({ name, version: '1.0.post1', requiresPython: '>=3.9', requires }).bytes);
      await prisma.source.updateMany({ where: { id: sources[0]?.id ?? '' }, data: { state: 'ready', sdistSha256: sha256 } });
      return (await edits.check(asked)).sdistBuilt;
    };
    await prisma.source.updateMany({ where: { id: sources[0]?.id ?? '' }, data: { state: 'cancelled' } });
    expect((await edits.check(asked)).sdistBuilt).toMatchObject({ state: 'not built', why: 'its build was cancelled' });
    expect(await made(['six<2,>=1'])).toMatchObject({ state: 'equal', fields: [], why: '' });
    expect(await made(['six>=1'])).toMatchObject({ state: 'different', fields: ['Requires-Dist'], why: 'Requires-Dist: also six>=1, not six<2,>=1' });
    await expect(start()).rejects.toMatchObject({ failure: { code: 'FARM_EDIT_SDIST_DIFFERS', message: expect.stringContaining('Requires-Dist') } });
    const { id } = await start({ acceptConflict: true });
    await activities.readyEdit({ editId: id });
    await activities.publishEdit({ editId: id });
    expect(await edits.view(id)).toMatchObject({ state: 'published', sdistBuilt: { state: 'different', fields: ['Requires-Dist'] } });
  });

  it('is not there where the edit ends before it was published', async () => {
    const { start, later } = await withSdist(table);
    const { id } = await start();
    await activities.prepareEdit({ editId: id });
    expect((await edits.view(id)).files.length).toBe(2);
    await activities.endEdit({ editId: id });
    expect([(await edits.view(id)).files, await later()]).toEqual([[], []]);
  });
});

describe('resolvers', () => {
  it('judge the staged release; a conflict ends the edit, unless somebody said yes to it', async () => {
    const name = await published();
    const needed = kit.name();
    const other = makeWheel({ name: needed, version: '1.0' });
    await index.publish({ project: needed, displayName: needed, version: '1.0', buildId: 'b', files: await filesToPublish(web.blobs, [other]) });
    const set = [`Requires-Dist: ${needed}>=2`];
    const freed = await startedAs(name, { remove: ['Requires-Dist: six'] });
    await activities.prepareEdit({ editId: freed.id });
    await activities.checkEdit({ editId: freed.id });
    const judged = (await edits.view(freed.id)).resolution;
    expect(judged.filter(({ state }) => state !== 'resolved')).toEqual([]);
    expect(judged.map(({ target }) => target)).toEqual(expect.arrayContaining(['3.13 aarch64-apple-darwin', 'install by uv', 'install by pip']));
    await activities.attestEdit({ editId: freed.id });
    await activities.publishEdit({ editId: freed.id });
    const broken = await startedAs(name, { set });
    await activities.prepareEdit({ editId: broken.id });
    expect(await code(activities.checkEdit({ editId: broken.id }))).toBe('FARM_EDIT_CONFLICT');
    await activities.endEdit({ editId: broken.id, code: 'FARM_EDIT_CONFLICT', why: 'no' });
    expect((await filenames(name)).length).toBe(2);
    const accepted = await startedAs(name, { set, acceptConflict: true });
    await activities.prepareEdit({ editId: accepted.id });
    await activities.checkEdit({ editId: accepted.id });
    expect(await edits.view(accepted.id)).toMatchObject({ acceptedConflict: true });
  }, 120_000);

  it('blame no edit for a pip that fails without it too', async () => {
    const { id } = await startedAs(await published(), { set: ['Requires-Python: >=3.9'] });
    await activities.prepareEdit({ editId: id });
    const path = kit.env.PATH;
    const bin = join(folder, 'broken-pip');
    await mkdir(bin);
    await writeFile(join(bin, 'python3'), `#!/bin/sh
case "$*" in *" pip "*) echo "cannot rehash: no lock" >&2; exit 1 ;; esac
PATH='${path}'; case "$1" in -c) python3 "$@" | sed '$s|.*|${bin}/python3|' ;; *) exec python3 "$@" ;; esac
`, { mode: 0o755 });
    kit.env.PATH = `${bin}:${path}`;
    try {
      await activities.checkEdit({ editId: id });
    } finally {
      kit.env.PATH = path;
    }
    expect((await edits.view(id)).resolution).toContainEqual({
      target: 'install by pip', state: 'not done', says: 'it did not resolve before the edit either: cannot rehash: no lock',
    });
  }, 120_000);
});

/** Starts an edit with other operations; an added dependency is approved. */
async function startedAs(name: string, { acceptConflict = false, ...operations }: { set?: string[]; remove?: string[]; acceptConflict?: boolean }): Promise<EditView> {
  const asked = { ...request(name), set: [], remove: [], ...operations };
  const { basis } = await edits.preview(asked);
  return edits.start({ ...asked, basis, why: 'a test', by: 'me', selfApproval: `${name}==1.0`, acceptConflict });
}
