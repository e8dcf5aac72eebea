import type { AttemptPage } from '../../contract/pages.ts';
import { fail } from '../../domain/failure.ts';
import type { Database } from '../prisma/database.ts';
import { asPlan, asRow, imageInput, limitsOf } from '../prisma/rows.ts';
import { attemptView } from '../prisma/views.ts';

/** Who signs, for the verify line. */
export interface SignerNames { readonly identity: string; readonly issuer: string; readonly index: string }

/** Everything that the page of an attempt shows. An attempt that made an sdist has no project yet. @errors FARM_NOT_FOUND */
export async function attemptPage({ prisma, ...rest }: Database, id: string, names: SignerNames): Promise<AttemptPage> {
  const view = await attemptView({ prisma, ...rest }, id);
  const attempt = await prisma.attempt.findUniqueOrThrow({
    where: { id }, include: { build: { include: { plan: { include: { release: true } } } } },
  });
  const { build } = attempt;
  const plan = build ? asPlan(build.plan.text) : null;
  const row = asRow(attempt.row);
  const [cell, others, image, file, attested] = await Promise.all([
    build ? prisma.cell.findUnique({ where: { planSha256_target: { planSha256: build.planSha256, target: attempt.target } } }) : null,
    build ? prisma.attempt.findMany({
      where: { target: attempt.target, build: { plan: { release: { project: build.plan.release.project, version: build.plan.release.version } } } },
      select: { id: true, number: true, state: true, startedAt: true, endedAt: true }, orderBy: { startedAt: 'desc' }, take: 20,
    }) : [],
    // The image may have been collected since; the attempt still names its key.
    row ? imageInput(prisma, row.image, attempt.imageKey).catch(() => null) : null,
    attempt.wheelSha256 ? prisma.file.findUnique({ where: { sha256: attempt.wheelSha256 } }) : null,
    attempt.wheelSha256 ? prisma.attestation.count({ where: { fileSha256: attempt.wheelSha256 } }) : 0,
  ]);
  const own = cell?.attemptId === id ? cell : null;
  return {
    attempt: view, project: plan?.project ?? '', displayName: plan?.displayName ?? '', version: plan?.version ?? '',
    cellState: own?.state ?? null, tested: own?.tested ?? null, testFailure: own?.testFailure ?? null,
    image, source: plan ? { sha256: plan.source.sdistSha256, filename: plan.source.sdistFilename, bytes: plan.source.sdistBytes } : null,
    sourceDateEpoch: plan?.source.sourceDateEpoch ?? 0, cutoff: plan?.cutoff ?? null,
    limits: build ? limitsOf(build.limits, 'build') : null,
    wheel: attempt.wheelSha256 && attempt.wheelFilename
      ? { sha256: attempt.wheelSha256, filename: attempt.wheelFilename, bytes: Number(attempt.wheelBytes ?? 0) } : null,
    published: file !== null, sbom: attempt.sbomSha256 !== null, attested: attested > 0, row: attempt.row,
    others: others.map((one) => ({
      id: one.id, number: one.number, state: one.state, startedAt: one.startedAt.toISOString(), endedAt: one.endedAt?.toISOString() ?? null,
    })),
    startedAt: attempt.startedAt.toISOString(), endedAt: attempt.endedAt?.toISOString() ?? null, ...names,
  };
}

/** The digest of an attempt's SBOM. @errors FARM_NOT_FOUND */
export async function sbomOf({ prisma }: Database, id: string): Promise<string> {
  const attempt = await prisma.attempt.findUnique({ where: { id }, select: { sbomSha256: true } });
  return attempt?.sbomSha256 ?? fail('FARM_NOT_FOUND', 'describe', { thing: `SBOM of attempt ${id}` });
}
