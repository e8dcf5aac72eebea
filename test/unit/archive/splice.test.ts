import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferSource } from '../../../orchestrator/adapters/archive/byte-source.ts';
import { describeWheel } from '../../../orchestrator/adapters/archive/describe.ts';
import type { DescribedWheel } from '../../../orchestrator/adapters/archive/describe.ts';
import { archiveLimits } from '../../../orchestrator/adapters/archive/limits.ts';
import { spliceWheel } from '../../../orchestrator/adapters/archive/splice.ts';
import type { SpliceDelivery } from '../../../orchestrator/adapters/archive/splice.ts';
import { openZip } from '../../../orchestrator/adapters/archive/zip-read.ts';
import { createZip, newMember } from '../../../orchestrator/adapters/archive/zip-write.ts';
import { withField } from '../../../orchestrator/domain/metadata.ts';
import { printRecord, recordEntry } from '../../../orchestrator/domain/record.ts';

let folder = '';
let number = 0;
let original: DescribedWheel;
let originalPath = '';
const file = 'demo-1.0-py3-none-any.whl';
const info = 'demo-1.0.dist-info';
const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');
const next = () => join(folder, `${(number += 1)}.whl`);
const members = {
  [`${info}/METADATA`]: 'Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: six<2\n\nbody\n',
  [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
  'demo/é.py': 'x = 1\n'.repeat(99),
  'demo-1.0.data/scripts/demo': '#!python\n', [`${info}/entry_points.txt`]: '[console_scripts]\n',
};

async function built(): Promise<string> {
  const path = next();
  const writer = await createZip(path);
  const lines = Object.entries(members).map(([name, text]) =>
    recordEntry({ path: name, sha256: sha256(text), size: Buffer.byteLength(text) }));
  const record = printRecord([...lines, { path: `${info}/RECORD`, hash: '', size: null }]);
  for (const [name, text] of Object.entries({ ...members, [`${info}/RECORD`]: record })) {
    await writer.add(newMember(name, Buffer.from(text), 1_700_000_000));
  }
  await writer.finish();
  return path;
}

const described = async (wheelPath: string, filename: string, version = '1.0') => {
  const outPath = next();
  const expected = { name: 'demo', version };
  const result = await describeWheel({
    wheelPath, filename, outPath, expected, sbom: () => `{"v":"${version}"}\n`, sourceDateEpoch: 1_700_000_000,
  });
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return { outPath, wheel: result.value };
};

async function spliced(wheelPath: string, delivery: SpliceDelivery) {
  const outPath = next();
  const result = await spliceWheel({
    wheelPath, filename: file, outPath, delivery, expected: { name: 'demo', version: '1.0' }, sourceDateEpoch: 1_700_000_100,
    edit: (metadata) => withField(withField(metadata, 'Requires-Dist', ['six<3']), 'Name', ['other']),
  });
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return { outPath, wheel: result.value, bytes: await readFile(outPath) };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'splice-'));
  const one = await described(await built(), file);
  [originalPath, original] = [one.outPath, one.wheel];
});
afterAll(() => rm(folder, { recursive: true }));

describe('splicing new metadata into a wheel', () => {
  it('keeps the payload byte for byte under a build tag', async () => {
    const { wheel, bytes, outPath } = await spliced(originalPath, { kind: 'respin', buildTag: 1 });
    expect(wheel).toMatchObject({ filename: 'demo-1.0-1-py3-none-any.whl', sha256: sha256(bytes), bytes: bytes.length,
      keptBytes: original.payloadBytes, payloadBytes: original.payloadBytes, payloadSha256: original.payloadSha256 });
    expect(bytes.subarray(0, wheel.keptBytes).equals((await readFile(originalPath)).subarray(0, wheel.keptBytes)))
      .toBe(true);
    expect(wheel.metadata).toBe(members[`${info}/METADATA`]?.replace('six<2', 'six<3'));
    const again = await described(outPath, wheel.filename);
    expect(again.wheel).toMatchObject({ payloadSha256: original.payloadSha256, requiresDist: ['six<3'] });
  });

  it('gives the same bytes twice', async () => {
    const [one, two] = [await spliced(originalPath, { kind: 'respin', buildTag: 2 }), await spliced(originalPath, { kind: 'respin', buildTag: 2 })];
    expect(one.wheel.sha256).toBe(two.wheel.sha256);
  });

  it('renames both folders for a post-release', async () => {
    const { wheel, bytes, outPath } = await spliced(originalPath, { kind: 'post', version: '1.0.post1', sbom: '{"post":1}\n' });
    expect(wheel).toMatchObject({ filename: 'demo-1.0.post1-py3-none-any.whl', keptBytes: 0 });
    expect((await openZip(bufferSource(bytes), archiveLimits)).entries.map(({ name }) => name)).toEqual([
      'demo-1.0.post1.data/scripts/demo', 'demo/é.py', 'demo-1.0.post1.dist-info/entry_points.txt',
      'demo-1.0.post1.dist-info/METADATA', 'demo-1.0.post1.dist-info/WHEEL',
      'demo-1.0.post1.dist-info/sboms/farm.cdx.json', 'demo-1.0.post1.dist-info/RECORD']);
    expect((await described(outPath, wheel.filename, '1.0.post1')).wheel.requiresDist).toEqual(['six<3']);
  });

  it('works on a wheel whose payload is no prefix', async () => {
    const { wheel, outPath } = await spliced(await built(), { kind: 'respin', buildTag: 1 });
    expect(wheel.keptBytes).toBe(0);
    expect((await described(outPath, wheel.filename)).wheel.payloadSha256).toBe(original.payloadSha256);
  });

  it('refuses a wheel of another name and leaves no file', async () => {
    const outPath = next();
    const result = await spliceWheel({
      wheelPath: originalPath, filename: file, outPath, delivery: { kind: 'respin', buildTag: 1 }, edit: (metadata) => metadata,
      expected: { name: 'other', version: '1.0' }, sourceDateEpoch: 1,
    });
    expect(result).toMatchObject({ error: { code: 'FARM_WHEEL_NAME' } });
    expect(await readdir(folder)).not.toContain(outPath.split('/').at(-1));
  });
});
