import { Type } from 'typebox';
import type { FastifyInstance } from 'fastify';
import { GitSourceRequest, SourceView } from '../../contract/api.ts';
import type { Sources } from '../../ports.ts';
import { bodyOf } from './body.ts';

const BySha256 = Type.Object({ sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) });
const ById = Type.Object({ id: Type.String({ maxLength: 64 }) });
const SourceQuery = Type.Object({
  kind: Type.Union([Type.Literal('folder'), Type.Literal('file')]),
  filename: Type.String({ minLength: 1, maxLength: 200, pattern: '^(?!\\.{1,2}$)[^/\\\\\\u0000-\\u001f\\u007f-\\u009f]+$' }),
  epoch: Type.Optional(Type.String({ pattern: '^[0-9]{1,10}$' })),
});
interface SourceQuery { kind: 'folder' | 'file'; filename: string; epoch?: string }

/** `/api/sources`: folders and sdists from somebody's disk. */
export function sourceRoutes(app: FastifyInstance, { sources }: { readonly sources: Sources }): void {
  app.put<{ Params: { sha256: string }; Querystring: SourceQuery }>('/api/sources/:sha256',
    {
      schema: { params: BySha256, querystring: SourceQuery },
      config: { access: { role: 'trigger' }, words: { summary: 'Sends an sdist, or a folder as .tar.gz; its sdist is then made.', answer: SourceView } },
    },
    (request) => {
      const { kind, filename, epoch } = request.query;
      return sources.add({ kind, filename, epoch: Number(epoch ?? 0), sha256: request.params.sha256, body: bodyOf(request) });
    });

  app.post<{ Body: { what: string } }>('/api/sources/git',
    { schema: { body: GitSourceRequest }, config: { access: { role: 'trigger' }, words: { summary: 'A repository at one commit; its sdist is then made.', answer: SourceView } } },
    (request) => sources.addGit(request.body.what));

  app.get('/api/sources',
    { config: { words: { summary: 'Sources whose sdist is being made, the newest first.', answer: Type.Array(SourceView) } } },
    () => sources.making());

  app.get<{ Params: { id: string } }>('/api/sources/:id',
    { schema: { params: ById }, config: { words: { summary: 'One source.', answer: SourceView } } },
    (request) => sources.view(request.params.id));

  app.post<{ Params: { id: string } }>('/api/sources/:id/cancel',
    { schema: { params: ById }, config: { access: { role: 'trigger' }, words: { summary: 'Ends the making of an sdist.' } } },
    async (request, reply) => {
      await sources.cancel(request.params.id);
      return reply.code(202).send();
    });
}
