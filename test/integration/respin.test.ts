/** Edited wheels of real projects in the hands of stock tools, forged ones in those of the checker, and a fuzz run. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wheelRespinProvenance } from '../../orchestrator/domain/edit-statement.ts';
import { statementText } from '../../orchestrator/domain/statement.ts';
import { clientVenv } from '../support/clients.ts';
import { freshVenv, run } from '../support/clients-run.ts';
import { forInterpreter, realWheel, smallSet } from '../support/edit-wheels.ts';
import { fuzzOnce } from '../support/fuzz-respin.ts';
import { deliverReal, openReal, proofEdit } from '../support/respin-proof.ts';
import type { Delivered } from '../support/respin-proof.ts';

const acceptance = join(import.meta.dirname, '../support/acceptance.py');
const checker = join(import.meta.dirname, '../../docs/check-respin.py');
let folder = '';
let bin = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'farm-respin-'));
  bin = await clientVenv('edit-audit', ['pip==26.3', 'uv==0.13.8', 'wheel==0.45.1', 'auditwheel==6.4.2']);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const check = (made: string, original: string, ...more: readonly string[]) => run('python3', [checker, made, original, ...more]);

async function expectReadByAll({ path, edited, virtual }: Delivered, original: string): Promise<void> {
  const work = await mkdtemp(join(folder, 'read-'));
  expect(await run('python3', ['-m', 'zipfile', '-t', path])).toMatchObject({ code: 0, output: 'Done testing\n' });
  expect(await run(join(bin, 'wheel'), ['unpack', '-d', join(work, 'unpacked'), path])).toMatchObject({ code: 0 });
  expect(await check(path, original)).toMatchObject({ code: 0, output: expect.stringContaining(`wheel-payload/1 ${virtual.payloadDigest}`) });
  expect(await run('python3', [acceptance, path, original])).toMatchObject({ code: 0 });
  if (path.includes('linux')) expect(await run(join(bin, 'auditwheel'), ['show', path])).toMatchObject({ code: 0 });
  const installs = [
    [join(bin, 'python'), '-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--no-index', ...forInterpreter, '--target', join(work, 'pip'), path],
    [join(bin, 'uv'), 'pip', 'install', '-q', '--offline', '--no-cache', '--no-deps', '--python', join(bin, 'python'), '--python-platform', 'x86_64-manylinux_2_28',
      '--python-version', '3.11', '--target', join(work, 'uv'), path],
  ];
  for (const [command = '', ...argv] of installs) expect(await run(command, argv)).toMatchObject({ code: 0 });
  const metadata = edited.metadata.replace(/^Version: .*$/m, (line) => (virtual.filename.includes('.post1-') ? `${line}.post1` : line));
  for (const client of ['pip', 'uv']) {
    const info = (await readdir(join(work, client))).find((name) => name.endsWith('.dist-info')) ?? '';
    expect(await readFile(join(work, client, info, 'METADATA'), 'utf8')).toBe(metadata);
  }
  await rm(work, { recursive: true });
}

describe.each(smallSet)('%s', (requirement) => {
  it('is edited as respin and as post-release, and read by zipfile, wheel, pip, uv and the checker', async () => {
    const original = await realWheel(requirement);
    const out = join(folder, requirement);
    await mkdir(out);
    const { wheel, close } = await openReal(original);
    try {
      const { respin, post } = await deliverReal(wheel, out);
      const bytes = await readFile(respin.path);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(respin.virtual.sha256);
      expect(respin.virtual.own.length).toBeLessThan(200_000);
      await expectReadByAll(respin, original);
      await expectReadByAll(post, original);
    } finally {
      await close();
    }
  });
});

describe('an environment', () => {
  it('is consistent with edited wheels in it, for pip and uv', async () => {
    const venv = await freshVenv(join(folder, 'venv'));
    const paths: string[] = [];
    for (const requirement of ['idna==3.10', 'flit-core==3.10.1']) {
      const { wheel, close } = await openReal(await realWheel(requirement));
      const out = join(folder, `venv-${requirement}`);
      await mkdir(out);
      paths.push((await deliverReal(wheel, out)).respin.path);
      await close();
    }
    expect(await run(join(venv, 'python'), ['-m', 'pip', 'install', '-q', '--no-index', ...paths])).toMatchObject({ code: 0 });
    expect((await run(join(venv, 'python'), ['-m', 'pip', 'check'])).output).toContain('No broken requirements');
    expect(await run(join(bin, 'uv'), ['pip', 'check', '--offline', '--python', join(venv, 'python')])).toMatchObject({ code: 0 });
    expect((await run(join(venv, 'python'), ['-c', 'import idna, flit_core; print(idna.encode("é.x"))'])).output).toContain('xn--');
  });
});

/** Rewrites a wheel with Python's own zip writer and one change; RECORD is made right again, as a forger would. */
const forge = `
import sys, zipfile, hashlib, base64
source, target, how = sys.argv[1:]
old = zipfile.ZipFile(source)
items = [(one, old.read(one)) for one in old.infolist()]
info = next(one.filename.split('/')[0] for one, _ in items if '.dist-info/' in one.filename)
at = next(at for at, (one, _) in enumerate(items) if one.filename.endswith('.so'))
one, data = items[at]
if how == 'byte': items[at] = (one, data[:-1] + bytes([data[-1] ^ 1]))
if how == 'mode': one.external_attr ^= 0o111 << 16
if how == 'name': one.filename = one.filename.replace('.so', '_.so')
if how == 'order': items[0], items[1] = items[1], items[0]
if how == 'extra': items.insert(at, (zipfile.ZipInfo('evil.pth', (2024, 1, 1, 0, 0, 0)), b'import os'))
if how == 'missing': del items[at]
if how == 'method': one.compress_type = zipfile.ZIP_STORED
for index, (member, content) in enumerate(items):
    name = member.filename[len(info) + 1:]
    if how == 'version' and name == 'METADATA': content = content.replace(b'\\nVersion: ', b'\\nVersion: 9')
    if how == 'field' and name == 'METADATA': content = content.replace(b'\\nName: ', b'\\nImport-Name: evil\\nName: ')
    if how == 'tag' and name == 'WHEEL': content = content + b'Tag: py3-none-any\\n'
    if how == 'entry' and name == 'top_level.txt': content = b'evil\\n'
    items[index] = (member, content)
if how != 'record':
    lines = ''.join('%s,sha256=%s,%d\\n' % (m.filename, base64.urlsafe_b64encode(hashlib.sha256(c).digest()).rstrip(b'=').decode(), len(c))
        for m, c in items if m.filename != info + '/RECORD') + info + '/RECORD,,\\n'
else:
    lines = 'x' + dict((m.filename, c) for m, c in items)[info + '/RECORD'].decode()
items = [(m, lines.encode() if m.filename == info + '/RECORD' else c) for m, c in items]
with zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as new:
    for member, content in items: new.writestr(member, content)
if how == 'behind': open(target, 'ab').write(b'behind')
`;

describe('the stand-alone checker', () => {
  let original = '';
  let respin: Delivered;
  beforeAll(async () => {
    original = await realWheel('markupsafe==3.0.2');
    await mkdir(join(folder, 'honest'));
    const { wheel, close } = await openReal(original);
    respin = (await deliverReal(wheel, join(folder, 'honest'))).respin;
    await close();
  });

  it.each([['byte', '.so'], ['mode', 'other mode'], ['name', 'renamed'], ['order', 'order'], ['extra', 'evil.pth'], ['missing', 'removed'], ['method', 'other method'],
    ['version', 'Version'], ['field', 'Import-Name'], ['tag', 'WHEEL'], ['entry', 'top_level.txt'], ['record', 'RECORD'], ['behind', 'belong to no member']])(
    'finds a forged edit: %s', async (how, says) => {
      const target = join(folder, how, basename(respin.path));
      await mkdir(join(folder, how));
      expect(await run('python3', ['-c', forge, respin.path, target, how])).toMatchObject({ code: 0, output: '' });
      expect(await check(target, original)).toMatchObject({ code: 1, output: expect.stringContaining(says) });
    });

  it('refuses another original and a respin that is its own original', async () => {
    expect(await check(respin.path, await realWheel('idna==3.10'))).toMatchObject({ code: 1 });
    expect(await check(original, original)).toMatchObject({ code: 1, output: expect.stringContaining('no higher build tag') });
    expect(await check(join(folder, 'absent.whl'), original)).toMatchObject({ code: 2 });
  });

  it('compares the statement with the files', async () => {
    const { virtual, edited } = respin;
    const statement = wheelRespinProvenance('demo', {
      wheel: { name: virtual.filename, sha256: virtual.sha256 }, original: { name: basename(original), sha256: virtual.originalSha256 },
      project: 'markupsafe', version: '3.0.2', delivery: { mode: 'respin', buildTag: 1 }, editId: 'e', operations: proofEdit, changes: edited.changes,
      why: 'proof', requestedBy: 'ann', approvals: [{ by: 'ann', at: '2026-01-01T00:00:00Z', kind: 'added-dependency', self: true }],
      metadataSha256: virtual.metadataSha256, originalMetadataSha256: '0'.repeat(64), payloadDigest: virtual.payloadDigest, builderVersion: '1', startedOn: '', finishedOn: '',
    });
    const text = statementText(statement);
    const said = async (content: string) => {
      const file = join(folder, 'statement.json');
      await writeFile(file, content);
      return check(respin.path, original, '--statement', file);
    };
    expect(await said(text)).toMatchObject({ code: 0 });
    expect(await said(JSON.stringify({ dsseEnvelope: { payload: Buffer.from(text).toString('base64') } }))).toMatchObject({ code: 0 });
    for (const [from, to, words] of [[virtual.payloadDigest, 'payload', 'payload digest'], [virtual.sha256, 'subject', 'subject'], [virtual.originalSha256, 'x', 'original'],
      ['>=3.9,<3.99', '>=3.9,<3.98', 'changes'], ['wheel-respin', 'wheel', 'build type']] as const) {
      expect(await said(text.replaceAll(from, to))).toMatchObject({ code: 1, output: expect.stringContaining(words) });
    }
  });
});

describe('damaged wheels', () => {
  it('are refused by name or kept, for two minutes of new seeds', { timeout: 180_000 }, async () => {
    const start = Math.floor(Date.now() / 1000) * 1_000;
    const until = Date.now() + 120_000;
    const seen = { kept: 0, refused: 0 };
    for (let seed = start; Date.now() < until; seed += 1) seen[await fuzzOnce(seed)] += 1;
    console.log(`fuzz: seeds from ${start}, ${seen.kept} kept, ${seen.refused} refused`);
    expect(seen.kept).toBeGreaterThan(0);
    expect(seen.refused).toBeGreaterThan(100);
  });
});
