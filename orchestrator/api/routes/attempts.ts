import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Type } from 'typebox';
import type { FastifyInstance } from 'fastify';
import { AttemptView } from '../../contract/api.ts';
import type { Attempts } from '../../ports.ts';
import type { Follow } from '../plugins/followers.ts';

const ById = Type.Object({ id: Type.String({ maxLength: 64 }) });
const LogQuery = Type.Object({
  offset: Type.Optional(Type.String({ pattern: '^[0-9]{1,12}$' })),
  follow: Type.Optional(Type.String({ pattern: '^[01]$' })),
});

/** `/api/attempts`: one attempt and its log. */
export function attemptRoutes(app: FastifyInstance, { attempts }: { readonly attempts: Attempts }, follow: Follow): void {
  app.get<{ Params: { id: string } }>('/api/attempts/:id',
    { schema: { params: ById }, config: { words: { summary: 'One attempt with its steps.', answer: AttemptView } } },
    (request) => attempts.view(request.params.id));

  app.get<{ Params: { id: string }; Querystring: { offset?: string; follow?: string } }>('/api/attempts/:id/log',
    {
      schema: { params: ById, querystring: LogQuery },
      config: { words: { summary: 'Log text from an offset on; follow=1 streams until the attempt has ended.' } },
    },
    async (request, reply) => {
      const { id } = request.params;
      await attempts.view(id);   // an unknown attempt is a Problem, not an empty log
      const follows = request.query.follow === '1';
      const signal = follow(reply);
      const bytes = attempts.log(id, { offset: Number(request.query.offset ?? 0), follow: follows, signal });
      reply.hijack();
      reply.raw.writeHead(200, {
        'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff',
      });
      // The reader learns at once that it is connected, though the first line may be far.
      reply.raw.flushHeaders();
      await pipeline(Readable.from(bytes), reply.raw).catch((error: unknown) => reply.raw.destroy(error as Error));
    });
}
