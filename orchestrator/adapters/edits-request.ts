import { randomUUID } from 'node:crypto';
import type { EditPreview, EditPreviewRequest, EditRequest } from '../contract/edits.ts';
import { replacedRemarks, respinRemarks } from '../domain/edit-basis.ts';
import { reachOf } from '../domain/edit-reach.ts';
import type { EditGroup } from '../domain/edit-release.ts';
import type { EditApproval } from '../domain/edit-statement.ts';
import { undoOperations } from '../domain/edit-undo.ts';
import { parseOperation, type EditOperation } from '../domain/edit.ts';
import { fail } from '../domain/failure.ts';
import type { Resolution } from '../domain/resolution.ts';
import { parseSdistFilename, parseWheelFilename } from '../domain/filename.ts';
import { compareVersions, parseVersion } from '../domain/version.ts';
import type { EditRecords } from '../edit-ports.ts';
import type { BlobStore, Clock, Upstream, Workflows } from '../ports.ts';
import { draftEdit, refuse, type Draft } from './edits-draft.ts';
import { otherMaintainers, personOf } from './edits-approval.ts';
import type { SdistBuildPorts } from './edits-sdist-build.ts';
import { findRelease, standOfRelease, type EditedSource } from './edits-release.ts';
import { Prisma } from './prisma/client/client.ts';
import type { keepWheels } from './prisma/edit-records.ts';
import { asJson, type Database, type Tx } from './prisma/database.ts';

/** What edits need of the world. */
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
  /** Builds the patched sdist of a post-release; absent where nothing is built. */
  readonly builds?: Pick<SdistBuildPorts, 'catalogue' | 'sdistPool'>;
}

const dayMs = 86_400_000;

/** An edit of one release, made in memory. */
export interface Drafted { readonly source: EditedSource; readonly draft: Draft; readonly operations: readonly EditOperation[]; readonly undoes: string | null; readonly toVersion: string | null }

/** @shape now: the time of the new members @errors FARM_EDIT_*, FARM_WHAT_UNCLEAR, FARM_WHEEL_BROKEN */
export async function drafted(ports: EditsPorts, request: EditPreviewRequest, now = ports.clock.now()): Promise<Drafted> {
  return draftOf(ports, await ordered(ports, request), now);
}

/** An edit of one release before its wheels are made. */
export type Ordered = Omit<Drafted, 'draft'>;

/** Reads the release and the operations; opens no wheel. @errors FARM_EDIT_*, FARM_WHAT_UNCLEAR */
export async function ordered(ports: EditsPorts, request: EditPreviewRequest): Promise<Ordered> {
  const { mode } = request;
  if (mode !== 'respin' && mode !== 'post') fail('FARM_EDIT_MODE', 'publish', { mode });
  const undone = request.undo === undefined ? null : await undoneBy(ports, request);
  const operations = undone?.operations ?? operationsOf(request);
  const source = await findRelease(ports.database.prisma, undone?.what ?? request.what);
  const toVersion = mode === 'respin' ? null
    : source.nextPost ?? fail('FARM_EDIT_MODE', 'publish', { mode: `a post-release of ${source.version}` });
  return { source, operations, undoes: request.undo ?? null, toVersion };
}

/** Makes the wheels, in memory. @shape now: the time of the new members @errors FARM_EDIT_*, FARM_WHEEL_BROKEN */
export async function draftOf(ports: EditsPorts, order: Ordered, now = ports.clock.now()): Promise<Drafted> {
  const { source, operations, toVersion } = order;
  const sourceDateEpoch = Math.floor(now.getTime() / 1000);
  return { ...order, draft: await draftEdit(ports, { ...source, operations, sourceDateEpoch, toVersion }) };
}

/** The release and the operations that take an edit back. @errors FARM_NOT_FOUND, FARM_EDIT_UNDO, FARM_BAD_REQUEST */
async function undoneBy({ database: { prisma } }: EditsPorts, { undo = '', what, set, remove, bound }: EditPreviewRequest) {
  if (set.length + remove.length + bound.length > 0) fail('FARM_BAD_REQUEST', 'publish', { why: 'an undo has no operations of its own' });
  const edit = await prisma.edit.findUnique({ where: { id: undo } });
  if (!edit) return fail('FARM_NOT_FOUND', 'publish', { thing: `edit ${undo}` });
  const { project, version, state } = edit;
  const refused = (why: string) => fail('FARM_EDIT_UNDO', 'publish', { edit: undo, project, version, why });
  if (state !== 'published') return refused(`it was ${state}`);
  const release = `${project}==${edit.toVersion ?? version}`;
  if (what !== '' && what.replaceAll(/\s/g, '') !== release) return refused(`it is of ${release}`);
  const operations = undoOperations(edit.groups as unknown as readonly EditGroup[]);
  return operations.ok ? { what: release, operations: operations.value } : refused(operations.error);
}

function operationsOf(request: EditPreviewRequest): EditOperation[] {
  const kinds = ['remove', 'set', 'bound'] as const;
  return kinds.flatMap((kind) => request[kind].map((text) => {
    const parsed = parseOperation(kind, text);
    return parsed.ok ? parsed.value : refuse(parsed.error);
  }));
}

/** What is shown of it before anybody says yes. @shape ageDays: of the release on the upstream index, or null */
export function previewOf({ source, draft, operations, toVersion }: Drafted, { ageDays, approvers }: { ageDays: number | null; approvers: string[] }): EditPreview {
  const { project: name, version, buildTag, otherVersions, basis } = source;
  const delivery = toVersion === null ? { mode: 'respin', buildTag } as const : { mode: 'post', version: toVersion } as const;
  return {
    project: name, version, mode: delivery.mode, buildTag: toVersion === null ? buildTag : 0, toVersion, basis, secondApproval: draft.secondApproval, approvers,
    remarks: [...draft.remarks, ...sdistRemarks(draft), ...new Set(draft.groups.flatMap(({ changes }) => [
      ...replacedRemarks(operations, changes), ...(toVersion === null ? respinRemarks(changes) : []),
    ]))],
    groups: draft.groups.map(({ filenames, changes }) => ({ filenames: [...filenames], changes: [...changes] })),
    reach: reachOf({
      name, version, delivery, otherVersions, releaseAgeDays: ageDays, sdist: draft.sdist !== null && draft.sdist.patched !== null,
    }),
    sdist: draft.sdist === null ? null : {
      filename: draft.sdist.patched?.filename ?? null, original: draft.sdist.original.filename,
      originalSha256: draft.sdist.original.sha256, failure: draft.sdist.failure,
    },
    files: draft.wheels.map(({ source: original, wheel }) => ({
      filename: wheel.filename, bytes: wheel.bytes, storedBytes: wheel.own.length,
      original: original.filename, originalSha256: original.sha256,
    })),
  };
}

function sdistRemarks({ sdist }: Draft): string[] {
  if (sdist === null) return [];
  return [sdist.failure?.message ?? `${sdist.patched?.filename ?? ''} is published with the wheels: PKG-INFO and the [project] table of `
    + 'pyproject.toml say the edit and the version, everything else is as it was; it is built once, and the METADATA compared'];
}

/** How long the release has been on the upstream index; null where it is not there, or upstream does not say. */
export async function releaseAgeDays({ upstream, clock }: EditsPorts, source: EditedSource): Promise<number | null> {
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

/** Who else may approve what a draft adds; nobody where it adds no dependency. */
export const approversOf = async ({ database: { prisma } }: EditsPorts, { source, draft }: Drafted, asker: string | undefined): Promise<string[]> =>
  (draft.secondApproval ? otherMaintainers(prisma, source.project, personOf(asker)) : []);

/**
 * Who said yes. An added dependency waits for another maintainer; where there is none the requester types the release.
 * @shape typedFor: what has to be typed @errors FARM_EDIT_APPROVAL where it had to be typed and was not
 */
export function approvalsOf(
  { by, selfApproval = '' }: Pick<EditRequest, 'by' | 'selfApproval'>, { source: { project, version }, draft }: Drafted,
  { at, approvers, typedFor = `${project}==${version}` }: { at: string; approvers: readonly string[]; typedFor?: string },
): EditApproval[] {
  const own: EditApproval = { by, at, kind: 'edit', self: true };
  if (!draft.secondApproval || approvers.length > 0) return [own];
  if (selfApproval.replaceAll(/\s/g, '') !== typedFor.replaceAll(/\s/g, '')) fail('FARM_EDIT_APPROVAL', 'publish', { project, version });
  return [own, { by, at, kind: 'added-dependency', self: true }];
}

/** An edit that somebody said yes to. */
export interface NewEdit extends Omit<Drafted, 'draft'> {
  readonly draft: Pick<Draft, 'groups' | 'secondApproval'>;
  readonly request: Pick<EditRequest, 'basis' | 'why' | 'by' | 'acceptConflict' | 'acceptUnbuilt'>;
  readonly approvals: readonly EditApproval[];
  /** Who asked, as `personOf` says it. */
  readonly person: string;
  readonly now: Date;
  readonly batchId?: string;
  /** Its id and its wheels, where they were made before it was recorded and are being kept; their members have the time of that making. */
  readonly made?: { readonly id: string; readonly wheels: ReturnType<typeof keepWheels> };
  /** What resolvers said of it already; null where nobody asked. */
  readonly resolution?: readonly Resolution[] | null;
}

/** Whether an edit lacks the approval of somebody else. */
export const waitsFor = (draft: Pick<Draft, 'secondApproval'>, approvals: readonly EditApproval[]): boolean =>
  draft.secondApproval && !approvals.some(({ kind }) => kind === 'added-dependency');

const openStates = ['running', 'awaiting-approval'];

/** @errors FARM_EDIT_RUNNING */
export async function refuseOpenEdit(tx: Tx, project: string, version: string): Promise<void> {
  const open = await tx.edit.findFirst({ where: { project, version, state: { in: openStates } } });
  if (open) fail('FARM_EDIT_RUNNING', 'publish', { project, version, edit: open.id });
}

/** The build tag of a rebuild is in its wheels: no edit may take it meanwhile. @errors FARM_REBUILD_RUNNING */
export async function refuseRebuild(tx: Tx, project: string, version: string): Promise<void> {
  const open = await tx.build.findFirst({ where: { state: 'running', rebuild: { not: Prisma.DbNull }, plan: { release: { project, version } } } });
  if (open) fail('FARM_REBUILD_RUNNING', 'publish', { project, version, build: open.id });
}

/**
 * Both, by one question: people wait for the answer.
 * @returns whether an edit that goes on is delivered as that version
 */
async function refuseOpen(tx: Tx, { project, version, toVersion }: { project: string; version: string; toVersion: string | null }): Promise<boolean> {
  const [found] = await tx.$queryRaw<{ edit: string | null; build: string | null; taken: boolean }[]>`
    select (select id from edit where project = ${project} and version = ${version} and state = any(${openStates}) limit 1) as edit,
      (select b.id from build b join plan p on p.sha256 = b.plan_sha256 join release r on r.id = p.release_id
        where b.state = 'running' and b.rebuild is not null and r.project = ${project} and r.version = ${version} limit 1) as build,
      exists (select 1 from edit where project = ${project} and to_version = ${toVersion}::text and state = any(${openStates})) as taken`;
  if (found?.edit) fail('FARM_EDIT_RUNNING', 'publish', { project, version, edit: found.edit });
  if (found?.build) fail('FARM_REBUILD_RUNNING', 'publish', { project, version, build: found.build });
  return found?.taken === true;
}

/** One edit of a release at a time, made for the files that its preview showed. @errors FARM_EDIT_RUNNING, FARM_REBUILD_RUNNING, FARM_EDIT_STALE */
export async function recordEdit(tx: Tx, { builder }: EditsPorts, wanted: NewEdit): Promise<string> {
  const { request, draft, approvals, source: { project, version } } = wanted;
  await tx.$executeRaw`select pg_advisory_xact_lock(hashtextextended(${`edit ${project} ${version}`}, 0))`;
  const taken = await refuseOpen(tx, { project, version, toVersion: wanted.toVersion });
  const { basis, buildTag, nextPost } = await standOfRelease(tx, { project, version });
  const postTaken = wanted.toVersion !== null && (nextPost !== wanted.toVersion || taken);
  if (basis !== request.basis || postTaken) fail('FARM_EDIT_STALE', 'publish', { project, version });
  const waits = waitsFor(draft, approvals);
  const edit = await tx.edit.create({
    data: {
      state: waits ? 'awaiting-approval' : 'running', requesterId: wanted.person, id: wanted.made?.id ?? randomUUID(),
      project, version, mode: wanted.toVersion === null ? 'respin' : 'post', toVersion: wanted.toVersion,
      operations: asJson(wanted.operations), why: request.why.trim(),
      requestedBy: request.by, approvals: asJson(approvals), groups: asJson(draft.groups), buildTag: wanted.toVersion === null ? buildTag : 0, builder,
      basisSha256: basis, startedAt: wanted.now, undoes: wanted.undoes, batchId: wanted.batchId ?? null,
      acceptedConflict: request.acceptConflict ?? false, acceptedUnbuilt: request.acceptUnbuilt ?? false,
      ...(wanted.resolution ? { resolution: asJson(wanted.resolution) } : {}),
      ...(wanted.made ? { preparedAt: wanted.now } : {}),
    },
  });
  if (wanted.made) await tx.editWheel.createMany({ data: await wanted.made.wheels });
  return edit.id;
}
