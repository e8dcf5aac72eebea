import { failure, type Failure } from '../../domain/failure.ts';
import type { BlobStore, FileToPublish, FileToSign, Records } from '../../ports.ts';
import type { Changes } from './changes.ts';
import { asJson, type Database, type Tx } from './database.ts';
import { filesToPublish, filesToSign } from './release-files.ts';
import { describeInput, recordDescribed } from './describing.ts';
import { buildFacts, buildWithPlan, planOf } from './rows.ts';

export interface RecordPorts { readonly database: Database; readonly changes: Changes; readonly blobs: BlobStore }

const attestationsAtOnce = 200;
const attestationStatement = `
  insert into attestation (statement_sha256, file_sha256, filename, kind, predicate_type, bundle)
  select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[]) on conflict do nothing`;

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
    async describeInput(buildId, target) {
      const { planSha256 } = await buildFacts(prisma, buildId);
      return describeInput(database.pool, { buildId, planSha256, target }, await planOf(prisma, planSha256));
    },
    async recordDescribed(buildId, target, described, alone = false) {
      const { planSha256 } = await buildFacts(prisma, buildId);
      const kept = await recordDescribed(database.pool, { buildId, planSha256, target }, { described, alone });
      changes.tellSoon('farm_build', buildId);
      return kept;
    },
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
      // In parts: the bundles of a thousand wheels as one parameter would stand in memory three times.
      for (let from = 0; from < statements.length; from += attestationsAtOnce) {
        const some = statements.slice(from, from + attestationsAtOnce);
        await database.pool.query({
          name: 'save-attestations', text: attestationStatement,
          values: [
            some.map((one) => one.statementSha256), some.map((one) => one.fileSha256), some.map((one) => one.filename),
            some.map((one) => one.kind), some.map((one) => one.predicateType), some.map((one) => JSON.stringify(one.bundle)),
          ],
        });
      }
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

