import { failure } from '../../../orchestrator/domain/failure.ts';
import { describe, expect, it } from 'vitest';
import {
  attemptKeyText, canonicalText, judgeWheel, matchesGlob, orderCells, planBuild, planCore, tierOf, type PlanRequest, type PlanRow,
} from '../../../orchestrator/domain/plan.ts';
import { expandUnsupported } from '../../../orchestrator/domain/unsupported.ts';
import { judgeRelease } from '../../../orchestrator/domain/release.ts';

const row = (target: string, more: Partial<PlanRow> = {}): PlanRow => ({
  target, python: `3.${/cp3(\d+)/.exec(target)?.[1]}`, image: 'cross', build: 'cross', testImage: 'test', test: 'native',
  buildPool: 'linux-amd64', testPool: 'linux-amd64', floor: 'glibc 2.17', repair: 'auditwheel',
  imageKey: 'k1', testImageKey: 'k2', ...more,
});

const targets = ['cp313-manylinux_x86_64', 'cp39-manylinux_x86_64', 'cp311-manylinux_aarch64', 'cp311-musllinux_x86_64', 'cp311-manylinux_x86_64'];
const request = (more: Partial<PlanRequest> = {}): PlanRequest => ({
  project: 'demo', displayName: 'Demo', version: '1.0', builder: 'wheelfarm 0', cutoff: '2026-01-01T00:00:00Z', globs: [],
  source: {
    origin: 'index', sdistSha256: 'a'.repeat(64), sdistFilename: 'demo-1.0.tar.gz', sdistBytes: 1, sourceDateEpoch: 315532800,
    hasNativeSource: true, upstreamPure: false,
  },
  rows: targets.map((target) => row(target)), policy: { default: ['*'], tiers: [{ targets: '*-manylinux_x86_64', tier: 1 }, { targets: '*', tier: 3 }] },
  allowsPython: (python) => python !== '3.9', ...more,
});

describe('planBuild', () => {
  it('takes the targets whose Python the project accepts, lowest Python first', () => {
    expect(planBuild(request()).cells.map(({ target }) => target)).toEqual([
      'cp311-manylinux_aarch64', 'cp311-manylinux_x86_64', 'cp311-musllinux_x86_64', 'cp313-manylinux_x86_64']);
  });

  it('chooses by globs as cibuildwheel does', () => {
    expect(planBuild(request({ globs: ['cp31{1,2}-manylinux*', '*musl*'] })).cells.map(({ target }) => target)).toEqual([
      'cp311-manylinux_aarch64', 'cp311-manylinux_x86_64', 'cp311-musllinux_x86_64']);
    expect(planBuild(request({ globs: ['cp27-*'] })).cells).toEqual([]);
  });

  it('keeps several rows of a target as candidates in catalogue order', () => {
    const rows = [row('cp311-manylinux_x86_64', { image: 'pypa' }), row('cp311-manylinux_x86_64')];
    expect(planBuild(request({ rows })).cells[0]?.rows.map(({ image }) => image)).toEqual(['pypa', 'cross']);
  });

  it('has the default targets of the policy where no glob is given, and the whole grid for *', () => {
    const policy = { default: ['cp313-*'], tiers: [] };
    const grid = expandUnsupported([
      { pythons: ['cp312', 'cp313'], platforms: ['manylinux_x86_64', 'win32'], why: 'no {python} here' },
    ], new Set(targets));
    expect(planBuild(request({ policy })).cells.map(({ target }) => target)).toEqual(['cp313-manylinux_x86_64']);
    const all = planBuild(request({ policy, grid, globs: ['*'] })).cells;
    expect(all.map(({ target }) => target)).toEqual([
      'cp311-manylinux_aarch64', 'cp311-manylinux_x86_64', 'cp311-musllinux_x86_64', 'cp312-manylinux_x86_64', 'cp312-win32',
      'cp313-manylinux_x86_64', 'cp313-win32']);
    expect(all.find(({ target }) => target === 'cp312-win32')).toMatchObject({
      rows: [], skipped: { code: 'FARM_TARGET_UNSUPPORTED', message: 'cp312-win32 is not supported here: no CPython 3.12 here.' },
    });
  });

  it('is the same plan whatever the cut-off, and another with another image', () => {
    const plan = planBuild(request());
    expect(planCore(planBuild(request({ cutoff: '2027-01-01T00:00:00Z' })))).toBe(planCore(plan));
    expect(canonicalText(planBuild(request({ cutoff: '2027-01-01T00:00:00Z' })))).not.toBe(canonicalText(plan));
    const other = planBuild(request({ rows: targets.map((target) => row(target, { imageKey: 'k9' })) }));
    expect(planCore(other)).not.toBe(planCore(plan));
  });
});

describe('attemptKeyText', () => {
  const plan = planBuild(request());
  const lock = [
    { name: 'a', version: '1', filename: 'a-1.whl', sha256: '1'.repeat(64) }, { name: 'b', version: '1', filename: 'b-1.whl', sha256: '2'.repeat(64) }];

  it('does not depend on the order of the lock, and does on its digests', () => {
    const key = attemptKeyText(plan, row('x'), lock);
    expect(attemptKeyText(plan, row('x'), lock.toReversed())).toBe(key);
    expect(attemptKeyText(plan, row('x'), [{ ...lock[0]!, sha256: '3'.repeat(64) }, lock[1]!])).not.toBe(key);
    expect(attemptKeyText(plan, row('x', { imageKey: 'k9' }), lock)).not.toBe(key);
  });

  it('does not depend on how the wheel is tested: a test image that comes later has nothing built again', () => {
    const untested = row('x', { test: 'none', testImageKey: null, untested: 'the test image test is not made yet' });
    expect(attemptKeyText(plan, untested, lock)).toBe(attemptKeyText(plan, row('x'), lock));
  });
});

describe('orderCells', () => {
  it('sends the lowest native Python ahead, then one chain for each platform', () => {
    const { cells } = planBuild(request({ allowsPython: () => true }));
    expect(orderCells(cells, new Set(['cp313-manylinux_x86_64', 'cp311-manylinux_x86_64']))).toEqual({
      scout: 'cp311-manylinux_x86_64',
      chains: [['cp39-manylinux_x86_64', 'cp313-manylinux_x86_64'], ['cp311-manylinux_aarch64'], ['cp311-musllinux_x86_64']],
    });
  });

  it('sends the lowest of all where none is native, and nobody where there is no cell', () => {
    expect(orderCells(planBuild(request()).cells, new Set()).scout).toBe('cp311-manylinux_aarch64');
    expect(orderCells([], new Set())).toEqual({ scout: null, chains: [] });
  });
});

describe('judgeWheel', () => {
  const wheel = { pure: true, compilerCalls: 0, hasNativeSource: false, upstreamPure: false, nativeSiblings: false };
  it.each([
    ['native', { pure: false, compilerCalls: 1 }, 'native'],
    ['pure, no native source', {}, 'pure'],
    ['pure, native source, upstream pure too', { hasNativeSource: true, upstreamPure: true }, 'pure'],
    ['pure, native source', { hasNativeSource: true }, 'built pure by mistake'],
    ['pure after a compiler call', { compilerCalls: 1 }, 'built pure by mistake'],
    ['pure beside native siblings', { nativeSiblings: true }, 'built pure by mistake'],
  ] as const)('%s', (_, seen, verdict) => {
    expect(judgeWheel({ ...wheel, ...seen })).toBe(verdict);
  });
});

describe('what the project asks for', () => {
  const skipped = failure('FARM_TARGET_SKIPPED', 'plan', { target: 'x', why: 'skip = "*"' });
  it('stands in its cell and in its attempt key', () => {
    const asked = planBuild(request({ optionsOf: (target) => (target.includes('aarch64') ? { skipped } : { build: { beforeAll: 'x' } }) }));
    expect(asked.cells.map((cell) => [cell.target, cell.skipped?.code ?? cell.build])).toEqual(
      asked.cells.map(({ target }) => [target, target.includes('aarch64') ? 'FARM_TARGET_SKIPPED' : { beforeAll: 'x' }]));
    const { target } = asked.cells.find((cell) => !cell.skipped)!;
    const plain = planBuild(request());
    expect(attemptKeyText(asked, row(target), [])).not.toBe(attemptKeyText(plain, row(target), []));
  });
  it('is no gap of the release where it is skipped', () => {
    const cells = [{ target: 'a', tier: 1 as const, rows: [] }, { target: 'b', tier: 1 as const, rows: [], skipped }];
    expect(judgeRelease({ cells }, [{ target: 'a', state: 'succeeded', tested: 'passed' }, { target: 'b', state: 'unsupported', tested: null }]))
      .toEqual({ installable: true, missing: [], gaps: [] });
  });
});

describe('judgeRelease', () => {
  const plan = { cells: [{ target: 'a', tier: 1 as const, rows: [] }, { target: 'b', tier: 2 as const, rows: [] }] };
  const state = (target: string, word: string, tested: string | null = 'passed') => ({ target, state: word, tested });
  it('needs every required target, tested or without a runner', () => {
    expect(judgeRelease(plan, [state('a', 'succeeded'), state('b', 'failed', null)])).toEqual({ installable: true, missing: [], gaps: ['b'] });
    expect(judgeRelease(plan, [state('a', 'covered', null), state('b', 'succeeded')]).installable).toBe(true);
    expect(judgeRelease(plan, [state('a', 'succeeded', 'failed'), state('b', 'succeeded')])).toEqual({ installable: false, missing: ['a'], gaps: [] });
    expect(judgeRelease({ cells: [{ target: 'b', tier: 3, rows: [] }] }, [state('b', 'failed', null)]).installable).toBe(false);
  });
});

describe('globs and tiers', () => {
  it('matches whole ids only', () => {
    expect([matchesGlob('cp31?-*', 'cp311-win32'), matchesGlob('cp31', 'cp311-win32'), matchesGlob('*-win{32,64}', 'cp311-win32')]).toEqual([true, false, true]);
    expect(matchesGlob('cp3.1-*', 'cp311-x')).toBe(false);
  });
  it('takes the first line that matches, best effort else', () => {
    expect(tierOf('cp311-x', [{ targets: 'cp313-*', tier: 1 }])).toBe(3);
  });
});
