import fastifyCookie from '@fastify/cookie';
import Fastify, { type FastifyInstance } from 'fastify';
import { limits } from '../contract/limits.ts';
import type { Live, Pages } from '../page-ports.ts';
import type { Attempts, Builds, Sources, Tallies, WorkerDoor } from '../ports.ts';
import { guard, type GuardOptions } from './plugins/auth.ts';
import { followers } from './plugins/followers.ts';
import { answerProblems } from './plugins/problems.ts';
import { describeRoutes } from './plugins/openapi.ts';
import { attemptRoutes } from './routes/attempts.ts';
import { buildRoutes } from './routes/builds.ts';
import { pageRoutes } from './routes/pages.ts';
import { sourceRoutes } from './routes/sources.ts';
import { statusRoutes, type FarmFacts } from './routes/status.ts';
import { workerRoutes } from './routes/worker.ts';

export interface AppParts {
  readonly guard: GuardOptions;
  readonly facts: FarmFacts;
  readonly builds: Builds;
  readonly attempts: Attempts;
  readonly sources: Sources;
  readonly tallies: Tallies;
  readonly door: WorkerDoor;
  readonly pages: Pages;
  readonly live: Live;
  /** Routes of other parts of the farm: the index, the signing authority. */
  readonly more?: readonly ((app: FastifyInstance) => void | Promise<void>)[];
  /** Faults of the farm itself; failures that belong to a request are answered, not logged. */
  readonly onFault?: (error: unknown) => void;
}

/** How long a client may take for its headers and between two pieces of a body. @unit milliseconds */
const headersMsMax = 30_000;

/** The HTTP application of one control plane: API, worker door, and whatever `more` brings. Listens nowhere yet. */
export async function makeApp(parts: AppParts): Promise<FastifyInstance> {
  const app = Fastify({
    bodyLimit: limits.jsonBodyBytesMax,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 300 },
    // Strings stay strings: a union of outcomes must not be chosen by what could be made of its values.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
    http: { headersTimeout: headersMsMax },
  });
  // Uploads are streams for their routes, which count the bytes while they write them.
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
  answerProblems(app, parts.onFault ?? (() => undefined));
  // Awaited, so that cookies are read before the guard looks at them.
  await app.register(fastifyCookie);
  guard(app, parts.guard);
  describeRoutes(app, parts.facts);
  const follow = followers(app);
  statusRoutes(app, parts);
  buildRoutes(app, parts, follow);
  attemptRoutes(app, parts, follow);
  sourceRoutes(app, parts);
  pageRoutes(app, parts, follow);
  workerRoutes(app, parts);
  for (const register of parts.more ?? []) await register(app);
  await app.ready();
  return app;
}
