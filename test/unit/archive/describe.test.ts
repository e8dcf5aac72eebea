import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferSource } from '../../../orchestrator/adapters/archive/byte-source.ts';
import { binaryKind, describeWheel, isGrafted } from '../../../orchestrator/adapters/archive/describe.ts';
import { archiveLimits } from '../../../orchestrator/adapters/archive/limits.ts';
import { openZip, readMember } from '../../../orchestrator/adapters/archive/zip-read.ts';
import { createZip, newMember } from '../../../orchestrator/adapters/archive/zip-write.ts';
import { parseRecord, printRecord, recordDifferences, recordEntry } from '../../../orchestrator/domain/record.ts';

let folder = '';
let number = 0;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'wheel-')); });
afterAll(() => rm(folder, { recursive: true }));

const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');
const elfOf = (machine: number, bits: 32 | 64) => {
  const head = Buffer.concat([Buffer.from('\x7fELF', 'latin1'), Buffer.from([bits / 32, 1, 1]), Buffer.alloc(57)]);
  head.writeUInt16LE(machine, 18);
  return head;
};
const elf = elfOf(62, 64);
const info = 'demo-1.0.dist-info';
const file = 'demo-1.0-cp313-cp313-manylinux_2_17_x86_64.whl';
const contents = (): Record<string, Buffer | string> => ({
  [`${info}/METADATA`]: 'Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nRequires-Python: >=3.9\nRequires-Dist: six\nLicense-File: LICENSE\n',
  [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: false\nTag: cp313-cp313-manylinux_2_17_x86_64\n',
  'demo/z.py': 'z = 1\n', [`${info}/licenses/LICENSE`]: 'MIT', 'demo/_c.so': elf, 'demo.libs/libz.so.1': elf,
});

async function wheelOf(members: Record<string, Buffer | string>, record?: string): Promise<string> {
  const path = join(folder, `in-${(number += 1)}.whl`);
  const writer = await createZip(path);
  const lines = Object.entries(members).map(([name, content]) =>
    recordEntry({ path: name, sha256: sha256(content), size: Buffer.from(content).length }));
  const all = { ...members, [`${info}/RECORD`]: record ?? printRecord([...lines, { path: `${info}/RECORD`, hash: '', size: null }]) };
  for (const [name, content] of Object.entries(all)) await writer.add(newMember(name, Buffer.from(content), 1_800_000_000));
  await writer.finish();
  return path;
}

const order = (wheelPath: string) => ({
  wheelPath, filename: file, outPath: join(folder, `out-${(number += 1)}.whl`), sourceDateEpoch: 1_700_000_000,
  expected: { name: 'Demo', version: '1.0', targetId: 'cp313-manylinux_x86_64' }, sbom: () => '{"sbom":1}\n',
});

async function refused(members: Record<string, Buffer | string>, record?: string) {
  const asked = order(await wheelOf(members, record));
  const result = await describeWheel(asked);
  expect(await readdir(folder)).not.toContain(asked.outPath.split('/').at(-1));
  return result.ok ? 'good' : `${result.error.code} ${result.error.words['why'] ?? ''}`.trim();
}

describe('describing a wheel', () => {
  it('writes the payload first, then the four files, the same twice', async () => {
    const input = await wheelOf(contents());
    const first = order(input);
    const result = await describeWheel(first);
    const again = await describeWheel(order(input));
    if (!result.ok || !again.ok) throw new Error('refused');
    expect(again.value.sha256).toBe(result.value.sha256);
    const bytes = await readFile(first.outPath);
    expect(sha256(bytes)).toBe(result.value.sha256);
    const archive = await openZip(bufferSource(bytes), archiveLimits);
    expect(archive.entries.map(({ name }) => name)).toEqual([
      'demo.libs/libz.so.1', 'demo/_c.so', 'demo/z.py', `${info}/licenses/LICENSE`, `${info}/METADATA`, `${info}/WHEEL`,
      `${info}/sboms/farm.cdx.json`, `${info}/RECORD`]);
    expect(archive.entries[4]?.headerOffset).toBe(result.value.payloadBytes);
    expect(archive.entries.every(({ modified, dataDescriptor }) => modified === 1_700_000_000 && !dataDescriptor))
      .toBe(true);
    expect(result.value).toMatchObject({
      filename: file, bytes: bytes.length, requiresPython: '>=3.9', requiresDist: ['six'], members: 8,
      metadataSha256: sha256(contents()[`${info}/METADATA`] ?? ''),
      grafted: [{ path: 'demo.libs/libz.so.1', kind: 'elf', sha256: sha256(elf) }],
      binaries: [{ path: 'demo.libs/libz.so.1', grafted: true }, { path: 'demo/_c.so', grafted: false }] });
    const members = [];
    for (const entry of archive.entries) {
      members.push({ path: entry.name, sha256: sha256(await readMember(archive, entry, 10_000)), size: entry.bytes });
    }
    const record = parseRecord((await readMember(archive, archive.entries[7] as never, 10_000)).toString());
    expect(record.ok && recordDifferences(record.value, members)).toEqual([]);
  });

  it('describes its own output to the same bytes', async () => {
    const first = order(await wheelOf(contents()));
    const one = await describeWheel(first);
    const two = await describeWheel(order(first.outPath));
    expect(one.ok && two.ok && one.value.sha256 === two.value.sha256).toBe(true);
  });

  it('sets a build tag in name and WHEEL when asked to, and keeps the payload', async () => {
    const input = await wheelOf(contents());
    const bare = order(input);
    const plain = await describeWheel(bare);
    const asked = { ...order(input), buildTag: 2 };
    const result = await describeWheel(asked);
    if (!result.ok || !plain.ok) throw new Error('refused');
    expect(result.value.filename).toBe(file.replace('1.0-', '1.0-2-'));
    const [with2, without] = await Promise.all([readFile(asked.outPath), readFile(bare.outPath)]);
    expect(result.value.payloadBytes).toBe(plain.value.payloadBytes);
    expect(with2.subarray(0, plain.value.payloadBytes).equals(without.subarray(0, plain.value.payloadBytes))).toBe(true);
    expect((await describeWheel({ ...order(asked.outPath), filename: result.value.filename })).ok).toBe(true);
  });

  it('gives the SBOM its facts', async () => {
    let seen = '';
    await describeWheel({ ...order(await wheelOf(contents())), sbom: (facts) => {
      seen = `${facts.checked.core.name} ${facts.members.length} ${facts.binaries.length}`;
      return '{}';
    } });
    expect(seen).toBe('demo 4 2');
  });

  it.each<[string, Record<string, Buffer | string | undefined>, string]>([
    ['another name', { [`${info}/METADATA`]: 'Metadata-Version: 2.1\nName: other\nVersion: 1.0\n' }, 'FARM_WHEEL_NAME'],
    ['another version', { [`${info}/METADATA`]: 'Metadata-Version: 2.1\nName: demo\nVersion: 1.1\n' }, 'FARM_WHEEL_VERSION'],
    ['other tags', { [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nTag: py3-none-any\n' }, 'FARM_WHEEL_BROKEN WHEEL has the tags'],
    ['a build tag inside only', { [`${info}/WHEEL`]: `${contents()[`${info}/WHEEL`]}Build: 1\n` }, 'FARM_WHEEL_BROKEN WHEEL has the build tag'],
    ['no licence file', { [`${info}/licenses/LICENSE`]: undefined }, 'FARM_WHEEL_BROKEN the licence file LICENSE'],
    ['two folders', { 'other-1.dist-info/x': 'x' }, 'FARM_WHEEL_BROKEN 2 .dist-info folders'],
    ['bad metadata', { [`${info}/METADATA`]: 'nonsense' }, 'FARM_WHEEL_BROKEN METADATA'],
  ])('refuses %s and leaves no file', async (_, change, expected) => {
    const changed = Object.entries({ ...contents(), ...change }).flatMap(([name, one]) => (one === undefined ? [] : [[name, one]]));
    expect(await refused(Object.fromEntries(changed) as Record<string, Buffer | string>)).toContain(expected);
  });

  it('refuses a library for another machine, whatever the audit in the box said', async () => {
    const asked = order(await wheelOf({ ...contents(), 'demo/_c.so': elfOf(183, 64) }));
    expect(await describeWheel(asked)).toMatchObject({
      error: { code: 'FARM_AUDIT_MACHINE', words: { member: 'demo/_c.so', found: 'aarch64', expected: 'x86_64' } } });
    expect(await refused({ ...contents(), 'demo/_c.so': elfOf(62, 32) })).toContain('FARM_AUDIT_MACHINE');
  });

  it('refuses a program in a wheel that says it fits every platform', async () => {
    const pure = { ...contents(), [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nTag: py3-none-any\n' };
    const asked = { ...order(await wheelOf(pure)), filename: 'demo-1.0-py3-none-any.whl' };
    expect(await describeWheel(asked)).toMatchObject({ error: { code: 'FARM_WHEEL_TAG' } });
  });

  it('refuses a RECORD that is not of these files', async () => {
    expect(await refused(contents(), 'demo/z.py,,\n')).toContain('FARM_WHEEL_BROKEN RECORD: ');
    const asked = { ...order(await wheelOf(contents())), expected: { name: 'demo', version: '1.0', targetId: 'cp312-win32' } };
    expect(await describeWheel(asked)).toMatchObject({ error: { code: 'FARM_WHEEL_TAG' } });
  });

  it('knows binaries by their first bytes', () => {
    const head = (hex: string) => Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(60)]);
    expect(binaryKind(head('cffaedfe'), 'x')).toBe('mach-o');
    expect(binaryKind(head('cafebabe00000002'), 'x')).toBe('mach-o');
    expect(binaryKind(head('cafebabe00000034'), 'X.class')).toBeNull();
    expect(binaryKind(head('4d5a'), 'x.pyd')).toBe('pe');
    expect(binaryKind(head('4d5a'), 'x.py')).toBeNull();
    expect([isGrafted('d/.dylibs/x'), isGrafted('d.libs/x'), isGrafted('d/libs/x')]).toEqual([true, true, false]);
  });
});
