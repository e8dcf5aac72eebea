import { describe, expect, it } from 'vitest';
import { atLeast, atMost, measure, median, ratios, tableLine } from '../../bench/measure.ts';
import { largestPayload } from '../../bench/fan-out/history.ts';

describe('a measure', () => {
  it('has the middle of its rounds, whatever their order', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(() => median([])).toThrow('no values');
  });

  it('compares the median, not the best round, with its target', () => {
    expect(measure('x', 's', [1, 3, 9], atMost(2)).met).toBe(false);
    expect(measure('x', 's', [9, 2, 1], atMost(2)).met).toBe(true);
    expect(measure('x', 'ratio', [0.4, 0.6, 0.7], atLeast(0.5)).met).toBe(true);
    expect(measure('x', 'ratio', [0.4], atLeast(0.5)).met).toBe(false);
    expect(measure('x', 's', [1]).met).toBe(null);
  });

  it('is no measure where a round gave no number', () => {
    expect(() => measure('x', 's', [1, Number.NaN])).toThrow('x is no number');
    expect(() => ratios([1, 2], [1])).toThrow('2 rounds against 1');
  });

  it('divides round by round', () => {
    expect(ratios([10, 40], [2, 4])).toEqual([5, 10]);
    expect(measure('x', 'ratio', ratios([10, 40, 9], [2, 4, 3]))).toMatchObject({ median: 5, min: 3, max: 10 });
  });

  it('says in its line whether the target was met, with the range', () => {
    expect(tableLine(measure('wait', 's', [1, 2, 3], atMost(1.5)))).toBe('| wait | 2 s (1 to 3, 3 rounds) | at most 1.5 s | **no** |');
    expect(tableLine(measure('rate', 'ratio', [0.75], atLeast(0.5)))).toBe('| rate | 0.75× | at least 0.5× | yes |');
    expect(tableLine(measure('size', 'bytes', [7]))).toBe('| size | 7 bytes |  |  |');
  });
});

describe('the largest payload of a history', () => {
  it('is found wherever it stands', () => {
    const events = [{ a: { input: { payloads: [{ data: new Uint8Array(3) }, { data: new Uint8Array(8) }] } } }, { b: null, c: 'text' }];
    expect(largestPayload(events)).toBe(8);
    expect(largestPayload([])).toBe(0);
  });
});
