import { Type } from 'typebox';
import type { FastifyInstance } from 'fastify';
import { ImportRequest, ImportView } from '../../contract/imports.ts';
import type { Imports } from '../../edit-ports.ts';

const ById = Type.Object({ id: Type.String({ maxLength: 64 }) });
const Newest = Type.Object({ limit: Type.Optional(Type.String({ pattern: '^[0-9]{1,3}$' })) });
const CancelRequest = Type.Object({ by: Type.String({ maxLength: 80 }) });
const newestMax = 200;

/** `/api/imports`: releases that are taken from the upstream index. */
export function importRoutes(app: FastifyInstance, { imports }: { readonly imports: Imports }): void {
  app.post<{ Body: ImportRequest }>('/api/imports',
    { schema: { body: ImportRequest }, config: { words: { summary: 'Takes a release from the upstream index.', answer: ImportView } } },
    async (request, reply) => reply.code(201).send(await imports.start(request.body)));

  app.get<{ Querystring: { limit?: string } }>('/api/imports',
    { schema: { querystring: Newest }, config: { words: { summary: 'Imports, newest first.', answer: Type.Array(ImportView) } } },
    (request) => imports.newest(Math.min(Number(request.query.limit ?? 20), newestMax)));

  app.get<{ Params: { id: string } }>('/api/imports/:id',
    { schema: { params: ById }, config: { words: { summary: 'One import, with its progress.', answer: ImportView } } },
    (request) => imports.view(request.params.id));

  app.post<{ Params: { id: string }; Body: { by: string } }>('/api/imports/:id/cancel',
    { schema: { params: ById, body: CancelRequest }, config: { words: { summary: 'Asks for the end of an import that is not being published yet.' } } },
    async (request, reply) => {
      await imports.cancel(request.params.id, request.body.by);
      return reply.code(202).send();
    });
}
