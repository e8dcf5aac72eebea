import { describe, expect, it } from 'vitest';
import headers from '../../../images/external/headers.json' with { type: 'json' };
import { externalLine } from '../../../images/headers.ts';
import { externalOf, libraryKey, readLibraries } from '../../../images/libraries.ts';
import type { Library } from '../../../images/libraries.ts';
import { depName, librariesFor, libraryOf } from '../../../workers/external.ts';

const libraries = readLibraries();
const made = (name: string, needs: readonly string[] = []): Library => ({
  name, version: '1', provides: [`dep:generic/${name}`], source: { path: `pool/${name}.tar.gz`, sha256: 'a'.repeat(64) },
  purl: `pkg:deb/debian/${name}@1`, licence: 'MIT', sonames: [name], headers: [], needs, script: '',
});
const three = new Map([made('a', ['b']), made('b', ['c']), made('c')].map((one) => [one.name, one]));

describe('names of external requirements', () => {
  it.each([
    ['dep:generic/openssl@>=3', 'dep:generic/openssl'], ['pkg:generic/zlib', 'dep:generic/zlib'],
    [' dep:generic/LibYAML?x=1', 'dep:generic/libyaml'], ['dep:virtual/compiler/c', 'dep:virtual/compiler/c'],
  ])('%s is %s', (url, name) => expect(depName(url)).toBe(name));
});

describe('the libraries for a cell', () => {
  it('stand after those that they need, once', () => {
    const found = librariesFor({ host: ['dep:generic/a', 'dep:generic/b'], build: [] }, three);
    expect(found.map(({ name }) => name)).toEqual(['c', 'b', 'a']);
  });

  it('takes compilers and tools of the image for granted', () => {
    expect(librariesFor({ host: ['dep:virtual/compiler/c'], build: ['dep:virtual/compiler/c++', 'dep:generic/pkg-config@>=0.29'] }, three)).toEqual([]);
  });

  it('fails with every name that the farm does not have', () => {
    expect(() => librariesFor({ host: ['dep:generic/nosuch', 'dep:generic/a', 'dep:virtual/interface/blas'], build: ['dep:generic/fpc'] }, three))
      .toThrow(/dep:generic\/nosuch, dep:virtual\/interface\/blas, dep:generic\/fpc/);
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
  ])('%s is of %s', (path, name) => expect(libraryOf(path, [...libraries.values()])?.name ?? null).toBe(name));
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
