import { randomUUID } from 'node:crypto';
import type { EditView } from '../contract/edits.ts';
import { editWorkflowId, type EditOrder } from '../contract/messages.ts';
import { fail, failure } from '../domain/failure.ts';
import { sdistBuildFault, type SdistBuild } from '../domain/sdist-build.ts';
import type { Edits } from '../edit-ports.ts';
import { previewChecks, type Judge } from './edits-check.ts';
import { previewBatch, recordBatch } from './edits-batch.ts';
import { approveEdit, otherMaintainers, personOf, refuseEdit } from './edits-approval.ts';
import { approvalsOf, approversOf, drafted, previewOf, recordEdit, releaseAgeDays, waitsFor, type EditsPorts } from './edits-request.ts';
import type { Edit, EditWheel } from './prisma/client/client.ts';
import { asJson } from './prisma/database.ts';
import { keepWheels } from './prisma/edit-records.ts';
import { asFailure } from './prisma/rows.ts';

/** A workflow that ends and the row that it wrote just before are not seen at the same moment. */
const settleMs = 60_000;
const rowsAtOnce = 200;

/** Port Edits, and `sweep`, which starts what has a row and no workflow. */
export function prismaEdits(ports: EditsPorts, judge: Judge = async () => []): Edits & { sweep(): Promise<void> } {
  const { prisma } = ports.database;
  const checks = previewChecks(ports, judge);
  return {
    async preview(request, asker) {
      const made = await checks.draft(request);
      return previewOf(made, { ageDays: await releaseAgeDays(ports, made.source), approvers: await approversOf(ports, made, asker) });
    },
    check: (request) => checks.check(request),
    async start(request, asker) {
      const now = ports.clock.now();
      const made = checks.made(request) ?? await drafted(ports, request, now);
      const resolution = checks.known(made);
      const conflicts = resolution?.filter(({ state }) => state === 'conflict') ?? [];
      if (conflicts[0] && request.acceptConflict !== true) {
        fail('FARM_EDIT_CONFLICT', 'publish', { targets: conflicts.map(({ target }) => target).join(', '), why: conflicts[0].says });
      }
      const build = await checks.knownBuild(made);
      const fault = build && sdistBuildFault(made.draft.sdist?.patched?.filename ?? '', build);
      const accepted = build?.state === 'different' ? request.acceptConflict : request.acceptUnbuilt;
      if (fault && accepted !== true) fail(fault.code, 'publish', fault.words);
      const approvals = approvalsOf(request, made, { at: now.toISOString(), approvers: await approversOf(ports, made, asker) });
      // It was made just now: the workflow need not make it again. One that waits is made when it goes on, and an sdist takes too long to write here.
      const id = randomUUID();
      const waits = waitsFor(made.draft, approvals);
      const later = waits || (made.draft.sdist !== null && made.draft.sdist.patched !== null);
      const kept = later ? null : keepWheels(ports.blobs, id, made.draft);
      // What is wrong with it is told by the transaction, which waits for it; a refusal before that leaves blobs for collection.
      kept?.catch(() => undefined);
      const judged = resolution !== null && resolution.length > 0;
      const wanted = {
        ...kept === null ? {} : { made: { id, wheels: kept } }, ...made, request, approvals, now, person: personOf(asker),
        resolution: judged ? resolution : null,
      };
      const recorded = await prisma.$transaction((tx) => recordEdit(tx, ports, wanted));
      if (!waits) await startWorkflow(ports, { editId: recorded, ...judged && kept !== null ? { judged } : {} });
      return view(ports, recorded);
    },
    async approve(id, request, asker) {
      await startRunning(ports, await approveEdit(ports, id, { request, asker }));
      return view(ports, id);
    },
    async refuse(id, request) {
      await refuseEdit(ports, id, request);
      return view(ports, id);
    },
    previewBatch: (request, asker) => previewBatch(ports, request, asker),
    async startBatch(request, asker) {
      const ids = await recordBatch(ports, request, asker);
      await startRunning(ports, ids);
      return Promise.all(ids.map((id) => view(ports, id)));
    },
    view: (id) => view(ports, id),
    async newest(limit) {
      const rows = await prisma.edit.findMany({ orderBy: { startedAt: 'desc' }, take: limit, include: { wheels: true } });
      return Promise.all(rows.map((row) => viewOf(ports, row)));
    },
    async cancel(id, by) {
      const edit = await prisma.edit.findUnique({ where: { id } });
      if (!edit) return fail('FARM_NOT_FOUND', 'publish', { thing: `edit ${id}` });
      const cancelled = failure('FARM_CANCELLED', 'publish', { who: by });
      await prisma.edit.updateMany({ where: { id, state: { in: ['running', 'awaiting-approval'] } }, data: { failure: asJson(cancelled) } });
      if (edit.workflowStartedAt) await ports.workflows.cancelEdit(id);
      else await ports.records.end(id, 'cancelled');
    },
    sweep: () => sweep(ports),
  };
}

/** Starts the edits that wait for nobody. */
async function startRunning(ports: EditsPorts, ids: readonly string[]): Promise<void> {
  const rows = await ports.database.prisma.edit.findMany({ where: { id: { in: [...ids] }, state: 'running' }, select: { id: true } });
  for (const { id } of rows) await startWorkflow(ports, { editId: id });
}

/** Where Temporal does not answer, the row stays and the sweeper tries again. */
async function startWorkflow({ database: { prisma }, workflows }: EditsPorts, order: EditOrder): Promise<void> {
  try {
    await workflows.startEdit(order);
  } catch {
    return;
  }
  await prisma.edit.updateMany({ where: { id: order.editId, workflowStartedAt: null }, data: { workflowStartedAt: new Date() } });
}

async function sweep(ports: EditsPorts): Promise<void> {
  const { database: { prisma }, workflows, records, clock } = ports;
  const before = new Date(clock.now().getTime() - settleMs);
  const edits = await prisma.edit.findMany({ where: { state: 'running' }, orderBy: { startedAt: 'asc' }, take: rowsAtOnce });
  for (const { id, workflowStartedAt } of edits) {
    if (!workflowStartedAt) await startWorkflow(ports, { editId: id });
    else if (workflowStartedAt < before && !await workflows.isOpen(editWorkflowId(id))) {
      // A server that lost its state takes the id again; one that knows it as closed does not.
      await startWorkflow(ports, { editId: id });
      if (await workflows.isOpen(editWorkflowId(id))) continue;
      await records.end(id, 'failed', failure('FARM_INTERNAL', 'publish', { why: 'the workflow ended without a result' }));
    }
  }
}

async function view(ports: EditsPorts, id: string): Promise<EditView> {
  const row = await ports.database.prisma.edit.findUnique({ where: { id }, include: { wheels: true } });
  return viewOf(ports, row ?? fail('FARM_NOT_FOUND', 'publish', { thing: `edit ${id}` }));
}

async function viewOf({ index, database }: EditsPorts, row: Edit & { readonly wheels: readonly EditWheel[] }): Promise<EditView> {
  const { id, project, version, mode, buildTag, state, why, requestedBy } = row;
  return {
    id, project, version, mode, buildTag, state, why, requestedBy, index, toVersion: row.toVersion, acceptedConflict: row.acceptedConflict,
    acceptedUnbuilt: row.acceptedUnbuilt, sdistBuilt: row.sdistBuilt as (SdistBuild & { fields: string[] }) | null,
    resolution: (row.resolution ?? []) as EditView['resolution'], undoes: row.undoes, batchId: row.batchId,
    approvers: row.state === 'awaiting-approval' ? await otherMaintainers(database.prisma, project, row.requesterId) : [],
    approvals: row.approvals as unknown as EditView['approvals'], groups: row.groups as unknown as EditView['groups'],
    files: row.wheels.toSorted((a, b) => (a.filename < b.filename ? -1 : 1)).map((wheel) => ({
      filename: wheel.filename, sha256: wheel.sha256, bytes: Number(wheel.bytes), storedBytes: wheel.ownBytes,
      original: wheel.originalFilename, originalSha256: wheel.originalSha256,
    })).concat(await sdistOf(database, row)),
    failure: asFailure(row.failure), startedAt: row.startedAt.toISOString(), endedAt: row.endedAt?.toISOString() ?? null,
  };
}

/** The patched sdist; it is stored whole. */
async function sdistOf({ prisma }: EditsPorts['database'], row: Edit): Promise<EditView['files']> {
  const { sdistFilename: filename, sdistSha256: sha256, originalSdistSha256: originalSha256 } = row;
  if (filename === null || sha256 === null || originalSha256 === null) return [];
  const original = await prisma.file.findUnique({ where: { sha256: originalSha256 } });
  const bytes = Number(row.sdistBytes ?? 0);
  return [{ filename, sha256, bytes, storedBytes: bytes, original: original?.filename ?? '', originalSha256 }];
}
