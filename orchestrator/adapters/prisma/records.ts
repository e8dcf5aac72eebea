import { failure, type Failure } from '../../domain/failure.ts';
import type { BlobStore, Described, FileToPublish, FileToSign, Records } from '../../ports.ts';
import type { Changes } from './changes.ts';
import { asJson, type Database, type Tx } from './database.ts';
import { filesToPublish, filesToSign } from './release-files.ts';
import { asLock, asRow, buildWithPlan } from './rows.ts';

export interface RecordPorts { readonly database: Database; readonly changes: Changes; readonly blobs: BlobStore }

/** Port Records over Postgres. Every move is a compare-and-set on the state it leaves. */
export function prismaRecords({ database, changes, blobs }: RecordPorts): Records {
  const { prisma } = database;
  /** One transaction, and the word of it to whoever watches the build. */
  const moving = async <T>(buildId: string, move: (tx: Tx, planSha256: string) => Promise<T>): Promise<T> => {
    const moved = await prisma.$transaction(async (tx) => {
      const { build } = await buildWithPlan(tx, buildId);
      return move(tx, build.planSha256);
    });
    changes.tellSoon('farm_build', buildId);
    return moved;
  };
  return {
    async planOf(buildId) {
      const { build, plan } = await buildWithPlan(prisma, buildId);
      return { plan, planSha256: build.planSha256 };
    },
    async cellsOf(buildId) {
      const { build } = await buildWithPlan(prisma, buildId);
      const cells = await prisma.cell.findMany({ where: { planSha256: build.planSha256 }, orderBy: { target: 'asc' } });
      return cells.map(({ target, state, tested, wheelFilename, wheelSha256 }) => ({ target, state, tested, wheelFilename, wheelSha256 }));
    },
    describeInput: (buildId, target) => describeInput(prisma, buildId, target),
    recordDescribed: (buildId, target, described, alone = false) => moving(buildId, async (tx, planSha256) => {
      if (alone && await joinedMeanwhile(tx, { planSha256, target })) return false;
      await recordDescribed(tx, { buildId, planSha256, target, described });
      return true;
    }),
    recordFailure: (buildId, target, value) => moving(buildId, async (tx, planSha256) => {
      await tx.attempt.updateMany({
        where: { buildId, target, state: 'running' }, data: { state: 'failed', failure: asJson(value), endedAt: new Date() },
      });
      await tx.cell.updateMany({
        where: { planSha256, target, state: { in: ['queued', 'running'] } },
        data: { state: 'failed', failure: asJson(value), step: value.step },
      });
    }),
    recordTestGivenUp: (buildId, target, value) => moving(buildId, async (tx, planSha256) => {
      await tx.cell.updateMany({
        where: { planSha256, target, state: 'running', step: 'test' },
        data: { state: 'succeeded', step: null, tested: 'failed', testFailure: asJson(value) },
      });
    }),
    coverCells: (buildId, covered) => moving(buildId, async (tx, planSha256) => {
      for (const { target, by } of covered) {
        const wheel = await tx.cell.findUnique({ where: { planSha256_target: { planSha256, target: by } } });
        await tx.cell.updateMany({
          where: { planSha256, target, state: 'queued' },
          data: {
            state: 'covered', coveredBy: by, step: null,
            wheelSha256: wheel?.wheelSha256 ?? null, wheelFilename: wheel?.wheelFilename ?? null,
          },
        });
      }
    }),
    filesToSign: (buildId): Promise<readonly FileToSign[]> => filesToSign(prisma, buildId),
    async saveAttestations(statements) {
      await prisma.attestation.createMany({
        data: statements.map((one) => ({ ...one, bundle: asJson(one.bundle) })), skipDuplicates: true,
      });
    },
    filesToPublish: (buildId): Promise<readonly FileToPublish[]> => filesToPublish(prisma, blobs, buildId),
    endBuild: (buildId, state, value) => moving(buildId, async (tx, planSha256) => {
      await endBuild(tx, { buildId, planSha256, state, value });
      await changes.tell(tx, 'farm_build', buildId);
    }),
    async recordSdistFailure(sourceId, value) {
      await prisma.$transaction(async (tx) => {
        await tx.attempt.updateMany({
          where: { sourceId, state: 'running' }, data: { state: 'failed', failure: asJson(value), endedAt: new Date() },
        });
        await tx.source.updateMany({ where: { id: sourceId, state: 'making' }, data: { state: 'failed', failure: asJson(value) } });
        await changes.tell(tx, 'farm_source', sourceId);
      });
    },
  };
}

async function describeInput(tx: Tx, buildId: string, target: string): ReturnType<Records['describeInput']> {
  const { build, plan } = await buildWithPlan(tx, buildId);
  const cell = await tx.cell.findUnique({ where: { planSha256_target: { planSha256: build.planSha256, target } } });
  if (!cell?.attemptId || cell.state === 'failed' || cell.state === 'cancelled' || build.state !== 'running') return null;
  const attempt = await tx.attempt.findUniqueOrThrow({ where: { id: cell.attemptId } });
  if (!attempt.builtSha256 || !attempt.builtFilename) return null;
  const siblings = await siblingsOf(tx, { planSha256: build.planSha256, target });
  const outcome = attempt.outcome as { grafted?: { path: string; sha256: string; soname?: string }[] } | null;
  return {
    plan, attemptId: attempt.id, target, builtSha256: attempt.builtSha256, builtFilename: attempt.builtFilename,
    image: { name: asRow(attempt.row)?.image ?? '', key: attempt.imageKey },
    lock: asLock(attempt.lock), grafted: outcome?.grafted ?? [], siblings,
    tested: (asRow(attempt.row)?.test ?? 'none') !== 'none',
  };
}

/** Other wheels of the release: described under this plan, or published under whatever plan. */
function siblingsOf(
  tx: Tx, { planSha256, target }: { readonly planSha256: string; readonly target: string },
): Promise<{ target: string; metadataSha256: string }[]> {
  return tx.$queryRaw`
    select c.target, a.metadata_sha256 as "metadataSha256" from cell c join attempt a on a.id = c.attempt_id
    where c.plan_sha256 = ${planSha256} and c.target <> ${target}
      and c.state in ('running', 'succeeded') and a.metadata_sha256 is not null
    union
    select f.target, f.metadata_sha256 from plan p join release r on r.id = p.release_id
      join file f on f.project = r.project and f.version = r.version
    where p.sha256 = ${planSha256} and f.target <> ${target} and f.metadata_sha256 is not null
    order by 1`;
}

/** Whether the first wheel of a plan is not the first any more; whoever asks waits for the one who asked before. */
async function joinedMeanwhile(
  tx: Tx, cell: { readonly planSha256: string; readonly target: string },
): Promise<boolean> {
  await tx.$queryRaw`select 1 from plan where sha256 = ${cell.planSha256} for no key update`;
  return (await siblingsOf(tx, cell)).length > 0;
}

/** The final wheel: the attempt has succeeded; the cell too, unless its test is still to come. */
async function recordDescribed(
  tx: Tx, { buildId, planSha256, target, described }:
  { readonly buildId: string; readonly planSha256: string; readonly target: string; readonly described: Described },
): Promise<void> {
  const cell = await tx.cell.findUniqueOrThrow({ where: { planSha256_target: { planSha256, target } } });
  const attempt = cell.attemptId ? await tx.attempt.findUnique({ where: { id: cell.attemptId } }) : null;
  if (!attempt || attempt.buildId !== buildId) return;
  const { wheelSha256, wheelFilename, bytes, metadataSha256, sbomSha256 } = described;
  await tx.attempt.updateMany({
    where: { id: attempt.id, state: 'running' },
    data: {
      state: 'succeeded', wheelSha256, wheelFilename, wheelBytes: BigInt(bytes), metadataSha256, sbomSha256, endedAt: new Date(),
    },
  });
  const hasTest = (asRow(attempt.row)?.test ?? 'none') !== 'none';
  await tx.cell.updateMany({
    where: { planSha256, target, state: 'running', step: { not: 'test' } },
    data: {
      wheelSha256, wheelFilename,
      ...(hasTest ? { step: 'test' } : { state: 'succeeded', step: null, tested: 'no-runner' }),
    },
  });
}

async function endBuild(
  tx: Tx, { buildId, planSha256, state, value }:
  { readonly buildId: string; readonly planSha256: string; readonly state: 'succeeded' | 'failed' | 'cancelled'; readonly value: Failure | undefined },
): Promise<void> {
  const build = await tx.build.findUniqueOrThrow({ where: { id: buildId } });
  const who = build.cancelledBy ?? 'the end of the build';
  const open = asJson(failure('FARM_CANCELLED', 'build', { who }));
  const ended = await tx.build.updateMany({
    where: { id: buildId, state: 'running' },
    data: { state, endedAt: new Date(), ...(value ? { failure: asJson(value) } : state === 'cancelled' ? { failure: open } : {}) },
  });
  if (ended.count === 0) return;
  await tx.attempt.updateMany({
    where: { buildId, state: 'running' }, data: { state: 'cancelled', failure: open, endedAt: new Date() },
  });
  await tx.cell.updateMany({
    where: { planSha256, state: { in: ['queued', 'running'] } }, data: { state: 'cancelled', failure: open },
  });
  await tx.lease.updateMany({ where: { ownerId: buildId, endedAt: null }, data: { endedAt: new Date() } });
}

