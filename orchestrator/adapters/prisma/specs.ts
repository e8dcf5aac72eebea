import type { BuildOptions } from '../../domain/cell-options.ts';
import type { BlobInput, BuildSpec, ImageInput, SdistSpec, TestSpec } from '../../contract/worker.ts';
import { fail } from '../../domain/failure.ts';
import { parseSdistFilename } from '../../domain/filename.ts';
import { versionEnvironment } from '../../domain/rebuild.ts';
import type { Plan, PlanRow } from '../../domain/plan.ts';
import type { Source } from './client/client.ts';
import type { Tx } from './database.ts';
import { buildFacts, imageInput, limitsOf, planOf } from './rows.ts';

/** A spec and the digests that its lease may read. */
export interface SpecWithInputs<T> { readonly spec: T; readonly inputs: readonly string[] }

const cellOf = (plan: Plan, target: string) => plan.cells.find((cell) => cell.target === target);
const sourceOf = ({ source }: Plan): BlobInput =>
  ({ sha256: source.sdistSha256, filename: source.sdistFilename, bytes: source.sdistBytes });

/** What a worker must know to build one cell. */
export async function buildSpec(tx: Tx, buildId: string, attemptId: string, row: PlanRow): Promise<SpecWithInputs<BuildSpec>> {
  const build = await buildFacts(tx, buildId);
  const plan = await planOf(tx, build.planSha256);
  const image = await imageInput(tx, row.image, row.imageKey);
  const spec: BuildSpec = {
    kind: 'build', attemptId, project: plan.project, version: plan.version, target: row.target, python: row.python,
    image, source: sourceOf(plan), sourceDateEpoch: plan.source.sourceDateEpoch, cutoff: plan.cutoff, limits: limitsOf(build.limits, 'build', cellOf(plan, row.target)?.limits), row: { ...row },
    ...(cellOf(plan, row.target)?.build ? { options: { ...cellOf(plan, row.target)?.build } } : {}),
  };
  const own = cellOf(plan, row.target)?.build?.own ?? [];
  return { spec, inputs: [image.tarSha256, plan.source.sdistSha256, ...own.map(({ sha256 }) => sha256)] };
}

/** The wheel of an attempt and the row that it was built by. */
export interface WheelToTest {
  readonly attemptId: string; readonly row: PlanRow; readonly sha256: string; readonly filename: string; readonly bytes: number;
}

/** What a worker must know to test the wheel of one cell. @errors FARM_ENDED where the row has no test */
export async function testSpec(tx: Tx, buildId: string, wheel: WheelToTest): Promise<TestSpec> {
  const build = await buildFacts(tx, buildId);
  const plan = await planOf(tx, build.planSha256);
  const { attemptId, row, sha256, filename, bytes } = wheel;
  const { testImage, testImageKey, test: runner } = row;
  if (!testImage || !testImageKey || (runner !== 'native' && runner !== 'qemu')) {
    return fail('FARM_ENDED', 'test', { thing: 'The cell without a test' });
  }
  const suite = cellOf(plan, row.target)?.test;
  return {
    kind: 'test', attemptId, project: plan.project, version: plan.version, target: row.target, python: row.python,
    runner, image: await imageInput(tx, testImage, testImageKey), toolImage: await imageInput(tx, row.image, row.imageKey),
    wheel: { sha256, filename, bytes }, cutoff: plan.cutoff, limits: limitsOf(build.limits, 'test'), row: { ...row },
    ...(suite ? { suite: { source: sourceOf(plan), options: { ...suite } } } : {}),
  };
}

/**
 * What a worker must know to make the sdist of a folder or a repository. `row` says which image: any native one will do;
 * `git` is the image in which a repository is cloned.
 */
export async function sdistSpec(
  tx: Tx, sourceId: string, order: { readonly attemptId: string; readonly row: PlanRow; readonly now: Date; readonly git: ImageInput | null },
): Promise<SpecWithInputs<SdistSpec>> {
  const source = await tx.source.findUniqueOrThrow({ where: { id: sourceId } });
  const image = await imageInput(tx, order.row.image, order.row.imageKey);
  const common = {
    kind: 'sdist', attemptId: order.attemptId, image,
    sourceDateEpoch: source.sourceDateEpoch, cutoff: wholeSecond(order.now), limits: limitsOf(null, 'sdist'),
  } as const;
  if (source.gitUrl === null || source.gitCommit === null) {
    const blob = { sha256: source.sha256, filename: source.filename, bytes: Number(source.bytes) };
    if (source.buildTarget !== null) return wheelSpec({ ...common, source: blob }, source, order.row);
    const environment = source.setVersion === null ? {} : { environment: versionEnvironment(nameIn(source.filename), source.setVersion).map((one) => ({ ...one })) };
    return { spec: { ...common, ...environment, source: blob }, inputs: [image.tarSha256, source.sha256] };
  }
  const git = order.git ?? fail('FARM_IMAGE_MISSING', 'sdist', { image: 'with git' });
  const { gitUrl: url, gitCommit: commit, subdirectory } = source;
  return { spec: { ...common, git: { url, commit, subdirectory, image: git } }, inputs: [image.tarSha256, git.tarSha256] };
}

/** Of a patched sdist: its wheel for one target. */
function wheelSpec(common: SdistSpec & { readonly source: BlobInput }, source: Source, row: PlanRow): SpecWithInputs<SdistSpec> {
  const { name: project, version } = namedBy(source.filename);
  const { target, python } = row;
  const options = source.buildOptions as BuildOptions | null;
  const wheel = { project, version, target, python, row: { ...row }, ...(options === null ? {} : { options: { ...options } }) };
  const own = options?.own ?? [];
  return {
    spec: { ...common, wheel, limits: limitsOf(null, 'build') },
    inputs: [common.image.tarSha256, common.source.sha256, ...own.map(({ sha256 }) => sha256)],
  };
}

const nameIn = (sdist: string): string => namedBy(sdist).name;

function namedBy(sdist: string) {
  const parsed = parseSdistFilename(sdist);
  return parsed.ok ? parsed.value : fail('FARM_INTERNAL', 'sdist', { why: `${sdist} is no name of an sdist` });
}

/** Whether a row builds or tests on the machine's own architecture. */
export const isNative = (row: PlanRow): boolean => row.build === 'native' || row.test === 'native';

/** ISO 8601 to the second: `2026-11-21T08:00:00Z`. */
export const wholeSecond = (at: Date): string => `${at.toISOString().slice(0, 19)}Z`;
