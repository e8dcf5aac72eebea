import type { EditApproveRequest, EditRefuseRequest } from '../contract/edits.ts';
import type { EditApproval } from '../domain/edit-statement.ts';
import { fail, failure } from '../domain/failure.ts';
import type { EditsPorts } from './edits-request.ts';
import type { Edit } from './prisma/client/client.ts';
import { asJson, type Tx } from './prisma/database.ts';

const awaiting = 'awaiting-approval';
/** Whoever is at the farm's machine: with its own token, or on the pages of a farm that nobody else reaches. */
const local = 'local';
/** The account that owns tokens made with the farm's own. */
const farm = 'farm';

/** Who an account stands for: the farm's own token and the local admin are one person. */
export const personOf = (asker: string | undefined): string => (asker === undefined || asker === farm ? local : asker);

/** Logins of the maintainers of a project other than one person; the local admin is nobody's second. */
export async function otherMaintainers(tx: Tx, project: string, person: string): Promise<string[]> {
  const rows = await tx.account.findMany({
    where: {
      id: { notIn: [person, farm] }, kind: { not: local }, disabledAt: null,
      roles: { some: { role: { in: ['maintainer', 'admin'] }, project: { in: ['', project] } } },
    },
    orderBy: { login: 'asc' }, select: { login: true },
  });
  return rows.map(({ login }) => login);
}

/**
 * Records the yes of a second person and lets the edit go on, with all that wait in its batch.
 * @returns ids of the edits to start @errors FARM_EDIT_SAME_PERSON, FARM_EDIT_APPROVAL, FARM_EDIT_NOT_WAITING, FARM_NOT_FOUND
 */
export async function approveEdit(
  { database: { prisma }, clock }: EditsPorts, id: string, { request, asker }: { request: EditApproveRequest; asker: string | undefined },
): Promise<readonly string[]> {
  return prisma.$transaction(async (tx) => {
    const edits = await waiting(tx, id);
    const person = personOf(asker);
    for (const edit of edits) {
      const { project, version } = edit;
      const self = person === edit.requesterId;
      if (self) {
        const approvers = await otherMaintainers(tx, project, person);
        if (approvers.length > 0) fail('FARM_EDIT_SAME_PERSON', 'publish', { edit: edit.id, approvers: approvers.join(', ') });
        if ((request.selfApproval ?? '').replaceAll(/\s/g, '') !== `${project}==${version}`) fail('FARM_EDIT_APPROVAL', 'publish', { project, version });
      }
      const yes: EditApproval = { by: request.by, at: clock.now().toISOString(), kind: 'added-dependency', self };
      const approvals = [...edit.approvals as unknown as EditApproval[], yes];
      await tx.edit.update({ where: { id: edit.id }, data: { state: 'running', approvals: asJson(approvals) } });
    }
    return edits.map((edit) => edit.id);
  });
}

/** Ends an edit that waits, with all that wait in its batch. @errors FARM_EDIT_NOT_WAITING, FARM_NOT_FOUND */
export async function refuseEdit({ database: { prisma }, clock }: EditsPorts, id: string, { by, why }: EditRefuseRequest): Promise<void> {
  await prisma.$transaction(async (tx) => {
    const refused = asJson(failure('FARM_EDIT_REFUSED', 'publish', { who: by, why: why.trim() }));
    for (const edit of await waiting(tx, id)) {
      await tx.edit.update({ where: { id: edit.id }, data: { state: 'refused', failure: refused, endedAt: clock.now() } });
    }
  });
}

/** The edits that wait together, locked until the transaction ends. */
async function waiting(tx: Tx, id: string): Promise<readonly Edit[]> {
  const asked = await tx.edit.findUnique({ where: { id } }) ?? fail('FARM_NOT_FOUND', 'publish', { thing: `edit ${id}` });
  const together = asked.batchId === null ? { id } : { batchId: asked.batchId };
  const ids = (await tx.edit.findMany({ where: { ...together, state: awaiting }, select: { id: true } })).map((one) => one.id);
  await tx.$executeRaw`select 1 from edit where id = any(${ids}) order by id for update`;
  const edits = await tx.edit.findMany({ where: { id: { in: ids }, state: awaiting }, orderBy: { id: 'asc' } });
  if (edits.some((edit) => edit.id === id)) return edits;
  const { state, project, version } = await tx.edit.findUniqueOrThrow({ where: { id } });
  return fail('FARM_EDIT_NOT_WAITING', 'publish', { edit: id, state, project, version });
}
