import { describe, expect, it } from 'vitest';
import { errorLines } from '../../../orchestrator/cli/print-error.ts';
import { printable, printablePieces } from '../../../orchestrator/cli/printable.ts';
import { failure } from '../../../orchestrator/domain/failure.ts';

describe('text of strangers', () => {
  it('gives no orders to a terminal', () => {
    expect(printable('a\x1b[31mred\x1b[0m \x1b]0;title\x07b\x1b]8;;http://x\x1b\\link\x1b[2J\x1b[H')).toBe('ared blink');
    expect(printable('\x1bc \x9b2J \x07\x00 \u202egnp')).toBe('\\x1bc \\x9b2J \\x07\\x00 \\u202egnp');
  });

  it('keeps words, tabs, line ends and letters of every script', () => {
    expect(printable('a\tb\nc é 漢 ✓')).toBe('a\tb\nc é 漢 ✓');
    expect(printable('10 %\r20 %\r\ndone\n')).toBe('10 %\n20 %\ndone\n');
  });

  it('may come in pieces, wherever they are cut', () => {
    const whole = 'x\x1b[1;31merror\x1b[0m\r\n\x1b]0;t\x07y\rz\x1b';
    for (let cut = 0; cut <= whole.length; cut += 1) {
      const pieces = printablePieces();
      const shown = pieces.next(whole.slice(0, cut)) + pieces.next(whole.slice(cut)) + pieces.end();
      expect(shown, `cut at ${cut}`).toBe(printable(whole));
    }
  });

  it('holds nothing back for ever', () => {
    const pieces = printablePieces();
    expect(pieces.next(`\x1b]${'a'.repeat(1000)}`)).toContain('aaaa');
  });

  it('is tame in errors', () => {
    const lines = errorLines(failure('FARM_BUILD_FAILED', 'build', { why: '\x1b[2Jgone' }, { text: 'a\x1b]0;x\x07', file: 'b\x1b[1m.c' }));
    expect(['\x1b', '\x07'].filter((one) => lines.join('').includes(one))).toEqual([]);
    expect(lines[0]).toContain('gone');
  });
});
