import type { EditApproval } from '../../domain/edit-statement.ts';
import { editMetadata, type EditOperation } from '../../domain/edit.ts';
import { currentWheels } from '../../domain/edit-basis.ts';
import { nextBuildTag } from '../../domain/edit-delivery.ts';
import { parseWheelFilename } from '../../domain/filename.ts';
import { headerValues, readHeaders } from '../../domain/edit-text.ts';
import { fail } from '../../domain/failure.ts';
import { requirementDifference } from '../../domain/requirement.ts';
import type { LateEdits } from '../../edit-ports.ts';
import type { BlobStore, FileToPublish, PublishOrder } from '../../ports.ts';
import { draftEdit } from '../edits-draft.ts';
import { keepWheels, originOf } from './edit-records.ts';
import type { Edit } from './client/client.ts';
import type { Database } from './database.ts';

interface Ports { readonly database: Database; readonly blobs: BlobStore }

/** Port LateEdits over Postgres and blobs. */
export function prismaLateEdits(ports: Ports): LateEdits {
  const { prisma } = ports.database;
  return {
    async of(order) {
      const { project, version } = order;
      const edits = await prisma.edit.findMany({ where: { project, version, mode: 'respin', state: 'published' }, orderBy: { endedAt: 'asc' } });
      const last = edits.at(-1);
      if (!last) return { origins: [], files: [] };
      const there = await prisma.file.findMany({ where: { project, version } });
      const known = new Set(there.map(({ filename }) => filename));
      const late = order.files.filter(({ kind, filename }) => kind === 'wheel' && !known.has(filename));
      const sibling = currentWheels(there.filter(({ kind }) => kind === 'wheel'))[0] ?? null;
      const made = [];
      for (const file of late) made.push(await editedLate(ports, { order, edits, last, file, sibling, buildTag: buildTagOf(file, [...known, ...order.files.map(({ filename }) => filename)], last) }));
      const wheels = made.flatMap((one) => one ?? []);
      const signed = await prisma.attestation.findMany({ where: { fileSha256: { in: wheels.map(({ origin }) => origin.wheel.sha256) }, kind: 'provenance' } });
      const done = new Set(signed.map(({ fileSha256 }) => fileSha256));
      return {
        origins: wheels.map(({ origin }) => origin).filter(({ wheel }) => !done.has(wheel.sha256)),
        files: wheels.map(({ file }) => file),
      };
    },
  };
}

/** A rebuilt wheel has the tag of its rebuild: edited, it takes the next one. */
function buildTagOf({ filename }: FileToPublish, all: readonly string[], last: Edit): number {
  const parsed = parseWheelFilename(filename);
  return parsed.ok && parsed.value.build !== null ? nextBuildTag(all) : last.buildTag;
}

interface LateWheel {
  readonly order: PublishOrder;
  readonly edits: readonly Edit[];
  readonly last: Edit;
  readonly file: FileToPublish;
  readonly buildTag: number;
  /** A wheel that installers choose now. */
  readonly sibling: { readonly filename: string; readonly metadataSha256: string | null } | null;
}

/** The late wheel with every edit in force; null where it says already what they say. @errors FARM_EDIT_LATE, FARM_REQUIRES_DIFFER */
async function editedLate(ports: Ports, { order, edits, last, file, sibling, buildTag }: LateWheel) {
  const { project, version } = order;
  const metadata = await textOf(ports.blobs, file.metadataSha256);
  const applied: Edit[] = [];
  for (const edit of edits) {
    const tried = editMetadata(metadata, [...applied, edit].flatMap(operationsOf));
    const alone = editMetadata(currentText(metadata, applied), operationsOf(edit));
    if (alone.ok && tried.ok) applied.push(edit);
    else if (alone.ok || alone.error.code !== 'FARM_EDIT_NOTHING') {
      const wrong = alone.ok ? tried : alone;
      const why = wrong.ok ? '' : wrong.error.words['why'] ?? wrong.error.code;
      return fail('FARM_EDIT_LATE', 'publish', { edit: edit.id, project, version, file: file.filename, why });
    }
  }
  const text = currentText(metadata, applied);
  if (sibling !== null) sameRequirements(file.filename, text, { filename: sibling.filename, text: await textOf(ports.blobs, sibling.metadataSha256) });
  if (applied.length === 0) return null;
  const operations = applied.flatMap(operationsOf);
  const { filename, sha256, metadataSha256, requiresPython } = file;
  const draft = await draftEdit(ports, {
    project, version, buildTag, toVersion: null, sourceDateEpoch: Math.floor(last.startedAt.getTime() / 1000), operations, sdist: null,
    wheels: [{ filename, sha256, metadataSha256, requiresPython, base: { filename, sha256 } }],
  });
  const [row] = await keepWheels(ports.blobs, last.id, draft);
  if (!row) return fail('FARM_INTERNAL', 'publish', { why: `no wheel was made of ${filename}` });
  await ports.database.prisma.editWheel.upsert({
    where: { editId_filename: { editId: last.id, filename: row.filename } }, create: row, update: {},
  });
  const approvals = applied.flatMap((edit) => edit.approvals as unknown as EditApproval[]);
  const why = applied.map((edit) => edit.why).join('; ');
  const wheel = await ports.database.prisma.editWheel.findUniqueOrThrow({ where: { editId_filename: { editId: last.id, filename: row.filename } } });
  return {
    origin: { ...originOf({ ...last, buildTag }, wheel), operations, approvals, why },
    file: {
      filename: wheel.filename, sha256: wheel.sha256, bytes: Number(wheel.bytes), kind: 'wheel' as const,
      requiresPython: wheel.requiresPython, metadataSha256: wheel.metadataSha256, target: file.target, attemptId: file.attemptId,
      edit: { id: last.id, originalSha256: sha256, buildId: order.buildId },
    },
  };
}

const operationsOf = (edit: Edit): EditOperation[] => edit.operations as unknown as EditOperation[];

function currentText(metadata: string, applied: readonly Edit[]): string {
  const edited = editMetadata(metadata, applied.flatMap(operationsOf));
  return edited.ok ? edited.value.metadata : metadata;
}

const textOf = async (blobs: BlobStore, sha256: string | null): Promise<string> =>
  (sha256 === null ? '' : Buffer.from(await blobs.bytes(sha256)).toString('utf8'));

/** Resolvers that read one wheel for all platforms are wrong where wheels require different things. */
function sameRequirements(file: string, text: string, sibling: { readonly filename: string; readonly text: string }): void {
  const [late, old] = [text, sibling.text].map((one) => {
    const read = readHeaders(one);
    return read.ok ? headerValues(read.value, 'Requires-Dist') : [];
  });
  const { onlyLeft, onlyRight } = requirementDifference(late ?? [], old ?? []);
  if (onlyLeft.length + onlyRight.length === 0) return;
  const words = [...onlyLeft.map((one) => `also ${one}`), ...onlyRight.map((one) => `not ${one}`)];
  fail('FARM_REQUIRES_DIFFER', 'publish', { why: `after the edits, ${file} requires ${words.join(', ')}, unlike ${sibling.filename}` });
}
