import { describe, expect, it } from 'vitest';
import { python } from './python.ts';

const ask = python();
const order = { src: '/tmp', target: 'cp313-x', options: {} };
const environment = { PATH: '/env/bin:/usr/bin:/bin', CFLAGS: '-g0', CC: 'zig cc', HOME: '/work/home' };

describe('the environment that a project asks for', () => {
  const laid = (assignments: unknown, fixed: readonly string[] = ['CC', 'CFLAGS']) => ask(
    'import options\nanswer = options.with_options({**given["order"], "options": {"environment": given["asked"]}}, given["environment"], given["fixed"])',
    { order, asked: assignments, environment, fixed },
  );
  it('is put together piece by piece, commands run by a shell', async () => {
    expect(await laid([
      { name: 'A', parts: [{ text: 'x' }] }, { name: 'B', parts: [{ variable: 'A' }, { command: 'printf "%s\\n\\n" y' }, { variable: 'NONE' }] },
    ])).toEqual({ ...environment, A: 'x', B: 'xy' });
  });
  it('adds to flags, keeps the compiler of the row, the programs of the build and the farm’s own', async () => {
    expect(await laid([
      { name: 'CFLAGS', parts: [{ variable: 'CFLAGS' }, { text: ' -O3' }] }, { name: 'CC', parts: [{ text: 'gcc' }] },
      { name: 'PATH', parts: [{ text: '/opt/x:' }, { variable: 'PATH' }] }, { name: 'WHEELFARM_COMPILER_LOG', parts: [{ text: '/x' }] },
      { name: 'PIP_NO_INDEX', parts: [] },
    ])).toEqual({ ...environment, CFLAGS: '-g0  -O3', PATH: `${environment.PATH}:/opt/x:${environment.PATH}` });
  });
  it('fails by name where a command fails', async () => {
    expect(await laid([{ name: 'A', parts: [{ command: 'exit 4' }] }])).toEqual({
      code: 'FARM_HOOK_FAILED', words: { hook: 'environment', why: '$(exit 4) ended with 4' },
    });
  });
});

it('config settings of the project come after the farm’s own', async () => {
  const merged = (own: unknown, asked: unknown) => ask('import options\nanswer = options.merge_settings(*given)', [own, asked]);
  expect(await merged({ a: 'x', b: ['1'] }, { a: '{project}/y', c: ['2'], d: 'z' })).toEqual({ a: ['x', '/work/src/y'], b: ['1'], c: ['2'], d: 'z' });
  expect(await merged(null, {})).toBeNull();
});

describe('a command that fails', () => {
  const why = (command: string, status: number, lines: readonly string[]) => ask(
    'import options\nfailure = options.why_failed("before-all", given[0], given[1], given[2], "FARM_HOOK_FAILED")\nanswer = [failure.code, failure.words]',
    [command, status, lines],
  );
  it.each([
    ['yum install -y zlib-devel', 127, ['sh: 1: yum: not found'], 'yum install -y zlib-devel', '[external] host-requires = ["dep:generic/zlib"]'],
    ['if true; then apt-get update && apt-get install -y libffi-dev pkg-config; fi', 100, ['E: Unable to locate package'], 'apt-get install -y libffi-dev pkg-config', '[external] host-requires = ["dep:generic/libffi", "dep:generic/pkg-config"]'],
    ['brew install openssl@3', 127, [], 'brew install openssl@3', '[external] host-requires = ["dep:generic/openssl"]'],
    ['python -m pip install -U "numpy>=2"', 1, ['ERROR: No matching distribution found for numpy'], 'python -m pip install -U "numpy>=2"', 'build-system.requires = [..., "numpy>=2"]'],
    ['cd x && curl -LO y', 6, ['curl: (6) Could not resolve host: y'], 'curl -LO y', 'put what it downloads into the sdist'],
    ['bash tools/get.sh', 1, ['wget: unable to resolve: Temporary failure in name resolution'], 'bash tools/get.sh', 'put what it downloads into the sdist'],
  ])('%s wants the network', async (command, status, lines, line, mend) => {
    expect(await why(command, status, lines)).toEqual(['FARM_HOOK_NETWORK', { hook: 'before-all', line, mend }]);
  });
  it('says its last line where nothing of the network is in it', async () => {
    expect(await why('make x', 2, ['a', 'make: *** no rule', ''])).toEqual(['FARM_HOOK_FAILED', { hook: 'before-all', why: 'status 2: make: *** no rule' }]);
  });
});

it('tests that the sdist does not have are named', async () => {
  expect(await ask(
    'import project_test\nanswer = project_test.missing_of({"command": "pytest {project}/nowhere-here {package}/also --x={project}", "sources": ["gone"]}, "/tmp")',
  )).toEqual(['also', 'gone', 'nowhere-here']);
});
