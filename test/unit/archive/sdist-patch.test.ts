import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { extract, pack, type Header } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkPatchable, patchedSdist, sdistPayload } from '../../../orchestrator/adapters/archive/sdist-patch.ts';

let folder = '';
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'sdist-patch-')); });
afterAll(() => rm(folder, { recursive: true }));

type Member = Partial<Header> & { name: string; text?: string | Buffer };
const info = 'Metadata-Version: 2.2\nName: demo\nVersion: 1.0\n';
const deep = `demo-1.0/${'deep/'.repeat(40)}ä.txt`;
const members: Member[] = [
  { name: 'demo-1.0', type: 'directory', mode: 0o755 },
  { name: 'demo-1.0/run.sh', text: 'x', mode: 0o755 }, { name: 'demo-1.0/demo.egg-info/PKG-INFO', text: info },
  { name: 'demo-1.0/PKG-INFO', text: info }, { name: 'demo-1.0/pyproject.toml', text: 'old' },
  { name: 'demo-1.0/other.egg-info/PKG-INFO', text: 'other' }, { name: 'demo-1.0/link', type: 'symlink', linkname: 'run.sh' },
  { name: 'demo-1.0/hard', type: 'link', linkname: 'demo-1.0/run.sh' }, { name: deep, text: 'deep' },
  { name: 'demo-1.0/big.bin', text: Buffer.alloc(3 * 2 ** 20, 'abc') }, { name: 'demo-1.0/empty', text: '' },
];
const patched = { folder: 'demo-1.0.post1', pkgInfo: 'new info', pyproject: 'new table' };
const swap = { root: 'demo-1.0', pkgInfo: info, patched };

async function written(some: readonly Member[], name = 'demo-1.0.tar.gz'): Promise<string> {
  const tar = pack();
  for (const { text = '', ...header } of some) tar.entry({ mtime: new Date(1_600_000_000_000), uid: 1000, uname: 'me', ...header }, text as string);
  tar.finalize();
  await writeFile(join(folder, name), gzipSync(Buffer.concat(await Array.fromAsync(tar as unknown as AsyncIterable<Buffer>))));
  return join(folder, name);
}

const bytesOf = async (path: string, change = swap): Promise<Buffer> => Buffer.concat(await Array.fromAsync(patchedSdist(path, change)));

async function listed(bytes: Buffer) {
  const unpacker = extract();
  unpacker.end(gunzipSync(bytes));
  const found: (Pick<Header, 'name' | 'type' | 'mode' | 'uid' | 'uname' | 'linkname'> & { seconds: number; text: string })[] = [];
  for await (const entry of unpacker as unknown as AsyncIterable<AsyncIterable<Buffer> & { header: Header }>) {
    const { name, type, mode, uid, uname, linkname, mtime } = entry.header;
    found.push({ name, type, mode, uid, uname, linkname, seconds: mtime.getTime() / 1000, text: Buffer.concat(await Array.fromAsync(entry)).toString() });
  }
  return found;
}

describe('a patched sdist', () => {
  it('has every member in its order below the new folder, and new texts', async () => {
    const path = await written(members);
    const bytes = await bytesOf(path);
    const found = await listed(bytes);
    expect(found.map(({ name }) => name.replace(/\/$/, ''))).toEqual(members.map(({ name }) => name.replace('demo-1.0', 'demo-1.0.post1')));
    const of = (name: string) => found.find((one) => one.name === `demo-1.0.post1/${name}`);
    expect(of('PKG-INFO')).toMatchObject({ text: 'new info', seconds: 1_600_000_000 });
    expect(of('pyproject.toml')).toMatchObject({ text: 'new table', seconds: 1_600_000_000 });
    expect([of('demo.egg-info/PKG-INFO')?.text, of('other.egg-info/PKG-INFO')?.text]).toEqual(['new info', 'other']);
    expect(of('run.sh')).toMatchObject({ text: 'x', mode: 0o755, seconds: 1_600_000_000, uid: 0, uname: '' });
    expect(of('link')).toMatchObject({ type: 'symlink', linkname: 'run.sh' });
    expect(of('hard')).toMatchObject({ type: 'link', linkname: 'demo-1.0.post1/run.sh' });
    expect(createHash('sha256').update(of('big.bin')?.text ?? '').digest('hex')).toBe(createHash('sha256').update(Buffer.alloc(3 * 2 ** 20, 'abc')).digest('hex'));
    expect((await bytesOf(path)).equals(bytes)).toBe(true);
    expect(bytes.subarray(4, 8).equals(Buffer.alloc(4))).toBe(true);
  });

  it('has the payload of its original, and no other one has it', async () => {
    const path = await written(members);
    const before = await sdistPayload(path);
    const patched = join(folder, 'demo-1.0.post1.tar.gz');
    await writeFile(patched, await bytesOf(path));
    expect(await sdistPayload(patched)).toBe(before);
    const run = (change: Partial<Member>) => members.map((one) => (one.name.endsWith('run.sh') ? { ...one, ...change } : one));
    const others = [run({ text: 'y' }), run({ mode: 0o644 }), run({ name: 'demo-1.0/ran.sh' }), run({ mtime: new Date(0) }), members.toReversed(), members.slice(0, -1),
      members.map((one) => (one.text === 'other' ? { ...one, text: info } : one)), [...members, { name: 'demo-1.0/more', text: '' }]];
    for (const other of others) expect(await sdistPayload(await written(other, 'other.tar.gz'))).not.toBe(before);
  });

  it('hides nothing behind the two texts: each is one file, else it counts or is refused', async () => {
    const before = await sdistPayload(await written(members));
    const without = members.filter(({ name }) => name !== 'demo-1.0/pyproject.toml');
    expect(await sdistPayload(await written(without, 'other.tar.gz'))).toBe(before);
    for (const type of ['symlink', 'link'] as const) {
      const link: Member = { name: 'demo-1.0/pyproject.toml', type, linkname: type === 'link' ? 'demo-1.0/run.sh' : 'run.sh' };
      expect(await sdistPayload(await written([...without, link], 'other.tar.gz'))).not.toBe(before);
      await expect(written([...members, link], 'other.tar.gz').then(sdistPayload)).rejects.toThrow('pyproject.toml: it is there twice');
    }
  });

  it.each([
    ['a member twice', [...members, { name: './demo-1.0/PKG-INFO', text: info }], 'PKG-INFO: it is there twice'],
    ['a link by the name of the folder', [...members, { name: 'demo-1.0/up', type: 'symlink' as const, linkname: '../demo-1.0/run.sh' }], 'up: its link goes by the name of the folder'],
  ])('is not made of %s', async (_, some, words) => {
    const path = await written(some);
    await expect(checkPatchable(path, swap)).rejects.toThrow(words);
    await expect(bytesOf(path)).rejects.toThrow(words);
  });

  it.each([['its time is in the far future', 136, '77777777777'], ['it has no mode', 100, '0000000']])('is not made where of a member %s', async (words, at, octal) => {
    const bytes = gunzipSync(await readFile(await written(members)));
    bytes.write(octal, 512 + at, 'latin1');   // in the header of the second member
    bytes.write(' '.repeat(8), 512 + 148, 'latin1');
    const sum = bytes.subarray(512, 1024).reduce((all, one) => all + one, 0);
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 512 + 148, 'latin1');
    const path = join(folder, 'odd.tar.gz');
    await writeFile(path, gzipSync(bytes));
    await expect(checkPatchable(path, swap)).rejects.toThrow(`run.sh: ${words}`);
  });

  it('ends with the error of a broken archive', async () => {
    const path = await written(members);
    const whole = await bytesOf(path);
    await writeFile(join(folder, 'half.tar.gz'), whole.subarray(0, whole.length / 2));
    await expect(bytesOf(join(folder, 'half.tar.gz'))).rejects.toThrow();
  });
});
