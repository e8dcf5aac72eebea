import type { FastifyInstance } from 'fastify';
import { BuildView, SourceView } from '../../contract/api.ts';
import { RebuildRequest } from '../../contract/rebuilds.ts';
import type { Rebuilds } from '../../edit-ports.ts';
import { ofWhat } from '../plugins/access.ts';

/** `/api/rebuilds`: a published release built again. */
export function rebuildRoutes(app: FastifyInstance, { rebuilds }: { readonly rebuilds: Rebuilds }): void {
  app.post<{ Body: RebuildRequest }>('/api/rebuilds/sources',
    { schema: { body: RebuildRequest }, config: { access: { role: 'trigger', project: ofWhat }, words: { summary: 'Makes the sdist of a release under another version.', answer: SourceView } } },
    async (request, reply) => reply.code(201).send(await rebuilds.source(request.body)));

  app.post<{ Body: RebuildRequest }>('/api/rebuilds',
    { schema: { body: RebuildRequest }, config: { access: { role: 'trigger', project: ofWhat }, words: { summary: 'Builds a published release again.', answer: BuildView } } },
    async (request, reply) => reply.code(201).send(await rebuilds.start(request.body)));
}
