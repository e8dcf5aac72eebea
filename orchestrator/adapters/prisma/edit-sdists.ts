import { createHash } from 'node:crypto';
import type { RespinOrigin } from '../../domain/edit-statement.ts';
import { editMetadata } from '../../domain/edit.ts';
import { fail } from '../../domain/failure.ts';
import type { SdistBuild } from '../../domain/sdist-build.ts';
import type { BlobStore, FileToPublish } from '../../ports.ts';
import { sdistPayload } from '../archive/sdist-patch.ts';
import { readSdist } from '../archive/sdist.ts';
import type { Edit } from './client/client.ts';
import type { Database } from './database.ts';
import { claimedBy, requiresPythonOf } from './edit-claims.ts';

interface Ports { readonly database: Database; readonly blobs: BlobStore }

/** The published sdist that the edit patched; null where the edit has none. @errors FARM_EDIT_STALE */
async function kept({ database: { prisma } }: Ports, edit: Edit) {
  const { sdistFilename: filename, sdistSha256: sha256, sdistMetadataSha256: metadataSha256 } = edit;
  const { originalSdistSha256 } = edit;
  if (filename === null || sha256 === null || metadataSha256 === null || originalSdistSha256 === null) return null;
  const original = await prisma.file.findUnique({ where: { sha256: originalSdistSha256 } })
    ?? fail('FARM_EDIT_STALE', 'publish', { project: edit.project, version: edit.version });
  return { filename, sha256, metadataSha256, original };
}

/**
 * What the statement of the patched sdist says; computed again from the files, so a second delivery signs the same text.
 */
export async function sdistOrigin(ports: Ports, edit: Edit): Promise<readonly RespinOrigin[]> {
  const sdist = await kept(ports, edit);
  if (sdist === null) return [];
  const path = await ports.blobs.path(sdist.original.sha256);
  const read = await readSdist(path, sdist.original.filename);
  if (!read.ok) return fail('FARM_INTERNAL', 'publish', { why: `${sdist.original.filename}: ${read.error.code}` });
  const claimed = claimedBy(edit);
  const edited = editMetadata(read.value.pkgInfo, claimed.operations);
  return [{
    ...claimed,
    wheel: { name: sdist.filename, sha256: sdist.sha256 },
    original: { name: sdist.original.filename, sha256: sdist.original.sha256 },
    changes: edited.ok ? edited.value.changes : [], metadataSha256: sdist.metadataSha256,
    originalMetadataSha256: createHash('sha256').update(read.value.pkgInfo).digest('hex'),
    payloadDigest: await sdistPayload(path), payloadForm: 'sdist-payload/1',
    ...(edit.sdistBuilt === null ? {} : { sdistBuilt: edit.sdistBuilt as unknown as SdistBuild }),
  }];
}

/** The patched sdist as it is published with the wheels. */
export async function sdistToPublish(ports: Ports, edit: Edit): Promise<readonly FileToPublish[]> {
  const sdist = await kept(ports, edit);
  if (sdist === null) return [];
  const text = Buffer.from(await ports.blobs.bytes(sdist.metadataSha256)).toString('utf8');
  return [{
    filename: sdist.filename, sha256: sdist.sha256, bytes: Number(edit.sdistBytes ?? 0), kind: 'sdist',
    requiresPython: requiresPythonOf(text), metadataSha256: null, target: null, attemptId: null,
    edit: { id: edit.id, originalSha256: sdist.original.sha256, buildId: sdist.original.buildId },
  }];
}
