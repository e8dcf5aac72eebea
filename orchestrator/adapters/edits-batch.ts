import { randomUUID } from 'node:crypto';
import type { EditBatchPreview, EditBatchRequest, EditPreview, EditPreviewRequest } from '../contract/edits.ts';
import { limits } from '../contract/limits.ts';
import { fail, FarmError, type Failure } from '../domain/failure.ts';
import { parseRequirement } from '../domain/requirement.ts';
import { compareVersions, parseVersion, satisfies } from '../domain/version.ts';
import { personOf } from './edits-approval.ts';
import { approvalsOf, approversOf, drafted, previewOf, recordEdit, releaseAgeDays, type EditsPorts, type NewEdit } from './edits-request.ts';

/** An edit of every release that a selector names; one after the other, so that memory holds one release at a time. */
export async function previewBatch(ports: EditsPorts, request: EditPreviewRequest, asker?: string): Promise<EditBatchPreview> {
  const releases: EditPreview[] = [];
  const unchanged: string[] = [];
  const refused: { what: string; failure: Failure }[] = [];
  for (const what of await releasesOf(ports, request)) {
    try {
      const made = await drafted(ports, { ...request, what });
      const ageDays = releases.length === 0 ? await releaseAgeDays(ports, made.source) : null;
      releases.push(previewOf(made, { ageDays, approvers: await approversOf(ports, made, asker) }));
    } catch (error) {
      if (!(error instanceof FarmError)) throw error;
      if (error.failure.code === 'FARM_EDIT_NOTHING') unchanged.push(what);
      else refused.push({ what, failure: error.failure });
    }
  }
  return { selector: request.what, releases, unchanged, refused };
}

/**
 * Records the edits of a batch, all in one transaction: a release that cannot be edited so ends it for all.
 * @returns ids of the edits @errors FARM_EDIT_STALE where the preview showed other releases; as for one edit
 */
export async function recordBatch(ports: EditsPorts, request: EditBatchRequest, asker?: string): Promise<readonly string[]> {
  const batchId = randomUUID();
  const now = ports.clock.now();
  const wanted: NewEdit[] = [];
  for (const what of await releasesOf(ports, request)) {
    const version = what.slice(what.indexOf('==') + 2);
    const basis = request.bases[version];
    if (basis === undefined) {   // not in the preview because it says it already; anything else is news
      if (await saysItAlready(ports, { ...request, what })) continue;
      return fail('FARM_EDIT_STALE', 'publish', { project: what, version: '' });
    }
    const { draft, ...made } = await drafted(ports, { ...request, what });
    const approvers = await approversOf(ports, { ...made, draft }, asker);
    const approvals = approvalsOf(request, { ...made, draft }, { at: now.toISOString(), approvers, typedFor: request.what });
    const { why, by, acceptConflict = false, acceptUnbuilt = false } = request;
    const { groups, secondApproval } = draft;
    wanted.push({ ...made, draft: { groups, secondApproval }, approvals, person: personOf(asker), now, batchId, request: { why, by, basis, acceptConflict, acceptUnbuilt } });
  }
  if (wanted.length === 0) fail('FARM_EDIT_NOTHING', 'publish', { what: 'every release says it already' });
  return ports.database.prisma.$transaction(async (tx) => {
    const ids: string[] = [];
    for (const one of wanted) ids.push(await recordEdit(tx, ports, one));
    return ids;
  }, { timeout: 60_000 });
}

/** `name==version` of every published release that the selector names, oldest first. @errors FARM_EDIT_SELECTOR, FARM_TOO_LARGE */
async function releasesOf({ database: { prisma } }: EditsPorts, request: EditPreviewRequest): Promise<string[]> {
  const { what } = request;
  if (request.undo !== undefined) fail('FARM_BAD_REQUEST', 'publish', { why: 'an undo is of one release' });
  const parsed = parseRequirement(what);
  if (!parsed.ok || parsed.value.url !== null || parsed.value.marker !== null || parsed.value.specifiers.length === 0) {
    return fail('FARM_EDIT_SELECTOR', 'publish', { what });
  }
  const { name, specifiers } = parsed.value;
  const rows = await prisma.file.groupBy({ by: ['version'], where: { project: name, kind: 'wheel', yanked: null } });
  const versions = rows.flatMap(({ version }) => {
    const one = parseVersion(version);
    return one.ok && satisfies(one.value, specifiers) ? [{ version, value: one.value }] : [];
  }).toSorted((a, b) => compareVersions(a.value, b.value));
  if (versions.length === 0) fail('FARM_EDIT_SELECTOR', 'publish', { what });
  if (versions.length > limits.editReleasesMax) fail('FARM_TOO_LARGE', 'publish', { limit: `${limits.editReleasesMax} releases` });
  return versions.map(({ version }) => `${name}==${version}`);
}

async function saysItAlready(ports: EditsPorts, request: EditPreviewRequest): Promise<boolean> {
  try {
    await drafted(ports, request);
    return false;
  } catch (error) {
    if (error instanceof FarmError && error.failure.code === 'FARM_EDIT_NOTHING') return true;
    throw error;
  }
}
