import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bufferSource } from '../../../orchestrator/adapters/archive/byte-source.ts';
import { archiveLimits } from '../../../orchestrator/adapters/archive/limits.ts';
import { openWheel, payloadText, reopenWheel } from '../../../orchestrator/adapters/archive/payload.ts';
import type { OpenedWheel } from '../../../orchestrator/adapters/archive/payload.ts';
import { postWheel, readVirtual, respinWheel, virtualSource } from '../../../orchestrator/adapters/archive/respin.ts';
import type { VirtualWheel } from '../../../orchestrator/adapters/archive/respin.ts';
import { openZip, readMember } from '../../../orchestrator/adapters/archive/zip-read.ts';
import { editMetadata } from '../../../orchestrator/domain/edit.ts';
import { chanceWheel, fuzzOnce, keptSeeds } from '../../support/fuzz-respin.ts';
import { oddInfo, oddMetadata, oddName, oddWheel, oddWheelZip, oddZip } from '../../support/odd-zip.ts';
import type { OddMember } from '../../support/odd-zip.ts';

const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');
const expected = { name: 'demo', version: '1.0' };
const orderOf = (bytes: Buffer, filename = oddName) => ({ source: bufferSource(bytes), filename, sha256: sha256(bytes), expected });

async function opened(bytes: Buffer, filename = oddName, version = '1.0'): Promise<OpenedWheel> {
  const wheel = await openWheel({ ...orderOf(bytes, filename), expected: { name: 'demo', version } });
  if (!wheel.ok) throw new Error(JSON.stringify(wheel.error));
  return wheel.value;
}

async function refusal(bytes: Buffer): Promise<string> {
  const wheel = await openWheel(orderOf(bytes));
  return wheel.ok ? 'opened' : wheel.error.words['why'] ?? '';
}

function edited(): string {
  const result = editMetadata(oddMetadata, [{ kind: 'set', field: 'Requires-Dist', value: 'six<3' }]);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value.metadata;
}

async function bytesOf(wheel: VirtualWheel, original: Buffer, range?: { offset: number; bytes: number }): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readVirtual(wheel, bufferSource(original), range)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const respun = (wheel: OpenedWheel, buildTag = 1) => respinWheel(wheel, { metadata: edited(), buildTag, sourceDateEpoch: 1_700_000_000 });
const payload: OddMember[] = [
  { name: 'demo/__init__.py', content: 'x = 1\n'.repeat(50) }, { name: 'demo/lib.so', content: Buffer.alloc(300, 7), mode: 0o100755, stored: true },
  { name: 'demo-1.0.data/scripts/demo', content: '#!python\n', mode: 0o100755 }, { name: `${oddInfo}/entry_points.txt`, content: '[console_scripts]\n' },
];

/** What must hold for every respin and post-release of a wheel. */
async function expectKept(bytes: Buffer): Promise<void> {
  const wheel = await opened(bytes);
  const post = await postWheel(wheel, { metadata: edited(), version: '1.0.post1', sbom: null, sourceDateEpoch: 1_700_000_000 });
  for (const [virtual, version] of [[respun(wheel), '1.0'], [post, '1.0.post1']] as const) {
    const made = await bytesOf(virtual, bytes);
    expect([sha256(made), made.length]).toEqual([virtual.sha256, virtual.bytes]);
    const again = await opened(made, virtual.filename, version);
    expect(again.stored.digest).toBe(wheel.stored.digest);
    expect(again.texts.metadata).toBe(version === '1.0' ? edited() : edited().replace('Version: 1.0', 'Version: 1.0.post1'));
    expect(again.archive.slack).toBe(again.payload.reduce((sum, one) =>
      sum + one.entry.headerOffset + one.bytes - one.entry.dataOffset - one.entry.compressedBytes, 0));
  }
}

describe('a respin', () => {
  it('keeps the payload byte for byte and hashes the whole without reading it', async () => {
    const original = oddWheelZip(payload);
    const wheel = await opened(original);
    const virtual = respun(wheel);
    const bytes = await bytesOf(virtual, original);
    expect(virtual).toMatchObject({ filename: 'demo-1.0-1-py3-none-any.whl', sha256: sha256(bytes), bytes: bytes.length, originalSha256: sha256(original) });
    const kept = virtual.parts[0]?.bytes ?? 0;
    expect(virtual.parts).toEqual([{ from: 'original', offset: 0, bytes: kept }, { from: 'own', offset: 0, bytes: virtual.own.length }]);
    expect(bytes.subarray(0, kept).equals(original.subarray(0, kept))).toBe(true);
    const archive = await openZip(bufferSource(bytes), archiveLimits);
    const text = async (name: string) => {
      const entry = archive.entries.find((one) => one.name === `${oddInfo}/${name}`);
      return entry === undefined ? null : (await readMember(archive, entry, 1e6)).toString();
    };
    expect(await text('METADATA')).toBe(oddMetadata.replace('six<2', 'six<3'));
    expect(await text('WHEEL')).toBe(`${oddWheel}Build: 1\n`);
    expect(archive.entries.at(-1)?.name).toBe(`${oddInfo}/RECORD`);
  });

  it('gives the same bytes twice and other bytes for another build tag', async () => {
    const wheel = await opened(oddWheelZip(payload));
    expect(respun(wheel)).toEqual(respun(wheel));
    expect(respun(wheel, 2).sha256).not.toBe(respun(wheel).sha256);
  });

  it('answers any range of the file', async () => {
    const original = oddWheelZip(payload, 2);
    const wheel = await opened(original);
    const post = await postWheel(wheel, { metadata: edited(), version: '2', sbom: null, sourceDateEpoch: 1 });
    for (const virtual of [respun(wheel), post]) {
      const whole = await bytesOf(virtual, original);
      for (let offset = 0; offset < whole.length; offset += 37) {
        for (const bytes of [1, 100, whole.length - offset]) {
          const length = Math.min(bytes, whole.length - offset);
          expect((await bytesOf(virtual, original, { offset, bytes: length })).equals(whole.subarray(offset, offset + length))).toBe(true);
        }
      }
      await expect(bytesOf(virtual, original, { offset: 0, bytes: whole.length + 1 })).rejects.toThrow(RangeError);
    }
  });

  it('keeps the farm’s SBOM, and a post-release asks for a new one', async () => {
    const sbom = { name: `${oddInfo}/sboms/farm.cdx.json`, content: '{"v":1}' };
    const original = oddWheelZip(payload, payload.length, [sbom]);
    const wheel = await opened(original);
    const again = await opened(await bytesOf(respun(wheel), original), respun(wheel).filename);
    expect(again.sbom?.line).toEqual(wheel.sbom?.line);
    await expect(postWheel(wheel, { metadata: edited(), version: '2', sbom: null, sourceDateEpoch: 1 })).rejects.toThrow(/SBOM/);
  });

  it('can be opened and edited again without a file', async () => {
    const original = oddWheelZip(payload, 0);
    const first = respun(await opened(original));
    const source = virtualSource(first, bufferSource(original));
    const second = await openWheel({ source, filename: first.filename, sha256: first.sha256, expected });
    if (!second.ok) throw new Error(JSON.stringify(second.error));
    expect(respun(second.value, 2).filename).toBe('demo-1.0-2-py3-none-any.whl');
    expect(respun(second.value, 2).payloadDigest).toBe(first.payloadDigest);
  });
});

describe('what is odd', () => {
  const odd = (change: Partial<OddMember>): Buffer =>
    oddWheelZip([{ ...payload[0] as OddMember, ...change }, ...payload.slice(1)]);
  const field = Buffer.from([0x99, 0x99, 4, 0, 1, 2, 3, 4]);

  it.each<[string, Buffer]>([
    ['data descriptors with signature', odd({ descriptor: 'signed' })], ['data descriptors without', odd({ descriptor: 'bare' })],
    ['data descriptors of zip64', odd({ descriptor: 'wide' })], ['zip64 sizes in a local header', odd({ zip64: true })],
    ['extra fields, different in both headers', odd({ localExtra: field, centralExtra: Buffer.concat([field, field]) })],
    ['a comment of a member', odd({ comment: 'hello' })], ['no Unix mode', odd({ mode: 0, madeBy: 0 })], ['the setuid bit', odd({ mode: 0o104755 })],
    ['a name in UTF-8', odd({ name: 'demo/é, "x".py' })], ['an empty file', odd({ content: '' })],
    ['folders as members', oddWheelZip([{ name: 'demo/', content: '', stored: true, mode: 0o040755 }, { name: `${oddInfo}/`, content: '', stored: true, mode: 0o040755 }, ...payload])],
    ['dist-info in the middle', oddWheelZip(payload, 2)], ['dist-info first', oddWheelZip(payload, 0)], ['no payload', oddWheelZip([])],
  ])('is kept: %s', async (_, bytes) => { await expectKept(bytes); });

  it('is left out and said: bytes of nobody, signatures of RECORD', async () => {
    const gap = oddWheelZip([payload[0] as OddMember, { ...payload[1] as OddMember, gap: Buffer.from('smuggled') }]);
    const wheel = await opened(gap);
    expect(wheel.notes).toEqual(['8 bytes of the file belong to no member and are left out']);
    expect((await bytesOf(respun(wheel), gap)).includes('smuggled')).toBe(false);
    await expectKept(gap);
    const signed = oddWheelZip(payload, payload.length, [{ name: `${oddInfo}/RECORD.jws`, content: '{}' }]);
    const one = await opened(signed);
    expect(one.notes).toEqual([`${oddInfo}/RECORD.jws signs the old RECORD and is left out`]);
    expect((await bytesOf(respun(one), signed)).includes('RECORD.jws')).toBe(false);
  });

  const wide = Buffer.alloc(12);
  wide.writeUInt32LE(0x0008_0001, 0);
  const zip64End = (): Buffer => {
    const bytes = oddWheelZip(payload);
    const locator = Buffer.alloc(20);
    locator.write('PK\x06\x07', 'latin1');
    return Buffer.concat([bytes.subarray(0, -22), locator, bytes.subarray(-22)]);
  };
  const farAway = (): Buffer => {
    const bytes = oddWheelZip([{ ...payload[0] as OddMember, centralExtra: wide }, ...payload.slice(1)]);
    bytes.writeUInt32LE(0xffff_ffff, bytes.indexOf('PK\x01\x02') + 42);
    return bytes;
  };
  const twice = (): Buffer => oddZip([{ name: 'a', content: '1' }, { name: 'a', content: '2' }]);
  const damaged = (): Buffer => {
    const bytes = oddWheelZip(payload);
    bytes[bytes.indexOf(Buffer.alloc(300, 7)) + 5] = 8;
    return bytes;
  };

  it.each<[string, Buffer, RegExp]>([
    ['encrypted', odd({ flags: 1 }), /encrypted/], ['a zip64 end record', zip64End(), /zip64 end record/], ['a place in zip64', farAway(), /zip64 field/],
    ['two members of a name', twice(), /two members/], ['a name of unknown encoding', odd({ name: Buffer.from('demo/é.py') }), /UTF-8/],
    ['a name that is no UTF-8', odd({ name: Buffer.from([0x64, 0xe9]) }), /not UTF-8/], ['a line break in a name', odd({ name: 'demo/a\nb' }), /control character/],
    ['a link', odd({ mode: 0o120777 }), /link/], ['a folder with content', odd({ name: 'demo/x/', content: 'x' }), /folder with content/],
    ['a climbing path', odd({ name: '../x' }), /leaves the folder/], ['a changed byte', damaged(), /checksum/], ['another digest', oddWheelZip(payload), /digest/],
  ])('is refused by name: %s', async (what, bytes, why) => {
    if (what === 'another digest') {
      const wheel = await openWheel({ ...orderOf(bytes), sha256: sha256('x') });
      expect(wheel).toMatchObject({ error: { words: { why: expect.stringMatching(why) } } });
    } else expect(await refusal(bytes)).toMatch(why);
  });
});

describe('the payload’s digest', () => {
  it('is the text that the specification says', async () => {
    const wheel = await opened(oddWheelZip([payload[3] as OddMember]));
    const text = payloadText([{ name: `${oddInfo}/x`, mode: 0o100644, method: 8, crc32: 255, bytes: 1, packedBytes: 2, packedSha256: 'aa' }], oddInfo);
    expect(text).toBe('wheel-payload/1\n100644 8 000000ff 1 2 aa 12 /dist-info/x\n');
    expect(wheel.stored.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('does not depend on where METADATA stands and changes with everything else', async () => {
    const digest = async (bytes: Buffer) => (await opened(bytes)).stored.digest;
    const base = await digest(oddWheelZip(payload));
    for (let at = 0; at < payload.length; at += 1) expect(await digest(oddWheelZip(payload, at))).toBe(base);
    const [first, second, ...rest] = payload as [OddMember, OddMember, ...OddMember[]];
    const others = [[second, first, ...rest], [{ ...first, mode: 0o100755 }, second, ...rest], [{ ...first, stored: true }, second, ...rest],
      [{ ...first, name: 'demo/b.py' }, second, ...rest], [{ ...first, content: 'y' }, second, ...rest], [...payload, { name: 'demo/new', content: '' }], [first, ...rest]];
    const digests = await Promise.all(others.map((members) => digest(oddWheelZip(members))));
    expect(new Set([base, ...digests]).size).toBe(others.length + 1);
  });

  it('is taken up again without reading the payload, and not where anything differs', async () => {
    const bytes = oddWheelZip(payload);
    const { stored } = await opened(bytes);
    const again = await reopenWheel(orderOf(bytes), JSON.parse(JSON.stringify(stored)) as typeof stored);
    expect(again).toMatchObject({ ok: true, value: { stored } });
    if (again.ok) expect(respun(again.value)).toEqual(respun(await opened(bytes)));
    const other = oddWheelZip([...payload, { name: 'demo/z', content: '' }]);
    expect(await reopenWheel(orderOf(other), stored)).toMatchObject({ error: { words: { why: expect.stringContaining('another file') } } });
    const changed = Buffer.from(bytes);
    changed[changed.lastIndexOf('PK\x01\x02') + 12] = 0xff;
    expect(await reopenWheel({ ...orderOf(changed), sha256: sha256(bytes) }, stored)).toMatchObject({ ok: false });
  });
});

describe('wheels that chance makes', () => {
  it('keep their payload under every delivery', async () => {
    for (let seed = 1; seed <= 120; seed += 1) {
      const bytes = chanceWheel(seed);
      await expectKept(bytes).catch((error: unknown) => { throw new Error(`seed ${seed}`, { cause: error }); });
    }
  });

  it.each(keptSeeds)('are refused by name or kept when damaged: seed %i', async (seed) => { await fuzzOnce(seed); });
});
