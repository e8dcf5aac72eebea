import { describe, expect, it } from 'vitest';
import { isRef, looksLikeGit, newestTags, parseGitWhat, tagVersion } from '../../../orchestrator/domain/repository.ts';

const base = 'https://github.com';
const read = (text: string) => {
  const parsed = parseGitWhat(text, base);
  return parsed.ok ? parsed.value : parsed.error.code;
};

describe('what a git address says', () => {
  it.each([
    ['pallets/markupsafe', { url: `${base}/pallets/markupsafe`, fullName: 'pallets/markupsafe', ref: null, subdirectory: '' }],
    ['pallets/markupsafe@3.0.2', { url: `${base}/pallets/markupsafe`, fullName: 'pallets/markupsafe', ref: '3.0.2', subdirectory: '' }],
    ['a/b@feature/x#python/sub', { url: `${base}/a/b`, fullName: 'a/b', ref: 'feature/x', subdirectory: 'python/sub' }],
    ['a/b#python/', { url: `${base}/a/b`, fullName: 'a/b', ref: null, subdirectory: 'python' }],
    ['git@github.com:a/b.git@v1', { url: `${base}/a/b`, fullName: 'a/b', ref: 'v1', subdirectory: '' }],
    ['ssh://git@github.com/a/b.git', { url: `${base}/a/b`, fullName: 'a/b', ref: null, subdirectory: '' }],
    ['git+https://GitHub.com/a/b.git@v1#subdirectory=c&egg=d', { url: `${base}/a/b`, fullName: 'a/b', ref: 'v1', subdirectory: 'c' }],
    ['https://codeberg.org/x/y/z.git', { url: 'https://codeberg.org/x/y/z', fullName: null, ref: null, subdirectory: '' }],
  ])('%s', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it.each([
    'a/b@-x', 'a/b@--upload-pack=x', 'a/b@a..b', 'a/b#../x', 'a/b#/etc', 'a/b#x/.git', 'https://user:pw@github.com/a/b', 'http://elsewhere.example/a/b',
    'https://github.com/a', 'https://github.com/a/b/c', 'https://github.com/a/..', 'a/..', 'file:///etc', 'ext::sh -c x', 'a/b@x y', 'a/b#x\u0000', 'https://h/../x',
  ])('refuses %j', (text) => {
    expect(read(text)).toBe('FARM_REPOSITORY_ADDRESS');
  });

  it('knows an enterprise server', () => {
    const parsed = parseGitWhat('a/b@v1', 'https://git.corp.example');
    expect(parsed.ok && parsed.value).toMatchObject({ url: 'https://git.corp.example/a/b', fullName: 'a/b' });
  });

  it('tells it from a path and a name', () => {
    expect(['a/b', 'a/b@v1', 'a/b#c', 'https://h/x', 'git@h:a/b'].filter((text) => !looksLikeGit(text))).toEqual([]);
    expect(['./a', '../a', '/a/b', 'name', 'name==1', 'a/b/c', 'x.tar.gz', '.'].filter(looksLikeGit)).toEqual([]);
  });

  it('knows what may be a ref', () => {
    expect(['v1', 'release/1.0', 'a-b_c', '0123abc'].filter((text) => !isRef(text))).toEqual([]);
    expect(['', '-a', 'a b', 'a~1', 'a^', 'a:b', 'a?', 'a*', 'a[', 'a\\b', 'a@{1}', 'a.lock', '/a', 'a/', 'a\u0007', '@', 'a//b'].filter(isRef)).toEqual([]);
  });
});

describe('the version that a tag names', () => {
  it.each([
    ['v1.2.3', '1.2.3'], ['1.2.3', '1.2.3'], ['release-1.2', '1.2'], ['rel_1_2_3', '1.2.3'], ['mypkg-1.0rc1', '1.0rc1'],
    ['my_pkg/v2.0', '2.0'], ['my.pkg@2.0', '2.0'], ['core/v3', '3'], ['V4.0.post1', '4.0.post1'],
  ])('%s', (tag, version) => {
    expect(tagVersion(tag, ['my-pkg', 'mypkg', 'python/core'])?.text).toBe(version);
  });

  it.each(['nightly', 'other-1.0', 'v', 'release', '', 'x1.0y/'])('%j names none of this project', (tag) => {
    expect(tagVersion(tag, ['my-pkg'])).toBeNull();
  });

  it('takes the newest of very many', () => {
    const tags = Array.from({ length: 20_000 }, (_, n) => `v1.${n}`);
    expect(newestTags([...tags, 'nightly', 'v2.0'], 3)).toEqual(['v2.0', 'v1.19999', 'v1.19998']);
  });
});
