import { Type } from 'typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { limits } from '../../contract/limits.ts';
import { LastWords, LeaseGrant, LeaseRequest, LockAnswer, LockReport, LogOffset, Outcome, StepEvents, Stored } from '../../contract/worker.ts';
import type { OpenLease, WorkerDoor } from '../../ports.ts';
import { bodyOf, smallBodyOf } from './body.ts';

const ByLease = Type.Object({ id: Type.String({ maxLength: 64 }) });
const ByBlob = Type.Object({ id: Type.String({ maxLength: 64 }), sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) });
const LogQuery = Type.Object({ offset: Type.String({ pattern: '^[0-9]{1,12}$' }) });

type Leased<T = unknown> = { Params: { id: string }; Body: T };
type Blobbed = { Params: { id: string; sha256: string } };

/** `/worker/*`: what the build plane asks of the control plane, beside Temporal. See contract/worker.ts. */
export function workerRoutes(app: FastifyInstance, { door }: { readonly door: WorkerDoor }): void {
  const open = (request: FastifyRequest<{ Params: { id: string } }>): Promise<OpenLease> =>
    door.open(request.params.id, String(request.headers['x-lease-secret'] ?? ''));
  const name = (request: FastifyRequest<{ Params: { id: string } }>): Promise<OpenLease> =>
    door.name(request.params.id, String(request.headers['x-lease-secret'] ?? ''));

  app.post<{ Body: LeaseRequest }>('/worker/leases',
    { schema: { body: LeaseRequest }, config: { words: { summary: 'The lease of a delivery.', answer: LeaseGrant } } },
    (request) => door.lease(request.body));

  app.get<Blobbed>('/worker/leases/:id/inputs/:sha256',
    { schema: { params: ByBlob }, config: { words: { summary: 'The bytes of an input of this lease.' } } },
    async (request, reply) => {
      const { bytes, stream } = await door.input(await open(request), request.params.sha256);
      return reply.type('application/octet-stream').header('content-length', bytes).send(stream);
    });

  app.put<Blobbed>('/worker/leases/:id/outputs/:sha256',
    { schema: { params: ByBlob }, config: { words: { summary: 'Puts an output; digest and size are checked.', answer: Stored } } },
    async (request) => door.output(await open(request), request.params.sha256, bodyOf(request)));

  app.post<{ Params: { id: string }; Querystring: { offset: string } }>('/worker/leases/:id/log',
    { schema: { params: ByLease, querystring: LogQuery }, config: { words: { summary: 'Appends log bytes; 409 says the right offset.', answer: LogOffset } } },
    async (request, reply) => {
      const lease = await open(request);
      const bytes = await smallBodyOf(request, limits.logChunkBytesMax);
      const { taken, offset } = await door.log(lease, Number(request.query.offset), bytes);
      return reply.code(taken ? 200 : 409).send({ offset });
    });

  app.post<Leased<StepEvents>>('/worker/leases/:id/events',
    { schema: { params: ByLease, body: StepEvents }, config: { words: { summary: 'Steps have started or ended.' } } },
    async (request, reply) => {
      await door.event(await open(request), request.body);
      return reply.code(204).send();
    });

  app.post<Leased<LockReport>>('/worker/leases/:id/lock',
    { schema: { params: ByLease, body: LockReport }, config: { words: { summary: 'Requirements as they were locked.', answer: LockAnswer } } },
    async (request) => door.lock(await name(request), request.body));

  app.post<Leased<Outcome>>('/worker/leases/:id/outcome',
    { schema: { params: ByLease, body: Outcome }, config: { words: { summary: 'How the delivery ended.' } } },
    async (request, reply) => {
      await door.outcome(await open(request), request.body);
      return reply.code(204).send();
    });

  app.post<Leased<LastWords>>('/worker/leases/:id/end',
    { schema: { params: ByLease, body: LastWords }, config: { words: { summary: 'The outcome with what was not sent before it.' } } },
    async (request, reply) => {
      await door.end(await name(request), request.body);
      return reply.code(204).send();
    });
}
