import { randomUUID } from 'node:crypto';
import type { Accounts } from '../account-ports.ts';
import type { TokenView } from '../contract/accounts.ts';
import { fail } from '../domain/failure.ts';
import { mayAct } from '../domain/roles.ts';
import { secretText, sha256 } from './accounts.ts';
import type { ApiToken } from './prisma/client/client.ts';
import type { Database } from './prisma/database.ts';

/** Marks our tokens, so that scanners of leaked secrets can know them. */
const prefix = 'whf_';
const day = 24 * 60 * 60 * 1000;
/** What a token of a worker is called where others have a role: it opens `/worker/` and nothing else. */
export const workerRole = 'worker';
/** The farm's own token makes tokens for this account. */
const owner = { id: 'farm', login: 'farm', kind: 'named' };

/** Tokens of port Accounts. */
export const tokensOf = (prisma: Database['prisma']): Pick<Accounts, 'tokens' | 'addToken' | 'revokeToken'> => ({
  async tokens(actor) {
    const rows = await prisma.apiToken.findMany({ where: ownOf(actor), orderBy: { createdAt: 'desc' } });
    return rows.map(viewOf);
  },
  async addToken(actor, { name, project = '', role, days }) {
    // A worker sees what it builds, of every project: only an admin of the farm lets one in.
    const [needed, where] = role === workerRole ? ['admin', ''] as const : [role, project];
    if (!mayAct(actor.grants, needed, where)) {
      return fail('FARM_FORBIDDEN', 'plan', { role: needed, project: where || 'the whole farm', who: actor.login });
    }
    if (actor.via === 'farm') {
      await prisma.account.createMany({ data: [owner], skipDuplicates: true });
      await prisma.accountRole.createMany({ data: [{ accountId: owner.id, role: 'admin', givenBy: owner.login }], skipDuplicates: true });
    }
    const token = prefix + secretText();
    const row = await prisma.apiToken.create({
      data: {
        id: randomUUID(), accountId: actor.via === 'farm' ? owner.id : actor.accountId, name: name.trim(), hash: sha256(token), project, role,
        expiresAt: days === undefined ? null : new Date(Date.now() + days * day),
      },
    });
    return { ...viewOf(row), token };
  },
  async revokeToken(actor, id) {
    const { count } = await prisma.apiToken.updateMany({ where: { id, revokedAt: null, ...ownOf(actor) }, data: { revokedAt: new Date() } });
    if (count === 0) fail('FARM_NOT_FOUND', 'plan', { thing: `token ${id} of yours that is in force` });
  },
});

/** An admin of the farm sees and revokes every token. */
const ownOf = (actor: Parameters<Accounts['tokens']>[0]): { accountId?: string } =>
  (mayAct(actor.grants, 'admin', '') ? {} : { accountId: actor.accountId });

const viewOf = (row: ApiToken): TokenView => ({
  id: row.id, name: row.name, project: row.project, role: row.role, createdAt: row.createdAt.toISOString(),
  expiresAt: row.expiresAt?.toISOString() ?? null, lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  revokedAt: row.revokedAt?.toISOString() ?? null,
});
