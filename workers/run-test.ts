/** Activity `test`: does the described wheel install and import on its target? */
import { limits } from '../orchestrator/contract/limits.ts';
import type { TestOutcome, TestSpec } from '../orchestrator/contract/worker.ts';
import type { FailureCode } from '../orchestrator/domain/failure.ts';
import type { TestOptions } from '../orchestrator/domain/cell-options.ts';
import type { Locked } from '../orchestrator/domain/plan.ts';
import type { Box, PutFile } from './backend/types.ts';
import { delivered } from './delivery.ts';
import { bundleBytesMax, ownInterpreter } from './requirements.ts';
import { inLease } from './scope.ts';
import type { Delivery, Ending, Scope, WorkerPorts } from './scope.ts';
import { inputPath, place } from './steps/box-layout.ts';
import { fetchCommand, judgeFetch } from './steps/fetch.ts';
import { importsCommand, judgeTest, judgeUnpack, nativeTestCommand, unpackCommand } from './steps/test.ts';
import type { TestResult } from './steps/shapes.ts';

type Order = { readonly buildId: string; readonly target: string };
type Answer = { readonly tested: 'passed' | 'failed' | 'no-requirement' | 'cancelled' };

/** Nothing is wrong with the wheel: what it or its test requires is not to be had for this target. */
const noRequirement = new Set<FailureCode>(['FARM_REQUIREMENT_NO_WHEEL', 'FARM_REQUIREMENT_UNKNOWN', 'FARM_TEST_PYTHON']);

/** The activity. @errors see `delivered` */
export async function testCell(ports: WorkerPorts, order: Order): Promise<Answer> {
  const ending = await delivered((delivery) => runTest(ports, delivery, order));
  return { tested: ending.state === 'posted' && 'tested' in ending.outcome ? ending.outcome.tested : 'cancelled' };
}

/** One delivery of the activity, without Temporal. */
export function runTest(
  ports: WorkerPorts, delivery: Delivery, { buildId, target }: Order,
): Promise<Ending<TestOutcome>> {
  return inLease<TestSpec, TestOutcome>(ports, delivery, { kind: 'test', id: buildId, target }, {
    work: testInScope,
    failed: (failure) => ({
      kind: 'test', tested: noRequirement.has(failure.code) ? 'no-requirement' : 'failed',
      how: '', imports: [], lock: [], failure,
    }),
    cancelled: { kind: 'test', state: 'cancelled' },
  });
}

async function testInScope(scope: Scope<TestSpec>): Promise<TestOutcome> {
  const { spec } = scope;
  const wheel = await scope.lease.content(spec.wheel);
  scope.ports.backend.prepare({ image: spec.image, kind: 'sealed', limits: spec.limits });
  const { box: tools, lock } = await fetchRuntime(scope, wheel);
  const tested = spec.runner === 'native' ? testNative(scope, tools, wheel) : testForeign(scope, tools);
  const { imports, how } = await tested;
  const beside = spec.suite !== undefined && spec.runner !== 'native' ? ', test-command not run under qemu' : '';
  return {
    kind: 'test', tested: 'passed', imports, lock: [...lock],
    how: spec.runner === 'native' ? how : `${how} under qemu${beside}`.slice(0, 300),
  };
}

/** What the wheel requires at run time, by the target's own tags and markers. */
async function fetchRuntime(scope: Scope<TestSpec>, wheel: PutFile['bytes']): Promise<{ box: Box; lock: readonly Locked[] }> {
  const { spec } = scope;
  const options = spec.runner === 'native' ? suiteOptions(spec) : undefined;
  const box = await scope.open(spec.toolImage, 'fetch');
  // `test-requires = "-r FILE"`: pip's word for a file of the project.
  const source = options?.requires?.some((word) => /^(-[rc]|--(requirement|constraint))/.test(word)) ? spec.suite?.source : undefined;
  await box.put([
    ...scope.ports.scripts, { path: inputPath(spec.wheel.filename), bytes: wheel },
    ...(source ? [{ path: inputPath(source.filename), bytes: { file: await scope.lease.input(source) } }] : []),
  ]);
  const { lock } = await scope.step(box,
    fetchCommand({
      wheel: spec.wheel.filename, interpreterOf: spec.target, cutoff: spec.cutoff, extras: options?.extras ?? [],
      requirements: options?.requires ?? [], ...(source ? { filesIn: source.filename } : {}),
    }), judgeFetch);
  return { box, lock };
}

/** What the project asks of the test; undefined where it names no tests. */
const suiteOptions = (spec: TestSpec): TestOptions | undefined => spec.suite?.options as TestOptions | undefined;

async function testNative(scope: Scope<TestSpec>, tools: Box, wheel: PutFile['bytes']): Promise<TestResult> {
  const { spec } = scope;
  const { suite } = spec;
  const bundle = scope.file('wheels.tar');
  await tools.take(place.bundle, bundle, bundleBytesMax);
  const box = await scope.open(spec.image, 'sealed');
  await box.put([
    ...scope.ports.scripts, { path: inputPath(spec.wheel.filename), bytes: wheel },
    { path: place.bundle, bytes: { file: bundle } },
    ...(suite ? [{ path: inputPath(suite.source.filename), bytes: { file: await scope.lease.input(suite.source) } }] : []),
  ]);
  return scope.step(box, nativeTestCommand({
    wheel: spec.wheel.filename, msMax: limits.stepMsMax.test, python: ownInterpreter(spec)[0],
    suite: suite && { sdist: suite.source.filename, options: suite.options as TestOptions },
  }), judgeTest);
}

/** The box of the tool image unpacks, which runs nothing of the wheel; the foreign machine only imports. */
async function testForeign(scope: Scope<TestSpec>, tools: Box): Promise<TestResult> {
  const { spec } = scope;
  const { imports } = await scope.step(tools,
    unpackCommand({ wheel: spec.wheel.filename, msMax: limits.stepMsMax.test }), judgeUnpack);
  const site = scope.file('site.tar');
  await tools.take(place.siteTar, site, bundleBytesMax);
  const box = await scope.open(spec.image, 'sealed');
  await box.put([...scope.ports.scripts, { path: place.siteTar, bytes: { file: site } }]);
  return scope.step(box, importsCommand(imports, limits.stepMsMax.test, ownInterpreter(spec)[0]), judgeTest);
}
