import type { FastifyInstance } from 'fastify';
import { badgeSvg, rssText } from '../../domain/badge.ts';
import { isValidName, normalizeName } from '../../domain/names.ts';
import type { Pages } from '../../page-ports.ts';

const itemsMax = 50;

/** Pictures and feeds for other sites: `/badge/NAME.svg`, `/feed.xml`. An unknown project has a grey badge, not an error. */
export function badgeRoutes(app: FastifyInstance, { pages, url }: { readonly pages: Pick<Pages, 'summary' | 'feed'>; readonly url: string }): void {
  app.get<{ Params: { file: string } }>('/badge/:file', async ({ params }, reply) => {
    const name = params.file.replace(/\.svg$/, '');
    const counts = isValidName(name) ? await pages.summary(normalizeName(name)) : null;
    return reply.headers({
      'content-type': 'image/svg+xml; charset=utf-8', 'cache-control': 'max-age=60', 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    }).send(badgeSvg(counts));
  });
  app.get('/feed.xml', async (_, reply) => {
    const { entries } = await pages.feed(null, itemsMax);
    const items = entries.map((one) => ({
      title: `${one.project} ${one.version}${one.kind === 'edit' ? ': metadata edited' : ''}`, link: `${url}/projects/${one.project}`,
      guid: `${url}/feed/${one.serial}/${one.project}/${one.version}`, at: one.at, text: one.files.map(({ filename }) => filename).join('\n'),
    }));
    return reply.header('content-type', 'application/rss+xml; charset=utf-8').header('cache-control', 'no-cache')
      .send(rssText({ title: 'Wheels published by this farm', link: `${url}/feed` }, items, (iso) => new Date(iso).toUTCString()));
  });
}
