import { Type } from 'typebox';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { BuildRequest, BuildView, BuildWait, CellInputs, PlanView } from '../../contract/api.ts';
import type { Attempts, Builds } from '../../ports.ts';
import { normalizeName } from '../../domain/names.ts';
import { ofBuild, ofWhat } from '../plugins/access.ts';
import type { Follow } from '../plugins/followers.ts';

const ById = Type.Object({ id: Type.String({ maxLength: 64 }) });
const ByCell = Type.Object({ id: Type.String({ maxLength: 64 }), target: Type.String({ maxLength: 80 }) });
const ByInput = Type.Object({ ...ByCell.properties, sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) });
const Newest = Type.Object({ limit: Type.Optional(Type.String({ pattern: '^[0-9]{1,3}$' })) });
const NewestOf = Type.Object({ ...Newest.properties, project: Type.Optional(Type.String({ maxLength: 214 })), version: Type.Optional(Type.String({ maxLength: 200 })) });
const CancelRequest = Type.Object({ by: Type.String({ maxLength: 80 }) });

/** Proxies close a connection that says nothing for a minute. @unit milliseconds */
const heartbeatMs = 15_000;
const newestMax = 200;

/** `/api/plans` and `/api/builds`. */
export function buildRoutes(
  app: FastifyInstance, { builds, attempts }: { readonly builds: Builds; readonly attempts: Attempts }, follow: Follow,
): void {
  app.post<{ Body: BuildRequest }>('/api/plans',
    { schema: { body: BuildRequest }, config: { access: { role: 'trigger', project: ofWhat }, words: { summary: 'What would be built; starts nothing.', answer: PlanView } } },
    (request) => builds.plan(request.body));

  app.post<{ Body: BuildRequest }>('/api/builds',
    {
      schema: { body: BuildRequest },
      config: { access: { role: 'trigger', project: ofWhat }, words: { summary: 'Starts a build: 201; 200 where nothing is to build.', answer: BuildView } },
    },
    async (request, reply) => {
      const view = await builds.start(request.body);
      return reply.code(view.started ? 201 : 200).send(view);
    });

  app.get<{ Querystring: { limit?: string; project?: string; version?: string } }>('/api/builds',
    { schema: { querystring: NewestOf }, config: { words: { summary: 'Builds, newest first; of all, of a project, or of one release.', answer: Type.Array(BuildView) } } },
    ({ query: { limit = '20', project, version } }) => builds.newest(Math.min(Number(limit), newestMax), {
      ...(project === undefined ? {} : { project: normalizeName(project) }), ...(version === undefined ? {} : { version }),
    }));

  app.get<{ Params: { id: string } }>('/api/builds/:id',
    { schema: { params: ById }, config: { words: { summary: 'One build.', answer: BuildView } } },
    (request) => builds.view(request.params.id));

  app.get<{ Params: { id: string } }>('/api/builds/:id/waits',
    { schema: { params: ById }, config: { words: { summary: 'Queued cells whose pool has no worker, and why.', answer: Type.Array(BuildWait) } } },
    (request) => builds.waits(request.params.id));

  app.post<{ Params: { id: string }; Body: { by: string } }>('/api/builds/:id/cancel',
    { schema: { params: ById, body: CancelRequest }, config: { access: { role: 'trigger', project: ofBuild }, words: { summary: 'Asks for the end of a build.' } } },
    async (request, reply) => {
      await builds.cancel(request.params.id, request.body.by);
      return reply.code(202).send();
    });

  app.get<{ Params: { id: string; target: string } }>('/api/builds/:id/cells/:target/inputs',
    { schema: { params: ByCell }, config: { words: { summary: 'Image and inputs of a cell.', answer: CellInputs } } },
    (request) => attempts.inputs(request.params.id, request.params.target));

  app.get<{ Params: { id: string; target: string; sha256: string } }>('/api/builds/:id/cells/:target/inputs/:sha256',
    { schema: { params: ByInput }, config: { guarded: true, access: { role: 'trigger', project: ofBuild }, words: { summary: 'The bytes of an input of a cell.' } } },
    async (request, reply) => {
      const { id, target, sha256 } = request.params;
      const { bytes, stream } = await attempts.input(id, target, sha256);
      return reply.type('application/octet-stream').header('content-length', bytes).send(stream);
    });

  app.get<{ Params: { id: string } }>('/api/builds/:id/events',
    { schema: { params: ById }, config: { words: { summary: 'Server-sent events: `build` with a BuildView on every change.' } } },
    async (request, reply) => {
      const { id } = request.params;
      await builds.view(id);   // an unknown build is a Problem, not an empty stream
      const signal = follow(reply);
      await streamEvents(builds, id, { reply, signal });
    });
}

async function streamEvents(
  builds: Builds, id: string, { reply, signal }: { readonly reply: FastifyReply; readonly signal: AbortSignal },
): Promise<void> {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
  });
  const heartbeat = setInterval(() => raw.write(': \n\n'), heartbeatMs);
  let waiting: string | null = null;
  const send = (text: string): void => {
    // A slow reader gets the newest view when it is ready for it, not every one in between.
    if (raw.writableNeedDrain) waiting = text;
    else raw.write(text);
  };
  raw.on('drain', () => {
    if (waiting !== null) raw.write(waiting);
    waiting = null;
  });
  try {
    await builds.watch(id, (view) => send(`event: build\ndata: ${JSON.stringify(view)}\n\n`), signal);
  } finally {
    clearInterval(heartbeat);
    raw.end();
  }
}
