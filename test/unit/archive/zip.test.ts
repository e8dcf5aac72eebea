import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferSource, fileSource } from '../../../orchestrator/adapters/archive/byte-source.ts';
import { ArchiveRefused, archiveLimits } from '../../../orchestrator/adapters/archive/limits.ts';
import { openZip, readMember, scanMember } from '../../../orchestrator/adapters/archive/zip-read.ts';
import { createZip, newMember } from '../../../orchestrator/adapters/archive/zip-write.ts';
import { dosTime, fromDosTime } from '../../../orchestrator/domain/zip-layout.ts';

let folder = '';
let number = 0;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'zip-')); });
afterAll(() => rm(folder, { recursive: true }));

async function zipOf(members: readonly (readonly [string, string | Buffer])[]): Promise<Buffer> {
  const path = join(folder, `${(number += 1)}.zip`);
  const writer = await createZip(path);
  for (const [name, content] of members) await writer.add(newMember(name, Buffer.from(content), 1_700_000_000));
  const { bytes } = await writer.finish();
  expect((await stat(path)).size).toBe(bytes);
  return readFile(path);
}

async function fault(bytes: Buffer, limits = archiveLimits): Promise<string> {
  try {
    const archive = await openZip(bufferSource(bytes), limits);
    for (const entry of archive.entries) await scanMember(archive, entry);
    return 'good';
  } catch (error) {
    if (!(error instanceof ArchiveRefused)) throw error;
    return error.fault.kind;
  }
}

/** A copy with bytes replaced at the n-th place of a signature, plus an offset. */
function patched(bytes: Buffer, signature: number, offset: number, value: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const mark = Buffer.alloc(4);
  mark.writeUInt32LE(signature);
  value.copy(copy, copy.indexOf(mark) + offset);
  return copy;
}

const [local, central, end] = [0x04034b50, 0x02014b50, 0x06054b50];

describe('a zip', () => {
  it('is read as it was written, and written the same twice', async () => {
    const members = [['a/é.txt', 'x'.repeat(5000)], ['b', ''], ['c', Buffer.from([1, 2, 3])]] as const;
    const bytes = await zipOf(members);
    expect(bytes.equals(await zipOf(members))).toBe(true);
    const archive = await openZip(bufferSource(bytes), archiveLimits);
    expect(archive.slack).toBe(0);
    expect(archive.entries.map(({ name, method, modified }) => [name, method, modified])).toEqual([
      ['a/é.txt', 8, 1_700_000_000], ['b', 0, 1_700_000_000], ['c', 0, 1_700_000_000]]);
    for (const [index, entry] of archive.entries.entries()) {
      expect((await readMember(archive, entry, 10_000)).toString())
        .toBe(Buffer.from(members[index]?.[1] ?? '').toString());
    }
  });

  it('streams large members from a file and hashes them', async () => {
    const large = Buffer.alloc(9 * 2 ** 20);
    for (let at = 0; at < large.length; at += 4) large.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
    const bytes = await zipOf([['large', large]]);
    const source = await fileSource(join(folder, `${number}.zip`));
    const archive = await openZip(source, archiveLimits);
    const raw: Buffer[] = [];
    const [entry] = archive.entries;
    if (entry === undefined) throw new Error('no entry');
    const scan = await scanMember(archive, entry, async (chunk) => { raw.push(Buffer.from(chunk)); });
    await source.close();
    const { createHash } = await import('node:crypto');
    expect(scan.sha256).toBe(createHash('sha256').update(large).digest('hex'));
    expect(Buffer.concat(raw).equals(bytes.subarray(entry.dataOffset, entry.dataOffset + entry.compressedBytes)))
      .toBe(true);
    const wrong = Buffer.from(bytes);
    wrong.writeUInt32LE(1, wrong.lastIndexOf(Buffer.from('PK\x01\x02', 'latin1')) + 16);
    wrong.writeUInt32LE(1, 14);
    expect(await fault(wrong)).toBe('corrupt');
  });

  it('is accepted by an outside reader', async () => {
    const bytes = await zipOf([['a/é.txt', 'x'.repeat(500)], ['b', '']]);
    expect(bytes.length).toBeGreaterThan(0);
    const script = 'import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); print(z.testzip(), [i.filename for i in z.infolist()])';
    expect(execFileSync('python3', ['-c', script, join(folder, `${number}.zip`)], { encoding: 'utf8' }))
      .toBe("None ['a/é.txt', 'b']\n");
  });

  it('with data descriptors is read', async () => {
    const script = [
      'import io,sys,zipfile', 'class Pipe(io.RawIOBase):', '  def writable(self): return True',
      '  def write(self, b): sys.stdout.buffer.write(b); return len(b)',
      'z=zipfile.ZipFile(Pipe(), "w", 8); z.writestr("a", "x"*1000); z.close()'].join('\n');
    const bytes = execFileSync('python3', ['-c', script]);
    const archive = await openZip(bufferSource(bytes), archiveLimits);
    expect(archive.entries).toMatchObject([{ name: 'a', bytes: 1000, dataDescriptor: true }]);
    expect(await fault(bytes)).toBe('good');
  });

  it.each(['../x', '/x', 'a/../../x', 'a\\x', 'C:/x', 'a//x', './x'])('is refused for the path %s', async (path) =>
    expect(await fault(await zipOf([[path, 'x']]))).toBe('climbs'));

  it('is refused for two members of one name, and for a file that is a folder', async () => {
    expect(await fault(await zipOf([['a', 'x'], ['a', 'y']]))).toBe('corrupt');
    expect(await fault(await zipOf([['a', 'x'], ['a/b', 'y']]))).toBe('corrupt');
  });

  it('is refused above a limit', async () => {
    const bytes = await zipOf([['a', 'x'.repeat(100_000)], ['b', 'y']]);
    expect(await fault(bytes)).toBe('good');
    expect(await fault(bytes, { ...archiveLimits, entriesMax: 1 })).toBe('too-big');
    expect(await fault(bytes, { ...archiveLimits, unpackedBytesMax: 100_000 })).toBe('too-big');
    expect(await fault(bytes, { ...archiveLimits, archiveBytesMax: 10 })).toBe('too-big');
    expect(await fault(bytes, { ...archiveLimits, ratioFloorBytes: 1000 })).toBe('too-big');
  });

  it('is refused when damaged', async () => {
    const bytes = await zipOf([['a', 'x'.repeat(1000)]]);
    expect(await fault(bytes.subarray(0, bytes.length - 30))).toBe('truncated');
    expect(await fault(Buffer.concat([bytes, Buffer.from('x')]))).toBe('truncated');
    expect(await fault(patched(bytes, local, 26 + 4, Buffer.from('b')))).toBe('corrupt');
    expect(await fault(patched(bytes, local, 31, Buffer.from([0xff, 0xff])))).toBe('corrupt');
    expect(await fault(patched(bytes, central, 24, Buffer.from([1])))).toBe('corrupt');
    expect(await fault(patched(bytes, end, 10, Buffer.from([2])))).toBe('unsupported');
  });

  it('is refused for encryption, other methods and links', async () => {
    const bytes = await zipOf([['a', 'x'.repeat(1000)]]);
    expect(await fault(patched(bytes, central, 8, Buffer.from([1])))).toBe('unsupported');
    expect(await fault(patched(bytes, central, 10, Buffer.from([12])))).toBe('unsupported');
    const link = Buffer.alloc(4);
    link.writeUInt32LE(0o120777 * 0x10000);
    expect(await fault(patched(bytes, central, 38, link))).toBe('climbs');
  });

  it('keeps times to two seconds, from 1980 on', () => {
    for (const seconds of [315_532_800, 1_709_164_800, 1_700_000_000, 4_102_444_798]) {
      const { date, time } = dosTime(seconds);
      expect(fromDosTime(date, time)).toBe(seconds);
    }
    expect(dosTime(0)).toEqual({ date: (1 << 5) | 1, time: 0 });
  });
});
