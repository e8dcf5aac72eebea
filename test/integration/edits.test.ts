import { createHash } from 'node:crypto';
import { glob, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeWheel } from '../support/distributions.ts';
import { clientVenv } from '../support/clients.ts';
import { run } from '../support/clients-run.ts';
import { filesToPublish } from '../support/index-plane.ts';
import { startEditPlane, type EditPlane } from '../support/edit-plane.ts';
import { codeOf as code } from '../support/failures.ts';

let kit: EditPlane;
let { plane, web, folder, edits, index, activities } = {} as EditPlane;

beforeAll(async () => {
  kit = await startEditPlane();
  ({ plane, web, folder, edits, index, activities } = kit);
}, 300_000);
afterAll(() => kit.stop());

const published = () => kit.published();
const request: EditPlane['request'] = (name, set) => kit.request(name, set);
const started: EditPlane['started'] = (name, set, more) => kit.started(name, set, more);
const filenames = (name: string) => kit.filenames(name);
const bytesOf = (sha256: string) => kit.bytesOf(sha256);
const deliver = (editId: string) => kit.deliver(editId);

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

describe('locks made before three edits', () => {
  it('still install the old bytes: pip with hashes, and uv sync with its uv.lock', async () => {
    const bin = await clientVenv('edit', ['pip==26.3', 'uv==0.13.8', 'wheel==0.45.1']);
    const name = await published();
    const [old] = await plane.database.prisma.file.findMany({ where: { project: name } });
    const project = join(folder, `locked-${name}`);
    await mkdir(project);
    await writeFile(join(project, 'pyproject.toml'), `[project]\nname = "locked"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["${name}==1.0"]\n\n[[tool.uv.index]]\nurl = "${web.url}/simple/"\ndefault = true\n`);
    const six = makeWheel({ name: 'six', version: '1.16.0' });
    await index.publish({ project: 'six', displayName: 'six', version: '1.16.0', buildId: 'b', files: await filesToPublish(web.blobs, [six]) });
    const uv = (...argv: string[]) => run(join(bin, 'uv'), [...argv, '--no-cache', '--python', join(bin, 'python')], { cwd: project });
    const locked = await uv('lock');
    expect(locked.code, locked.output).toBe(0);
    const lock = await readFile(join(project, 'uv.lock'), 'utf8');
    expect(lock).toContain(old?.sha256);
    const hashes = join(project, 'requirements.txt');
    await writeFile(hashes, `${name}==1.0 --hash=sha256:${old?.sha256 ?? ''}\n`);
    for (const bound of ['>=3.9', '>=3.10', '>=3.11']) await deliver((await started(name, [`Requires-Python: ${bound}`])).id);
    expect((await filenames(name)).length).toBe(4);
    const synced = await uv('sync', '--frozen', '--no-install-project');
    expect(synced.code, synced.output).toBe(0);
    const said = await run(join(bin, 'pip'), ['install', '--no-cache-dir', '--no-deps', '--target', join(project, 'pip'), '--index-url', `${web.url}/simple/`, '--require-hashes', '-r', hashes]);
    expect(said.code, said.output).toBe(0);
    const [site = ''] = await Array.fromAsync(glob(join(project, '.venv/lib/*/site-packages')));
    for (const where of [site, join(project, 'pip')]) {
      expect(await readFile(join(where, `${name}-1.0.dist-info/METADATA`), 'utf8')).toContain('Requires-Python: >=3.8\n');
    }
    expect(await readFile(join(project, 'uv.lock'), 'utf8')).toBe(lock);
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
      expect([bytes.length, await kit.served.size(file?.sha256 ?? '')]).toEqual([file?.bytes, file?.bytes]);
      expect(await web.blobs.has(file?.sha256 ?? '')).toBe(false);
    }
    const rows = await plane.database.prisma.editWheel.findMany({ where: { filename: { startsWith: `${name}-` } } });
    expect(new Set(rows.map(({ baseSha256 }) => baseSha256)).size).toBe(1);
    const file = await plane.database.prisma.file.findUniqueOrThrow({ where: { filename: `${name}-1.0-3-py3-none-any.whl` } });
    expect(file.requiresPython).toBe('>=3.11');
    expect(file.originalSha256).toBe((await plane.database.prisma.file.findUniqueOrThrow({ where: { filename: `${name}-1.0-2-py3-none-any.whl` } })).sha256);
  });

  it('keeps its bytes through a collection, and those that nobody refers to go', async () => {
    const name = await published();
    const { id } = await started(name);
    await deliver(id);
    const [file] = (await edits.view(id)).files;
    const { sha256: orphan } = await web.blobs.put(Buffer.from(`of no file, beside ${name}`));
    await plane.database.pool.query("update blob set touched_at = now() - interval '25 hours'");
    expect((await web.blobs.collect(new Date())).deleted).toBeGreaterThan(0);
    expect(await web.blobs.has(orphan)).toBe(false);
    const bytes = await bytesOf(file?.sha256 ?? '');
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(file?.sha256);
    const { id: next } = await started(name, ['Requires-Python: >=3.10']);
    await deliver(next);
    expect(await filenames(name)).toHaveLength(3);
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

  it('is not published where a cancel came before the last moment, and stays published where it came after', async () => {
    const name = await published();
    const { id } = await started(name);
    await edits.cancel(id, 'me');
    await deliver(id);
    expect(await edits.view(id)).toMatchObject({ state: 'cancelled', files: [], failure: { code: 'FARM_CANCELLED' } });
    expect(await filenames(name)).toEqual([`${name}-1.0-py3-none-any.whl`]);
    const { id: second } = await started(name);
    await deliver(second);
    await edits.cancel(second, 'me');
    expect(await edits.view(second)).toMatchObject({ state: 'published', failure: null });
  });

  it('that was judged is signed and published by one activity, and by a second delivery of it only once', async () => {
    const name = await published();
    const asked = request(name);
    const { basis } = await edits.preview(asked);
    await edits.check(asked);
    const { id } = await edits.start({ ...asked, basis, why: 'a test', by: 'me' });
    await activities.deliverEdit({ editId: id });
    expect(await code(activities.deliverEdit({ editId: id }))).toBe('FARM_ENDED');
    expect(await edits.view(id)).toMatchObject({ state: 'published' });
    expect(await filenames(name)).toEqual([`${name}-1.0-1-py3-none-any.whl`, `${name}-1.0-py3-none-any.whl`]);
    const files = await plane.database.prisma.file.findMany({ where: { editId: id } });
    expect(await plane.database.prisma.attestation.count({ where: { fileSha256: files[0]?.sha256 ?? '' } })).toBe(2);
    const { id: cancelled } = await started(name, ['Summary: never seen']);
    await edits.cancel(cancelled, 'me');
    await activities.deliverEdit({ editId: cancelled });
    expect([(await edits.view(cancelled)).state, (await filenames(name)).length]).toEqual(['cancelled', 2]);
  });

  it('is made once for questions that follow each other, and again for another post-release', async () => {
    const name = await published();
    const asked = { ...request(name), mode: 'post' };
    const reading = vi.spyOn(web.blobs, 'bytes');
    try {
      const { basis, toVersion } = await edits.preview(asked);
      expect(reading).toHaveBeenCalled();
      reading.mockClear();
      expect(await edits.check(asked)).toEqual(await edits.check(asked));
      expect(reading).not.toHaveBeenCalled();
      await deliver((await started(name, ['Summary: in between'], { mode: 'post' })).id);
      reading.mockClear();
      const start = () => edits.start({ ...asked, basis, why: 'a test', by: 'me' });
      expect([toVersion, await code(start())]).toEqual(['1.0.post1', 'FARM_EDIT_STALE']);
      expect(await edits.preview(asked)).toMatchObject({ basis, toVersion: '1.0.post2' });
      expect(reading).toHaveBeenCalled();
      expect((await start()).toVersion).toBe('1.0.post2');
    } finally {
      reading.mockRestore();
    }
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
