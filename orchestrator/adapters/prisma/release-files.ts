import { parseMetadata, readCoreMetadata } from '../../domain/metadata.ts';
import { isGood } from '../../domain/release.ts';
import type { BlobStore, FileToPublish, FileToSign } from '../../ports.ts';
import type { Tx } from './database.ts';
import { asLock, asRow, buildWithPlan, imageInput } from './rows.ts';

/** Outcomes stay where they are: those of a thousand cells are megabytes. */
const asked = {
  id: true, wheelSha256: true, wheelFilename: true, wheelBytes: true, metadataSha256: true, sbomSha256: true, reusedFrom: true,
  row: true, imageKey: true, attemptKey: true, lock: true, logSha256: true, startedAt: true, endedAt: true, worker: true,
} as const;

/** Cells with a wheel of their own that its test did not refuse, with the attempt that made the wheel. */
async function goodWheels(tx: Tx, buildId: string) {
  const { build, plan } = await buildWithPlan(tx, buildId);
  const cells = (await tx.cell.findMany({ where: { planSha256: build.planSha256, state: 'succeeded' }, orderBy: { target: 'asc' } }))
    .filter(isGood);
  const attempts = await tx.attempt.findMany({ where: { id: { in: cells.flatMap((cell) => cell.attemptId ?? []) } }, select: asked });
  const byId = new Map(attempts.map((attempt) => [attempt.id, attempt]));
  const seen = new Set<string>();
  const wheels = cells.flatMap(({ target, attemptId }) => {
    const attempt = byId.get(attemptId ?? '');
    if (!attempt?.wheelSha256 || !attempt.wheelFilename || seen.has(attempt.wheelFilename)) return [];
    seen.add(attempt.wheelFilename);
    return [{ target, attempt, sha256: attempt.wheelSha256, filename: attempt.wheelFilename }];
  });
  return { plan, build, wheels };
}

/** The files of a release that have no attestation yet: the sdist first, then the wheels by target. */
export async function filesToSign(tx: Tx, buildId: string): Promise<readonly FileToSign[]> {
  const { plan, wheels } = await goodWheels(tx, buildId);
  const files: FileToSign[] = [
    { filename: plan.source.sdistFilename, sha256: plan.source.sdistSha256, kind: 'sdist', target: null, attempt: null },
    ...await Promise.all(wheels.map(async ({ target, attempt, sha256, filename }): Promise<FileToSign> => {
      // What was built under the same key is attested with the attempt that did the work: its log, its worker.
      const worked = attempt.reusedFrom ? await tx.attempt.findUniqueOrThrow({ where: { id: attempt.reusedFrom } }) : attempt;
      return {
        filename, sha256, kind: 'wheel', target,
        attempt: {
          id: worked.id, attemptKey: worked.attemptKey ?? '',
          image: await imageInput(tx, asRow(worked.row)?.image ?? '', worked.imageKey),
          lock: asLock(worked.lock), logSha256: worked.logSha256, sbomSha256: attempt.sbomSha256,
          startedAt: worked.startedAt.toISOString(), endedAt: (worked.endedAt ?? worked.startedAt).toISOString(),
          worker: worked.worker ?? '',
        },
      };
    })),
  ];
  const signed = await tx.attestation.findMany({ where: { fileSha256: { in: files.map((file) => file.sha256) } }, select: { fileSha256: true } });
  const done = new Set(signed.map(({ fileSha256 }) => fileSha256));
  return files.filter((file) => !done.has(file.sha256));
}

/** The files of a release that are to be visible: the sdist byte-identical, and every good wheel. */
export async function filesToPublish(tx: Tx, blobs: BlobStore, buildId: string): Promise<readonly FileToPublish[]> {
  const { plan, build, wheels } = await goodWheels(tx, buildId);
  const release = await tx.release.findFirstOrThrow({ where: { plans: { some: { sha256: build.planSha256 } } } });
  const sdist: FileToPublish = {
    filename: plan.source.sdistFilename, sha256: plan.source.sdistSha256, bytes: plan.source.sdistBytes, kind: 'sdist',
    requiresPython: release.requiresPython, metadataSha256: null, target: null, attemptId: null,
  };
  // The wheels of a release have few different METADATA: each is read once.
  const said = new Map<string | null, string | null>();
  for (const { attempt: { metadataSha256 } } of wheels) {
    if (!said.has(metadataSha256)) said.set(metadataSha256, await requiresPythonOf(blobs, metadataSha256));
  }
  return [sdist, ...wheels.map(({ target, attempt, sha256, filename }): FileToPublish => ({
    filename, sha256, bytes: Number(attempt.wheelBytes ?? 0), kind: 'wheel', target, attemptId: attempt.id,
    requiresPython: said.get(attempt.metadataSha256) ?? null, metadataSha256: attempt.metadataSha256,
  }))];
}

/** Requires-Python as the wheel's own METADATA says it. */
async function requiresPythonOf(blobs: BlobStore, metadataSha256: string | null): Promise<string | null> {
  if (metadataSha256 === null) return null;
  const metadata = parseMetadata(Buffer.from(await blobs.bytes(metadataSha256)).toString('utf8'));
  const core = metadata.ok ? readCoreMetadata(metadata.value) : metadata;
  return core.ok ? core.value.requiresPython : null;
}
