import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Accounts } from '../account-ports.ts';
import type { AccountView } from '../contract/accounts.ts';
import { limits } from '../contract/limits.ts';
import { fail } from '../domain/failure.ts';
import { isRole, mayAct, narrowed, type Actor, type Grant, type Role } from '../domain/roles.ts';
import { asksOf } from './accounts-asks.ts';
import { tokensOf, workerRole } from './accounts-tokens.ts';
import type { Account, AccountRole, ApiToken } from './prisma/client/client.ts';
import type { Database } from './prisma/database.ts';
import { projectOfAlert } from './prisma/registration-rows.ts';

const localLogin = 'local admin';
const farm = 'farm';
const auditPage = 100;

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
export const secretText = (): string => randomBytes(32).toString('base64url');

/** Port Accounts. */
export function prismaAccounts({ prisma, pool }: Database): Accounts {
  const openSession: Accounts['openSession'] = async (accountId, token) => {
    const cookie = secretText();
    const expiresAt = new Date(Date.now() + limits.sessionMs);
    const opener = token === undefined ? null : await prisma.apiToken.findUniqueOrThrow({ where: { hash: sha256(token) } });
    await prisma.session.create({ data: { hash: sha256(cookie), accountId, expiresAt, tokenId: opener?.id ?? null } });
    await prisma.session.deleteMany({ where: { expiresAt: { lt: new Date() } } });
    return { cookie, expiresAt };
  };
  return {
    async byToken(token) {
      const found = await prisma.apiToken.findUnique({ where: { hash: sha256(token) }, include: { account: { include: { roles: true } } } });
      if (!found || !isInForce(found) || found.account.disabledAt || found.role === workerRole) return null;
      // Once a minute is enough to see that a token is in use.
      await noteUse(pool, found.id);
      return { ...actorOf(found.account, 'token'), grants: narrowed(grantsOf(found.account.roles), grantOf(found)) };
    },
    async isWorker(token) {
      const found = await prisma.apiToken.findUnique({ where: { hash: sha256(token) }, include: { account: { include: { roles: true } } } });
      if (!found || found.role !== workerRole || !isInForce(found) || found.account.disabledAt) return false;
      // Its account let it in as an admin of the farm, and may no more than that account still may.
      if (!mayAct(grantsOf(found.account.roles), 'admin', '')) return false;
      await noteUse(pool, found.id);
      return true;
    },
    async bySession(cookie) {
      const found = await prisma.session.findUnique({ where: { hash: sha256(cookie) }, include: { account: { include: { roles: true } } } });
      if (!found || found.expiresAt < new Date() || found.account.disabledAt) return null;
      const grants = grantsOf(found.account.roles);
      if (found.tokenId === null) {
        const { kind, providerId, login } = found.account;
        return { ...actorOf(found.account, 'session'), grants, ...(kind === 'github' && providerId !== null ? { person: login } : {}) };
      }
      const token = await prisma.apiToken.findUnique({ where: { id: found.tokenId } });
      return token && isInForce(token) ? { ...actorOf(found.account, 'session'), grants: narrowed(grants, grantOf(token)) } : null;
    },
    openSession,
    async openLocal() {
      await prisma.account.createMany({ data: [{ id: 'local', login: localLogin, kind: 'local' }], skipDuplicates: true });
      await prisma.accountRole.createMany({ data: [{ accountId: 'local', role: 'admin', givenBy: farm }], skipDuplicates: true });
      return openSession('local');
    },
    async endSession(cookie) {
      await prisma.session.deleteMany({ where: { hash: sha256(cookie) } });
    },
    ofPerson: (person) => accountOfPerson(prisma, person),
    async hasAdmin() {
      return await prisma.accountRole.count({ where: { role: 'admin', project: '', account: { kind: { not: 'local' }, disabledAt: null } } }) > 0;
    },
    ...tokensOf(prisma),
    async list() {
      const accounts = await prisma.account.findMany({ include: { roles: true }, orderBy: { login: 'asc' } });
      return accounts.map(accountView);
    },
    async setRole(by, login, { project, role }) {
      const account = await prisma.account.upsert({ where: { login }, create: { id: randomUUID(), login, kind: 'github' }, update: {} });
      if (account.kind === 'local') return fail('FARM_BAD_REQUEST', 'plan', { why: 'the local admin is what it is' });
      if (role === null) await prisma.accountRole.deleteMany({ where: { accountId: account.id, project } });
      else await setGrant(prisma, { accountId: account.id, project, role, givenBy: by });
      return accountView(await prisma.account.findUniqueOrThrow({ where: { id: account.id }, include: { roles: true } }));
    },
    async write({ detail, ...entry }) {
      await prisma.auditEvent.create({ data: { ...entry, detail: JSON.parse(JSON.stringify(detail)) as object } });
    },
    async read(project, before) {
      const events = await prisma.auditEvent.findMany({
        where: { ...(project === null ? {} : { project }), ...(before === null ? {} : { id: { lt: BigInt(before) } }) },
        orderBy: { id: 'desc' }, take: auditPage,
      });
      return { events: events.map(({ id, at, detail, ...one }) => ({ ...one, id: String(id), at: at.toISOString(), detail: detail as Record<string, unknown> })) };
    },
    async projectOf({ kind, id }) {
      if (kind === 'edit') return (await prisma.edit.findUnique({ where: { id }, select: { project: true } }))?.project ?? null;
      if (kind === 'alert') return projectOfAlert({ prisma }, id);
      if (kind === 'hook') return (await prisma.hook.findUnique({ where: { id }, select: { project: true } }))?.project ?? null;
      return (await prisma.build.findUnique({ where: { id }, select: { plan: { select: { release: { select: { project: true } } } } } }))?.plan.release.project ?? null;
    },
    ...asksOf(prisma),
  };
}

const noteUse = (pool: Database['pool'], id: string): Promise<unknown> => pool.query(
  `update api_token set last_used_at = now() where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')`, [id]);

const isInForce = ({ revokedAt, expiresAt }: ApiToken): boolean => revokedAt === null && (expiresAt === null || expiresAt > new Date());
const grantOf = ({ project, role }: ApiToken): Grant => ({ project, role: isRole(role) ? role : 'viewer' });

const grantsOf = (rows: readonly AccountRole[]): Grant[] =>
  rows.flatMap(({ project, role }) => (isRole(role) ? [{ project, role }] : []));

const actorOf = ({ id, login }: Account, via: 'session' | 'token'): Omit<Actor, 'grants'> => ({ accountId: id, login, via });

const accountView = (account: Account & { readonly roles: readonly AccountRole[] }): AccountView =>
  ({ login: account.login, kind: account.kind, createdAt: account.createdAt.toISOString(), grants: grantsOf(account.roles) });

interface GivenRole { readonly accountId: string; readonly project: string; readonly role: Role; readonly givenBy: string }

async function setGrant(prisma: Database['prisma'], grant: GivenRole): Promise<void> {
  const { accountId, project, role, givenBy } = grant;
  await prisma.accountRole.upsert({ where: { accountId_project: { accountId, project } }, create: grant, update: { role, givenBy } });
}

/** The provider's id decides: a login that changed hands is somebody else, who takes over nothing. */
async function accountOfPerson(prisma: Database['prisma'], { providerId, login }: { providerId: string; login: string }): Promise<string> {
  const known = await prisma.account.findUnique({ where: { providerId } });
  if (known) {
    if (known.login !== login) {
      await prisma.account.updateMany({ where: { login, NOT: { id: known.id } }, data: { login: `${login} (before ${new Date().toISOString()})` } });
      await prisma.account.update({ where: { id: known.id }, data: { login } });
    }
    return known.id;
  }
  const named = await prisma.account.findUnique({ where: { login } });
  // An admin named the login before its person came: the first one who has it takes it.
  if (named && named.providerId === null && named.kind === 'github') {
    await prisma.account.update({ where: { id: named.id }, data: { providerId } });
    return named.id;
  }
  if (named) await prisma.account.update({ where: { id: named.id }, data: { login: `${login} (before ${new Date().toISOString()})` } });
  return (await prisma.account.create({ data: { id: randomUUID(), login, kind: 'github', providerId } })).id;
}
