import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { CookieSerializeOptions } from '@fastify/cookie';
import { Type } from 'typebox';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Accounts, SignIn } from '../../account-ports.ts';
import { SessionView, SignInRequest } from '../../contract/accounts.ts';
import { fail } from '../../domain/failure.ts';
import { cookieOf } from '../plugins/auth.ts';

export interface SessionParts {
  readonly accounts: Accounts;
  /** Absent where no client of GitHub is set up. */
  readonly signIn?: SignIn;
  /** Name of the session's cookie; the farm's id is in it, because cookies do not know ports. */
  readonly cookie: string;
  /** Where browsers reach the farm, no slash at the end. */
  readonly url: string;
  /** True where only this machine reaches the farm: whoever opens a page is its admin. */
  readonly local: boolean;
}

const Callback = Type.Object({
  code: Type.Optional(Type.String({ maxLength: 500 })), state: Type.Optional(Type.String({ maxLength: 200 })), error: Type.Optional(Type.String({ maxLength: 200 })),
});
const stateMs = 10 * 60 * 1000;

/** Signing in and out, with a token of the API or with GitHub. */
export function sessionRoutes(app: FastifyInstance, parts: SessionParts): void {
  const { accounts, cookie } = parts;
  const view = ({ actor }: FastifyRequest): SessionView => ({
    login: actor?.login ?? null, grants: [...actor?.grants ?? []], local: parts.local && actor?.accountId === 'local', github: parts.signIn !== undefined,
  });
  app.get('/api/session', { config: { words: { summary: 'Who is signed in, and what they may do.', answer: SessionView } } }, async (request, reply) => {
    reply.header('cache-control', 'no-store');
    return view(request);
  });
  app.post<{ Body: { token: string } }>('/api/session',
    { schema: { body: SignInRequest }, config: { access: { role: 'open' }, words: { summary: 'Signs a browser in with a token.', answer: SessionView } } },
    async (request, reply) => {
      const token = request.body.token.trim();
      const actor = await accounts.byToken(token) ?? fail('FARM_UNAUTHORIZED', 'plan');
      const opened = await accounts.openSession(actor.accountId, token);
      reply.setCookie(cookie, opened.cookie, cookieOptions(parts, opened.expiresAt));
      request.actor = { ...actor, via: 'session' };
      return view(request);
    });
  app.delete('/api/session', { config: { access: { role: 'open' }, words: { summary: 'Signs out.' } } }, async (request, reply) => {
    const value = cookieOf(request, cookie);
    if (value) await accounts.endSession(value);
    return reply.setCookie(cookie, '', cookieOptions(parts, new Date(0))).code(204).send();
  });
  if (parts.signIn) githubRoutes(app, parts, parts.signIn);
}

/** The cookie of the one local admin, for a page that is opened on the machine of the farm; true where it was set. */
export async function openLocalSession({ accounts, cookie, local, url }: SessionParts, request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
  // A page of a stranger may lead here, but then its requests come from another site and are refused.
  if (!local || !/^(::1|127\.|::ffff:127\.)/.test(request.ip) || request.headers['x-forwarded-for'] !== undefined) return false;
  const value = cookieOf(request, cookie);
  if (value && await accounts.bySession(value)) return false;
  const opened = await accounts.openLocal();
  reply.setCookie(cookie, opened.cookie, cookieOptions({ url }, opened.expiresAt));
  return true;
}

/** Strict, so that no other site's link or form carries it; not for scripts; only over TLS where the farm has it. */
function cookieOptions({ url }: Pick<SessionParts, 'url'>, expires: Date, sameSite: 'strict' | 'lax' = 'strict'): CookieSerializeOptions {
  const { pathname, protocol } = new URL(url);
  return { httpOnly: true, sameSite, secure: protocol === 'https:', path: `${pathname.replace(/\/+$/, '')}/`, expires };
}

/**
 * OAuth's web flow. State and verifier wait in a cookie that is Lax: the way back comes from another site. The session's
 * own cookie is Strict, so the last page leads on by itself instead of by a redirect, which would still be the other site's.
 */
function githubRoutes(app: FastifyInstance, parts: SessionParts, signIn: SignIn): void {
  const waiting = `${parts.cookie}_oauth`;
  const redirect = `${parts.url}/sign-in/github/callback`;
  app.get('/sign-in/github', async (_, reply) => {
    const [state, verifier] = [randomBytes(24).toString('base64url'), randomBytes(32).toString('base64url')];
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    reply.setCookie(waiting, `${state}.${verifier}`, cookieOptions(parts, new Date(Date.now() + stateMs), 'lax'));
    return reply.header('cache-control', 'no-store').redirect(signIn.address({ state, challenge, redirect }), 302);
  });
  app.get<{ Querystring: { code?: string; state?: string; error?: string } }>('/sign-in/github/callback', { schema: { querystring: Callback } }, async (request, reply) => {
    const [state = '', verifier = ''] = (cookieOf(request, waiting) ?? '').split('.');
    const { code, state: given = '', error } = request.query;
    if (error !== undefined) fail('FARM_SIGN_IN', 'plan', { why: error.slice(0, 80) });
    if (state === '' || !isSame(state, given) || code === undefined) fail('FARM_SIGN_IN', 'plan', { why: 'it was not begun in this browser, or too long ago' });
    const person = await signIn.identify({ code: code ?? '', verifier, redirect });
    const { cookie, expiresAt } = await parts.accounts.openSession(await parts.accounts.ofPerson(person));
    const home = `${new URL(parts.url).pathname.replace(/\/+$/, '')}/`;
    return reply
      .setCookie(parts.cookie, cookie, cookieOptions(parts, expiresAt)).setCookie(waiting, '', cookieOptions(parts, new Date(0), 'lax'))
      .headers({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'content-security-policy': "default-src 'none'; frame-ancestors 'none'" })
      .send(`<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Signed in</title><meta http-equiv="refresh" content="0;url=${home}"></head>`
        + `<body><p>You are signed in. <a href="${home}">Go on</a></p></body></html>`);
  });
}

const isSame = (left: string, right: string): boolean => {
  const [a, b] = [createHash('sha256').update(left).digest(), createHash('sha256').update(right).digest()];
  return timingSafeEqual(a, b);
};
