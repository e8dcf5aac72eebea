import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  PrefixRecorder, ResumableSha256, checkAgainstOriginal, checkPrefix, finishPrefix,
} from '../../../orchestrator/adapters/archive/resumed-sha256.ts';
import type { SavedPrefix } from '../../../orchestrator/adapters/archive/resumed-sha256.ts';

const native = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');
const noise = (length: number) => Buffer.from(Array.from({ length }, (_, at) => (at * 7919 + (at >> 3) * 31) & 255));

describe('SHA-256 that can be stopped', () => {
  it('gives the digests of the standard', () => {
    expect(new ResumableSha256().digest()).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(new ResumableSha256().update(Buffer.from('abc')).digest())
      .toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('agrees with the platform at every length around the block, and over its buffer', () => {
    const bytes = noise(2 ** 20 + 200);
    const lengths = [...Array.from({ length: 200 }, (_, at) => at), 65_535, 65_536, 2 ** 20, 2 ** 20 + 1, bytes.length];
    for (const length of lengths) {
      expect(new ResumableSha256().update(bytes.subarray(0, length)).digest()).toBe(native(bytes.subarray(0, length)));
    }
  });

  it('goes on from any point, in any pieces', () => {
    const bytes = noise(700);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const half = new ResumableSha256().update(bytes.subarray(0, cut)).save();
      const through = JSON.parse(JSON.stringify(half)) as typeof half;
      expect(finishPrefix(through, bytes.subarray(cut))).toBe(native(bytes));
    }
    const pieces = new ResumableSha256();
    for (let at = 0; at < bytes.length; at += 13) pieces.update(bytes.subarray(at, at + 13));
    expect(pieces.digest()).toBe(native(bytes));
  });

  it('counts bytes beyond 32 bits in the padding', () => {
    const saved = { ...new ResumableSha256().save(), bytes: 2 ** 32 };
    const padding = Buffer.alloc(64);
    padding[0] = 0x80;
    padding.writeBigUInt64BE(2n ** 35n, 56);
    const direct = new ResumableSha256().update(padding).save().state;
    expect(new ResumableSha256(saved).digest()).toBe(direct);
  });
});

describe('a saved prefix', () => {
  const file = noise(5_000);
  const ranges = [{ offset: 0, bytes: 4_321 }];
  const saved = new PrefixRecorder().update(file.subarray(0, 4_321)).save(native(file), ranges);
  const bound = { ofSha256: native(file), ranges };

  it('is accepted, and finishes to the original and to another tail', () => {
    expect(checkPrefix(saved, bound)).toEqual({ ok: true, value: saved });
    expect(checkAgainstOriginal(saved, file.subarray(4_321))).toMatchObject({ ok: true });
    const tail = Buffer.from('another tail');
    expect(finishPrefix(saved, tail)).toBe(native(Buffer.concat([file.subarray(0, 4_321), tail])));
    expect(checkAgainstOriginal(saved, tail)).toMatchObject({ ok: false });
  });

  it.each<[string, Partial<SavedPrefix>]>([
    ['its checksum is wrong', { state: `0${saved.state.slice(1)}` === saved.state ? `1${saved.state.slice(1)}` : `0${saved.state.slice(1)}` }],
    ['it is not a state of SHA-256', { bytes: saved.bytes + 1 }],
    ['it is not a state of SHA-256', { openBlock: 'xy' }],
    ['its checksum is wrong', { prefixSha256: native('x') }],
    ['its checksum is wrong', { ranges: [{ offset: 1, bytes: 4_321 }] }],
    ['its form is sha256-prefix/2', { form: 'sha256-prefix/2' as 'sha256-prefix/1' }],
  ])('is refused: %s', (why, change) => {
    expect(checkPrefix({ ...saved, ...change }, bound)).toMatchObject({ error: { code: 'FARM_PREFIX_BROKEN', why } });
  });

  it('is refused for another file or other ranges', () => {
    expect(checkPrefix(saved, { ...bound, ofSha256: native('x') })).toMatchObject({ error: { why: 'it belongs to another file' } });
    expect(checkPrefix(saved, { ...bound, ranges: [] })).toMatchObject({ error: { why: 'it belongs to other ranges' } });
  });

  it('is refused where a forger also mended the checksum', () => {
    const recorder = new PrefixRecorder().update(Buffer.alloc(4_321)).save(native(file), ranges);
    const { check: _, ...rest } = { ...saved, state: recorder.state, openBlock: recorder.openBlock };
    const text = JSON.stringify(sorted(rest));
    expect(checkPrefix({ ...rest, check: native(text) }, bound)).toMatchObject({ error: { why: 'its state is wrong' } });
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, one]) => [key, sorted(one)]));
}
