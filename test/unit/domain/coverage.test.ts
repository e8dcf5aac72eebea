import { describe, expect, it } from 'vitest';
import { compareCoverage, groupTargets, targetsNamedBy } from '../../../orchestrator/domain/coverage.ts';
import { parseTagSet } from '../../../orchestrator/domain/tags.ts';

function named(text: string): string[] {
  const set = parseTagSet(text);
  if (!set.ok) throw new Error(text);
  return targetsNamedBy(set.value);
}

describe('coverage', () => {
  it.each([
    ['cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64', ['cp313-manylinux_x86_64']],
    ['cp313-cp313t-win_amd64', ['cp313t-win_amd64']], ['cp39-abi3-musllinux_1_2_armv7l', ['cp39-musllinux_armv7l']],
    ['cp313-cp313-macosx_10_13_universal2', ['cp313-macosx_arm64', 'cp313-macosx_x86_64']],
    ['pp311-pypy311_pp73-win_amd64', ['pp311-win_amd64']], ['cp311-cp311-win32', ['cp311-win32']],
    ['cp313-cp313-android_21_arm64_v8a', ['cp313-android_arm64_v8a']],
    ['cp313-cp313-ios_13_0_arm64_iphoneos', ['cp313-ios_arm64_iphoneos']],
    ['py3-none-any', []], ['py3-none-win_amd64', []],
  ])('%s names %j', (tags, ids) => expect(named(tags)).toEqual(ids));

  it('says what only one side serves', () => {
    const upstream = ['d-1.0-cp312-cp312-win_amd64.whl', 'd-1.0-cp39-abi3-manylinux_2_17_x86_64.whl', 'd-1.0.tar.gz', 'junk'];
    const ours = ['d-1.0-cp313-cp313-manylinux_2_17_x86_64.whl', 'd-1.0-cp313-cp313-musllinux_1_2_riscv64.whl'];
    expect(compareCoverage(ours, upstream, ['cp313-manylinux_x86_64', 'cp312-musllinux_riscv64'])).toEqual({
      upstreamWheels: 2, farmWheels: 2, both: ['cp313-manylinux_x86_64'], fresh: ['cp313-musllinux_riscv64'],
      missing: ['cp39-manylinux_x86_64', 'cp312-win_amd64'] });
  });

  it('counts a pure wheel as serving every target asked for', () => {
    const result = compareCoverage(['d-1.0-py3-none-any.whl'], [], ['cp313-win32', 'cp39-manylinux_x86_64']);
    expect(result.fresh).toEqual(['cp39-manylinux_x86_64', 'cp313-win32']);
  });

  it('groups targets by platform', () => {
    expect(groupTargets(['cp313-win32', 'cp39-win32', 'cp313t-win32', 'cp39-macosx_arm64'])).toEqual([
      { platform: 'macosx_arm64', pythons: ['cp39'] }, { platform: 'win32', pythons: ['cp39', 'cp313', 'cp313t'] }]);
  });
});
