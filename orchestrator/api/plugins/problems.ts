import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Problem } from '../../contract/api.ts';
import { cards, failure, FarmError, type Card, type Failure } from '../../domain/failure.ts';

/** The rest of a refused upload is read away for so long, so that the client can read the answer. */
const drainMsMax = 5000;

/** Answers every error as a Problem (RFC 9457) with a code, also in the status line. */
export function answerProblems(app: FastifyInstance, onFault: (error: unknown) => void): void {
  app.setErrorHandler((error, request, reply) => {
    const value = failureOf(error);
    if (value.code === 'FARM_INTERNAL') onFault(error);
    drain(request);
    return sendProblem(reply, value);
  });
  app.setNotFoundHandler((request, reply) => {
    drain(request);
    return sendProblem(reply, failure('FARM_NOT_FOUND', 'plan', { thing: `${request.method} ${request.url.split('?')[0]}` }));
  });
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff');
  });
}

/** The failure that an error is for the client. */
export function failureOf(error: unknown): Failure {
  if (error instanceof FarmError) return error.failure;
  const { statusCode = 500, message = '', code = '' } = error as { statusCode?: number; message?: string; code?: string };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return failure('FARM_TOO_LARGE', 'plan', { limit: 'the body limit of this address' });
  if (statusCode >= 400 && statusCode < 500) return failure('FARM_BAD_REQUEST', 'plan', { why: message });
  if (code === '53100' || /No space left on device/.test(message)) return failure('FARM_NO_SPACE', 'plan', { why: message });
  // A zero byte in an address or a body is the client's doing. @source PostgreSQL, 22021
  if (code === '22021' || /invalid byte sequence for encoding/.test(message)) {
    return failure('FARM_BAD_REQUEST', 'plan', { why: 'it holds a byte that is no text' });
  }
  if (isDatabaseAway(code, message)) return failure('FARM_NOT_UP', 'plan', { why: 'the database is away' });
  return failure('FARM_INTERNAL', 'plan', { why: message.split('\n').at(-1) ?? '' });
}

/** Connection refused or reset, Prisma's codes for an unreachable server, Postgres' for one that goes down. */
const isDatabaseAway = (code: string, message: string): boolean =>
  ['ECONNREFUSED', 'ECONNRESET', 'P1001', 'P1002', 'P1017', 'P2024', '57P01', '57P03'].includes(code)
  || /Connection terminated|Can't reach database server/.test(message);

/** Sends a failure as its Problem. */
export function sendProblem(reply: FastifyReply, value: Failure): FastifyReply {
  const card: Card = cards[value.code];
  const problem: Problem = {
    type: `urn:wheelfarm:${value.code}`, title: value.code, status: card.http, detail: value.message,
    code: value.code, blame: value.blame, next: value.next, ...(value.evidence ? { evidence: value.evidence } : {}),
  };
  reply.raw.statusMessage = `${value.code}: ${value.message}`.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 200);
  return reply.code(card.http).type('application/problem+json').send(JSON.stringify(problem));
}

function drain({ raw }: FastifyRequest): void {
  if (raw.readableEnded || raw.destroyed) return;
  raw.resume();
  const timer = setTimeout(() => raw.destroy(), drainMsMax);
  raw.once('close', () => clearTimeout(timer));
  raw.once('end', () => clearTimeout(timer));
}
