import { describe, expect, it } from 'vitest';
import { python } from './python.ts';

const ask = python();

/** Expands words beside files that stand for those of an sdist. */
const expand = (words: string[], files: Record<string, string>) => ask(`
import requirement_files
requirement_files.member_text = lambda archive, name: given["files"].get(name)
answer = requirement_files.expanded(given["words"], "a.tar.gz")`, { words, files });

describe('files of requirements', () => {
  it('are read as pip reads them: further files, constraints, comments, hashes, long lines', async () => {
    const files = {
      'requirements/test.txt': '# all\n-r more.txt\npytest==9.0 ; python_version > "3" # why\n-c ../limits.txt\n\npytest-cov \\\n  >=7 --hash=sha256:ab\n',
      'requirements/more.txt': 'covdefaults\n-r test.txt\n', 'limits.txt': '-r requirements/more.txt\npluggy<2\n',
    };
    expect(await expand(['-r', 'requirements/test.txt', 'tox'], files)).toEqual([
      ['covdefaults', 'pytest==9.0 ; python_version > "3"', 'pytest-cov    >=7', 'tox'], expect.arrayContaining(['pluggy<2', 'covdefaults']),
    ]);
    expect(await expand(['--requirement={project}/limits.txt'], { 'limits.txt': 'a' })).toEqual([['a'], []]);
  });

  it.each([
    [['-r', 'gone.txt'], {}, '-r gone.txt'], [['-r', '../up.txt'], { '../up.txt': 'a' }, '-r ../up.txt'], [['-c', 'gone.txt'], {}, '-c gone.txt'],
    [['-r', 'a.txt'], { 'a.txt': '-e .' }, '-e .'], [['-r', 'a.txt'], { 'a.txt': './local' }, './local'],
  ])('refuse %j', async (words, files, requirement) =>
    expect(await expand(words, files as Record<string, string>)).toMatchObject({ code: 'FARM_REQUIREMENT_UNKNOWN', words: { requirement } }));
});
