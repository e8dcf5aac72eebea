import { describe, expect, it } from 'vitest';
import headers from '../../../images/external/headers.json' with { type: 'json' };
import { externalLine } from '../../../images/headers.ts';
import { spdxOf } from '../../../images/debian-libraries.ts';
import { debianPackages, externalOf, libraryKey, readLibraries } from '../../../images/libraries.ts';
import type { Library } from '../../../images/libraries.ts';
import { depName, librariesFor, libraryOf, linkedIn } from '../../../workers/external.ts';

const libraries = readLibraries();
const made = (name: string, needs: readonly string[] = []): Library => ({
  name, version: '1', provides: [`dep:generic/${name}`], source: { path: `pool/${name}.tar.gz`, sha256: 'a'.repeat(64) },
  purl: `pkg:deb/debian/${name}@1`, licence: 'MIT', sonames: [name], headers: [], needs, script: '',
});
const known = (compiled: ReadonlyMap<string, Library>, withoutDebian: string | null = null) =>
  ({ compiled, debian: new Map([['dep:generic/libxml2', 'libxml2-dev'], ['dep:generic/ffmpeg', 'libavformat-dev,libswscale-dev']]), withoutDebian });
const three = new Map([made('a', ['b']), made('b', ['c']), made('c')].map((one) => [one.name, one]));

describe('names of external requirements', () => {
  it.each([
    ['dep:generic/openssl@>=3', 'dep:generic/openssl'], ['pkg:generic/zlib', 'dep:generic/zlib'],
    [' dep:generic/LibYAML?x=1', 'dep:generic/libyaml'], ['dep:virtual/compiler/c', 'dep:virtual/compiler/c'],
  ])('%s is %s', (url, name) => expect(depName(url)).toBe(name));
});

describe('the libraries for a cell', () => {
  it('stand after those that they need, once', () => {
    const { libraries: found } = librariesFor({ host: ['dep:generic/a', 'dep:generic/b'], build: [] }, known(three));
    expect(found.map(({ name }) => name)).toEqual(['c', 'b', 'a']);
  });

  it('takes compilers and tools of the image for granted', () => {
    expect(librariesFor({ host: ['dep:virtual/compiler/c'], build: ['dep:virtual/compiler/c++', 'dep:generic/pkg-config@>=0.29'] }, known(three)))
      .toEqual({ libraries: [], packages: [] });
  });

  it('fails with every name that the farm does not have', () => {
    expect(() => librariesFor({ host: ['dep:generic/nosuch', 'dep:generic/a', 'dep:virtual/interface/blas'], build: ['dep:generic/fpc'] }, known(three)))
      .toThrow(/dep:generic\/nosuch, dep:virtual\/interface\/blas, dep:generic\/fpc/);
  });

  it('are Debian\'s packages where the farm compiles none; where those cannot be used, the failure says why', () => {
    const asked = { host: ['dep:generic/libxml2@>=2', 'dep:generic/ffmpeg', 'dep:generic/c', 'dep:generic/libxml2'], build: [] };
    const { libraries: compiled, packages } = librariesFor(asked, known(three));
    expect({ compiled: compiled.map(({ name }) => name), packages }).toEqual({ compiled: ['c'], packages: ['libavformat-dev', 'libswscale-dev', 'libxml2-dev'] });
    expect(() => librariesFor(asked, known(three, 'not for musllinux'))).toThrow(/dep:generic\/libxml2 \(not for musllinux\), dep:generic\/ffmpeg \(not/);
  });

  it('have another key for another image, platform or digest of what they need', () => {
    const [library] = three.values();
    const keys = [['i', 'p', 'n'], ['j', 'p', 'n'], ['i', 'q', 'n'], ['i', 'p', 'm']]
      .map(([imageKey, platform, need]) => libraryKey(library!, { imageKey: imageKey!, platform: platform!, needs: [need!] }));
    expect(new Set(keys).size).toBe(4);
  });
});

describe('a grafted file', () => {
  it.each([
    ['pyyaml.libs/libyaml-0-0e123ca9.so.2', 'libyaml'], ['x.libs/libz-12345678.so.1', 'zlib'],
    ['x.libs/libzstd-12345678.so.1', null], ['x.libs/libyaml-0.so.2', null],
  ])('%s is of %s', (path, name) => expect(libraryOf(path, { libraries: [...libraries.values()], binaries: [] })?.name ?? null).toBe(name));

  it('may be of a package of Debian', () => {
    const binaries = [{ file: 'libxml2.so.2.9.14', name: 'libxml2', version: '2.9.14+dfsg-1', licence: 'MIT' }];
    expect(libraryOf('lxml.libs/libxml2-0123abcd.so.2.9.14', { libraries: [], binaries })).toEqual(
      { name: 'libxml2', version: '2.9.14+dfsg-1', licence: 'MIT', purl: 'pkg:deb/debian/libxml2@2.9.14%2Bdfsg-1' });
    expect(libraryOf('lxml.libs/libxml2-0123abcd.so.2', { libraries: [], binaries })?.name).toBe('libxml2');
    expect(libraryOf('lxml.libs/libxslt-0123abcd.so.2', { libraries: [], binaries })).toBeNull();
  });

  it('is part of the binaries instead where nothing is grafted', () => {
    const all = [...libraries.values()];
    expect(linkedIn('cp313-musllinux_x86_64', all)).toEqual([]);
    expect(linkedIn('cp313-win_arm64', all).map(({ name }) => name)).toEqual(['libffi', 'libxml2', 'libxslt', 'libyaml', 'openssl', 'zlib']);
    expect(linkedIn('cp313-macosx_arm64', all)[0]).toMatchObject({ licence: 'MIT', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
  });
});

describe('licences of Debian', () => {
  it.each([['Expat', 'MIT'], ['LGPL-2.1+', 'LGPL-2.1-or-later'], ['MIT-1', 'MIT'], ['', 'LicenseRef-Debian-copyright'], ['PD/x', 'LicenseRef-Debian-PD-x']])(
    '%s is %s', (name, expression) => expect(spdxOf(name)).toBe(expression));
});

it('every header that the farm knows belongs to a library that it has', () => {
  const have = new Set([...[...libraries.values()].flatMap(({ provides }) => provides), ...debianPackages.keys()]);
  expect(Object.entries(headers).filter(([, name]) => !have.has(name))).toEqual([]);
});


describe('images/libraries', () => {
  it.each([...libraries.values()])('$name is whole', (library) => {
    expect(library.source.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(library.source.path).toMatch(/^pool\/main\/[\w/.+-]+\.orig\.tar\.[gx]z$/);
    expect(library.script).toMatch(/^#!\/bin\/sh\n/);
    expect(library.needs.every((name) => libraries.has(name))).toBe(true);
    for (const header of library.headers) expect((headers as Record<string, string>)[header]).toBe(library.provides[0]);
  });

  it('knows of PyYAML what its own files do not say', () => {
    expect(externalOf('pyyaml')).toEqual({ 'host-requires': ['dep:generic/libyaml'] });
    expect(externalOf('headers')).toBeNull();
    expect(externalOf('../libraries/zlib/recipe')).toBeNull();
  });

  it('proposes what to write for a header', () => {
    expect(externalLine('yaml.h')).toBe('[external] and below it host-requires = ["dep:generic/libyaml"]');
    expect(externalLine('own/thing.h')).toMatch(/dep:generic\/NAME.*own\/thing\.h/);
  });
});
