import { Type } from 'typebox';
import type { FastifyInstance } from 'fastify';
import { HistoryEntry, YankRequest, YankView } from '../../contract/history.ts';
import { ofWhat } from '../plugins/access.ts';
import type { Histories, Yanks } from '../../edit-ports.ts';

const Of = Type.Object({ what: Type.String({ maxLength: 300 }) });

/** `/api/yanks` and `/api/history`: what happens to a release after it was published. */
export function historyRoutes(app: FastifyInstance, { yanks, histories }: { readonly yanks: Yanks; readonly histories: Histories }): void {
  app.post<{ Body: YankRequest }>('/api/yanks',
    { schema: { body: YankRequest }, config: { access: { role: 'maintainer', project: ofWhat }, words: { summary: 'Yanks a release with a reason, or takes that back.', answer: YankView } } },
    async (request, reply) => reply.code(201).send(await yanks.yank(request.body)));

  app.get<{ Querystring: { what: string } }>('/api/history',
    { schema: { querystring: Of }, config: { words: { summary: 'Builds, imports, edits and yanks of a release, oldest first.', answer: Type.Array(HistoryEntry) } } },
    (request) => histories.of(request.query.what));
}
