import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isValidName, normalizeName } from '../../domain/names.ts';
import { fail } from '../../domain/failure.ts';
import { jsonType, negotiate } from '../../domain/simple-index.ts';
import type { IndexPages, ServedPage, UpstreamIndex } from '../../index-ports.ts';

type PageRequest = FastifyRequest<{ Params: { name: string }; Querystring: { format?: string } }>;

/**
 * `/simple/` and `/simple/NAME/`. A name that the farm answers for comes from the farm only; every other name comes
 * from upstream.
 */
export function simpleRoutes(app: FastifyInstance, parts: { pages: IndexPages; upstream: UpstreamIndex }): void {
  app.get('/simple', (_, reply) => reply.redirect('simple/', 301));
  app.get<{ Querystring: { format?: string } }>('/simple/', (request, reply) =>
    sendPage(request, reply, parts.pages.list()));
  app.get<{ Params: { name: string } }>('/simple/:name', (request, reply) =>
    reply.redirect(`${nameOf(request.params.name)}/${queryOf(request.url)}`, 301));
  app.get('/simple/:name/', async (request: PageRequest, reply) => {
    const name = nameOf(request.params.name);
    if (name !== request.params.name) return reply.redirect(`../${name}/${queryOf(request.url)}`, 301);
    const own = await parts.pages.page(name);
    if (own) return sendPage(request, reply, own);
    const proxied = await parts.upstream.page(name);
    if (!proxied) return fail('FARM_PROJECT_UNKNOWN', 'publish', { project: name });
    if (proxied.stale) reply.header('warning', '110 - "Response is Stale"');
    return sendPage(request, reply, proxied.page);
  });
}

function nameOf(text: string): string {
  return isValidName(text) ? normalizeName(text) : fail('FARM_PROJECT_UNKNOWN', 'publish', { project: text });
}

const queryOf = (url: string): string => (url.includes('?') ? url.slice(url.indexOf('?')) : '');

/** Answers from the buffers of the page: 200, 304 or 406. */
function sendPage(
  request: FastifyRequest<{ Querystring: { format?: string } }>, reply: FastifyReply, page: ServedPage,
): FastifyReply {
  reply.header('vary', 'Accept');
  const { format } = request.query;
  const type = negotiate(request.headers.accept, typeof format === 'string' ? format : undefined);
  if (type === null) {
    return reply.code(406).header('cache-control', 'no-store').type('text/plain; charset=utf-8')
      .send(`This page comes as ${jsonType}, application/vnd.pypi.simple.v1+html or text/html.\n`);
  }
  const [body, etag] = type === jsonType ? [page.json, page.etagJson] : [page.html, page.etagHtml];
  reply.header('cache-control', 'no-cache').header('etag', etag);
  if (page.serial > 0) reply.header('x-farm-serial', String(page.serial));
  if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).send();
  return reply.header('content-type', type === 'text/html' ? 'text/html; charset=utf-8' : type)
    .header('x-content-type-options', 'nosniff').send(body);
}

/** Whether an Accept-Encoding takes a coding; one with the weight 0 is refused. @source RFC 9110, 12.5.3 */
export const acceptsCoding = (header: string | string[] | undefined, coding: 'br' | 'gzip'): boolean =>
  String(header ?? '').split(',').some((one) => new RegExp(`^\\s*${coding}\\s*(;(?!\\s*q=0(\\.0*)?\\s*$)|$)`, 'i').test(one));

/** Whether an If-None-Match names the ETag; weak comparison. @source RFC 9110, 13.1.2 */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
}
