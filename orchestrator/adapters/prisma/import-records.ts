import { limits } from '../../contract/limits.ts';
import { mayImport, type NameState } from '../../domain/import.ts';
import type { Attested, ImportOrigin } from '../../domain/import-statement.ts';
import { fail } from '../../domain/failure.ts';
import type { UpstreamIndex } from '../../index-ports.ts';
import type { ImportRecords } from '../../edit-ports.ts';
import type { BlobStore, FileToPublish } from '../../ports.ts';
import { readImportedFile } from '../imports-read.ts';
import type { PublicRoot } from '../sigstore/public-root.ts';
import { judgeProvenance, type Judged } from '../sigstore/upstream-attestations.ts';
import { Prisma, type Import, type ImportFile } from './client/client.ts';
import { asJson, type Database, type Tx } from './database.ts';

export interface ImportRecordPorts {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly upstream: Pick<UpstreamIndex, 'fetch' | 'provenance'>;
  /** What upstream's attestations are judged by. */
  readonly trustedRoot: () => Promise<PublicRoot>;
}

/** Port ImportRecords over Postgres, blobs and the upstream index. */
export function prismaImportRecords(ports: ImportRecordPorts): ImportRecords {
  const { prisma } = ports.database;
  return {
    fetchAll: (importId, signal) => fetchAll(ports, importId, signal),
    async toSign(importId) {
      const row = await running(prisma, importId);
      const signed = await prisma.attestation.findMany({
        where: { fileSha256: { in: row.files.map(({ sha256 }) => sha256) }, kind: 'provenance' }, select: { fileSha256: true },
      });
      const done = new Set(signed.map(({ fileSha256 }) => fileSha256));
      return row.files.filter(({ sha256 }) => !done.has(sha256)).map((file) => originOf(row, file));
    },
    async toPublish(importId) {
      const row = await running(prisma, importId);
      const { project, displayName, version } = row;
      const allowed = mayImport(project, version, await nameStateOf(prisma, project, version));
      if (!allowed.ok) return fail(allowed.error.code, 'publish', allowed.error.words);
      return { project, displayName, version, buildId: null, files: row.files.map((file) => toPublish(importId, file)) };
    },
    async end(importId, state, failure) {
      await prisma.$transaction(async (tx) => {
        const moved = await tx.import.updateMany({
          where: { id: importId, state: 'running' },
          data: {
            state, endedAt: new Date(), ...(failure ? { failure: asJson(failure) } : {}),
            // A cancel that came too late stands there until now.
            ...(state === 'published' ? { failure: Prisma.DbNull } : {}),
          },
        });
        // Nobody refers to the files of an import that was not published: collection takes their bytes.
        if (moved.count === 1 && state !== 'published') await tx.importFile.deleteMany({ where: { importId } });
      });
    },
  };
}

/** What stands against an import of a name, as it is now. */
export async function nameStateOf(tx: Tx, project: string, version: string): Promise<NameState> {
  const [row, own, upstream, imported, built] = await Promise.all([
    tx.project.findUnique({ where: { name: project } }),
    tx.release.findFirst({ where: { project, origin: { not: 'index' } } }),
    tx.release.findFirst({ where: { project, origin: 'index' } }),
    tx.file.findFirst({ where: { project, importId: { not: null } } }),
    tx.file.findFirst({ where: { project, version, importId: null, editId: null } }),
  ]);
  return {
    held: row?.held ?? false, ownSource: own !== null, fromUpstream: upstream !== null || imported !== null,
    builtFile: built?.filename ?? null,
  };
}

type WithFiles = Import & { readonly files: readonly ImportFile[] };

async function running(tx: Tx, importId: string): Promise<WithFiles> {
  const row = await tx.import.findUnique({ where: { id: importId }, include: { files: { orderBy: { filename: 'asc' } } } });
  if (!row) return fail('FARM_NOT_FOUND', 'fetch', { thing: `import ${importId}` });
  if (row.state !== 'running') fail('FARM_ENDED', 'fetch', { thing: `Import ${importId}` });
  return row;
}

/** Several files at a time; the first that is wrong ends all of it. */
async function fetchAll(ports: ImportRecordPorts, importId: string, signal: AbortSignal): Promise<void> {
  const row = await running(ports.database.prisma, importId);
  const waiting = row.files.filter(({ fetchedAt }) => fetchedAt === null);
  let bytes = row.files.reduce((sum, file) => sum + (file.fetchedAt === null ? 0 : Number(file.bytes)), 0);
  let broken = false;
  const work = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined && !broken; file = waiting.shift()) {
      signal.throwIfAborted();
      bytes += await fetchOne(ports, row, file);
      if (bytes > limits.importBytesMax) fail('FARM_TOO_LARGE', 'fetch', { limit: `${limits.importBytesMax} bytes` });
      await running(ports.database.prisma, importId);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: limits.importFilesAtOnce }, () =>
    work().catch((error: unknown) => { broken = true; throw error; })));
  const wrong = ended.find((one) => one.status === 'rejected');
  if (wrong) throw wrong.reason;
}

async function fetchOne(ports: ImportRecordPorts, row: Import, file: ImportFile): Promise<number> {
  const { filename, sha256, importId } = file;
  const { bytes } = await ports.upstream.fetch({
    filename, sha256, url: file.url, bytes: file.bytes === null ? null : Number(file.bytes), uploadTime: null,
    requiresPython: file.requiresPython, yanked: false, metadataSha256: file.metadataSha256,
  });
  const read = await readImportedFile(ports, { ...row, file });
  const { object, judged } = await attestationsOf(ports, file);
  await ports.database.prisma.importFile.update({
    where: { importId_filename: { importId, filename } },
    data: {
      bytes: BigInt(bytes), metadataSha256: read.metadataSha256, requiresPython: read.requiresPython, oddity: read.oddity,
      ...(object === null ? {} : { provenance: asJson(object) }), attested: judged.attested, attestedWhy: judged.why || null,
      fetchedAt: new Date(),
    },
  });
  return bytes;
}

/** @errors FARM_IMPORT_ATTESTATION where an attestation holds and tells of another file or signer */
async function attestationsOf(
  { upstream, trustedRoot }: ImportRecordPorts, file: ImportFile,
): Promise<{ readonly object: unknown; readonly judged: Judged }> {
  const none: Judged = { attested: 'none', why: '', lie: false };
  const object = file.provenanceUrl === null ? null : await upstream.provenance(file.provenanceUrl) ?? null;
  if (object === null) return { object, judged: none };
  const judged = judgeProvenance(object, file, await trustedRoot());
  if (judged.lie) fail('FARM_IMPORT_ATTESTATION', 'fetch', { file: file.filename, why: judged.why });
  return { object, judged };
}

/** What the statement says: all of it was recorded before, so a second delivery signs the same text. */
function originOf(row: Import, file: ImportFile): ImportOrigin {
  return {
    file: { name: file.filename, sha256: file.sha256 }, project: row.project, version: row.version, importId: row.id,
    requestedBy: row.requestedBy, url: file.url, uploadTime: file.uploadTime?.toISOString() ?? null,
    attested: file.attested as Attested, attestedWhy: file.attestedWhy, builderVersion: row.builder,
    startedOn: row.startedAt.toISOString(), finishedOn: (file.fetchedAt ?? row.startedAt).toISOString(),
  };
}

function toPublish(importId: string, file: ImportFile): FileToPublish {
  return {
    filename: file.filename, sha256: file.sha256, bytes: Number(file.bytes ?? 0), kind: file.kind === 'wheel' ? 'wheel' : 'sdist',
    requiresPython: file.requiresPython, metadataSha256: file.kind === 'wheel' ? file.metadataSha256 : null,
    target: null, attemptId: null,
    imported: { id: importId, uploadTime: file.uploadTime?.toISOString() ?? null, yanked: file.yanked },
  };
}
