import { Type } from 'typebox';
import { expect, it } from 'vitest';
import { cellLimits } from '../../../orchestrator/contract/limits.ts';
import type { StepCommand, StepExit } from '../../../workers/backend/types.ts';
import type { StepContext } from '../../../workers/classify.ts';
import { buildCommand, judgeBuild } from '../../../workers/steps/build.ts';
import { environmentCommand } from '../../../workers/steps/environment.ts';
import { fetchCommand, judgeFetch } from '../../../workers/steps/fetch.ts';
import { judgeOf } from '../../../workers/steps/judge.ts';
import { prepareCommand } from '../../../workers/steps/prepare.ts';
import { repairCommand } from '../../../workers/steps/repair.ts';
import { requiresCommand } from '../../../workers/steps/requires.ts';
import { sdistCommand } from '../../../workers/steps/sdist.ts';
import { importsCommand, judgeTest, nativeTestCommand, unpackCommand } from '../../../workers/steps/test.ts';

const context: StepContext = {
  step: 'build', what: 'demo==1.0', target: 'cp311-manylinux_x86_64', limits: cellLimits, msMax: 1000,
};
const done = (result: unknown, code = 0): StepExit => ({ ended: 'exit', code, result, logTail: 'the end', ms: 5 });
const orderOf = (command: StepCommand) => JSON.parse(command.argv.at(-1)!) as Record<string, unknown>;
const buildSystem = { backend: 'setuptools.build_meta', backendPath: null, requires: ['setuptools'] };
const hook = { buildSystem, target: 'cp311-manylinux_x86_64', sourceDateEpoch: 1_700_000_000 };

it('every command names the result file that its order names', () => {
  const commands = [
    fetchCommand({ sdist: 'demo-1.0.tar.gz', interpreterOf: null, cutoff: '2026-01-01T00:00:00Z' }),
    prepareCommand('demo-1.0.tar.gz'), requiresCommand(hook), requiresCommand(hook, 'sdist'), sdistCommand({ ...hook, anew: false }),
    buildCommand({ ...hook, project: 'demo', version: '1.0', msMax: 60_000 }), environmentCommand(hook),
    repairCommand({ wheel: 'a.whl', target: 't', sourceDateEpoch: 1, project: 'demo', version: '1.0' }),
    nativeTestCommand({ wheel: 'a.whl', msMax: 1 }), unpackCommand({ wheel: 'a.whl', msMax: 1 }),
      importsCommand(['demo'], 1),
  ];
  for (const command of commands) {
    expect(orderOf(command)['result']).toBe(command.resultFile);
    expect(command.resultFile).toMatch(/^\/work\/result\/[a-z]+\.json$/);
    expect(command.workingFolder).toBe('/work');
  }
  expect(commands.map((command) => command.step)).toEqual([
    'fetch', 'requires', 'requires', 'requires', 'sdist', 'build', 'build', 'repair', 'test', 'test', 'test',
  ]);
});

it('a second fetch keeps the versions of the first and brings only what is new', () => {
  const lock = [{ name: 'setuptools', version: '84.2.1', filename: 'setuptools-84.2.1-py3-none-any.whl',
    sha256: 'a'.repeat(64) }];
  const order = orderOf(fetchCommand({ requirements: ['setuptools', 'cython'], lock, interpreterOf: null,
    cutoff: 'x' }));
  expect(order).toMatchObject({ constraints: ['setuptools==84.2.1'], have: ['setuptools-84.2.1-py3-none-any.whl'] });
  expect(order).not.toHaveProperty('target');
});

it('requirements of the test are those of the target', () => {
  expect(orderOf(fetchCommand({ wheel: 'a.whl', interpreterOf: 'cp311-manylinux_armv7l', cutoff: 'x' })))
    .toMatchObject({ wheel: '/work/in/a.whl', target: 'cp311-manylinux_armv7l' });
});

it('an sdist is made on the build machine itself', () => {
  expect(orderOf(sdistCommand({ ...hook, anew: false }))).not.toHaveProperty('target');
});

it('only the tests use the interpreter of the image', () => {
  expect(nativeTestCommand({ wheel: 'a.whl', msMax: 1 }).argv[0]).toBe('python3');
  expect(importsCommand([], 1).argv[0]).toBe('python3');
  expect(unpackCommand({ wheel: 'a.whl', msMax: 1 }).argv[0]).toBe('/opt/wheelfarm/venv/bin/python');
});

const built = {
  ok: true, wheel: 'demo-1.0-py3-none-any.whl', pure: true, platformTag: 'any', compilerCalls: 0, compilerFailures: 0,
  notes: [],
};

it('a judge takes a result of its shape and drops what it does not know', () => {
  expect(judgeBuild(context)(done({ ...built, more: 'x' }))).toEqual({ ok: true, value: { ...built, swallowed: null } });
  const nested = judgeOf(Type.Object({ of: Type.Union([Type.Object({ a: Type.Number() }), Type.Null()]), many: Type.Union([Type.Array(Type.Object({})), Type.Null()]) }));
  expect(nested(context)(done({ of: { a: 1, more: 'x' }, many: [{ more: 'x' }] }))).toEqual({ ok: true, value: { of: { a: 1 }, many: [{}] } });
});

it('a build that went on after a compiler error says which, but not after a header that is not there', () => {
  const printed = (logTail: string): unknown => judgeBuild(context)({ ...done(built), logTail });
  expect(printed('/work/src/demo.c:4:10: error: use of undeclared identifier \'x\'\n')).toMatchObject({
    value: { swallowed: { file: 'demo.c', line: 4 } },
  });
  expect(printed("/work/src/demo.c:1:10: fatal error: 'yaml.h' file not found\n")).toMatchObject({ value: { swallowed: null } });
});

it.each([
  ['a path as the wheel', { ...built, wheel: '../../etc/passwd' }],
  ['a negative count', { ...built, compilerCalls: -1 }],
  ['no result', null],
  ['too many notes', { ...built, notes: Array.from({ length: 21 }, () => 'x') }],
])('a judge refuses %s', (_, result) => {
  expect(judgeBuild(context)(done(result))).toMatchObject({ ok: false, failure: { code: 'FARM_BUILD_FAILED' } });
});

it('a good result beside a bad exit is not believed', () => {
  expect(judgeBuild(context)(done(built, 1))).toMatchObject({ ok: false, failure: { code: 'FARM_BUILD_FAILED' } });
});

it('a fetch that fails says the requirement', () => {
  const result = { ok: false, code: 'FARM_REQUIREMENT_NO_WHEEL', words: { requirement: 'docopt', target: 'here',
    name: 'docopt' } };
  expect(judgeFetch({ ...context, step: 'fetch' })(done(result, 1))).toMatchObject({
    ok: false, failure: { code: 'FARM_REQUIREMENT_NO_WHEEL', message: 'The requirement docopt has no wheel for here.',
      next: 'Build its wheel first: ./farm build docopt' },
  });
});

it('an import that ends the interpreter fails the test', () => {
  const result = { ok: false, code: 'FARM_TEST_IMPORT', words: { why: 'demo._x: the import ended the interpreter' } };
  expect(judgeTest({ ...context, step: 'test' })({ ...done(result, 139) })).toMatchObject({
    ok: false, failure: { code: 'FARM_TEST_IMPORT',
      message: 'The wheel does not import: demo._x: the import ended the interpreter.' },
  });
});
