import { describe, expect, test } from 'vitest';
import { badgeSvg, rssText } from '../../../orchestrator/domain/badge.ts';
import { blockedOn, regressionsOf, stateLetter, stateOf, testedLetter, testedOf, upstreamReader } from '../../../orchestrator/domain/grid.ts';
import { endStates, testedStates } from '../../../orchestrator/domain/plan.ts';

describe('the letters of the grid', () => {
  test('every state has one of its own, and comes back', () => {
    const states = ['queued', 'running', ...endStates];
    expect(new Set(states.map(stateLetter)).size).toBe(states.length);
    for (const state of states) expect(stateOf(stateLetter(state))).toBe(state);
    for (const tested of testedStates) expect(testedOf(testedLetter(tested))).toBe(tested);
    expect([stateOf('.'), stateLetter('nonsense'), testedLetter(null), testedOf(undefined)]).toEqual([null, '.', '.', null]);
  });
});

describe('regressions', () => {
  const line = (version: string, states: string, targets = ['a', 'b', 'c', 'd']) => ({ version, targets, states, tested: '' });
  test('are what an older version served and the newest does not, named with the newest that did', () => {
    const lines = [line('3', 'sfq', ['a', 'b', 'c']), line('2', 'sfss'), line('1', 'ssss')];
    expect(regressionsOf(lines)).toEqual([
      { target: 'd', version: '3', served: '2', state: null }, { target: 'b', version: '3', served: '1', state: 'failed' },
    ]);
  });
  test('a target that is built, covered or upstream is none', () => {
    expect(regressionsOf([line('2', 'rcuq'), line('1', 'ssss')])).toEqual([]);
    expect(regressionsOf([])).toEqual([]);
  });
});

test('upstream\'s filenames answer target by target', () => {
  const read = upstreamReader();
  const targets = ['cp311-manylinux_x86_64', 'cp313-manylinux_x86_64', 'cp313-musllinux_x86_64', 'cp313t-manylinux_x86_64'];
  expect(read(['x-1-cp311-abi3-manylinux_2_17_x86_64.whl', 'x-1.tar.gz'], targets)).toBe('1100');
  expect(read(['y-2-py3-none-any.whl'], targets)).toBe('1111');
  expect(read([], targets)).toBe('0000');
});

test('a failure for a requirement names what blocks the cell', () => {
  const named = (message: string, code = 'FARM_REQUIREMENT_NO_WHEEL') => blockedOn({ code, message });
  expect(named('The requirement Some_Thing>=2 has no wheel for cp313-win_amd64.')).toBe('some-thing');
  expect(named('No file satisfies the requirement x.', 'FARM_REQUIREMENT_UNKNOWN')).toBe('x');
  expect(named('blocked by numpy (no cp311-manylinux_aarch64 wheel).', 'FARM_BLOCKED')).toBe('numpy');
  expect([named('x', 'FARM_COMPILE_ERROR'), blockedOn(null)]).toEqual([null, null]);
});

test('badge and feed carry no markup of strangers', () => {
  expect(badgeSvg({ served: 3, wanted: 4, failed: 1 })).toContain('wheels: 3 of 4 targets');
  expect(badgeSvg(null)).toContain('unknown');
  const text = rssText({ title: 'T', link: 'http://x' }, [{ title: '<script>&\u0000', link: 'l', guid: 'g', at: 'now', text: ']]>' }], (iso) => iso);
  expect(text).toContain('<title>&lt;script&gt;&amp;</title>');
  expect(text).not.toContain('<script>');
});
