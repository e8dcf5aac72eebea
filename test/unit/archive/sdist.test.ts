import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import type { Header } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archiveLimits } from '../../../orchestrator/adapters/archive/limits.ts';
import { readSdist } from '../../../orchestrator/adapters/archive/sdist.ts';
import { createZip, newMember } from '../../../orchestrator/adapters/archive/zip-write.ts';

let folder = '';
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'sdist-')); });
afterAll(() => rm(folder, { recursive: true }));

type Member = Partial<Header> & { name: string; text?: string };
const info = 'Metadata-Version: 2.2\nName: demo\nVersion: 1.0\nRequires-Python: >=3.9\n';
const good: Member[] = [
  { name: 'demo-1.0/PKG-INFO', text: info }, { name: 'demo-1.0/setup.py', text: 'x = 1' },
  { name: 'demo-1.0/pyproject.toml', text: '[build-system]\nrequires = ["setuptools"]\n' },
];

async function tarGz(members: readonly Member[]): Promise<Buffer> {
  const tar = pack();
  for (const { text = '', ...header } of members) tar.entry({ mtime: new Date(1_600_000_000_000), ...header }, text);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
}

async function read(bytes: Buffer, name = 'demo-1.0.tar.gz', limits = archiveLimits) {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return readSdist(path, name, limits);
}

async function codeOf(members: readonly Member[], limits = archiveLimits) {
  const result = await read(await tarGz(members), 'demo-1.0.tar.gz', limits);
  return result.ok ? 'good' : result.error.code;
}

describe('an sdist', () => {
  it('is read without unpacking', async () => {
    const members = [...good, { name: 'demo-1.0/src/x.pyx', text: 'pass', mtime: new Date(1_700_000_000_000) }];
    expect(await read(await tarGz(members))).toMatchObject({ ok: true, value: {
      name: 'demo', version: '1.0', rootFolder: 'demo-1.0', pkgInfo: info, newestMtime: 1_700_000_000, files: 4,
      hasNativeSource: true, nativeSources: ['demo-1.0/src/x.pyx'], core: { requiresPython: '>=3.9' },
      settings: { 'build-system': { requires: ['setuptools'] } } } });
    expect(await read(await tarGz(good))).toMatchObject({ value: { hasNativeSource: false } });
  });

  it('may be a zip', async () => {
    const path = join(folder, 'demo-1.0.zip');
    const zip = await createZip(path);
    for (const { name, text } of good) await zip.add(newMember(name, Buffer.from(text ?? ''), 1_600_000_000));
    const { sha256 } = await zip.finish();
    expect(await readSdist(path)).toMatchObject({
      ok: true, value: { name: 'demo', sha256, newestMtime: 1_600_000_000 },
    });
  });

  it('may hold links that stay inside', async () => {
    expect(await codeOf([...good, { name: 'demo-1.0/a/l', type: 'symlink', linkname: '../setup.py' }])).toBe('good');
    expect(await codeOf([...good, { name: 'demo-1.0/h', type: 'link', linkname: 'demo-1.0/setup.py' }])).toBe('good');
  });

  it.each<[string, Member[]]>([
    ['a climbing path', [{ name: 'demo-1.0/../../etc/x', text: 'x' }]],
    ['an absolute path', [{ name: '/etc/x', text: 'x' }]],
    ['a climbing link', [{ name: 'demo-1.0/l', type: 'symlink', linkname: '../../etc' }]],
    ['an absolute link', [{ name: 'demo-1.0/l', type: 'symlink', linkname: '/etc/passwd' }]],
    ['a climbing hard link', [{ name: 'demo-1.0/l', type: 'link', linkname: '../x' }]],
    ['a file through a link', [{ name: 'demo-1.0/l', type: 'symlink', linkname: 'src' }, { name: 'demo-1.0/l/x', text: 'x' }]],
    ['a device', [{ name: 'demo-1.0/d', type: 'character-device' }]],
    ['a backslash', [{ name: 'demo-1.0\\..\\x', text: 'x' }]],
  ])('is refused for %s', async (_, extra) => expect(await codeOf([...good, ...extra])).toBe('FARM_SDIST_CLIMBS'));

  it('is refused when it ends too early or is damaged', async () => {
    const bytes = await tarGz(good);
    expect(await read(bytes.subarray(0, bytes.length - 40))).toMatchObject({ error: { code: 'FARM_SDIST_TRUNCATED' } });
    expect(await read(Buffer.from('no gzip'))).toMatchObject({ error: { code: 'FARM_SDIST_CORRUPT' } });
    const flipped = Buffer.from(bytes);
    flipped[bytes.length - 6] = (flipped[bytes.length - 6] ?? 0) ^ 0xff;
    expect(await read(flipped)).toMatchObject({ error: { code: 'FARM_SDIST_CORRUPT' } });
    expect(await read(gzipSync(Buffer.alloc(2048, 'x')))).toMatchObject({ error: { code: 'FARM_SDIST_CORRUPT' } });
    expect(await read(Buffer.from('PK'), 'demo-1.0.zip')).toMatchObject({ error: { code: 'FARM_SDIST_TRUNCATED' } });
  });

  it('is refused above a limit', async () => {
    expect(await codeOf(good, { ...archiveLimits, entriesMax: 2 })).toBe('FARM_SDIST_TOO_BIG');
    expect(await codeOf(good, { ...archiveLimits, unpackedBytesMax: 1000 })).toBe('FARM_SDIST_TOO_BIG');
    expect(await codeOf(good, { ...archiveLimits, archiveBytesMax: 10 })).toBe('FARM_SDIST_TOO_BIG');
    const bomb = [...good, { name: 'demo-1.0/zeros', text: '\0'.repeat(2 ** 21) }];
    expect(await codeOf(bomb, { ...archiveLimits, ratioFloorBytes: 2 ** 20 })).toBe('FARM_SDIST_TOO_BIG');
  });

  it('is refused without metadata in one top folder, or under another name', async () => {
    expect(await codeOf(good.slice(1))).toBe('FARM_SDIST_NO_METADATA');
    expect(await codeOf([...good, { name: 'other/x', text: 'x' }])).toBe('FARM_SDIST_NO_METADATA');
    expect(await codeOf([])).toBe('FARM_SDIST_NO_METADATA');
    expect(await read(await tarGz(good), 'demo-1.1.tar.gz')).toMatchObject({
      error: { code: 'FARM_SDIST_NAME_MISMATCH', words: { found: 'demo 1.0' } } });
  });

  it('names the broken line of pyproject.toml', async () => {
    const members = [good[0] as Member, { name: 'demo-1.0/pyproject.toml', text: '[build-system]\nrequires = = 1\n' }];
    expect(await read(await tarGz(members))).toMatchObject({ error: { code: 'FARM_PYPROJECT_BROKEN', line: 2 } });
  });
});
