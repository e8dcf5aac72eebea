import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Accounts } from '../../account-ports.ts';
import {
  AccountView, AskRequest, AuditView, HookRequest, HookView, NewHook, NewToken, RoleChange, TokenRequest, TokenView,
} from '../../contract/accounts.ts';
import { fail } from '../../domain/failure.ts';
import { isValidName, normalizeName } from '../../domain/names.ts';
import { mayAct, type Actor, type Role } from '../../domain/roles.ts';
import { ofField, ofHook, ofName } from '../plugins/access.ts';

const ById = Type.Object({ id: Type.String({ maxLength: 64 }) });
const ByName = Type.Object({ name: Type.String({ maxLength: 200 }) });
const ByLogin = Type.Object({ login: Type.String({ pattern: '^[A-Za-z0-9-]{1,39}$' }) });
const AuditQuery = Type.Object({ project: Type.Optional(Type.String({ maxLength: 200 })), before: Type.Optional(Type.String({ pattern: '^[0-9]{1,18}$' })) });
const HookQuery = Type.Object({ project: Type.Optional(Type.String({ maxLength: 200 })) });

/** Tokens, roles, audit, requests for platforms and outgoing webhooks. */
export function accountRoutes(app: FastifyInstance, { accounts }: { readonly accounts: Accounts }): void {
  tokenRoutes(app, accounts);
  roleRoutes(app, accounts);
  hookRoutes(app, accounts);
  app.post<{ Params: { name: string }; Body: { platform: string; why?: string } }>('/api/projects/:name/asks',
    { schema: { params: ByName, body: AskRequest }, config: { access: { role: 'open', project: ofName }, words: { summary: 'Asks for a platform; anybody may.' } } },
    async (request, reply) => {
      const { platform, why = '' } = request.body;
      const project = isValidName(request.params.name) ? normalizeName(request.params.name) : '';
      await accounts.ask({ project, platform, why: why.trim(), asker: askerOf(request) });
      return reply.code(204).send();
    });
}

/** An account, or a digest of a stranger's address: it tells two apart and names nobody. */
const askerOf = (request: FastifyRequest): string =>
  request.actor?.login ?? `address ${createHash('sha256').update(`ask ${request.ip}`).digest('hex').slice(0, 16)}`;

const who = (request: FastifyRequest): Actor => request.actor ?? fail('FARM_UNAUTHORIZED', 'plan');

function tokenRoutes(app: FastifyInstance, accounts: Accounts): void {
  app.get('/api/tokens', { config: { guarded: true, access: { role: 'viewer', project: anyOwn }, words: { summary: 'Your tokens; an admin sees all.', answer: Type.Array(TokenView) } } },
    (request) => accounts.tokens(who(request)));
  app.post<{ Body: TokenRequest }>('/api/tokens',
    { schema: { body: TokenRequest }, config: { access: { role: 'viewer', project: anyOwn }, words: { summary: 'Makes a token; it is shown this once.', answer: NewToken } } },
    async (request, reply) => {
      const { project } = request.body;
      if (project && !isValidName(project)) fail('FARM_BAD_REQUEST', 'plan', { why: 'project is no name' });
      const order = { ...request.body, ...(project ? { project: normalizeName(project) } : {}) };
      return reply.code(201).header('cache-control', 'no-store').send(await accounts.addToken(who(request), order));
    });
  app.delete<{ Params: { id: string } }>('/api/tokens/:id',
    { schema: { params: ById }, config: { access: { role: 'viewer', project: anyOwn }, words: { summary: 'Revokes a token at once.' } } },
    async (request, reply) => {
      await accounts.revokeToken(who(request), request.params.id);
      return reply.code(204).send();
    });
}

/** Somebody with a role in one project only has tokens, too: the project in question is that one. */
function anyOwn({ actor }: FastifyRequest): string {
  return actor?.grants[0]?.project ?? '';
}

function roleRoutes(app: FastifyInstance, accounts: Accounts): void {
  app.get('/api/accounts', { config: { guarded: true, access: { role: 'admin' }, words: { summary: 'Accounts with their roles.', answer: Type.Array(AccountView) } } },
    () => accounts.list());
  app.put<{ Params: { login: string }; Body: { project?: string; role: Role | null } }>('/api/accounts/:login/roles',
    { schema: { params: ByLogin, body: RoleChange }, config: { access: { role: 'admin', project: ofField }, words: { summary: 'Gives a role, or with null takes it.', answer: AccountView } } },
    (request) => accounts.setRole(who(request).login, request.params.login, { project: request.project, role: request.body.role }));
  app.get<{ Querystring: { project?: string; before?: string } }>('/api/audit',
    { schema: { querystring: AuditQuery }, config: { guarded: true, access: { role: 'admin', project: ofField }, words: { summary: 'Who did what, newest first.', answer: AuditView } } },
    (request) => accounts.read(request.query.project === undefined ? null : request.project, request.query.before ?? null));
}

function hookRoutes(app: FastifyInstance, accounts: Accounts): void {
  app.get<{ Querystring: { project?: string } }>('/api/hooks',
    { schema: { querystring: HookQuery }, config: { guarded: true, access: { role: 'admin', project: ofField }, words: { summary: 'Outgoing webhooks.', answer: Type.Array(HookView) } } },
    (request) => accounts.hooks(request.query.project === undefined ? null : request.project));
  app.post<{ Body: { project?: string; url: string } }>('/api/hooks',
    { schema: { body: HookRequest }, config: { access: { role: 'admin', project: ofField }, words: { summary: 'Tells an address of every publish, signed with the secret that is shown this once.', answer: NewHook } } },
    async (request, reply) => {
      const { url } = request.body;
      // Only an admin of the farm may name an address: the farm's own network is reached from here.
      if (!mayAct(who(request).grants, 'admin', '')) fail('FARM_FORBIDDEN', 'plan', { role: 'admin', project: 'the whole farm', who: who(request).login });
      if (!URL.canParse(url)) fail('FARM_BAD_REQUEST', 'plan', { why: 'url is no address' });
      return reply.code(201).header('cache-control', 'no-store').send(await accounts.addHook(who(request).login, { project: request.project, url }));
    });
  app.delete<{ Params: { id: string } }>('/api/hooks/:id',
    { schema: { params: ById }, config: { access: { role: 'admin', project: ofHook }, words: { summary: 'Ends a webhook.' } } },
    async (request, reply) => {
      await accounts.removeHook(request.params.id);
      return reply.code(204).send();
    });
}

