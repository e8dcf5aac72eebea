import { Type } from 'typebox';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { AttemptPage, FeedView, FileView, ProjectsView, ProjectView, QueueView, WorkersView } from '../../contract/pages.ts';
import { fail } from '../../domain/failure.ts';
import { isValidName, normalizeName } from '../../domain/names.ts';
import type { Live, LiveWord, Pages } from '../../page-ports.ts';
import type { Follow } from '../plugins/followers.ts';
import { acceptsCoding, matchesEtag } from './simple.ts';

const ByName = Type.Object({ name: Type.String({ maxLength: 200 }) });
const ById = Type.Object({ id: Type.String({ maxLength: 64 }) });
const ByFilename = Type.Object({ filename: Type.String({ maxLength: 300 }) });
const LiveQuery = Type.Object({ project: Type.Optional(Type.String({ maxLength: 200 })) });
const TailQuery = Type.Object({ offset: Type.Optional(Type.String({ pattern: '^[0-9]{1,12}$' })) });
const FeedQuery = Type.Object({
  before: Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$' })), limit: Type.Optional(Type.String({ pattern: '^[0-9]{1,3}$' })),
});

/** Proxies close a connection that says nothing for a minute. @unit milliseconds */
const heartbeatMs = 15_000;
const feedMax = 200;
/** What a page that does not read may have waiting; then it is cut off and comes back by itself. @unit bytes */
const waitingBytesMax = 4 * 1024 * 1024;

/** What the pages of the dashboard read, and their live streams. */
export function pageRoutes(app: FastifyInstance, parts: { readonly pages: Pages; readonly live: Live }, follow: Follow): void {
  const { pages } = parts;
  app.get('/api/projects', { config: { words: { summary: 'All projects with their coverage at a glance.', answer: ProjectsView } } },
    () => pages.projects());
  app.get<{ Params: { name: string } }>('/api/projects/:name',
    { schema: { params: ByName }, config: { words: { summary: 'The coverage grid of a project.', answer: ProjectView } } },
    async (request, reply) => {
      const { etag, json, gzip } = await pages.project(nameOf(request.params.name));
      // Weak, as it names the answer whether it is packed or not.
      reply.headers({ 'cache-control': 'private, no-cache', vary: 'accept-encoding', etag: `W/${etag}` });
      if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).send();
      reply.type('application/json; charset=utf-8');
      return acceptsCoding(request.headers['accept-encoding'], 'gzip') ? reply.header('content-encoding', 'gzip').send(gzip) : reply.send(json);
    });
  app.get<{ Params: { id: string } }>('/api/attempts/:id/page',
    { schema: { params: ById }, config: { words: { summary: 'An attempt with its inputs and its cell.', answer: AttemptPage } } },
    (request) => pages.attempt(request.params.id));
  app.get<{ Params: { id: string } }>('/api/attempts/:id/sbom',
    { schema: { params: ById }, config: { words: { summary: 'The SBOM of an attempt: CycloneDX JSON.' } } },
    async (request, reply) => reply.type('application/vnd.cyclonedx+json').send(await pages.sbom(request.params.id)));
  app.get<{ Params: { filename: string } }>('/api/files/:filename',
    { schema: { params: ByFilename }, config: { words: { summary: 'A published file and what went into it.', answer: FileView } } },
    (request) => pages.file(request.params.filename));
  app.get('/api/queue', { config: { words: { summary: 'Cells that wait or are built.', answer: QueueView } } }, () => pages.queue());
  app.get('/api/workers', { config: { words: { summary: 'Workers of the last seven days.', answer: WorkersView } } }, () => pages.workers());
  app.get<{ Querystring: { before?: string; limit?: string } }>('/api/feed',
    { schema: { querystring: FeedQuery }, config: { words: { summary: 'What was published, newest first.', answer: FeedView } } },
    ({ query }) => pages.feed(query.before === undefined ? null : Number(query.before), Math.min(Number(query.limit ?? 50), feedMax)));
  liveRoutes(app, parts.live, follow);
}

function liveRoutes(app: FastifyInstance, live: Live, follow: Follow): void {
  app.get<{ Querystring: { project?: string } }>('/api/live',
    { schema: { querystring: LiveQuery }, config: { words: { summary: 'Server-sent events: what moves in one project, or in all.' } } },
    async (request, reply) => {
      const { project } = request.query;
      const name = project === undefined ? null : nameOf(project);
      const stream = openStream(reply, follow(reply));
      await live.follow(name, { lastId: lastIdOf(request.headers['last-event-id']), ...stream });
    });
  app.get<{ Params: { id: string }; Querystring: { offset?: string } }>('/api/attempts/:id/live',
    { schema: { params: ById, querystring: TailQuery }, config: { words: { summary: 'Server-sent events: log and state of an attempt.' } } },
    async (request, reply) => {
      const last = lastIdOf(request.headers['last-event-id']);
      const offset = /^\d{1,12}$/.test(last ?? '') ? Number(last) : Number(request.query.offset ?? 0);
      // Headers go out with the first word, so an unknown attempt is still a Problem.
      const stream = openStream(reply, follow(reply));
      await live.followAttempt(request.params.id, { lastId: last, offset, ...stream });
    });
}

const nameOf = (text: string): string =>
  (isValidName(text) ? normalizeName(text) : fail('FARM_NOT_FOUND', 'publish', { thing: `project ${text}` }));

const lastIdOf = (header: string | string[] | undefined): string | null => (typeof header === 'string' && header !== '' ? header : null);

/** A stream of server-sent events that begins with its first word. */
function openStream(reply: FastifyReply, signal: AbortSignal): { say: (word: LiveWord) => void; signal: AbortSignal } {
  const { raw } = reply;
  let open = false;
  const begin = (): void => {
    open = true;
    reply.hijack();
    raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    });
    const heartbeat = setInterval(() => raw.write(': \n\n'), heartbeatMs);
    signal.addEventListener('abort', () => {
      clearInterval(heartbeat);
      raw.end();
    }, { once: true });
  };
  const say = ({ text }: LiveWord): void => {
    if (!open) begin();
    if (raw.writableLength > waitingBytesMax) raw.destroy();
    else raw.write(text);
  };
  return { say, signal };
}
