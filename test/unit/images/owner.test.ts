import { describe, expect, it } from 'vitest';
import { isLeftOver, ownMark, strangerMsMax } from '../../../images/owner.ts';
import { makingName } from '../../../images/sweep.ts';

describe('the mark of a leftover', () => {
  it('is of a running process while that runs', () => {
    expect(isLeftOver(ownMark(), strangerMsMax * 2)).toBe(false);
  });

  it('is left over at once when its process is gone, or its number is another process now', () => {
    const [where, , start] = ownMark().split('-');
    expect(isLeftOver(`${where!}-4194305-${start!}`, 0)).toBe(true);
    expect(isLeftOver(`${where!}-${process.pid}-1`, 0)).toBe(true);
  });

  it.each(['elsewhere-1-5', '1', '', 'test-debian-bookworm-amd64-0123456789ab'])('of a stranger (%s) is left over after a day', (mark) => {
    expect(isLeftOver(mark, strangerMsMax - 1)).toBe(false);
    expect(isLeftOver(mark, strangerMsMax + 1)).toBe(true);
  });

  it('fits into the name of a folder and a tag', () => {
    expect(makingName(ownMark(), '0a1b')).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/);
  });
});
