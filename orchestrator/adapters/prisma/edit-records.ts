import type { RespinOrigin } from '../../domain/edit-statement.ts';
import type { EditOperation, FieldDiff } from '../../domain/edit.ts';
import { fail } from '../../domain/failure.ts';
import type { EditRecords } from '../../edit-ports.ts';
import type { BlobStore, PublishOrder } from '../../ports.ts';
import { draftEdit, type Draft } from '../edits-draft.ts';
import { keepSdist } from '../edits-sdist.ts';
import { claimedBy, requiresPythonOf } from './edit-claims.ts';
import { sdistOrigin, sdistToPublish } from './edit-sdists.ts';
import { readRelease, standOfRelease } from '../edits-release.ts';
import { Prisma, type Edit, type EditWheel, type File } from './client/client.ts';
import { asJson, type Database, type Tx } from './database.ts';

export interface EditRecordPorts { readonly database: Database; readonly blobs: BlobStore }

/** Port EditRecords over Postgres and blobs. */
export function prismaEditRecords(ports: EditRecordPorts): EditRecords {
  const { prisma } = ports.database;
  return {
    async prepare(editId) {
      const edit = await running(prisma, editId);
      if (edit.preparedAt) return;
      const source = await readRelease(prisma, edit.project, edit.version, edit.id);
      refuseStale(edit, source);
      const sourceDateEpoch = Math.floor(edit.startedAt.getTime() / 1000);
      const draft = await draftEdit(ports, {
        ...source, sourceDateEpoch, buildTag: edit.buildTag, toVersion: edit.toVersion,
        operations: edit.operations as unknown as EditOperation[],
      });
      const rows = await keepWheels(ports.blobs, editId, draft);
      const sdist = await keepSdist(ports.blobs, draft.sdist);
      await prisma.$transaction(async (tx) => {
        const moved = await tx.edit.updateMany({
          where: { id: editId, state: 'running', preparedAt: null }, data: { preparedAt: new Date(), ...sdist },
        });
        if (moved.count === 1) await tx.editWheel.createMany({ data: rows });
      });
    },
    async toSign(editId) {
      const [edit, wheels] = await Promise.all([
        running(prisma, editId), prisma.editWheel.findMany({ where: { editId }, orderBy: { filename: 'asc' } }),
      ]);
      if (edit.failure !== null) return [];   // cancelled: `toPublish` says so
      const made = [...wheels.map(({ sha256 }) => sha256), edit.sdistSha256 ?? ''];
      const signed = await prisma.attestation.findMany({
        where: { fileSha256: { in: made }, kind: 'provenance' }, select: { fileSha256: true },
      });
      const done = new Set(signed.map(({ fileSha256 }) => fileSha256));
      const sdist = edit.sdistSha256 === null || done.has(edit.sdistSha256) ? [] : await sdistOrigin(ports, edit);
      return [...wheels.filter(({ sha256 }) => !done.has(sha256)).map((wheel) => originOf(edit, wheel)), ...sdist];
    },
    async toPublish(editId) {
      const edit = await running(prisma, editId);
      // Whoever cancels says so here before the workflow hears of it.
      if (edit.failure !== null) return null;
      if (!edit.preparedAt) fail('FARM_INTERNAL', 'publish', { why: `edit ${editId} has no wheels yet` });
      const { project: name, version, id } = edit;
      const [stand, project, wheels] = await Promise.all([
        standOfRelease(prisma, { project: name, version, without: id }), prisma.project.findUnique({ where: { name } }),
        prisma.editWheel.findMany({ where: { editId } }),
      ]);
      refuseStale(edit, stand);
      const order = publishOrder(edit, { displayName: project?.displayName ?? name, originals: stand.current }, wheels);
      return { ...order, files: [...order.files, ...await sdistToPublish(ports, edit)] };
    },
    async end(editId, state, failure) {
      await prisma.$transaction(async (tx) => {
        const moved = await tx.edit.updateMany({
          where: { id: editId, state: state === 'cancelled' ? { in: ['running', 'awaiting-approval'] } : 'running' },
          data: {
            state, endedAt: new Date(), ...(failure ? { failure: asJson(failure) } : {}),
            // A cancel that came too late stands there until now.
            ...(state === 'published' ? { failure: Prisma.DbNull } : noSdist),
          },
        });
        // Nobody refers to the wheels of an edit that was not published: collection takes their bytes.
        if (moved.count === 1 && state !== 'published') await tx.editWheel.deleteMany({ where: { editId } });
      });
    },
  };
}

const noSdist = { sdistFilename: null, sdistSha256: null, sdistBytes: null, sdistMetadataSha256: null };

async function running(tx: Tx, editId: string): Promise<Edit> {
  const edit = await tx.edit.findUnique({ where: { id: editId } });
  if (!edit) return fail('FARM_NOT_FOUND', 'publish', { thing: `edit ${editId}` });
  if (edit.state !== 'running') fail('FARM_ENDED', 'publish', { thing: `Edit ${editId}` });
  return edit;
}

/** The release as the edit found it; wheels that joined meanwhile would miss the edit. @errors FARM_EDIT_STALE */
function refuseStale({ project, version, basisSha256 }: Edit, now: { readonly basis: string }): void {
  if (now.basis !== basisSha256) fail('FARM_EDIT_STALE', 'publish', { project, version });
}

/** Puts what is new of each wheel: a tail and its METADATA. */
export function keepWheels(blobs: BlobStore, editId: string, draft: Draft) {
  return Promise.all(draft.wheels.map(async ({ source, wheel, changes }) => {
    // At once, so that they are made durable together.
    const [own, metadata] = await Promise.all([
      blobs.put(wheel.own), blobs.put(Buffer.from(wheel.metadata, 'utf8'), { sha256: wheel.metadataSha256 }),
    ]);
    return {
      editId, filename: wheel.filename, sha256: wheel.sha256, bytes: BigInt(wheel.bytes),
      originalSha256: source.sha256, originalFilename: source.filename, originalMetadataSha256: source.metadataSha256 ?? '',
      baseSha256: source.base.sha256, ownSha256: own.sha256, ownBytes: own.bytes, parts: asJson(wheel.parts),
      metadataSha256: metadata.sha256, requiresPython: requiresPythonOf(wheel.metadata),
      payloadDigest: wheel.payloadDigest, changes: asJson(changes),
    };
  }));
}

/** What the statement of a wheel says: all of it was recorded before, so a second delivery signs the same text. */
export function originOf(edit: Edit, wheel: EditWheel): RespinOrigin {
  return {
    ...claimedBy(edit),
    wheel: { name: wheel.filename, sha256: wheel.sha256 },
    original: { name: wheel.originalFilename, sha256: wheel.originalSha256 },
    changes: wheel.changes as unknown as FieldDiff[],
    metadataSha256: wheel.metadataSha256, originalMetadataSha256: wheel.originalMetadataSha256,
    payloadDigest: wheel.payloadDigest,
  };
}

function publishOrder(
  edit: Edit, release: { readonly displayName: string; readonly originals: readonly File[] }, wheels: readonly EditWheel[],
): PublishOrder {
  const originals = new Map(release.originals.map((file) => [file.sha256, file]));
  const files = wheels.map((wheel) => {
    const original = originals.get(wheel.originalSha256)
      ?? fail('FARM_EDIT_STALE', 'publish', { project: edit.project, version: edit.version });
    return {
      filename: wheel.filename, sha256: wheel.sha256, bytes: Number(wheel.bytes), kind: 'wheel' as const,
      requiresPython: wheel.requiresPython, metadataSha256: wheel.metadataSha256,
      target: original.target, attemptId: original.attemptId,
      edit: { id: edit.id, originalSha256: original.sha256, buildId: original.buildId },
    };
  });
  const { project, version } = edit;
  return { project, displayName: release.displayName, version: edit.toVersion ?? version, buildId: files[0]?.edit.buildId ?? null, files };
}
