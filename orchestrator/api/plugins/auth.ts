import { createHash, timingSafeEqual } from 'node:crypto';
import '@fastify/cookie';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Accounts } from '../../account-ports.ts';
import { fail } from '../../domain/failure.ts';
import { mayAct, type Actor, type Role } from '../../domain/roles.ts';

/** What a route asks of who comes. */
export interface Access {
  /** The role that it takes; `open` takes none, but a browser must come from the farm's own pages. */
  readonly role: Role | 'open';
  /** The project that it is about; null or absent: the whole farm. */
  readonly project?: (request: FastifyRequest, accounts: Pick<Accounts, 'projectOf'>) => Promise<string | null> | string | null;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A route that is read with a token only. */
    guarded?: true;
    /** Absent on a route that changes something: an admin of the farm. */
    access?: Access;
  }
  interface FastifyRequest { actor: Actor | null; project: string }
}

export interface GuardOptions {
  /** The farm's own token: may do everything under `/api/`. */
  readonly apiToken: string;
  /** Of the farm's own worker: everything under `/worker/`. */
  readonly workerToken: string;
  /** Names in the Host header that are answered, without port; null for every name. */
  readonly hosts: readonly string[] | null;
  /** Absent: the farm's own token is the only one. */
  readonly accounts?: Pick<Accounts, 'byToken' | 'isWorker' | 'bySession' | 'projectOf' | 'write'>;
  /** Where browsers reach the farm, where a proxy stands before it: `https://farm.example`. */
  readonly origin?: string;
  /** Name of the session's cookie. */
  readonly cookie?: string;
}

const reading = new Set(['GET', 'HEAD', 'OPTIONS']);
const farmActor: Actor = { accountId: 'farm', login: 'farm', via: 'farm', grants: [{ project: '', role: 'admin' }] };

/**
 * Lets nobody in without the right token or session. On a loopback address the Host header must name this machine: a
 * page of a stranger whose name was pointed at 127.0.0.1 (DNS rebinding) could read the farm else.
 */
export function guard(app: FastifyInstance, options: GuardOptions): void {
  const { hosts, accounts } = options;
  const allowed = hosts ? new Set(['localhost', '127.0.0.1', '[::1]', ...hosts.map((host) => host.toLowerCase())]) : null;
  app.decorateRequest('actor', null);
  app.decorateRequest('project', '');
  app.addHook('onRequest', async (request) => {
    // The route that was found, not the request's path: `/%77orker/` finds the routes of `/worker/` too.
    const { url: route = '', config } = request.routeOptions;
    // A worker comes through whatever leads here (a tunnel, a forwarded port) and always shows its token.
    if (allowed && !route.startsWith('/worker/') && !allowed.has(hostOf(request))) {
      fail('FARM_BAD_REQUEST', 'plan', { why: 'the Host header names another machine' });
    }
    if (route.startsWith('/worker/') && !await isWorker(options, bearerOf(request))) fail('FARM_UNAUTHORIZED', 'plan');
    if (!route.startsWith('/api/')) return;
    const changes = !reading.has(request.method);
    const bearer = bearerOf(request);
    request.actor = bearer !== null ? await actorOfToken(options, bearer) : await actorOfCookie(options, request);
    // A browser sends the cookie by itself, so what it asks for must come from a page of this farm.
    if (changes && bearer === null && !isOwnPage(request, options.origin)) fail('FARM_CROSS_SITE', 'plan');
    if ((changes || config.guarded === true) && request.actor === null && config.access?.role !== 'open') fail('FARM_UNAUTHORIZED', 'plan');
  });
  app.addHook('preHandler', async (request) => {
    const { url: route = '', config } = request.routeOptions;
    const changes = !reading.has(request.method);
    if (!route.startsWith('/api/') || (!changes && config.access === undefined && config.guarded !== true)) return;
    const access: Access = config.access ?? { role: changes ? 'admin' : 'trigger' };
    request.project = await access.project?.(request, accounts ?? { projectOf: async () => null }) ?? '';
    const { actor, body } = request;
    // Who did it is who is signed in, whatever the body says; the farm's own command line names its user.
    if (actor && actor.via !== 'farm' && typeof body === 'object' && body !== null && 'by' in body) Object.assign(body, { by: actor.login });
    if (access.role === 'open') return;
    if (!actor) return fail('FARM_UNAUTHORIZED', 'plan');
    if (mayAct(actor.grants, access.role, request.project)) return;
    fail('FARM_FORBIDDEN', 'plan', { role: access.role, project: request.project || 'the whole farm', who: actor.login });
  });
  app.addHook('onResponse', async (request, reply) => {
    const { url: route = '' } = request.routeOptions;
    if (!accounts || reading.has(request.method) || !route.startsWith('/api/') || !request.actor) return;
    const { actor, project } = request;
    await accounts.write({
      actor: actor.login, via: actor.via, action: `${request.method} ${route}`, project, status: reply.statusCode, detail: detailOf(request),
    }).catch(() => undefined);
  });
}

/** What the audit log keeps of a request: what it was about, never a secret. */
function detailOf({ params, body }: FastifyRequest): Record<string, unknown> {
  const { what, targets, why, basis, role, project, platform, name, url, set, remove, bound, mode } = Object(body) as Record<string, unknown>;
  const kept = { ...Object(params) as object, what, targets, why, basis, role, project, platform, name, url, set, remove, bound, mode };
  return Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined));
}

/** The farm's own worker, or one that joined with a token of its own, which can be revoked. */
async function isWorker({ workerToken, accounts }: GuardOptions, bearer: string | null): Promise<boolean> {
  return isToken(bearer, workerToken) || (bearer !== null && bearer !== '' && await accounts?.isWorker(bearer) === true);
}

async function actorOfToken({ apiToken, accounts }: GuardOptions, bearer: string): Promise<Actor | null> {
  if (isToken(bearer, apiToken)) return farmActor;
  return bearer === '' ? null : await accounts?.byToken(bearer) ?? null;
}

async function actorOfCookie({ accounts, cookie }: GuardOptions, request: FastifyRequest): Promise<Actor | null> {
  const value = cookie === undefined ? undefined : cookieOf(request, cookie);
  return value === undefined ? null : await accounts?.bySession(value) ?? null;
}

/** The value of a cookie. */
export const cookieOf = (request: FastifyRequest, name: string): string | undefined => request.cookies[name] || undefined;

/**
 * Whether a browser says that the request comes from a page of this very origin. A request without either header is no
 * browser's; without a token it has nothing to lose but the right to ask openly.
 * @source Fetch metadata (W3C), RFC 6454
 */
function isOwnPage(request: FastifyRequest, own: string | undefined): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin } = request.headers;
  if (origin !== undefined) return origin === own || originHost(origin) === (request.headers.host ?? '').toLowerCase();
  return request.headers.cookie === undefined;
}

function originHost(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host.toLowerCase() : null;
}

const hostOf = (request: FastifyRequest): string => (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, '');

const bearerOf = (request: FastifyRequest): string | null => {
  const { authorization } = request.headers;
  return authorization === undefined ? null : /^Bearer (.+)$/.exec(authorization)?.[1] ?? '';
};

/** Compares digests, so that neither content nor length shows in the time it takes. */
function isToken(given: string | null, token: string): boolean {
  return timingSafeEqual(sha256(given ?? ''), sha256(token)) && token !== '' && given !== null;
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
