import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { CellInputs } from '../../../orchestrator/contract/api.ts';
import { cellLimits } from '../../../orchestrator/contract/limits.ts';
import { failure } from '../../../orchestrator/domain/failure.ts';
import { differenceOf, scriptOf } from '../../../workers/open-cell.ts';
import { openedLines } from '../../../workers/opened-lines.ts';

const locked = (name: string, digit: string) =>
  ({ name, version: '1.0', filename: `${name}-1.0-py3-none-any.whl`, sha256: digit.repeat(64) });
const [a, b] = [locked('a', 'a'), locked('b', 'b')];

describe('the lock against what was fetched again', () => {
  it('is the same in any order', () => {
    expect(differenceOf([a, b], [b, a])).toBeNull();
    expect(differenceOf([], [])).toBeNull();
  });

  it('differs by bytes, by another file and by one more', () => {
    const changed = { ...b, sha256: 'c'.repeat(64) };
    expect(differenceOf([a, b], [a, changed])).toEqual({ file: b.filename, found: changed.sha256, expected: b.sha256 });
    const other = { ...b, filename: 'b-1.0-cp311-cp311-linux_x86_64.whl' };
    expect(differenceOf([a, b], [a, other])).toMatchObject({ file: b.filename, expected: b.sha256 });
    expect(differenceOf([a], [a, b])).toMatchObject({ file: b.filename, found: b.sha256 });
  });
});

it('quotes a command so that a shell gives every word as it is', () => {
  const words = ['it\'s', '$HOME `id` "x"', '{"a": "b\\n"}', '', 'two\nlines'];
  const script = scriptOf({
    step: 'build', argv: ['printf', '%s|', ...words], environment: {}, workingFolder: '/', resultFile: null, msMax: 1,
  });
  expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' })).toBe(`${words.join('|')}|`);
});

describe('what is said of an opened cell', () => {
  const inputs: CellInputs = {
    project: 'demo', version: '1.0', target: 'cp311-manylinux_x86_64',
    image: { name: 'cross', key: '1'.repeat(64), tarSha256: '2'.repeat(64), bytes: 3 },
    source: { sha256: '4'.repeat(64), filename: 'demo-1.0.tar.gz', bytes: 5 },
    lock: [a], sourceDateEpoch: 0, cutoff: '2026-01-01T00:00:00Z', limits: cellLimits, failure: null,
  };
  const text = (changed: Partial<CellInputs>, rest = { installed: [a], notInstalled: null } as Partial<Parameters<typeof openedLines>[0]>) =>
    openedLines({ installed: [], notInstalled: null, ...rest, inputs: { ...inputs, ...changed } }).join('\n');

  it('names image, inputs and limits', () => {
    const said = text({});
    for (const word of [inputs.image.key, inputs.source.sha256, a.sha256, '3 GiB', 'sh /work/again.sh is the build step']) {
      expect(said).toContain(word);
    }
    expect(said).not.toMatch(/failed|chosen again/);
  });

  it('names the failure, its first error and the step to do again', () => {
    const failed = failure('FARM_COMPILE_ERROR', 'build', { why: 'no' }, { file: 'demo.c', line: 4, text: 'undeclared' });
    // Its next step is to open the cell.
    expect(text({ failure: failed })).toMatch(/failed +build: FARM_COMPILE_ERROR: [^]*first error +demo\.c:4: undeclared\nhere /);
    const missing = failure('FARM_BACKEND_MISSING', 'requires', { backend: 'x' });
    expect(text({ failure: missing })).toMatch(/\nnext +Name the package [^]*is the requires step/);
  });

  it('says where nothing was locked', () => {
    expect(text({ lock: [] })).toContain('chosen again');
    const gone = failure('FARM_REQUIREMENT_UNKNOWN', 'fetch', { requirement: 'nowhere' });
    expect(text({ lock: [] }, { installed: [], notInstalled: gone })).toMatch(/requirements +none: FARM_REQUIREMENT_UNKNOWN/);
  });
});
