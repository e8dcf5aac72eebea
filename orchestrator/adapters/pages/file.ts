import type { FileView } from '../../contract/pages.ts';
import type { BuildOutcome, TestOutcome } from '../../contract/worker.ts';
import { fail } from '../../domain/failure.ts';
import type { Attempt, File } from '../prisma/client/client.ts';
import type { Database } from '../prisma/database.ts';
import { asLock, asPlan, asRow, imageInput } from '../prisma/rows.ts';
import type { SignerNames } from './attempt.ts';

/** A published file with everything that went into it. @errors FARM_NOT_FOUND */
export async function fileView(database: Database, filename: string, names: SignerNames): Promise<FileView> {
  const { prisma } = database;
  const file = await prisma.file.findUnique({ where: { filename } });
  if (!file) return fail('FARM_NOT_FOUND', 'publish', { thing: `file ${filename}` });
  // A respin was not built: what went into it is what went into the file that it changed.
  const original = file.originalSha256 ? await prisma.file.findUnique({ where: { sha256: file.originalSha256 } }) : null;
  const attemptId = file.attemptId ?? original?.attemptId ?? null;
  const [build, attempt, bundles] = await Promise.all([
    file.buildId ? prisma.build.findUnique({ where: { id: file.buildId }, include: { plan: true } }) : null,
    attemptId ? prisma.attempt.findUnique({ where: { id: attemptId } }) : null,
    prisma.attestation.findMany({ where: { fileSha256: file.sha256 }, select: { kind: true, predicateType: true, createdAt: true } }),
  ]);
  const plan = build ? asPlan(build.plan.text) : null;
  const upstream = plan ? await prisma.upstreamFile.findFirst({ where: { project: file.project, filename: plan.source.sdistFilename } }) : null;
  return {
    ...plainFields(file), attemptId,
    sdist: plan ? {
      filename: plan.source.sdistFilename, sha256: plan.source.sdistSha256, origin: plan.source.origin,
      upstreamSha256: upstream?.sha256 ?? (plan.source.origin === 'index' ? plan.source.sdistSha256 : null),
    } : null,
    ...await madeFrom(database, attempt), reproduced: await reproducedOf(database, attempt),
    attestations: bundles.map(({ kind, predicateType, createdAt }) => ({ kind, predicateType, at: createdAt.toISOString() })),
    sbom: Boolean(attempt?.sbomSha256), ...names,
  };
}

const plainFields = (file: File) => ({
  filename: file.filename, sha256: file.sha256, bytes: Number(file.bytes), project: file.project, version: file.version, kind: file.kind,
  uploadTime: file.uploadTime.toISOString(), requiresPython: file.requiresPython, yanked: file.yanked, target: file.target,
  editId: file.editId, originalSha256: file.originalSha256,
});

type MadeFrom = Pick<FileView, 'image' | 'lock' | 'grafted' | 'audit' | 'notes' | 'compilerCalls' | 'tested' | 'testHow'>;

async function madeFrom({ prisma }: Database, attempt: Attempt | null): Promise<MadeFrom> {
  const outcome = attempt?.outcome as BuildOutcome | null | undefined;
  const tested = attempt?.testOutcome as TestOutcome | null | undefined;
  const built = outcome?.state === 'succeeded' ? outcome : null;
  const row = asRow(attempt?.row);
  return {
    image: row && attempt ? await imageInput(prisma, row.image, attempt.imageKey).catch(() => null) : null,
    lock: [...asLock(attempt?.lock)], grafted: built?.grafted ?? [], audit: built?.audit ?? null, notes: built?.notes ?? [],
    compilerCalls: built?.compilerCalls ?? null, tested: tested && 'tested' in tested ? tested.tested : null,
    testHow: tested && 'tested' in tested ? tested.how : null,
  };
}

/** Compares with other attempts that had the same key: sdist, recipe, row, image, requirements and builder alike. */
async function reproducedOf({ prisma }: Database, attempt: Attempt | null): Promise<FileView['reproduced']> {
  if (!attempt?.attemptKey) return { answer: 'unknown', why: 'This file was not built from a plan of this farm.' };
  const same = await prisma.attempt.findMany({
    where: { attemptKey: attempt.attemptKey, state: 'succeeded', reusedFrom: null, builtSha256: { not: null }, NOT: { id: attempt.id } },
    select: { id: true, builtSha256: true }, take: 50,
  });
  if (same.length === 0) return { answer: 'unknown', why: 'It was built once with these inputs; a second build would compare.' };
  const other = same.find(({ builtSha256 }) => builtSha256 !== attempt.builtSha256);
  return other
    ? { answer: 'no', why: `Attempt ${other.id} had the same inputs and gave the digest ${other.builtSha256 ?? ''}.` }
    : { answer: 'yes', why: `${same.length + 1} builds with the same inputs gave the same bytes.` };
}
