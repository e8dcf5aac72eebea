import { createHmac, timingSafeEqual } from 'node:crypto';
import { Type } from 'typebox';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { AppPage, AppRequest, type GithubView } from '../../contract/registrations.ts';
import { fail } from '../../domain/failure.ts';
import { manifestOf } from '../../domain/github-app.ts';
import type { Github } from '../../github-ports.ts';

export interface GithubAppParts {
  readonly github: Pick<Github, 'adopt' | 'webhookSecret'>;
  readonly githubView: () => Promise<GithubView>;
}

const Opened = Type.Object({ state: Type.String({ maxLength: 200 }), organization: AppRequest.properties.organization });
const CameBack = Type.Object({ state: Type.String({ maxLength: 200 }), code: Type.String({ maxLength: 200, pattern: '^[\\w-]+$' }) });
/** So long somebody may look at GitHub's page; its own code lives an hour. @unit milliseconds */
const stateMs = 30 * 60 * 1000;

/**
 * The App of this farm, made by GitHub's manifest flow: an admin presses a button here and one at GitHub, and no key is
 * copied by hand. The pages are reached by links that only an admin was given: GitHub's redirect carries no session.
 */
export function githubAppRoutes(app: FastifyInstance, { github, githubView }: GithubAppParts): void {
  const signed = async (until: string): Promise<string> => createHmac('sha256', await github.webhookSecret()).update(`app ${until}`).digest('base64url');
  const mustBeState = async (state: string): Promise<void> => {
    const [until = '', given = ''] = state.split('.');
    const [a, b] = [Buffer.from(given), Buffer.from(await signed(until))];
    if (a.length !== b.length || !timingSafeEqual(a, b) || Number(until) < Date.now()) fail('FARM_BAD_REQUEST', 'plan', { why: 'the link to the App is too old, or an App was made since; press the button again' });
  };
  const base = async (): Promise<string> => (await githubView()).webhookUrl.replace(/\/hooks\/github$/, '');

  app.post<{ Body: AppRequest }>('/api/github/app',
    { schema: { body: AppRequest }, config: { access: { role: 'admin' }, words: { summary: 'A page that makes the GitHub App of the farm with one press.', answer: AppPage } } },
    async ({ body }) => {
      const until = String(Date.now() + stateMs);
      const query = new URLSearchParams({ state: `${until}.${await signed(until)}`, ...(body.organization ? { organization: body.organization } : {}) });
      return { page: `${await base()}/github/app/new?${query}` };
    });

  app.get<{ Querystring: { state: string; organization?: string } }>('/github/app/new', { schema: { querystring: Opened } }, async ({ query }, reply) => {
    await mustBeState(query.state);
    const { url } = await githubView();
    const where = query.organization ? `organizations/${encodeURIComponent(query.organization)}/settings/apps/new` : 'settings/apps/new';
    return sayPage(reply, new URL(url).origin, 'Make the GitHub App of this farm', [
      `<form method="post" action="${text(`${url}/${where}?${new URLSearchParams({ state: query.state })}`)}">`,
      `<input type="hidden" name="manifest" value="${text(JSON.stringify(manifestOf(await base())))}">`,
      `<p>GitHub shows what the App may: read code, write check runs and comments. It is private to ${query.organization ? text(query.organization) : 'your account'}.</p>`,
      `<p><button>Make the App on ${text(new URL(url).host)}</button></p></form>`,
    ]);
  });

  app.get<{ Querystring: { state: string; code: string } }>('/github/app', { schema: { querystring: CameBack } }, async ({ query }, reply) => {
    await mustBeState(query.state);
    const { slug, page } = await github.adopt(query.code);
    return sayPage(reply, "'none'", 'The App is made', [
      `<p>The farm keeps the keys of <strong>${text(slug)}</strong>.</p>`,
      `<p><a href="${text(page)}">Install it on your repositories</a>, then <a href="${text(`${await base()}/register`)}">register them</a>.</p>`,
    ]);
  });
}

const text = (value: string): string => value.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** A page of its own: the dashboard's policy lets no form leave the farm. */
function sayPage(reply: FastifyReply, formAction: string, title: string, lines: readonly string[]): FastifyReply {
  return reply.headers({
    'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY',
    'content-security-policy': `default-src 'none'; form-action ${formAction}; base-uri 'none'; frame-ancestors 'none'`,
  }).send(`<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">`
    + `<title>${text(title)}</title></head><body><main><h1>${text(title)}</h1>${lines.join('')}</main></body></html>`);
}
