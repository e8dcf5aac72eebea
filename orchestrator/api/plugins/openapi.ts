import type { FastifyInstance, RouteOptions } from 'fastify';

/** What a route says of itself beside its schemas. */
export interface RouteWords {
  readonly summary: string;
  /** Schema of the 2xx answer; absent where it is no JSON. */
  readonly answer?: object;
}

declare module 'fastify' {
  interface FastifyContextConfig { words?: RouteWords }
}

interface Facts { readonly version: string; readonly url: string }

/** Collects the routes and serves them at `/api/openapi.json` (OpenAPI 3.1: its schemas are JSON Schema as ours). */
export function describeRoutes(app: FastifyInstance, { version, url }: Facts): void {
  const paths: Record<string, Record<string, object>> = {};
  app.addHook('onRoute', (route) => {
    if (!/^\/(api|worker)\//.test(route.url)) return;
    const path = route.url.replace(/:(\w+)/g, '{$1}');
    for (const method of [route.method].flat()) {
      if (method !== 'HEAD') (paths[path] ??= {})[method.toLowerCase()] = operation(route);
    }
  });
  app.get('/api/openapi.json', { config: { words: { summary: 'This document.' } } }, () => ({
    openapi: '3.1.0', info: { title: 'wheelfarm', version }, servers: [{ url }],
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    paths,
  }));
}

function operation({ schema, config, method, url }: RouteOptions): object {
  const words = config?.words;
  const open = [method].flat().includes('GET') && url.startsWith('/api/') && config?.guarded !== true;
  return {
    summary: words?.summary ?? '',
    parameters: [...parametersIn(schema?.params, 'path'), ...parametersIn(schema?.querystring, 'query'), ...parametersIn(schema?.headers, 'header')],
    ...(schema?.body ? { requestBody: { required: true, content: { 'application/json': { schema: schema.body } } } } : {}),
    responses: {
      '2XX': { description: 'done', ...(words?.answer ? { content: { 'application/json': { schema: words.answer } } } : {}) },
      default: { description: 'Problem (RFC 9457) with a code' },
    },
    ...(open ? {} : { security: [{ token: [] }] }),
  };
}

function parametersIn(schema: unknown, where: 'path' | 'query' | 'header'): object[] {
  const { properties = {}, required = [] } = (schema ?? {}) as { properties?: Record<string, object>; required?: string[] };
  return Object.entries(properties).map(([name, one]) => ({
    name, in: where, required: where === 'path' || required.includes(name), schema: one,
  }));
}
