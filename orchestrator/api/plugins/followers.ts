import type { FastifyInstance, FastifyReply } from 'fastify';
import { limits } from '../../contract/limits.ts';
import { fail } from '../../domain/failure.ts';

/** Counts a connection that stays open; the signal aborts when the client goes or the plane closes. */
export type Follow = (reply: FastifyReply) => AbortSignal;

/**
 * Bounds the connections that stay open and ends them when the plane closes.
 * @errors FARM_NOT_UP when limits.followersMax are open
 */
export function followers(app: FastifyInstance): Follow {
  const open = new Set<AbortController>();
  app.addHook('preClose', async () => { for (const one of open) one.abort(); });
  return (reply) => {
    if (open.size >= limits.followersMax) fail('FARM_NOT_UP', 'plan', { why: `${limits.followersMax} followers are open` });
    const controller = new AbortController();
    open.add(controller);
    reply.raw.once('close', () => {
      open.delete(controller);
      controller.abort();
    });
    return controller.signal;
  };
}
