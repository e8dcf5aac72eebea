import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { fail } from '../../domain/failure.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A route that is read with a token only. */
    guarded?: true;
  }
}

export interface GuardOptions {
  /** Changes something under `/api/`, or reads what is guarded there. */
  readonly apiToken: string;
  /** Everything under `/worker/`. */
  readonly workerToken: string;
  /** Names in the Host header that are answered, without port; null for every name. */
  readonly hosts: readonly string[] | null;
}

const reading = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Lets nobody in without the right token. On a loopback address the Host header must name this machine: a page of a
 * stranger whose name was pointed at 127.0.0.1 (DNS rebinding) could read the farm else.
 */
export function guard(app: FastifyInstance, { apiToken, workerToken, hosts }: GuardOptions): void {
  const allowed = hosts ? new Set(['localhost', '127.0.0.1', '[::1]', ...hosts.map((host) => host.toLowerCase())]) : null;
  app.addHook('onRequest', async (request) => {
    // The route that was found, not the request's path: `/%77orker/` finds the routes of `/worker/` too.
    const { url: route = '', config } = request.routeOptions;
    // A worker comes through whatever leads here (a tunnel, a forwarded port) and always shows its token.
    if (allowed && !route.startsWith('/worker/') && !allowed.has(hostOf(request))) {
      fail('FARM_BAD_REQUEST', 'plan', { why: 'the Host header names another machine' });
    }
    const changes = config.guarded === true || !reading.has(request.method);
    if (route.startsWith('/worker/') && !isToken(request, workerToken)) fail('FARM_UNAUTHORIZED', 'plan');
    if (route.startsWith('/api/') && changes && !isToken(request, apiToken)) fail('FARM_UNAUTHORIZED', 'plan');
  });
}

const hostOf = (request: FastifyRequest): string => (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, '');

/** Compares digests, so that neither content nor length shows in the time it takes. */
function isToken(request: FastifyRequest, token: string): boolean {
  const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  return timingSafeEqual(sha256(given), sha256(token)) && token !== '';
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
