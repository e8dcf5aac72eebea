import { describe, expect, it } from 'vitest';
import { python } from './python.ts';

const ask = python();

interface Entry {
  filename: string; requires?: string[]; yanked?: boolean; 'upload-time'?: string; 'requires-python'?: string;
}
const tags = ['cp311-cp311-manylinux_2_17_armv7l', 'cp311-abi3-manylinux_2_17_armv7l', 'py3-none-any'];
const markers = {
  implementation_name: 'cpython', implementation_version: '3.11.2', os_name: 'posix', platform_machine: 'armv7l',
  platform_release: '', platform_system: 'Linux', platform_version: '', python_full_version: '3.11.2',
  platform_python_implementation: 'CPython', python_version: '3.11', sys_platform: 'linux',
};

/** Resolves against pages that are given; answers `name version filename` a line, or the failure. */
const resolve = (pages: Record<string, Entry[]>, requirements: string[],
  more: { cutoff?: string; constraints?: string[] } = {}) =>
  ask(`
import resolve
from index import IndexFile
requires = {}
class Pages:
    def page(self, name):
        files = []
        for entry in given["pages"].get(name, []):
            files.append(IndexFile({"url": entry["filename"], **entry}, "http://index/"))
            requires[entry["filename"]] = [resolve.Requirement(text) for text in entry.get("requires", [])]
        return files
    def ahead(self, names):
        pass
resolve.read_requires = lambda index, file, folder: requires[file.filename]
target = resolve.Target(given["tags"], given["markers"], given.get("cutoff"), given.get("constraints", []))
chosen = resolve.resolve(Pages(), target, given["requirements"], "/nowhere", "the target")
answer = [f"{one.name} {one.version} {one.file.filename}" for one in chosen]`,
  { pages, requirements, tags, markers, ...more });

const wheel = (name: string, version: string, more: Partial<Entry> = {}): Entry =>
  ({ filename: `${name}-${version}-py3-none-any.whl`, ...more });
const only = (name: string, version: string) => [`${name} ${version} ${name}-${version}-py3-none-any.whl`];

describe('choosing', () => {
  it('takes the newest version and the best tag of the target', async () => {
    const a = [wheel('a', '1.0'), { filename: 'a-2.0-cp311-abi3-manylinux_2_17_armv7l.whl' },
      { filename: 'a-2.0-cp311-cp311-manylinux_2_17_armv7l.whl' }, wheel('a', '2.0'),
      { filename: 'a-3.0-cp311-cp311-manylinux_2_17_x86_64.whl' }, { filename: 'a-3.0.tar.gz' }];
    expect(await resolve({ a }, ['a'])).toEqual(['a 2.0 a-2.0-cp311-cp311-manylinux_2_17_armv7l.whl']);
  });

  it('goes by the markers of the target, not of this machine', async () => {
    const pages = { a: [wheel('a', '1.0', { requires: ['b; platform_machine == "x86_64"',
      'c; platform_machine == "armv7l"'] })],
      b: [wheel('b', '1.0')], c: [wheel('c', '1.0')] };
    expect(await resolve(pages, ['a'])).toEqual([...only('a', '1.0'), ...only('c', '1.0')]);
  });

  it('takes the higher build tag', async () => {
    expect(await resolve({ a: [{ filename: 'a-1.0-2-py3-none-any.whl' }, { filename: 'a-1.0-10-py3-none-any.whl' },
      wheel('a', '1.0')] }, ['a']))
      .toEqual(['a 1.0 a-1.0-10-py3-none-any.whl']);
  });

  it('brings what an extra adds', async () => {
    const pages = { a: [wheel('a', '1.0', { requires: ['b; extra == "more"', 'c'] })], b: [wheel('b', '1.0')],
      c: [wheel('c', '1.0')] };
    expect(await resolve(pages, ['a'])).toEqual([...only('a', '1.0'), ...only('c', '1.0')]);
    expect(await resolve(pages, ['a[more]'])).toEqual([...only('a', '1.0'), ...only('b', '1.0'), ...only('c', '1.0')]);
  });

  it('goes back to an older version where the newest contradicts', async () => {
    const pages = { a: [wheel('a', '2.0', { requires: ['b<2'] }), wheel('a', '1.0', { requires: ['b'] })],
      b: [wheel('b', '2.0'), wheel('b', '1.0')] };
    expect(await resolve(pages, ['a', 'b>=2'])).toEqual([...only('a', '1.0'), ...only('b', '2.0')]);
  });
});

describe('what is not looked at', () => {
  it.each<[string, Entry[], string, { cutoff?: string; constraints?: string[] }, string]>([
    ['a pre-release', [wheel('a', '1.0'), wheel('a', '2.0rc1')], 'a', {}, '1.0'],
    ['unless there is nothing else', [wheel('a', '2.0rc1')], 'a', {}, '2.0rc1'],
    ['unless it is asked for', [wheel('a', '1.0'), wheel('a', '2.0rc1')], 'a>=2.0rc1', {}, '2.0rc1'],
    ['a yanked file', [wheel('a', '1.0'), wheel('a', '2.0', { yanked: true })], 'a', {}, '1.0'],
    ['unless it is pinned', [wheel('a', '1.0'), wheel('a', '2.0', { yanked: true })], 'a==2.0', {}, '2.0'],
    ['a file uploaded after the cut-off', [wheel('a', '1.0'), wheel('a', '2.0',
      { 'upload-time': '2026-01-02T00:00:00.5Z' })], 'a', { cutoff: '2026-01-02T00:00:00Z' }, '1.0'],
    ['a file for another Python', [wheel('a', '1.0'), wheel('a', '2.0', { 'requires-python': '>=3.12' })], 'a', {},
      '1.0'],
    ['what a constraint forbids', [wheel('a', '1.0'), wheel('a', '2.0')], 'a', { constraints: ['a==1.0'] }, '1.0'],
  ])('%s', async (_, a, requirement, more, version) => {
    expect(await resolve({ a }, [requirement], more)).toEqual(only('a', version));
  });
});

describe('what fails', () => {
  it('a project that nobody knows', async () => {
    expect(await resolve({}, ['nowhere>1'])).toMatchObject({ code: 'FARM_REQUIREMENT_UNKNOWN',
      words: { requirement: 'nowhere>1' } });
  });
  it('a version that is not there', async () => {
    expect(await resolve({ a: [wheel('a', '1.0')] }, ['a>2'])).toMatchObject({ code: 'FARM_REQUIREMENT_UNKNOWN' });
  });
  it('a project with an sdist only, and who wants it', async () => {
    expect(await resolve({ a: [wheel('a', '1.0', { requires: ['b'] })], b: [{ filename: 'b-1.0.tar.gz' }] }, ['a']))
      .toEqual({
      code: 'FARM_REQUIREMENT_NO_WHEEL', words: { requirement: 'b (from a 1.0)', target: 'the target', name: 'b' },
    });
  });
  it('bounds that contradict', async () => {
    expect(await resolve({ a: [wheel('a', '1.0'), wheel('a', '2.0')] }, ['a<2', 'a>=2']))
      .toEqual({ code: 'FARM_REQUIREMENT_CONFLICT', words: { why: 'a<2; a>=2' } });
  });
  it.each(['a @ http://x/a-1.0-py3-none-any.whl', 'not a requirement!'])('the requirement %s', async (text) => {
    expect(await resolve({}, [text])).toMatchObject({ code: 'FARM_REQUIREMENT_UNKNOWN', words: { requirement: text } });
  });
});

it('writes the bundle where no folder is yet: a box that fetches for requirements alone has no inputs', async () => {
  expect(await ask(`
import os, resolve, tarfile, tempfile
with tempfile.TemporaryDirectory() as folder:
    with open(os.path.join(folder, "a.whl"), "w") as file:
        file.write("a")
    path = os.path.join(folder, "in", "wheels.tar")
    resolve.write_bundle(path, folder, ["a.whl"])
    with tarfile.open(path) as tar:
        answer = tar.getnames()`)).toEqual(['a.whl']);
});
