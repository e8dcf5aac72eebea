import { describe, expect, it } from 'vitest';
import {
  compareBuildTags, distInfoFolder, parseBuildTag, parseSdistFilename, parseWheelFilename, printSdistFilename,
  printWheelFilename,
} from '../../../orchestrator/domain/filename.ts';
import { isValidName, normalizeName, parseName } from '../../../orchestrator/domain/names.ts';

describe('names', () => {
  it('normalises by PEP 503 and checks', () => {
    expect(normalizeName('Friendly--Bard_.x')).toBe('friendly-bard-x');
    expect(['a', 'A.b-c_9'].every(isValidName)).toBe(true);
    expect(['', '-a', 'a-', 'a b', 'a/b', 'é'].some(isValidName)).toBe(false);
    expect(parseName('../x')).toEqual({ ok: false, error: { code: 'FARM_BAD_NAME', text: '../x' } });
  });
});

describe('wheel filenames', () => {
  it.each([
    'markupsafe-3.0.2-cp313-cp313-manylinux2014_aarch64.manylinux_2_17_aarch64.whl',
    'holy_grail-1.0.post1-3-py2.py3-none-any.whl',
    'demo-1!1.0rc1+ubuntu.1-cp313-cp313t-win_amd64.whl',
    'demo-1.0-1-cp313-cp313-manylinux_2_28_x86_64-x86_64_v3.whl',
    'demo-1.0-cp313-cp313-manylinux_2_28_x86_64-x86_64_v3.whl',
  ])('prints what it parsed: %s', (text) => {
    const parsed = parseWheelFilename(text);
    expect(parsed.ok && printWheelFilename(parsed.value)).toBe(text);
  });

  it('reads old spellings', () => {
    expect(parseWheelFilename('Foo.Bar-1.00-py3-none-any.whl')).toMatchObject({ ok: true, value: {
      name: 'foo-bar', version: '1.0', build: null, variant: null } });
  });

  it.each([
    'x-1.0-py3-none.whl', 'x-1.0-a-b-py3-none-any.whl', 'x-nope-py3-none-any.whl', '../x-1.0-py3-none-any.whl',
    'x-1.0-py3-none-any.zip', '-1.0-py3-none-any.whl', 'x-1.0-b1-v-py3-none-any-q.whl',
  ])('refuses %s', (text) => expect(parseWheelFilename(text).ok).toBe(false));

  it('orders build tags by number, absent first', () => {
    const sorted = ['10', '9', '9a'].map(parseBuildTag).concat(null).toSorted(compareBuildTags);
    expect(sorted).toEqual([null, { number: 9, rest: '' }, { number: 9, rest: 'a' }, { number: 10, rest: '' }]);
  });
});

describe('sdist filenames', () => {
  it.each([
    ['demo-1.0.tar.gz', 'demo', '1.0'], ['my-old-pkg-1.0.zip', 'my-old-pkg', '1.0'],
    ['a_b-2024.1.tar.gz', 'a-b', '2024.1'],
    ['x-1.0-1.tar.gz', 'x-1-0', '1'],
  ])('%s', (text, name, version) => expect(parseSdistFilename(text)).toMatchObject({ ok: true, value: { name, version } }));

  it('refuses what is none', () => {
    expect(['x.tar.gz', 'x-1.tar.bz2', 'a/x-1.0.tar.gz'].some((text) => parseSdistFilename(text).ok)).toBe(false);
  });

  it('prints the normal spelling', () => {
    const one = { name: normalizeName('Holy.Grail'), version: '1.0' };
    expect(printSdistFilename(one)).toBe('holy_grail-1.0.tar.gz');
    expect(distInfoFolder(one)).toBe('holy_grail-1.0.dist-info');
  });
});
