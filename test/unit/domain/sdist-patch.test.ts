import { describe, expect, it } from 'vitest';
import { parse } from 'smol-toml';
import { parseOperation, type EditOperation } from '../../../orchestrator/domain/edit.ts';
import { patchSdist, unlikeWheels } from '../../../orchestrator/domain/sdist-patch.ts';
import { changeToml, tomlList } from '../../../orchestrator/domain/toml-text.ts';

const parsed = (text: string): Record<string, unknown> | null => {
  try {
    return parse(text);
  } catch {
    return null;
  }
};
const pkgInfo = [
  'Metadata-Version: 2.4', 'Name: Demo.Kit', 'Version: 1.0', 'Summary: A demo', 'Keywords: b,a', 'Classifier: A :: B', 'Project-URL: Home, https://example.org/',
  'License-Expression: MIT', 'Requires-Python: >=3.8', 'Requires-Dist: six>=1', "Requires-Dist: numpy<2,>=1.26; python_version < '3.13'",
  "Requires-Dist: pytest; extra == 'test'", "Requires-Dist: tomli; (python_version < '3.11') and extra == 'test'", 'Provides-Extra: test', '', 'Text\n',
].join('\n');
const pyproject = `# kept
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project] # also kept
name = "Demo.Kit"
version = "1.0"   # the version
description = 'A demo'
keywords = ["a", "b"]
classifiers = ["A :: B"]
license = "MIT"
requires-python = ">=3.8"
dependencies = [
  "six >= 1", # ] tricky
  'numpy>=1.26,<2 ; python_version<"3.13"',
]

[project.urls]
Home = "https://example.org/"
[project.optional-dependencies]
test = ["pytest", "tomli; python_version < '3.11'"]

[tool.x]
day = 2024-01-01
version = "1.0"
text = """
[project]
version = "1.0"
"""
[[tool.y]]
version = "1.0"
`;

type Asked = readonly `${'set' | 'remove' | 'bound'} ${string}`[];
const operations = (...texts: Asked): EditOperation[] => texts.map((text) => {
  const made = parseOperation(text.slice(0, text.indexOf(' ')) as EditOperation['kind'], text.slice(text.indexOf(' ') + 1));
  if (!made.ok) throw new Error(made.error.code);
  return made.value;
});
const patch = (asked: readonly EditOperation[], changed: { pyproject?: string; pkgInfo?: string; filename?: string } = {}) => {
  const sdist = { filename: 'demo_kit-1.0.tar.gz', pkgInfo, pyproject, ...changed };
  return patchSdist({ sdist: { ...sdist, settings: parsed(sdist.pyproject) ?? {} }, name: 'demo-kit', version: '1.0', toVersion: '1.0.post1', operations: asked, parse: parsed });
};
/** Lines that only one of two texts has. */
const difference = (before: string, after: string) => {
  const [old, fresh] = [before.split('\n'), after.split('\n')];
  return [...old.filter((one) => !fresh.includes(one)).map((one) => `- ${one}`), ...fresh.filter((one) => !old.includes(one)).map((one) => `+ ${one}`)];
};
const faultOf = (result: ReturnType<typeof patch>) => (result.ok ? '' : result.error.join('; '));

describe('patchSdist', () => {
  it('says version and edit in PKG-INFO and table, and leaves every other line', () => {
    const made = patch(operations('set Requires-Python: >=3.9', 'bound Requires-Dist: six<2', 'set Summary: Another "demo"'));
    if (!made.ok) throw new Error(made.error.join());
    expect(made.value).toMatchObject({ filename: 'demo_kit-1.0.post1.tar.gz', folder: 'demo_kit-1.0.post1' });
    expect(difference(pkgInfo, made.value.pkgInfo)).toEqual([
      '- Version: 1.0', '- Summary: A demo', '- Requires-Python: >=3.8', '- Requires-Dist: six>=1',
      '+ Version: 1.0.post1', '+ Summary: Another "demo"', '+ Requires-Python: >=3.9', '+ Requires-Dist: six<2,>=1',
    ]);
    expect(parsed(made.value.pyproject)).toEqual({ ...parsed(pyproject), project: {
      ...parsed(pyproject)?.['project'] as object, version: '1.0.post1', description: 'Another "demo"', 'requires-python': '>=3.9',
      dependencies: ['six<2,>=1', 'numpy>=1.26,<2 ; python_version<"3.13"'],
    } });
    expect(difference(pyproject, made.value.pyproject)).toContain('+ version = "1.0.post1"   # the version');
    expect(made.value.pyproject.match(/version = "1\.0"\n/g)).toHaveLength(3);
  });

  it('moves requirements of extras, urls, keywords, classifiers and licence', () => {
    const project = (...asked: Asked) => {
      const made = patch(operations(...asked));
      return made.ok ? parsed(made.value.pyproject)?.['project'] as Record<string, unknown> : made.error;
    };
    expect(project('bound Requires-Dist: tomli>=2')).toMatchObject({ 'optional-dependencies': { test: ['pytest', 'tomli>=2; python_version < "3.11"'] } });
    expect(project('set Provides-Extra: docs', "set Requires-Dist: sphinx; extra == 'docs'")).toMatchObject({ 'optional-dependencies': { docs: ['sphinx'], test: expect.any(Array) } });
    expect(project('remove Requires-Dist: pytest', 'remove Requires-Dist: tomli', 'remove Provides-Extra: test')).toMatchObject({ 'optional-dependencies': {} });
    expect(project('set Project-URL: Home, https://example.org/new', 'set Project-URL: Old Docs, https://example.org/d'))
      .toMatchObject({ urls: { Home: 'https://example.org/new', 'Old Docs': 'https://example.org/d' } });
    expect(project('set Keywords: c, d', 'set Classifier: C :: D', 'set License-Expression: Apache-2.0'))
      .toMatchObject({ keywords: ['c', 'd'], classifiers: ['A :: B', 'C :: D'], license: 'Apache-2.0' });
    expect(project('remove Requires-Python')).not.toHaveProperty('requires-python');
  });

  it('makes keys and tables that are not there', () => {
    const bare = { pyproject: '[build-system]\nbuild-backend="mesonpy"\n[project]\nname="demo-kit"\nversion="1.0"', pkgInfo: 'Metadata-Version: 2.1\nName: demo-kit\nVersion: 1.0\n' };
    const made = patch(operations('set Requires-Python: >=3.9', 'set Provides-Extra: a', "set Requires-Dist: six; extra == 'a'"), bare);
    expect(made).toMatchObject({ ok: true, value: {
      pyproject: '[build-system]\nbuild-backend="mesonpy"\n[project]\nname="demo-kit"\nversion="1.0.post1"\nrequires-python = ">=3.9"\n\n[project.optional-dependencies]\na = ["six"]\n' } });
  });

  it('leaves a dynamic version to PKG-INFO where hatchling reads it there', () => {
    const dynamic = pyproject.replace('version = "1.0"   # the version', 'dynamic = ["version"]');
    const made = patch(operations('set Requires-Python: >=3.9'), { pyproject: dynamic });
    if (!made.ok) throw new Error(made.error.join());
    expect(difference(dynamic, made.value.pyproject)).toEqual(['- requires-python = ">=3.8"', '+ requires-python = ">=3.9"']);
    expect(made.value.pkgInfo).toContain('\nVersion: 1.0.post1\n');
    for (const kept of ['hatchling<1.20', 'hatchling==1.8', 'hatchling ~= 1.8']) {
      expect(faultOf(patch(operations('set Requires-Python: >=3.9'), { pyproject: dynamic.replace('"hatchling"', `"${kept}"`) }))).toContain('Version is dynamic');
    }
  });

  it.each([
    ['a version of the back end', { pyproject: pyproject.replace('version = "1.0"   # the version', 'dynamic = ["version"]').replace('hatchling.build', 'mesonpy') }, 'Version is dynamic'],
    ['a dynamic field of the table', { pyproject: pyproject.replace('requires-python = ">=3.8"', 'dynamic = ["requires-python"]') }, 'Requires-Python is dynamic'],
    ['a dynamic field of PKG-INFO', { pkgInfo: pkgInfo.replace('Summary', 'Dynamic: requires-python\nSummary') }, 'Requires-Python is dynamic'],
    ['no table', { pyproject: '[build-system]\nrequires = []\n' }, 'no [project] table'],
    ['a back end of its own', { pyproject: pyproject.replace('[build-system]', '[build-system]\nbackend-path = ["."]') }, 'its own code'],
    ['an unknown back end', { pyproject: pyproject.replace('hatchling.build', 'own.backend') }, 'own.backend'],
    ['a table that says otherwise', { pyproject: pyproject.replace('requires-python = ">=3.8"', 'requires-python = ">=3.7"') }, 'project.requires-python'],
    ['another version', { pyproject: pyproject.replace('"1.0"   #', '"1.1"   #') }, 'project.version'],
    ['bytes that are not UTF-8', { pkgInfo: pkgInfo.replace('A demo', 'A \uFFFD') }, 'not UTF-8'],
    ['a zip', { filename: 'demo_kit-1.0.zip' }, 'no .tar.gz'],
    ['PKG-INFO that says it already', { pkgInfo: pkgInfo.replace('>=3.8', '>=3.9') }, 'PKG-INFO'],
  ])('names %s', (_, changed, words) => {
    expect(faultOf(patch(operations('set Requires-Python: >=3.9'), changed))).toContain(words);
  });

  it('names fields and requirements that the table cannot say', () => {
    expect(faultOf(patch(operations('set Author: Somebody', 'set Description: Other')))).toBe('Author: the farm does not patch it; Description: the farm does not patch it');
    const odd = { pkgInfo: pkgInfo.replace("tomli; (python_version < '3.11') and", "tomli; (python_version < '3.11') or") };
    expect(faultOf(patch(operations('bound Requires-Dist: six<2'), odd))).toContain('the marker of tomli');
    const inline = { pyproject: pyproject.replace('\n[project.urls]\nHome = "https://example.org/"', 'urls = { Home = "https://example.org/" }') };
    expect(faultOf(patch(operations('set Project-URL: Home, https://example.org/new'), inline))).toContain('does not patch');
  });
});

describe('unlikeWheels', () => {
  const changes = [{ field: 'Requires-Dist', before: null, after: 'six', risk: 'tighten' as const }];

  it('compares what the edit changed, as it is meant', () => {
    const wheel = (text: string) => [{ filename: 'w.whl', metadata: `Metadata-Version: 2.1\n${text}`, changes }];
    expect(unlikeWheels('Metadata-Version: 2.1\nRequires-Dist: six >=1,<2\nSummary: x\n', wheel('Requires-Dist: six<2,>=1\n'))).toEqual([]);
    expect(unlikeWheels('Metadata-Version: 2.1\nRequires-Dist: six\n', wheel('Requires-Dist: six<2\n')))
      .toEqual(['its Requires-Dist says also six, not six<2, unlike w.whl']);
  });
});

describe('changeToml', () => {
  it('finds values behind strings, comments and line ends of every kind', () => {
    const text = "\uFEFFa = 'x # y' # c\r\n[t.\"u v\"]\r\nb=[ # [\r\n '''\r\n]''',\r\n]\r\nc.d = { e = \"}\" }";
    expect(changeToml(text, [{ path: ['a'], value: '1' }, { path: ['t', 'u v', 'b'], value: tomlList(['p', 'q']) }, { path: ['t', 'u v', 'c', 'd'], value: null }]))
      .toBe('\uFEFFa = 1 # c\r\n[t."u v"]\r\nb=[\r\n    "p",\r\n    "q",\r\n]\r\n');
  });

  it.each(['a', 'a = ', 'a = [1', 'a = "x', '[a', 'a = 1\na = 2'])('finds no place in %j', (text) => {
    expect(changeToml(text, [{ path: ['a'], value: '1' }])).toBeNull();
  });
});
