import { describe, expect, it } from 'vitest';
import { basisText, currentWheels, respinRemarks } from '../../../orchestrator/domain/edit-basis.ts';

const file = (filename: string, yanked: string | null = null) => ({ filename, sha256: filename.length.toString(16).padStart(64, '0'), yanked });
const names = (files: readonly { filename: string }[]): string[] => files.map(({ filename }) => filename);

describe('currentWheels', () => {
  it('takes the highest build tag of each set of tags, as numbers and whatever the order of the tags', () => {
    const files = [
      file('a-1.0-py3-none-any.whl'), file('a-1.0-2-py3-none-any.whl'), file('a-1.0-10-py3-none-any.whl'), file('a-1.0-9-py3-none-any.whl'),
      file('a-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl'),
      file('a-1.0-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl'),
    ];
    const expected = ['a-1.0-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl', 'a-1.0-10-py3-none-any.whl'];
    expect(names(currentWheels(files))).toEqual(expected);
    expect(names(currentWheels(files.toReversed()))).toEqual(expected);
  });

  it('leaves out what is yanked or no wheel', () => {
    expect(names(currentWheels([
      file('a-1.0-py3-none-any.whl'), file('a-1.0-1-py3-none-any.whl', 'broken'), file('a-1.0.tar.gz'),
    ]))).toEqual(['a-1.0-py3-none-any.whl']);
    expect(currentWheels([file('a-1.0-py3-none-any.whl', '')])).toEqual([]);
  });
});

describe('basisText', () => {
  it('differs for another file, another digest and another build tag', () => {
    const one = file('a-1.0-py3-none-any.whl');
    const texts = [
      basisText([one], 1), basisText([one], 2), basisText([{ ...one, sha256: 'f'.repeat(64) }], 1),
      basisText([one, file('a-1.0-cp311-cp311-win32.whl')], 1), basisText([], 1),
    ];
    expect(new Set(texts).size).toBe(texts.length);
    expect(basisText([{ ...one }], 1)).toBe(texts[0]);
  });
});

describe('respinRemarks', () => {
  it('says where old files are still taken: a Python that the new bound excludes', () => {
    const change = { field: 'Requires-Python', before: '>=3.9', after: '>=3.10', risk: 'tighten' } as const;
    expect(respinRemarks([change])).toEqual([expect.stringContaining('a Python that >=3.10 excludes')]);
    expect(respinRemarks([{ ...change, after: '>=3.8', risk: 'loosen' }, { ...change, field: 'Summary', risk: 'text' }])).toEqual([]);
  });
});
