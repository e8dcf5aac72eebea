import type { AttemptView, BuildView, CellInputs, CellView, SourceView } from '../../contract/api.ts';
import { fail } from '../../domain/failure.ts';
import { compareTargets } from '../../domain/coverage.ts';
import type { Attempt, Build, Cell, Release, Source } from './client/client.ts';
import type { Database } from './database.ts';
import { asFailure, asLock, asPlan, asRow, buildWithPlan, chooseRow, imageInput, limitsOf } from './rows.ts';

const text = (at: Date | null): string | null => at?.toISOString() ?? null;

/**
 * Builds with the cells of their plans as they stand now, in the order of the ids. The number of queries does not
 * depend on the number of builds.
 * @shape `started` false where the request for it found nothing to do; `index` the address of the index
 * @errors FARM_NOT_FOUND where one of the ids is unknown
 */
export async function buildViews(
  { prisma }: Database, ids: readonly string[], context: { readonly started: boolean; readonly index: string },
): Promise<readonly BuildView[]> {
  const builds = await prisma.build.findMany({ where: { id: { in: [...ids] } }, include: { plan: { include: { release: true } } } });
  const plans = [...new Set(builds.map((build) => build.planSha256))];
  const releases = [...new Map(builds.map(({ plan: { release } }) => [release.id, release])).values()];
  const [cells, counts, published] = await Promise.all([
    prisma.cell.findMany({ where: { planSha256: { in: plans } } }),
    prisma.$queryRaw<{ plan: string; target: string; count: bigint }[]>`
      select b.plan_sha256 as plan, a.target, count(*) as count from attempt a join build b on b.id = a.build_id
      where b.plan_sha256 = any(${plans}) group by 1, 2`,
    prisma.file.findMany({
      where: { OR: releases.map(({ project, version }) => ({ project, version })) },
      select: { filename: true, project: true, version: true }, orderBy: { filename: 'asc' },
    }),
  ]);
  const attempts = await prisma.attempt.findMany({
    where: { id: { in: cells.flatMap((cell) => cell.attemptId ?? []) } },
    select: { id: true, startedAt: true, endedAt: true, wheelBytes: true },
  });
  const known: KnownRows = {
    cells: Map.groupBy(cells, (cell) => cell.planSha256),
    tries: new Map(counts.map(({ plan, target, count }) => [`${plan} ${target}`, Number(count)])),
    attempts: new Map(attempts.map((attempt) => [attempt.id, attempt])),
    published: Map.groupBy(published, ({ project, version }) => `${project} ${version}`),
  };
  const byId = new Map(builds.map((build) => [build.id, build]));
  return ids.map((id) => viewOf(byId.get(id) ?? fail('FARM_NOT_FOUND', 'plan', { thing: `build ${id}` }), known, context));
}

type AttemptRow = Pick<Attempt, 'id' | 'startedAt' | 'endedAt' | 'wheelBytes'>;
interface KnownRows {
  readonly cells: ReadonlyMap<string, readonly Cell[]>;
  readonly tries: ReadonlyMap<string, number>;
  readonly attempts: ReadonlyMap<string, AttemptRow>;
  readonly published: ReadonlyMap<string, readonly { readonly filename: string }[]>;
}

function viewOf(
  build: Build & { plan: { text: string; release: Release } }, known: KnownRows,
  context: { readonly started: boolean; readonly index: string },
): BuildView {
  const plan = asPlan(build.plan.text);
  const { project, displayName, version, source } = plan;
  const tiers = new Map(plan.cells.map((cell) => [cell.target, cell.tier]));
  return {
    id: build.id, project, displayName, version, planSha256: build.planSha256,
    state: build.state, started: context.started, failure: asFailure(build.failure),
    cells: (known.cells.get(build.planSha256) ?? []).toSorted((a, b) => compareTargets(a.target, b.target))
      .map((cell) => cellView(cell, {
        tier: tiers.get(cell.target) ?? 3, attempts: known.tries.get(`${build.planSha256} ${cell.target}`) ?? 0,
        attempt: known.attempts.get(cell.attemptId ?? ''),
      })),
    unsupported: [...plan.unsupported ?? []],
    ...(source.git ? { git: { url: source.git.url, ref: source.git.ref, commit: source.git.commit, subdirectory: source.git.subdirectory } } : {}),
    upstreamFiles: build.plan.release.upstreamFiles as string[],
    published: (known.published.get(`${project} ${version}`) ?? []).map(({ filename }) => filename),
    sdist: { sha256: source.sdistSha256, filename: source.sdistFilename, bytes: source.sdistBytes },
    startedAt: build.startedAt.toISOString(), endedAt: text(build.endedAt), index: context.index,
  };
}

function cellView(
  cell: Cell, known: { readonly tier: number; readonly attempts: number; readonly attempt: AttemptRow | undefined },
): CellView {
  const { attempt } = known;
  return {
    target: cell.target, tier: known.tier, state: cell.state, step: cell.step, tested: cell.tested,
    wheel: cell.wheelFilename, wheelSha256: cell.wheelSha256, coveredBy: cell.coveredBy,
    attemptId: cell.attemptId, attempts: known.attempts,
    failure: asFailure(cell.failure), testFailure: asFailure(cell.testFailure), notes: cell.notes as string[],
    startedAt: text(attempt?.startedAt ?? null), endedAt: text(attempt?.endedAt ?? null),
    bytes: attempt?.wheelBytes === null || attempt === undefined ? null : Number(attempt.wheelBytes),
  };
}

/** An attempt as people see it. @errors FARM_NOT_FOUND */
export async function attemptView({ prisma }: Database, id: string): Promise<AttemptView> {
  const attempt = await prisma.attempt.findUnique({ where: { id }, include: { events: { orderBy: { id: 'asc' } } } });
  if (!attempt) return fail('FARM_NOT_FOUND', 'build', { thing: `attempt ${id}` });
  return {
    id, buildId: attempt.buildId ?? attempt.sourceId ?? '', target: attempt.target, number: attempt.number,
    state: attempt.state, step: attempt.step, worker: attempt.worker, attemptKey: attempt.attemptKey,
    imageKey: attempt.imageKey, reusedFrom: attempt.reusedFrom,
    lock: [...asLock(attempt.lock)], testLock: [...asLock(attempt.testLock)],
    steps: attempt.events.map(({ step, state, at, ms }) => ({ step, state, at: at.toISOString(), ms })),
    failure: asFailure(attempt.failure), logBytes: Number(attempt.logBytes),
  };
}

/** What `./farm shell` opens: image, sdist and requirements of the cell's newest attempt. @errors FARM_NOT_FOUND */
export async function cellInputs({ prisma }: Database, buildId: string, target: string): Promise<CellInputs> {
  const { build, plan } = await buildWithPlan(prisma, buildId);
  const cell = await prisma.cell.findUnique({ where: { planSha256_target: { planSha256: build.planSha256, target } } });
  if (!cell) return fail('FARM_NOT_FOUND', 'build', { thing: `cell ${target} in build ${buildId}` });
  const attempt = cell.attemptId ? await prisma.attempt.findUnique({ where: { id: cell.attemptId } }) : null;
  const row = asRow(attempt?.row) ?? await chooseRow(prisma, plan, target);
  const { source } = plan;
  const options = plan.cells.find((one) => one.target === target)?.build;
  return {
    ...(options ? { options: { ...options } } : {}),
    project: plan.project, version: plan.version, target, image: await imageInput(prisma, row.image, row.imageKey),
    source: { sha256: source.sdistSha256, filename: source.sdistFilename, bytes: source.sdistBytes },
    lock: [...asLock(attempt?.lock)], sourceDateEpoch: source.sourceDateEpoch, cutoff: plan.cutoff,
    limits: limitsOf(build.limits, 'build'), failure: asFailure(cell.failure),
  };
}

/** A source as people see it. */
export function sourceView(source: Source, sdistBytes: number): SourceView {
  const { id, kind, state, filename, bytes, sdistSha256, sdistFilename, failure, gitUrl, gitRef, gitCommit, subdirectory } = source;
  return {
    id, kind, state, filename, bytes: Number(bytes), failure: asFailure(failure),
    ...(gitUrl !== null && gitCommit !== null ? { git: { url: gitUrl, ref: gitRef, commit: gitCommit, subdirectory } } : {}),
    sdist: sdistSha256 && sdistFilename ? { sha256: sdistSha256, filename: sdistFilename, bytes: sdistBytes } : null,
  };
}
