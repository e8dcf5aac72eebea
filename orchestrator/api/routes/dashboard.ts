import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { fail } from '../../domain/failure.ts';
import { acceptsCoding, matchesEtag } from './simple.ts';

/** A built file of the dashboard; `gzip` and `brotli` where they are smaller. */
export interface DashboardFile {
  readonly type: string;
  readonly bytes: Buffer;
  readonly gzip: Buffer | null;
  readonly brotli: Buffer | null;
}

export interface DashboardParts {
  /** The page, `/index.html`, and its files by their path below the dashboard; null while set-up has not built them. */
  files(): Promise<ReadonlyMap<string, DashboardFile> | null>;
  /** Digest of the sources that it was built from. */
  readonly digest: string;
  /** Path under which the farm is reached, with a slash at both ends. */
  readonly base: string;
  /** Signs in whoever opens a page, where that is all it takes; true where it has set a cookie. */
  readonly opened?: (request: FastifyRequest, reply: FastifyReply) => Promise<boolean>;
}

/** Every address that is a page; the router of the dashboard knows the same ones. */
export const pageAddresses = [
  '/', '/projects/:name', '/projects/:name/edit/:version', '/projects/:name/ask', '/attempts/:id', '/builds/:id', '/file/:filename',
  '/edits', '/edits/:id', '/register', '/queue', '/workers', '/status', '/feed', '/account', '/audit', '/sign-in', '/api',
] as const;

/** Scripts and styles of the dashboard's own files only: a log line or a summary that is markup runs nowhere. */
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
  + "base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/** The pages for people: one document for all of them, and its files, which never change under their names. */
export function dashboardRoutes(app: FastifyInstance, parts: DashboardParts): void {
  const etag = `"${parts.digest}"`;
  const page = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const document = (await parts.files())?.get('index.html');
    if (!document) return fail('FARM_SETUP_FAILED', 'plan', { part: 'dashboard', why: 'it is not built', mend: 'Run: ./farm setup' });
    const signed = await parts.opened?.(request, reply) ?? false;
    reply.headers({
      'content-security-policy': policy, 'cache-control': 'no-cache', etag, 'referrer-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin', 'x-frame-options': 'DENY', 'content-type': 'text/html; charset=utf-8',
    });
    if (matchesEtag(request.headers['if-none-match'], etag) && !signed) return reply.code(304).send();
    return reply.send(document.bytes.toString('utf8').replace('<base href="/">', `<base href="${parts.base}">`));
  };
  for (const url of pageAddresses) app.get(url, page);
  app.get<{ Params: { '*': string } }>('/assets/*', async (request, reply) => {
    const path = `assets/${request.params['*']}`;
    const file = (await parts.files())?.get(path) ?? fail('FARM_NOT_FOUND', 'publish', { thing: `file ${path}` });
    reply.headers({ 'cache-control': 'public, max-age=31536000, immutable', vary: 'accept-encoding', 'content-type': file.type });
    const accepted = request.headers['accept-encoding'];
    if (file.brotli && acceptsCoding(accepted, 'br')) return reply.header('content-encoding', 'br').send(file.brotli);
    if (file.gzip && acceptsCoding(accepted, 'gzip')) return reply.header('content-encoding', 'gzip').send(file.gzip);
    return reply.send(file.bytes);
  });
}
