import { describe, expect, it } from 'vitest';
import type { BuildView, CellView } from '../../../orchestrator/contract/api.ts';
import {
  cellsOf, cellsOfFailure, familyOf, isHad, percentOf, scoreOf, type CorpusCell, type CorpusResult,
} from '../../bench/corpus/score.ts';
import { budgetMsOf, isCurrent, merged, readSlice, sliceOf, type Candidate } from '../../bench/corpus/slice.ts';
import { corpusPage, wordOf } from '../../bench/corpus/table.ts';

const cellView = (target: string, over: Partial<CellView> = {}): CellView => ({
  target, tier: 3, state: 'succeeded', step: null, tested: 'passed', wheel: null, wheelSha256: null, coveredBy: null,
  attemptId: null, attempts: 1, failure: null, testFailure: null, notes: [], startedAt: '2026-01-01T00:00:00Z',
  endedAt: '2026-01-01T00:00:12.34Z', bytes: 1, ...over,
});
const failure = { code: 'FARM_BUILD_FAILED', blame: 'project', message: 'no | header\nfrom https://example.org/x today' } as never;
const view = (cells: CellView[], upstreamFiles: string[] = []): Pick<BuildView, 'cells' | 'upstreamFiles'> => ({ cells, upstreamFiles });
const cell = (target: string, over: Partial<CorpusCell> = {}): CorpusCell =>
  ({ target, state: 'succeeded', tested: 'passed', upstream: true, code: null, blame: null, says: null, seconds: 2, ...over });
const result = (project: string, cells: CorpusCell[], over: Partial<CorpusResult> = {}): CorpusResult =>
  ({ project, version: '1', shape: 'C', at: '2026-01-01T00:00:00Z', farm: 'abc', recipe: null, cells, ...over });
const candidate = (project: string, over: Partial<Candidate> = {}): Candidate =>
  ({ project, version: '1', shape: 'C', targets: ['cp313-manylinux_x86_64'], recipe: null, ...over });

describe('what is kept of a build', () => {
  it('has a cell for each target that was asked, with time, cause and whether the project publishes it', () => {
    const targets = ['cp313-manylinux_x86_64', 'cp313-win_arm64', 'cp313-macosx_arm64', 'cp311-manylinux_x86_64'];
    const cells = cellsOf(view([
      cellView(targets[0] as string), cellView(targets[1] as string, { state: 'failed', tested: null, failure }),
      cellView(targets[2] as string, { state: 'cancelled', tested: null, endedAt: null }),
    ], ['demo-1-cp311-abi3-manylinux_2_17_x86_64.whl', 'demo-1.tar.gz', 'demo-1-cp313-cp313-macosx_11_0_universal2.whl']), targets);
    expect(cells).toEqual([
      { ...cell(targets[0] as string), seconds: 12.3 },
      cell(targets[1] as string, {
        state: 'failed', tested: null, upstream: false, code: 'FARM_BUILD_FAILED', blame: 'project', seconds: 12.3,
        says: 'no | header from (address) today',
      }),
      cell(targets[2] as string, { state: 'unfinished', tested: null, seconds: null }),
      cell(targets[3] as string, { state: 'unfinished', tested: null, seconds: null }),
    ]);
  });

  it('is a failure of every cell where there was no plan, and unfinished where the time was over', () => {
    const stopped = { code: 'FARM_CANCELLED', blame: 'world', message: 'cancelled' } as never;
    expect(cellsOfFailure(failure, ['cp313-win_amd64'])).toMatchObject([{ state: 'failed', code: 'FARM_BUILD_FAILED' }]);
    expect(cellsOfFailure(stopped, ['cp313-win_amd64'])).toMatchObject([{ state: 'unfinished' }]);
  });
});

describe('the score', () => {
  it('counts no wheel whose test failed, and no cell that has not ended', () => {
    expect(isHad(cell('cp313-win_amd64', { state: 'covered', tested: null }))).toBe(true);
    expect(isHad(cell('cp313-win_amd64', { tested: 'failed' }))).toBe(false);
    expect(isHad(cell('cp313-win_amd64', { state: 'unfinished' }))).toBe(false);
    expect(isHad(cell('cp313-win_amd64', { state: 'unsupported' }))).toBe(false);
  });

  it('judges Linux twice, Windows and macOS, and names what only the farm has', () => {
    const score = scoreOf([result('demo', [
      cell('cp313-manylinux_x86_64'), cell('cp313-manylinux_riscv64', { upstream: false, tested: 'no-runner' }),
      cell('cp313-musllinux_aarch64', { state: 'failed', tested: null }), cell('cp313-win_arm64', { state: 'blocked', tested: null }),
      cell('cp313-macosx_arm64', { tested: 'no-runner' }),
    ])]);
    expect(score).toEqual({
      published: { had: 1, of: 2, open: 0 }, linux: { had: 2, of: 3, open: 0 }, windows: { had: 0, of: 1, open: 0 }, macos: { had: 1, of: 1, open: 0 },
      tested: 1, audited: 2, onlyOurs: [{ project: 'demo', targets: ['cp313-manylinux_riscv64'] }],
    });
  });

  it('is not met by rounding', () => {
    expect(percentOf({ had: 9499, of: 10_000, open: 0 })).toBe(94.9);
    expect(percentOf({ had: 0, of: 0, open: 0 })).toBe(null);
    expect(() => familyOf('cp313-android_x86_64')).toThrow('of no family');
  });
});

describe('a slice', () => {
  const target = 'cp313-manylinux_x86_64';
  const results = [
    result('done', [cell(target)]), result('cut', [cell(target, { state: 'unfinished' })]),
    result('broken', [cell(target, { state: 'failed' })]), result('older', [cell(target)], { version: '0' }),
  ];
  const candidates = ['done', 'new', 'cut', 'broken', 'older'].map((name) => candidate(name));
  const names = (argv: string[]): string[] => sliceOf(candidates, results, readSlice(argv)).map(({ project }) => project);

  it('goes on with what has not ended, in the order of the list', () => {
    expect(names([])).toEqual(['done', 'new', 'cut', 'broken', 'older']);
    expect(names(['--resume', '--budget', '90m'])).toEqual(['new', 'cut', 'older']);
    expect(names(['--again'])).toEqual(['new', 'cut', 'broken', 'older']);
    expect(names(['--resume', 'done', 'cut'])).toEqual(['cut']);
    expect(() => names(['nobody'])).toThrow('not in the corpus: nobody');
  });

  it('takes a project again whose recipe or targets are others than those of its result', () => {
    const [done] = results;
    expect(isCurrent(done, candidate('done'))).toBe(true);
    expect(isCurrent(done, candidate('done', { recipe: 'a'.repeat(64) }))).toBe(false);
    expect(isCurrent(done, candidate('done', { targets: [target, 'cp313-win_amd64'] }))).toBe(false);
    expect(isCurrent(undefined, candidate('done'))).toBe(false);
  });

  it('of some targets leaves the other cells as they are', () => {
    const wide = candidate('done', { targets: [target, 'cp313-win_amd64'] });
    const some = (argv: string[]): string[] => sliceOf([wide], [result('done', [cell(target), cell('cp313-win_amd64', { state: 'unfinished' })])],
      readSlice(argv)).map(({ project }) => project);
    expect(some(['--resume'])).toEqual(['done']);
    expect(some(['--resume', '--targets', 'cp313-manylinux_*'])).toEqual([]);
    const cut = cell(target, { state: 'unfinished' });
    expect(merged([cell('cp313-win_amd64', { seconds: 9 }), cut], [cell(target), cell('cp313-win_amd64')])).toMatchObject([{ seconds: 9 }, { target, seconds: 2 }]);
    expect(merged([cut], [cut])).toEqual([cut]);
  });

  it('reads its time', () => {
    expect([budgetMsOf('90m'), budgetMsOf('2h'), budgetMsOf('45s')]).toEqual([5_400_000, 7_200_000, 45_000]);
    for (const text of ['', '0m', '90', 'm', '-1h', '1.5h']) expect(() => budgetMsOf(text)).toThrow('is no time');
    expect(() => readSlice(['--fast'])).toThrow('no option');
  });
});

describe('the page', () => {
  const failed = { state: 'failed', tested: null, code: 'FARM_BUILD_FAILED', blame: 'project', says: 'a | b <c>', seconds: 1 } as const;
  const results = [
    result('demo', [
      cell('cp313-manylinux_x86_64'), cell('cp313-win_amd64', { tested: 'no-runner', upstream: false }),
      cell('cp311-manylinux_x86_64'), cell('cp313-macosx_arm64', failed), cell('cp313-macosx_x86_64', failed),
    ]),
    result('other', [cell('cp313-manylinux_x86_64', { state: 'unfinished' })]),
  ];
  const page = corpusPage(results, [...results, candidate('later')]);

  it('says what a cell is', () => {
    expect(wordOf(cell('x'))).toBe('2 s');
    expect(wordOf(cell('x', { tested: 'no-runner' }))).toBe('audited 2 s');
    expect(wordOf(cell('x', { state: 'covered', tested: null, upstream: false }))).toBe('= \\*');
    expect(wordOf(cell('x', failed))).toBe('**BUILD_FAILED**');
    expect(wordOf(cell('x', { state: 'unsupported' }))).toBe('unsupported');
    expect(wordOf(undefined)).toBe('');
  });

  it('has totals against the goals and what is not built to the end', () => {
    expect(page).toContain('| Linux | 2 of 3 | 66.6 % | 1 | at least 80 % | **no** |');
    expect(page).toContain('| Windows | 1 of 1 | 100 % | 0 | at least 60 % | yes |');
    expect(page).toContain('| macOS | 0 of 2 | 0 % | 0 | at least 60 % | **no** |');
    expect(page).toContain('Not built to the end yet: other, later.');
  });

  it('has a table a Python, causes once, and the names of what only the farm has', () => {
    expect(page.indexOf('## cp313')).toBeLessThan(page.indexOf('## cp311'));
    expect(page).toContain('| demo 1 | 2 s | audited 2 s \\* | **BUILD_FAILED** | **BUILD_FAILED** |');
    expect(page).toContain('| demo | macosx_arm64 (cp313), macosx_x86_64 (cp313) | FARM_BUILD_FAILED | project | a \\| b &lt;c> |');
    expect(page).toContain('- demo: win_amd64 (cp313)');
  });
});
