import { randomUUID } from 'node:crypto';
import type { EditPreview, EditPreviewRequest, EditRequest, EditView } from '../contract/edits.ts';
import { editWorkflowId } from '../contract/messages.ts';
import { replacedRemarks, respinRemarks } from '../domain/edit-basis.ts';
import { reachOf } from '../domain/edit-reach.ts';
import type { EditApproval } from '../domain/edit-statement.ts';
import { parseOperation, type EditOperation } from '../domain/edit.ts';
import { fail, failure } from '../domain/failure.ts';
import { parseSdistFilename, parseWheelFilename } from '../domain/filename.ts';
import { compareVersions, parseVersion } from '../domain/version.ts';
import type { BlobStore, Clock, EditRecords, Edits, Upstream, Workflows } from '../ports.ts';
import { draftEdit, refuse, type Draft } from './edits-draft.ts';
import { findRelease, readRelease, type EditedSource } from './edits-release.ts';
import type { Edit, EditWheel } from './prisma/client/client.ts';
import { asJson, type Database, type Tx } from './prisma/database.ts';
import { asFailure } from './prisma/rows.ts';

export interface EditsPorts {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly workflows: Workflows;
  readonly upstream: Pick<Upstream, 'project'>;
  readonly records: Pick<EditRecords, 'end'>;
  readonly clock: Clock;
  /** `wheelfarm 0.1.0`, attested with every edit. */
  readonly builder: string;
  readonly index: string;
}

const dayMs = 86_400_000;
/** A workflow that ends and the row that it wrote just before are not seen at the same moment. */
const settleMs = 60_000;
const rowsAtOnce = 200;

/** Port Edits, and `sweep`, which starts what has a row and no workflow. */
export function prismaEdits(ports: EditsPorts): Edits & { sweep(): Promise<void> } {
  const { prisma } = ports.database;
  return {
    async preview(request) {
      const { source, draft, operations } = await drafted(ports, request);
      return previewOf(source, draft, { operations, ageDays: await releaseAgeDays(ports, source) });
    },
    async start(request) {
      const { source, draft, operations } = await drafted(ports, request);
      const now = ports.clock.now();
      const approvals = approvalsOf(request, source, draft, now.toISOString());
      const id = await prisma.$transaction((tx) => record(tx, ports, { request, source, draft, operations, approvals, now }));
      await startWorkflow(ports, id);
      return view(ports, id);
    },
    view: (id) => view(ports, id),
    async newest(limit) {
      const rows = await prisma.edit.findMany({ orderBy: { startedAt: 'desc' }, take: limit, include: { wheels: true } });
      return rows.map((row) => viewOf(ports, row));
    },
    async cancel(id, by) {
      const edit = await prisma.edit.findUnique({ where: { id } });
      if (!edit) return fail('FARM_NOT_FOUND', 'publish', { thing: `edit ${id}` });
      const cancelled = failure('FARM_CANCELLED', 'publish', { who: by });
      await prisma.edit.updateMany({ where: { id, state: 'running' }, data: { failure: asJson(cancelled) } });
      if (edit.workflowStartedAt) await ports.workflows.cancelEdit(id);
      else await ports.records.end(id, 'cancelled');
    },
    sweep: () => sweep(ports),
  };
}

interface Drafted { readonly source: EditedSource; readonly draft: Draft; readonly operations: readonly EditOperation[] }

async function drafted(ports: EditsPorts, request: EditPreviewRequest): Promise<Drafted> {
  if (request.mode !== 'respin') fail('FARM_EDIT_MODE', 'publish', { mode: request.mode });
  const operations = operationsOf(request);
  const source = await findRelease(ports.database.prisma, request.what);
  const sourceDateEpoch = Math.floor(ports.clock.now().getTime() / 1000);
  return { source, operations, draft: await draftEdit(ports, { ...source, operations, sourceDateEpoch }) };
}

function operationsOf(request: EditPreviewRequest): EditOperation[] {
  const kinds = ['remove', 'set', 'bound'] as const;
  return kinds.flatMap((kind) => request[kind].map((text) => {
    const parsed = parseOperation(kind, text);
    return parsed.ok ? parsed.value : refuse(parsed.error);
  }));
}

function previewOf(
  source: EditedSource, draft: Draft, { operations, ageDays }: { operations: readonly EditOperation[]; ageDays: number | null },
): EditPreview {
  const { project: name, version, buildTag, otherVersions, basis } = source;
  return {
    project: name, version, mode: 'respin', buildTag, basis, secondApproval: draft.secondApproval,
    remarks: [...draft.remarks, ...new Set(draft.groups.flatMap(({ changes }) => [...replacedRemarks(operations, changes), ...respinRemarks(changes)]))],
    groups: draft.groups.map(({ filenames, changes }) => ({ filenames: [...filenames], changes: [...changes] })),
    reach: reachOf({ name, version, delivery: { mode: 'respin', buildTag }, otherVersions, sdist: false, releaseAgeDays: ageDays }),
    files: draft.wheels.map(({ source: original, wheel }) => ({
      filename: wheel.filename, bytes: wheel.bytes, storedBytes: wheel.own.length,
      original: original.filename, originalSha256: original.sha256,
    })),
  };
}

/** How long the release has been on the upstream index; null where it is not there, or upstream does not say. */
async function releaseAgeDays({ upstream, clock }: EditsPorts, source: EditedSource): Promise<number | null> {
  const project = await upstream.project(source.project).catch(() => null);
  const wanted = parseVersion(source.version);
  const times = (project?.files ?? []).flatMap(({ filename, uploadTime }) => {
    const parsed = filename.endsWith('.whl') ? parseWheelFilename(filename) : parseSdistFilename(filename);
    const version = parsed.ok ? parseVersion(parsed.value.version) : null;
    const same = version?.ok && wanted.ok && compareVersions(version.value, wanted.value) === 0;
    return same && uploadTime !== null ? [Date.parse(uploadTime)] : [];
  });
  return times.length === 0 ? null : Math.floor((clock.now().getTime() - Math.min(...times)) / dayMs);
}

/** @errors FARM_EDIT_APPROVAL where a dependency is added and the release was not typed */
function approvalsOf(request: EditRequest, { project, version }: EditedSource, draft: Draft, at: string): EditApproval[] {
  const { by } = request;
  const own: EditApproval = { by, at, kind: 'edit', self: true };
  if (!draft.secondApproval) return [own];
  const typed = (request.selfApproval ?? '').replaceAll(/\s/g, '');
  if (typed !== `${project}==${version}`) fail('FARM_EDIT_APPROVAL', 'publish', { project, version });
  return [own, { by, at, kind: 'added-dependency', self: true }];
}

interface NewEdit extends Drafted { readonly request: EditRequest; readonly approvals: readonly EditApproval[]; readonly now: Date }

/** One edit of a release at a time, made for the files that its preview showed. @errors FARM_EDIT_RUNNING, FARM_EDIT_STALE */
async function record(tx: Tx, { builder }: EditsPorts, wanted: NewEdit): Promise<string> {
  const { request, draft, approvals, source: { project, version } } = wanted;
  await tx.$executeRaw`select pg_advisory_xact_lock(hashtextextended(${`edit ${project} ${version}`}, 0))`;
  const open = await tx.edit.findFirst({ where: { project, version, state: 'running' } });
  if (open) fail('FARM_EDIT_RUNNING', 'publish', { project, version, edit: open.id });
  const { basis, buildTag } = await readRelease(tx, project, version);
  if (basis !== request.basis) fail('FARM_EDIT_STALE', 'publish', { project, version });
  const edit = await tx.edit.create({
    data: {
      id: randomUUID(), project, version, mode: 'respin', operations: asJson(wanted.operations), why: request.why.trim(),
      requestedBy: request.by, approvals: asJson(approvals), groups: asJson(draft.groups), buildTag, builder,
      basisSha256: basis, startedAt: wanted.now,
    },
  });
  return edit.id;
}

/** Where Temporal does not answer, the row stays and the sweeper tries again. */
async function startWorkflow({ database: { prisma }, workflows }: EditsPorts, id: string): Promise<void> {
  try {
    await workflows.startEdit(id);
  } catch {
    return;
  }
  await prisma.edit.updateMany({ where: { id, workflowStartedAt: null }, data: { workflowStartedAt: new Date() } });
}

async function sweep(ports: EditsPorts): Promise<void> {
  const { database: { prisma }, workflows, records, clock } = ports;
  const before = new Date(clock.now().getTime() - settleMs);
  const edits = await prisma.edit.findMany({ where: { state: 'running' }, orderBy: { startedAt: 'asc' }, take: rowsAtOnce });
  for (const { id, workflowStartedAt } of edits) {
    if (!workflowStartedAt) await startWorkflow(ports, id);
    else if (workflowStartedAt < before && !await workflows.isOpen(editWorkflowId(id))) {
      // A server that lost its state takes the id again; one that knows it as closed does not.
      await startWorkflow(ports, id);
      if (await workflows.isOpen(editWorkflowId(id))) continue;
      await records.end(id, 'failed', failure('FARM_INTERNAL', 'publish', { why: 'the workflow ended without a result' }));
    }
  }
}

async function view(ports: EditsPorts, id: string): Promise<EditView> {
  const row = await ports.database.prisma.edit.findUnique({ where: { id }, include: { wheels: true } });
  return viewOf(ports, row ?? fail('FARM_NOT_FOUND', 'publish', { thing: `edit ${id}` }));
}

function viewOf({ index }: EditsPorts, row: Edit & { readonly wheels: readonly EditWheel[] }): EditView {
  const { id, project, version, mode, buildTag, state, why, requestedBy } = row;
  return {
    id, project, version, mode, buildTag, state, why, requestedBy, index,
    approvals: row.approvals as unknown as EditView['approvals'], groups: row.groups as unknown as EditView['groups'],
    files: row.wheels.toSorted((a, b) => (a.filename < b.filename ? -1 : 1)).map((wheel) => ({
      filename: wheel.filename, sha256: wheel.sha256, bytes: Number(wheel.bytes), storedBytes: wheel.ownBytes,
      original: wheel.originalFilename, originalSha256: wheel.originalSha256,
    })),
    failure: asFailure(row.failure), startedAt: row.startedAt.toISOString(), endedAt: row.endedAt?.toISOString() ?? null,
  };
}
