import type { BuildSpec, SdistSpec, TestSpec } from '../../contract/worker.ts';
import { fail } from '../../domain/failure.ts';
import type { PlanRow } from '../../domain/plan.ts';
import type { Tx } from './database.ts';
import { asRow, buildWithPlan, imageInput, limitsOf } from './rows.ts';

/** A spec and the digests that its lease may read. */
export interface SpecWithInputs<T> { readonly spec: T; readonly inputs: readonly string[] }

/** What a worker must know to build one cell. */
export async function buildSpec(tx: Tx, buildId: string, attemptId: string, row: PlanRow): Promise<SpecWithInputs<BuildSpec>> {
  const { build, plan } = await buildWithPlan(tx, buildId);
  const image = await imageInput(tx, row.image, row.imageKey);
  const { source } = plan;
  const spec: BuildSpec = {
    kind: 'build', attemptId, project: plan.project, version: plan.version, target: row.target, python: row.python,
    image, source: { sha256: source.sdistSha256, filename: source.sdistFilename, bytes: source.sdistBytes },
    sourceDateEpoch: source.sourceDateEpoch, cutoff: plan.cutoff, limits: limitsOf(build.limits, 'build'), row: { ...row },
  };
  return { spec, inputs: [image.tarSha256, source.sdistSha256] };
}

/** What a worker must know to test the wheel of one cell. @errors FARM_ENDED where the cell has no wheel to test */
export async function testSpec(tx: Tx, buildId: string, attemptId: string): Promise<SpecWithInputs<TestSpec>> {
  const { build, plan } = await buildWithPlan(tx, buildId);
  const attempt = await tx.attempt.findUniqueOrThrow({ where: { id: attemptId } });
  const row = asRow(attempt.row);
  const { wheelSha256, wheelFilename } = attempt;
  if (!row || !wheelSha256 || !wheelFilename) return fail('FARM_ENDED', 'test', { thing: 'The cell without a wheel' });
  const { testImage, testImageKey, test: runner } = row;
  if (!testImage || !testImageKey || (runner !== 'native' && runner !== 'qemu')) {
    return fail('FARM_ENDED', 'test', { thing: 'The cell without a test' });
  }
  const image = await imageInput(tx, testImage, testImageKey);
  const toolImage = await imageInput(tx, row.image, row.imageKey);
  const spec: TestSpec = {
    kind: 'test', attemptId, project: plan.project, version: plan.version, target: row.target, python: row.python,
    runner, image, toolImage,
    wheel: { sha256: wheelSha256, filename: wheelFilename, bytes: Number(attempt.wheelBytes ?? 0) },
    cutoff: plan.cutoff, limits: limitsOf(build.limits, 'test'), row: { ...row },
  };
  return { spec, inputs: [image.tarSha256, toolImage.tarSha256, wheelSha256] };
}

/** What a worker must know to make the sdist of a folder. `row` says which image: any native one will do. */
export async function sdistSpec(
  tx: Tx, sourceId: string, order: { readonly attemptId: string; readonly row: PlanRow; readonly now: Date },
): Promise<SpecWithInputs<SdistSpec>> {
  const source = await tx.source.findUniqueOrThrow({ where: { id: sourceId } });
  const image = await imageInput(tx, order.row.image, order.row.imageKey);
  const spec: SdistSpec = {
    kind: 'sdist', attemptId: order.attemptId, image,
    source: { sha256: source.sha256, filename: source.filename, bytes: Number(source.bytes) },
    sourceDateEpoch: source.sourceDateEpoch, cutoff: wholeSecond(order.now), limits: limitsOf(null, 'sdist'),
  };
  return { spec, inputs: [image.tarSha256, source.sha256] };
}

/** Whether a row builds or tests on the machine's own architecture. */
export const isNative = (row: PlanRow): boolean => row.build === 'native' || row.test === 'native';

/** ISO 8601 to the second: `2026-11-21T08:00:00Z`. */
export const wholeSecond = (at: Date): string => `${at.toISOString().slice(0, 19)}Z`;
