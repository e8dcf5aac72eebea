import { randomUUID } from 'node:crypto';
import type { BuildRequest, BuildView } from '../contract/api.ts';
import { fail, type Failure } from '../domain/failure.ts';
import type { Rebuild } from '../domain/rebuild.ts';
import type { Builds, Catalogue, Clock, Records } from '../ports.ts';
import { mustBeMade } from './builds-images.ts';
import { lookAtRequirements } from './builds-blocked.ts';
import { draftPlan, withOwnWheels, needsPublishing, needsWork, orderOf, planView, withCutoff, type Draft } from './builds-plan.ts';
import { resolveSdist, resolveWhat, type Resolved } from './builds-resolve.ts';
import { sdistOfSource, type SourcePorts } from './builds-sources.ts';
import { waitsOf } from './builds-waits.ts';
import { buildWatch } from './builds-watch.ts';
import { asJson, type Tx } from './prisma/database.ts';
import { wholeSecond } from './prisma/specs.ts';
import { buildViews } from './prisma/views.ts';

export interface BuildPorts extends SourcePorts {
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly records: Records;
  /** `wheelfarm 0.1.0`: part of every attempt key. */
  readonly builder: string;
  /** The farm's own folder of recipes. */
  readonly recipes: string;
  /** Address of the farm's index for the answers. */
  readonly index: string;
}

/** Port Builds. */
export function prismaBuilds(ports: BuildPorts): Builds {
  const { database, workflows, records } = ports;
  const { prisma } = database;
  const views = (ids: readonly string[], started: boolean): Promise<readonly BuildView[]> =>
    buildViews(database, ids, { started, index: ports.index });
  const view = async (id: string, started = true): Promise<BuildView> => (await views([id], started))[0] as BuildView;
  const watch = buildWatch(ports.changes, (id) => view(id));
  return {
    async plan(request) {
      const drafted = await draft(ports, request);
      return planView(database, drafted, { now: wholeSecond(ports.clock.now()), blocked: drafted.blocked });
    },
    async start(request) {
      const drafted = await draft(ports, request);
      if (ports.images && drafted.placement) mustBeMade(ports.images, drafted.placement);
      const { buildId, started } = await record(ports, drafted, request);
      if (started) await startWorkflow(ports, buildId);
      return view(buildId, started);
    },
    waits: (id) => waitsOf(database, workflows, id),
    view: (id) => view(id),
    async newest(limit, { project, version } = {}) {
      const release = { ...(project === undefined ? {} : { project }), ...(version === undefined ? {} : { version }) };
      const rows = await prisma.build.findMany({ where: { plan: { release } }, orderBy: { startedAt: 'desc' }, take: limit, select: { id: true } });
      return views(rows.map(({ id }) => id), true);
    },
    async cancel(id, by) {
      const build = await prisma.build.findUnique({ where: { id } });
      if (!build) fail('FARM_NOT_FOUND', 'plan', { thing: `build ${id}` });
      await prisma.$transaction(async (tx) => {
        await tx.build.updateMany({
          where: { id, state: 'running', cancelRequestedAt: null }, data: { cancelRequestedAt: new Date(), cancelledBy: by },
        });
        await ports.changes.tell(tx, 'farm_build', id);
      });
      // Not started: nobody else would end it. Where Temporal does not answer the sweeper asks again.
      if (!build.workflowStartedAt) await records.endBuild(id, 'cancelled');
      else await workflows.cancelRelease(id).catch(() => undefined);
    },
    watch,
  };
}

async function draft(ports: BuildPorts, request: BuildRequest): Promise<Draft & { readonly blocked: ReadonlyMap<string, Failure> }> {
  return draftOf(ports, await resolvedOf(ports, request), request);
}

/** The plan of what was resolved, with the farm's own wheels and the cells whose requirements nobody has. */
export async function draftOf(
  ports: BuildPorts, resolved: Resolved, request: BuildRequest, rebuild?: Rebuild,
): Promise<Draft & { readonly blocked: ReadonlyMap<string, Failure> }> {
  const drafted = await draftPlan(ports, resolved, { request, builder: ports.builder, recipes: ports.recipes, rebuild });
  const { blocked, own } = await lookAtRequirements({ database: ports.database, upstream: ports.resolve.upstream }, drafted);
  return { ...withOwnWheels(drafted, own), blocked };
}

async function resolvedOf(ports: BuildPorts, { what, source, of }: BuildRequest): Promise<Resolved> {
  if (source) return resolveSdist(ports.resolve, await sdistOfSource(ports, source));
  if (!of) return resolveWhat(ports.resolve, what);
  const build = await ports.database.prisma.build.findUnique({ where: { id: of }, select: { plan: { select: { release: true } } } });
  if (!build) return fail('FARM_NOT_FOUND', 'plan', { thing: `build ${of}` });
  const { project, version, origin, sdistSha256 } = build.plan.release;
  if (origin === 'index') return resolveWhat(ports.resolve, `${project}==${version}`);
  const sent = await ports.database.prisma.source.findFirst({ where: { sdistSha256, state: 'ready' }, orderBy: { createdAt: 'desc' } });
  if (!sent) return fail('FARM_NOT_FOUND', 'plan', { thing: `source of ${project} ${version}` });
  return resolveSdist(ports.resolve, await sdistOfSource(ports, sent.id));
}

/**
 * Writes release, plan, cells and build, one request for a plan after the other. `started` false where the plan is
 * unchanged and nothing is left to do; a build that goes on already is joined. `rebuilt` is asked in the same transaction.
 */
export async function record(
  ports: BuildPorts, wanted: Awaited<ReturnType<typeof draftOf>>, request: BuildRequest, rebuilt?: (tx: Tx) => Promise<Rebuild>,
): Promise<{ readonly buildId: string; readonly started: boolean }> {
  const { blocked } = wanted;
  return ports.database.prisma.$transaction(async (tx) => {
    const rebuild = await rebuilt?.(tx);
    await tx.$executeRaw`select pg_advisory_xact_lock(hashtextextended(${wanted.coreSha256}, 0))`;
    const planSha256 = await writePlan(tx, wanted, wholeSecond(ports.clock.now()));
    const last = await tx.build.findFirst({ where: { planSha256 }, orderBy: { startedAt: 'desc' } });
    if (last?.state === 'running') return { buildId: last.id, started: true };
    const again = request.again ?? false;
    const cells = await tx.cell.findMany({ where: { planSha256 } });
    const needed = cells.filter((cell) => needsWork(cell, again)).map(({ target }) => target);
    const open = needed.filter((target) => !blocked.has(target));
    if (last && open.length === 0 && !needsPublishing(last)) return { buildId: last.id, started: false };
    const build = await tx.build.create({
      data: { id: randomUUID(), planSha256, again, ...(rebuild ? { rebuild: asJson(rebuild) } : {}), ...(request.limits ? { limits: asJson(request.limits) } : {}) },
    });
    await resetCells(tx, planSha256, needed);
    for (const target of needed.filter((one) => blocked.has(one))) {
      await tx.cell.update({
        where: { planSha256_target: { planSha256, target } }, data: { state: 'blocked', failure: asJson(blocked.get(target)) },
      });
    }
    await ports.changes.tell(tx, 'farm_build', build.id);
    return { buildId: build.id, started: true };
  });
}

async function writePlan(tx: Tx, wanted: Draft, now: string): Promise<string> {
  const { resolved } = wanted;
  const { plan, text, sha256 } = await withCutoff(tx, wanted, now);
  const { project, version, source } = plan;
  const held = source.origin !== 'index';
  await tx.project.createMany({ data: [{ name: project, displayName: plan.displayName, held }], skipDuplicates: true });
  if (held) await tx.project.updateMany({ where: { name: project, held: false }, data: { held } });
  const key = { project, version, sdistSha256: source.sdistSha256 };
  await tx.release.createMany({
    data: [{
      id: randomUUID(), ...key, sdistFilename: source.sdistFilename, origin: source.origin,
      requiresPython: resolved.requiresPython, upstreamFiles: asJson(resolved.upstreamFiles),
    }],
    skipDuplicates: true,
  });
  const release = await tx.release.update({
    where: { project_version_sdistSha256: key }, data: { upstreamFiles: asJson(resolved.upstreamFiles) },
  });
  await tx.plan.createMany({
    data: [{ sha256, coreSha256: wanted.coreSha256, releaseId: release.id, text }], skipDuplicates: true,
  });
  await tx.cell.createMany({
    data: plan.cells.map(({ target, skipped }) => (
      { planSha256: sha256, target, ...(skipped ? { state: 'unsupported', failure: asJson(skipped) } : {}) })),
    skipDuplicates: true,
  });
  return sha256;
}

/** Cells that are built anew forget what they were; their earlier attempts stay. */
async function resetCells(tx: Tx, planSha256: string, targets: readonly string[]): Promise<void> {
  await tx.$executeRaw`
    update cell set state = 'queued', step = null, tested = null, wheel_sha256 = null, wheel_filename = null,
      covered_by = null, attempt_id = null, failure = null, test_failure = null, notes = '[]', updated_at = now()
    where plan_sha256 = ${planSha256} and target = any(${[...targets]})`;
}

/** Starts the workflow of a build. Where Temporal does not answer, the row stays and the sweeper tries again. */
export async function startWorkflow(
  { database, workflows }: Pick<BuildPorts, 'database' | 'workflows'>, buildId: string,
): Promise<boolean> {
  const { prisma } = database;
  const build = await prisma.build.findUnique({ where: { id: buildId } });
  if (!build || build.state !== 'running' || build.workflowStartedAt) return false;
  try {
    await workflows.startRelease(await orderOf(prisma, buildId));
  } catch {
    return false;
  }
  await prisma.build.updateMany({ where: { id: buildId, workflowStartedAt: null }, data: { workflowStartedAt: new Date() } });
  return true;
}
