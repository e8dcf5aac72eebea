import { describe, expect, it } from 'vitest';
import { logPump } from '../../../workers/log-pump.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function pumpWith(options: { chunk?: number; max?: number; fails?: boolean } = {}) {
  const sent: { offset: number; text: string }[] = [];
  const errors: unknown[] = [];
  const timers: (() => void)[] = [];
  const pump = logPump({
    offset: 100, flushMs: 250, chunkBytesMax: options.chunk ?? 1000, bytesMax: options.max ?? 10_000,
    onError: (error) => errors.push(error), later: (call) => timers.push(call),
    async append(offset, part) {
      if (options.fails) throw new Error('gone');
      sent.push({ offset, text: new TextDecoder().decode(part) });
      return offset + part.length;
    },
  });
  return { pump, sent, errors, timers };
}

describe('log pump', () => {
  it('gathers until its timer, then sends once from its offset', async () => {
    const { pump, sent, timers } = pumpWith();
    pump.write(bytes('one '));
    pump.write(bytes('two'));
    expect(timers).toHaveLength(1);
    timers[0]!();
    pump.write(bytes(' three'));
    await pump.close();
    expect(sent).toEqual([{ offset: 100, text: 'one two' }, { offset: 107, text: ' three' }]);
  });

  it('cuts big writes into chunks, in order', async () => {
    const { pump, sent } = pumpWith({ chunk: 4 });
    pump.write(bytes('abcdefghij'));
    await pump.close();
    expect(sent.map(({ text }) => text)).toEqual(['abcd', 'efgh', 'ij']);
    expect(sent.map(({ offset }) => offset)).toEqual([100, 104, 108]);
  });

  it('keeps its own copy of what the caller may write over', async () => {
    const { pump, sent } = pumpWith();
    const buffer = bytes('first');
    pump.write(buffer);
    buffer.fill(120);
    await pump.close();
    expect(sent[0]!.text).toBe('first');
  });

  it('says where it cut', async () => {
    const { pump, sent } = pumpWith({ max: 2048, chunk: 100_000 });
    pump.write(bytes('x'.repeat(2000)));
    pump.write(bytes('y'.repeat(500)));
    pump.write(bytes('z'));
    await pump.close();
    expect(sent.map(({ text }) => text).join('')).toBe(`${'x'.repeat(2000)}${'y'.repeat(48)}\n== log cut at 2 KiB\n`);
  });

  it('puts lines of the farm on lines of their own', async () => {
    const { pump, sent } = pumpWith();
    pump.line('== build');
    pump.write(bytes('no newline'));
    pump.line('== repair');
    await pump.close();
    expect(sent[0]!.text).toBe('== build\nno newline\n== repair\n');
  });

  it('tells of a broken way once, and again when it is closed', async () => {
    const { pump, errors } = pumpWith({ fails: true, chunk: 2 });
    pump.write(bytes('abcdef'));
    await expect(pump.close()).rejects.toThrow('gone');
    expect(errors).toHaveLength(1);
  });
});
