import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { projectWishes } from '../../../orchestrator/domain/cell-options.ts';
import { platformName, readOptions, unsupportedOptions } from '../../../orchestrator/domain/cibuildwheel.ts';
import { resolveGroups } from '../../../orchestrator/domain/dependency-groups.ts';
import { expandBraces, fnmatch, selects } from '../../../orchestrator/domain/selector.ts';
import { commandsIn, evaluateAssignments, parseAssignments, quoteWord, splitWords } from '../../../orchestrator/domain/shell-words.ts';

const manylinux = 'cp313-manylinux_x86_64';
const read = (text: string, target = manylinux) => readOptions(parse(text), target);
const skippedOf = (text: string, target: string): unknown => {
  const found = read(text, target);
  return found.ok ? found.value.skipped : found.error;
};

describe('values of a shell', () => {
  const before = { PATH: '/bin', X: 'xv' };
  const value = (text: string): unknown => {
    const parsed = parseAssignments(text);
    if (!parsed.ok) return parsed.error.why;
    const after = evaluateAssignments(parsed.value, before, (command) => `<${command}>`);
    return parsed.value.map(({ name }) => `${name}=${after[name]}`).join(' ');
  };
  it.each([
    ['A=1 B=2', 'A=1 B=2'], ['A="$PATH:/x" B=$A', 'A=/bin:/x B=/bin:/x'], ['A=${X}y', 'A=xvy'], ['A=${X:-def}', 'A='],
    ['A=a\\ b', 'A=a b'], ['A="a\\$X\\"q"', 'A=a$X"q'], ["A='$X'", 'A=$X'], ['A=', 'A='], ['A=1\nB=2', 'A=1'],
    ['A="~/x"', 'A=~/x'], ['A=$(echo "a)b")', 'A=<echo "a)b">'], ['A="`date` z"', 'A=<date> z'], ['A="-DX=\\"y\\""', 'A=-DX="y"'],
    ['A=a#b #c', 'A=a#b'], ['A={a,b}', 'A={a,b}'], ['A+=3', 'A+=3'], ["A='it'\"'\"'s'", "A=it's"],
  ])('%j is %j, as bashlex reads it', (text, wanted) => expect(value(text)).toBe(wanted));
  it.each([
    ['A=1;B=2', '; outside quotes'], ['A=a|b', '| outside quotes'], ['A=~/x', 'the value of A=~/x must stand in quotes'],
    ['FOO', 'FOO is no assignment NAME=value'], ['A=$((1+2))', 'arithmetic $((…))'], ['A="x', 'an open "'], ["A='x", "an open '"],
    ['A=$(x', 'an open $('], ['A=b=c', 'the value of A=b=c must stand in quotes'],
  ])('%j is refused: %s', (text, why) => expect(value(text)).toBe(why));
  it('names the commands', () => {
    const parsed = parseAssignments('A="$(pwd)/x" B=`date`');
    expect(parsed.ok && commandsIn(parsed.value)).toEqual(['pwd', 'date']);
  });
  it('splits and quotes words as shlex', () => {
    expect(splitWords(`a 'b c' "d\\"e" f\\ g ''`)).toEqual({ ok: true, value: ['a', 'b c', 'd"e', 'f g', ''] });
    expect(splitWords('a "b').ok).toBe(false);
    expect([quoteWord('a-b=1'), quoteWord("it's"), quoteWord('')]).toEqual(['a-b=1', `'it'"'"'s'`, "''"]);
  });
});

describe('selectors', () => {
  it.each([
    ['cp3{11,13}-*', true], ['cp3{11,12}-*', false], ['cp31[0-3]-*linux*', true], ['cp31[!3]-*', false], ['cp3?3-manylinux_x86_64', true],
    ['cp313', false], ['*-win* cp313-*', true], ['cp3{10..14}-*', true], ['cp3{1{1,3},2}-many*', true], ['*', true], ['', false],
  ])('%j: %s', (pattern, wanted) => expect(selects(pattern, manylinux)).toBe(wanted));
  it('stays quick where a pattern was made to be slow', () => {
    const started = performance.now();
    expect(fnmatch(`${'*a'.repeat(40)}b`, 'a'.repeat(80))).toBe(false);
    expect(expandBraces('{a,b}'.repeat(40)).length).toBeLessThanOrEqual(10_000);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('[tool.cibuildwheel]', () => {
  it('asks for nothing where there is no table', () => {
    expect(projectWishes({}).of('pp311-manylinux_x86_64')).toEqual({ ok: true, value: {} });
    expect(skippedOf('[tool.other]', 'pp311-manylinux_x86_64')).toBeNull();
  });

  it.each([
    ['skip = "*musllinux*"', 'cp313-musllinux_x86_64', 'skip = "*musllinux*"'],
    ['build = ["cp311-*", "cp313-*"]', 'cp314-win32', 'build = "cp311-* cp313-*"'],
    ['archs = ["x86_64"]', 'cp313-manylinux_aarch64', 'archs = "x86_64"'],
    ['archs = "auto64"', 'cp313-manylinux_armv7l', 'archs = "auto64"'],
    ['archs = ["native"]', 'cp313-manylinux_aarch64', null],
    ['linux.archs = ["aarch64"]', 'cp313-win_amd64', null],
    ['archs = "AMD64"', 'cp313-win_amd64', null],
    ['macos.archs = "universal2"', 'cp313-macosx_arm64', null],
    ['macos.archs = "universal2"', 'cp313-macosx_x86_64', null],
    ['macos.archs = "x86_64"', 'cp313-macosx_arm64', 'archs = "x86_64"'],
    ['build = "*"', 'pp311-manylinux_x86_64', 'enable has no pypy'],
    ['enable = ["pypy"]', 'pp311-manylinux_x86_64', null],
    ['enable = "all"', 'gp312-manylinux_x86_64', null],
  ])('%s decides on %s: %s', (line, target, why) => expect(skippedOf(`[tool.cibuildwheel]\n${line}`, target)).toBe(why));

  it('lays platform over table, overrides over both, joined where inherit says so', () => {
    const text = `[tool.cibuildwheel]
environment = { A = "1", B = "2" }
before-all = ["one", "two"]
test-requires = ["pytest"]
config-settings = { x = "1", y = ["2", "3"] }
[tool.cibuildwheel.linux]
before-all = "three"
inherit = { before-all = "append" }
[[tool.cibuildwheel.overrides]]
select = "*musllinux*"
environment = { A = "9" }
inherit.environment = "append"
test-requires = "a b"
config-settings = { x = "7" }
inherit.config-settings = "append"`;
    const plain = read(text);
    expect(plain.ok && plain.value).toMatchObject({
      beforeAll: 'one && two && three', testRequires: ['pytest'], configSettings: { x: '1', y: ['2', '3'] },
    });
    const musl = read(text.replace('inherit.environment = "append"\n', '').replace('inherit.config-settings = "append"', 'inherit = "environment; config-settings: append"'), 'cp313-musllinux_x86_64');
    expect(musl.ok && musl.value.environment.map(({ name, parts }) => [name, parts])).toEqual([
      ['A', [{ text: '1' }]], ['B', [{ text: '2' }]], ['A', [{ text: '9' }]],
    ]);
    expect(musl.ok && musl.value).toMatchObject({ testRequires: ['a', 'b'], configSettings: { x: '7', y: ['2', '3'] } });
    const mac = read(text, 'cp313-macosx_arm64');
    expect(mac.ok && mac.value.beforeAll).toBe('one && two');
  });

  it.each([
    ['overrides = 3', 'overrides'], ['environment = "A=1;B"', 'environment'], ['archs = "sparc"', 'archs'], ['enable = "rust"', 'enable'],
    ['inherit = { before-all = "twice" }', 'inherit'], ['config-settings = { "a b" = "1" }', 'config-settings'],
    ['test-groups = ["x"]', 'test-groups'], ['before-all = { a = 1 }', 'before-all'],
  ])('%s names the option', (line, option) => {
    const found = read(`[tool.cibuildwheel]\n${line}`);
    expect(found.ok ? 'read' : found.error.option).toBe(option);
  });

  it('names what it does not follow, not what says the usual', () => {
    const names = (text: string) => unsupportedOptions(parse(`[tool.cibuildwheel]\n${text}`)).map(({ option }) => option);
    expect(names('repair-wheel-command = ""\nmanylinux-x86_64-image = "x"\nnonsense = 1\nbuild-verbosity = 1')).toEqual([
      'manylinux-x86_64-image', 'nonsense', 'repair-wheel-command',
    ]);
    expect(names('build-frontend = "build"\nbuild = "*"')).toEqual([]);
    expect(names('enable = ["cpython-freethreading"]')).toEqual(['enable = cpython-freethreading']);
  });

  it('keeps only what is asked for, and no test where test-skip says so', () => {
    const wishes = projectWishes(parse('[tool.cibuildwheel]\ntest-command = "pytest {project}"\ntest-skip = "*-win*"\nbefore-build = "x"'));
    expect(wishes.of(manylinux)).toEqual({ ok: true, value: { build: { beforeBuild: 'x', cibuildwheel: true }, test: { command: 'pytest {project}' } } });
    expect(wishes.of('cp313-win32')).toEqual({ ok: true, value: { build: { beforeBuild: 'x', cibuildwheel: true } } });
    const skipped = projectWishes(parse('[tool.cibuildwheel]\nskip = "*"')).of(manylinux);
    expect(skipped.ok && skipped.value.skipped?.message).toBe('skipped by [tool.cibuildwheel]: skip = "*".');
  });

  it('lies under recipes, each option of the higher one ruling: given, farm’s, [tool.wheelfarm], [tool.cibuildwheel], nothing', () => {
    const table = '[tool.cibuildwheel]\nbefore-all = "a"\nbefore-build = "a"\nconfig-settings = { k = "a" }\nskip = "cp313-*"\ntest-command = "a"';
    const layers = [
      { by: '[tool.wheelfarm]', table: { 'before-all': 'b', 'before-build': 'b', skip: 'cp39-*', tools: ['b'], patches: [{ diff: 'one' }] } },
      { by: 'recipe x of the farm', table: { 'before-all': 'c', linux: { 'test-command': 'c' }, patches: [{ select: '*-win*', diff: 'no' }] } },
      { by: 'recipe y', table: {
        overrides: [{ select: 'cp313-*', 'before-all': 'd', inherit: { 'before-all': 'append' }, limits: { minutes: 2 } }], patches: [{ diff: 'two' }],
      } },
    ];
    expect(projectWishes(parse(table), layers).of(manylinux)).toEqual({ ok: true, value: {
      build: { beforeAll: 'c && d', beforeBuild: 'b', configSettings: { k: 'a' }, patches: ['one', 'two'], tools: ['b'], cibuildwheel: true },
      test: { command: 'c' }, limits: { stepMsMax: 120_000 },
    } });
    const left = projectWishes({}, [{ by: 'recipe y', table: { skip: '*' } }]).of(manylinux);
    expect(left.ok && left.value.skipped?.message).toBe('skipped by recipe y: skip = "*".');
    expect(projectWishes({}, [{ by: 'recipe y', table: { 'before-all': '' } }]).of(manylinux)).toEqual({ ok: true, value: {} });
  });

  it('knows the platform of a target', () => {
    expect(['cp313-musllinux_armv7l', 'cp313-macosx_arm64', 'cp313-win32', 'cp313-ios_arm64_iphoneos', 'cp312-pyodide_wasm32'].map(platformName))
      .toEqual(['linux', 'macos', 'windows', 'ios', 'pyodide']);
  });
});

describe('dependency groups', () => {
  const table = { Test: ['pytest', { 'include-group': 'more_things' }], 'more-things': ['a>1'], ring: [{ 'include-group': 'ring' }], bad: [3] };
  it('puts included groups in their place, by normal names', () => {
    expect(resolveGroups(table, ['test', 'more-things'])).toEqual({ ok: true, value: ['pytest', 'a>1', 'a>1'] });
  });
  it.each([['ring', 'groups include one another: ring → ring'], ['none', '[dependency-groups] has no none'], ['bad', 'the group bad holds something else than requirements']])(
    '%s is refused', (group, why) => expect(resolveGroups(table, [group])).toEqual({ ok: false, error: { why } }));
});
