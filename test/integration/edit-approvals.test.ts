import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prismaAccounts } from '../../orchestrator/adapters/accounts.ts';
import { makeApp } from '../../orchestrator/api/app.ts';
import { editRoutes } from '../../orchestrator/api/routes/edits.ts';
import type { EditView } from '../../orchestrator/contract/edits.ts';
import { fail } from '../../orchestrator/domain/failure.ts';
import type { Role } from '../../orchestrator/domain/roles.ts';
import { startEditPlane, type EditPlane } from '../support/edit-plane.ts';
import { codeOf as code } from '../support/failures.ts';

const silent = new Proxy({}, { get: () => async () => fail('FARM_NOT_FOUND', 'plan', { thing: 'x' }) }) as never;
let kit: EditPlane;
let app: FastifyInstance;
let { edits } = {} as EditPlane;
let accounts: ReturnType<typeof prismaAccounts>;

beforeAll(async () => {
  kit = await startEditPlane();
  ({ edits } = kit);
  accounts = prismaAccounts(kit.plane.database);
  app = await makeApp({
    guard: { apiToken: 'own', workerToken: 'w', hosts: null, accounts },
    facts: { farmId: 't', version: '0', url: 'http://127.0.0.1', startedAt: new Date(), clock: { now: () => new Date() }, trustFingerprint: async () => '' },
    builds: silent, attempts: silent, sources: silent, tallies: silent, door: silent, pages: silent, live: silent,
    more: [(server) => editRoutes(server, { edits })],
  });
}, 300_000);
afterAll(async () => {
  await app.close();
  await kit.stop();
});

/** An account with a role, and a token of its. */
async function person(login: string, project: string, role: Role): Promise<string> {
  await accounts.setRole('farm', login, { project, role });
  const { id } = await kit.plane.database.prisma.account.findUniqueOrThrow({ where: { login } });
  const { token } = await accounts.addToken({ accountId: id, login, via: 'token', grants: [{ project, role }] }, { name: login, role, project });
  return token;
}
const send = (url: string, token: string, payload: object) => app.inject({ method: 'POST', url, headers: { authorization: `Bearer ${token}` }, payload });
const adding = (name: string) => ({ what: `${name}==1.0`, mode: 'respin', set: ['Requires-Dist: attrs>=22'], remove: [], bound: [] });

async function asked(name: string, token: string): Promise<EditView> {
  const { basis, approvers } = (await send('/api/edits/preview', token, adding(name))).json<{ basis: string; approvers: string[] }>();
  expect(approvers).toEqual(['bob']);
  const answer = await send('/api/edits', token, { ...adding(name), basis, why: 'it imports attrs', by: 'somebody', selfApproval: `${name}==1.0` });
  expect(answer.statusCode, answer.body).toBe(201);
  return answer.json<EditView>();
}

describe('an added dependency', () => {
  it('waits for a second maintainer, also where the requester typed the release; both stand in the attestation', async () => {
    const name = await kit.published();
    const [ann, bob, eve] = [await person('ann', name, 'maintainer'), await person('bob', name, 'maintainer'), await person('eve', name, 'trigger')];
    const edit = await asked(name, ann);
    expect(edit).toMatchObject({ state: 'awaiting-approval', requestedBy: 'ann', approvers: ['bob'], approvals: [{ by: 'ann', kind: 'edit' }] });
    expect(kit.plane.workflows.edits).not.toContain(edit.id);
    expect(await code(kit.started(name))).toBe('FARM_EDIT_RUNNING');
    const approve = (token: string) => send(`/api/edits/${edit.id}/approve`, token, { by: 'bob', selfApproval: `${name}==1.0` });
    expect([(await approve(eve)).statusCode, (await approve(ann)).json<{ code: string }>().code]).toEqual([403, 'FARM_EDIT_SAME_PERSON']);
    expect((await edits.view(edit.id)).state).toBe('awaiting-approval');
    const answer = (await approve(bob)).json<EditView>();
    expect(answer).toMatchObject({ state: 'running', approvers: [], approvals: [{ by: 'ann', self: true }, { by: 'bob', kind: 'added-dependency', self: false }] });
    expect(kit.plane.workflows.edits).toContain(edit.id);
    expect((await approve(bob)).json<{ code: string }>().code).toBe('FARM_EDIT_NOT_WAITING');
    await kit.deliver(edit.id);
    const [file] = (await edits.view(edit.id)).files;
    const bundle = await kit.plane.database.prisma.attestation.findFirstOrThrow({ where: { fileSha256: file?.sha256 ?? '', kind: 'provenance' } });
    const payload = (bundle.bundle as { dsseEnvelope: { payload: string } }).dsseEnvelope.payload;
    const statement = JSON.parse(Buffer.from(payload, 'base64').toString('utf8')) as { predicate: { buildDefinition: { externalParameters: { approvals: object[] } } } };
    expect(statement.predicate.buildDefinition.externalParameters.approvals).toMatchObject([{ by: 'ann', self: true }, { by: 'bob', self: false }]);
  });

  it('is refused with a reason, or cancelled while it waits; then the release is as it was and free', async () => {
    const name = await kit.published();
    const [ann, bob] = [await person('ann', name, 'maintainer'), await person('bob', name, 'maintainer')];
    const refused = await asked(name, ann);
    expect((await send(`/api/edits/${refused.id}/refuse`, bob, { by: 'x', why: ' ' })).statusCode).toBe(400);
    const answer = (await send(`/api/edits/${refused.id}/refuse`, bob, { by: 'x', why: 'vendored' })).json<EditView>();
    expect(answer).toMatchObject({ state: 'refused', failure: { code: 'FARM_EDIT_REFUSED', message: 'bob refused the edit: vendored.' } });
    const second = await asked(name, ann);
    await edits.cancel(second.id, 'ann');
    expect((await edits.view(second.id)).state).toBe('cancelled');
    expect(await code(edits.approve(second.id, { by: 'bob' }, 'bob'))).toBe('FARM_EDIT_NOT_WAITING');
    expect(await code(edits.approve('none', { by: 'bob' }, 'bob'))).toBe('FARM_NOT_FOUND');
    expect(await kit.filenames(name)).toEqual([`${name}-1.0-py3-none-any.whl`]);
    expect((await kit.started(name)).state).toBe('running');
  });

  it('of the one local admin is approved by typing; its token and its page are one person', async () => {
    const name = await kit.published();
    const farm = { accountId: 'farm', login: 'farm', via: 'farm', grants: [{ project: '', role: 'admin' }] } as const;
    await accounts.addToken(farm, { name: 'of the machine', role: 'admin' });
    expect(await code(kit.started(name, ['Requires-Dist: attrs']))).toBe('FARM_EDIT_APPROVAL');
    await person('bob', name, 'maintainer');
    const { id, state } = await kit.started(name, ['Requires-Dist: attrs'], { selfApproval: `${name}==1.0` });
    expect(state).toBe('awaiting-approval');
    for (const asker of [undefined, 'farm', 'local']) expect(await code(edits.approve(id, { by: 'x', selfApproval: `${name}==1.0` }, asker))).toBe('FARM_EDIT_SAME_PERSON');
    await accounts.setRole('farm', 'bob', { project: name, role: null });
    expect(await code(edits.approve(id, { by: 'x' }, 'local'))).toBe('FARM_EDIT_APPROVAL');
    const approved = await edits.approve(id, { by: 'x', selfApproval: `${name}==1.0` }, 'local');
    expect(approved.approvals.map(({ kind, self }) => [kind, self])).toEqual([['edit', true], ['added-dependency', true]]);
  });
});
