import { describe, expect, test } from 'vitest';
import { piecesOf, plain } from '../../../dashboard/ansi.ts';

const escape = '\u001b';

describe('log lines of strangers', () => {
  test('keep their colours and lose every other sequence', () => {
    expect(piecesOf(`${escape}[1;31merror${escape}[0m: x${escape}[2J${escape}[10;10H`)).toEqual([{ text: 'error', look: 'ansi-red bold' }, { text: ': x', look: '' }]);
    expect(plain(`${escape}]0;title\u0007a${escape}]8;;http://evil.example${escape}\\link${escape}]8;;${escape}\\`)).toBe('alink');
    expect(plain(`${escape}P1$qx${escape}\\b${escape}_x${escape}\\${escape}c\u009b31md`)).toBe('bd');
  });
  test('lose controls and the marks that turn text around', () => {
    expect(plain('a\u0000\u0008b\u202ec\u2066d\u007f')).toBe('abcd');
    expect(plain('10 %\r50 %\r100 %\r')).toBe('100 %');
    expect(plain(`x${escape}`)).toBe('x');
  });
  test('markup stays text', () => {
    expect(piecesOf('<img src=x onerror=alert(1)>')).toEqual([{ text: '<img src=x onerror=alert(1)>', look: '' }]);
  });
  test('a long line of openings is read in linear time', () => {
    const line = `${escape}]`.repeat(50_000);
    const began = performance.now();
    plain(line);
    piecesOf(line);
    expect(performance.now() - began).toBeLessThan(1000);
  });
});
