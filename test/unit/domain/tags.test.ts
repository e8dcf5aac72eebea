import { describe, expect, it } from 'vitest';
import {
  expandTagLines, expandTagSet, isPure, parseTagSet, parseTargetId, printTagSet, targetAcceptsWheel,
} from '../../../orchestrator/domain/tags.ts';
import type { TagSet } from '../../../orchestrator/domain/tags.ts';

function tags(text: string): TagSet {
  const parsed = parseTagSet(text);
  if (!parsed.ok) throw new Error(`no tags: ${text}`);
  return parsed.value;
}

describe('tags', () => {
  it('expands and prints compressed sets sorted', () => {
    expect(expandTagSet(tags('py3.py2-none-any'))).toEqual(['py2-none-any', 'py3-none-any']);
    expect(printTagSet(tags('cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64')))
      .toBe('cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64');
    expect(expandTagLines(['py2-none-any', 'py3-none-any'])).toEqual({
      ok: true, value: ['py2-none-any', 'py3-none-any'],
    });
    expect(isPure(tags('py3-none-any'))).toBe(true);
    expect(isPure(tags('py3-none-win32'))).toBe(false);
  });

  it.each(['py3-none', 'py3-none-any-x', '3-none-any', 'py3--any', 'py3-no ne-any'])('refuses %j', (text) =>
    expect(parseTagSet(text).ok).toBe(false));

  it('takes target ids apart', () => {
    expect(parseTargetId('cp313t-manylinux_aarch64')).toEqual({ ok: true, value: {
      python: 'cp313t', interpreter: 'cp', major: 3, minor: 13, freeThreaded: true, family: 'manylinux',
      arch: 'aarch64' } });
    expect(parseTargetId('cp39-win32')).toMatchObject({ ok: true, value: { family: 'win32', arch: '', minor: 9 } });
    expect(parseTargetId('cp313-ios_arm64_iphoneos')).toMatchObject({ ok: true, value: { arch: 'arm64_iphoneos' } });
    expect(parseTargetId('manylinux').ok).toBe(false);
  });

  it.each([
    ['cp313-manylinux_aarch64', 'cp313-cp313-manylinux_2_17_aarch64.manylinux2014_aarch64', true],
    ['cp313-manylinux_aarch64', 'cp313-cp313-musllinux_1_2_aarch64', false],
    ['cp313-manylinux_aarch64', 'cp313-cp313-manylinux_2_17_x86_64', false],
    ['cp313-manylinux_x86_64', 'cp38-abi3-manylinux_2_28_x86_64', true],
    ['cp313-manylinux_x86_64', 'cp314-abi3-manylinux_2_28_x86_64', false],
    ['cp313t-manylinux_x86_64', 'cp38-abi3-manylinux_2_28_x86_64', false],
    ['cp313t-manylinux_x86_64', 'cp313-cp313t-manylinux_2_28_x86_64', true],
    ['cp313t-manylinux_x86_64', 'cp313-cp313-manylinux_2_28_x86_64', false],
    ['cp313-manylinux_x86_64', 'cp313-cp313t-manylinux_2_28_x86_64', false],
    ['cp315t-manylinux_x86_64', 'cp315-abi3t-manylinux_2_28_x86_64', true],
    ['cp313-manylinux_x86_64', 'py3-none-manylinux1_x86_64', true],
    ['cp313-musllinux_x86_64', 'py3-none-manylinux1_x86_64', false],
    ['cp313-win_amd64', 'cp313-cp313-win_amd64', true],
    ['cp313-win_amd64', 'cp313-cp313-win32', false],
    ['cp313-win32', 'cp313-cp313-win32', true],
    ['cp313-win_arm64', 'py2.py3-none-any', true],
    ['cp313-macosx_arm64', 'cp313-cp313-macosx_11_0_arm64', true],
    ['cp313-macosx_arm64', 'cp313-cp313-macosx_10_13_universal2', true],
    ['cp313-macosx_x86_64', 'cp39-abi3-macosx_10_13_universal2', true],
    ['cp313-macosx_x86_64', 'cp313-cp313-macosx_11_0_arm64', false],
    ['cp313-macosx_universal2', 'cp313-cp313-macosx_11_0_arm64', false],
    ['cp313-manylinux_x86_64', 'py2-none-any', false],
    ['cp313-manylinux_x86_64', 'py314-none-any', false],
    ['cp313-manylinux_x86_64', 'py312-none-any', true],
    ['cp313-manylinux_x86_64', 'cp312-none-any', false],
    ['cp313-manylinux_x86_64', 'cp313-cp313-linux_x86_64', false],
    ['pp311-manylinux_x86_64', 'pp311-pypy311_pp73-manylinux_2_28_x86_64', true],
    ['pp311-manylinux_x86_64', 'cp311-cp311-manylinux_2_28_x86_64', false],
    ['cp37-manylinux_x86_64', 'cp37-cp37m-manylinux1_x86_64', true],
  ])('%s accepts %s: %s', (target, set, expected) => expect(targetAcceptsWheel(target, tags(set))).toBe(expected));
});
