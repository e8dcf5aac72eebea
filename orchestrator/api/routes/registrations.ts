import { Type } from 'typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Acknowledgement, AlertView, GithubView, HookByHand, Proposal, ProposalRequest, RegistrationRequest, RegistrationView, TriggerView } from '../../contract/registrations.ts';
import { limits } from '../../contract/limits.ts';
import { fail } from '../../domain/failure.ts';
import { normalizeName } from '../../domain/names.ts';
import { mayAct, type Role } from '../../domain/roles.ts';
import type { Accounts } from '../../account-ports.ts';
import type { Github, Registrant, Registrations, Webhooks } from '../../github-ports.ts';
import { ofAlert } from '../plugins/access.ts';
import { githubAppRoutes } from './github-app.ts';

const ByProject = Type.Object({ project: Type.String({ maxLength: 214 }) });
const Newest = Type.Object({ limit: Type.Optional(Type.String({ pattern: '^[0-9]{1,3}$' })), project: Type.Optional(Type.String({ maxLength: 214 })) });
const AlertQuery = Type.Object({ ...Newest.properties, all: Type.Optional(Type.String({ pattern: '^1$' })) });
const OneProject = Type.Object({ project: Newest.properties.project });
const ById = Type.Object({ id: Type.String({ maxLength: 64 }) });
const TokenRequest = Type.Object({ token: Type.String({ minLength: 10, maxLength: 400, pattern: '^[\\w-]+$' }) });
const shownMax = 200;

export interface RegistrationParts {
  readonly registrations: Registrations;
  readonly webhooks: Webhooks;
  readonly github: Github;
  /** What the farm has of GitHub, without its secrets. */
  readonly githubView: () => Promise<GithubView>;
  /** Absent on a farm without accounts. */
  readonly accounts?: Pick<Accounts, 'setRole'>;
}

/**
 * Who registers: somebody with the role, or a person who signed in with GitHub and may administer what is registered.
 * @errors FARM_UNAUTHORIZED, FARM_FORBIDDEN
 */
function registrantOf({ actor }: FastifyRequest, role: Role): Registrant {
  if (!actor) return fail('FARM_UNAUTHORIZED', 'plan');
  if (!mayAct(actor.grants, role, '') && actor.person === undefined) fail('FARM_FORBIDDEN', 'plan', { role, project: 'the whole farm', who: actor.login });
  return { login: actor.login, admin: mayAct(actor.grants, 'admin', ''), person: actor.person ?? null };
}

/** `/api/registrations`, `/api/triggers`, `/api/alerts`, `/api/github` and the door for GitHub's webhooks. */
export async function registrationRoutes(app: FastifyInstance, { registrations, webhooks, github, githubView, accounts }: RegistrationParts): Promise<void> {
  const projectIn = (request: FastifyRequest): string => normalizeName((request.params as { project: string }).project);
  const filterOf = ({ limit = '20', project }: { limit?: string; project?: string }): { limit: number; project?: string } =>
    ({ limit: Math.min(Number(limit), shownMax), ...(project === undefined ? {} : { project: normalizeName(project) }) });

  app.post<{ Body: ProposalRequest }>('/api/registrations/proposal',
    { schema: { body: ProposalRequest }, config: { access: { role: 'open' }, words: { summary: 'What registering would do; writes nothing.', answer: Proposal } } },
    (request) => registrations.propose(request.body, registrantOf(request, 'trigger')));

  app.post<{ Body: RegistrationRequest }>('/api/registrations',
    { schema: { body: RegistrationRequest }, config: { access: { role: 'open' }, words: { summary: 'Registers a repository or watches a name.', answer: RegistrationView } } },
    async (request, reply) => {
      const who = registrantOf(request, 'admin');
      const made = await registrations.register({ ...request.body, by: request.actor?.via === 'farm' ? request.body.by : who.login }, who);
      // Whoever brings a project keeps it: its edits and rebuilds are theirs.
      if (!who.admin) await accounts?.setRole('farm', who.login, { project: made.project, role: 'maintainer' });
      return reply.code(201).send(made);
    });

  app.get<{ Querystring: { project?: string } }>('/api/registrations',
    { schema: { querystring: OneProject }, config: { words: { summary: 'What is registered.', answer: Type.Array(RegistrationView) } } },
    ({ query: { project } }) => registrations.list(project === undefined ? {} : { project: normalizeName(project) }));

  app.get<{ Params: { project: string } }>('/api/registrations/:project',
    { schema: { params: ByProject }, config: { words: { summary: 'One registration.', answer: RegistrationView } } },
    (request) => registrations.view(request.params.project));

  app.delete<{ Params: { project: string } }>('/api/registrations/:project',
    { schema: { params: ByProject }, config: { access: { role: 'admin', project: projectIn }, words: { summary: 'Takes a registration away; what was published stays.' } } },
    async (request, reply) => {
      await registrations.remove(request.params.project, request.actor?.login ?? 'nobody');
      return reply.code(204).send();
    });

  app.get<{ Querystring: { limit?: string; project?: string } }>('/api/triggers',
    { schema: { querystring: Newest }, config: { words: { summary: 'Announced releases, newest first.', answer: Type.Array(TriggerView) } } },
    ({ query }) => registrations.triggers(filterOf(query)));

  app.get<{ Querystring: { limit?: string; project?: string; all?: string } }>('/api/alerts',
    { schema: { querystring: AlertQuery }, config: { words: { summary: 'What a person must know of, newest first.', answer: Type.Array(AlertView) } } },
    ({ query }) => registrations.alerts({ ...filterOf(query), all: query.all !== undefined }));

  app.post<{ Params: { id: string }; Body: Acknowledgement }>('/api/alerts/:id/acknowledge',
    { schema: { params: ById, body: Acknowledgement }, config: { access: { role: 'maintainer', project: ofAlert }, words: { summary: 'Takes an alert off the pages; what it stopped stays stopped.', answer: AlertView } } },
    (request) => registrations.acknowledge(request.params.id, request.body));

  app.get('/api/github', { config: { words: { summary: 'What the farm has of GitHub.', answer: GithubView } } }, () => githubView());

  app.post<{ Body: { token: string } }>('/api/github/token',
    { schema: { body: TokenRequest }, config: { access: { role: 'admin' }, words: { summary: 'Keeps the token of a person.', answer: GithubView } } },
    async (request) => {
      await github.takeToken(request.body.token);
      return githubView();
    });

  app.post('/api/github/webhook', { config: { access: { role: 'admin' }, words: { summary: 'Address and secret of a webhook that is set up by hand.', answer: HookByHand } } },
    async () => ({ url: (await githubView()).webhookUrl, secret: await github.webhookSecret() }));

  githubAppRoutes(app, { github, githubView });
  await app.register(async (door) => webhookDoor(door, webhooks));
}

/** Bytes first: the signature is over what was sent, not over what a parser makes of it. */
function webhookDoor(app: FastifyInstance, webhooks: Webhooks): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: limits.webhookBytesMax }, (_request, bytes, done) => done(null, bytes));
  app.post('/hooks/github', { bodyLimit: limits.webhookBytesMax }, async (request, reply) => {
    const header = (name: string): string => String(request.headers[name] ?? '');
    if (!Buffer.isBuffer(request.body)) return fail('FARM_BAD_REQUEST', 'plan', { why: 'the delivery has no body' });
    const answer = await webhooks.take({
      id: header('x-github-delivery'), event: header('x-github-event'), signature: header('x-hub-signature-256'), bytes: request.body,
    });
    return reply.code(202).send(answer);
  });
}
