/** The control plane's `/worker/*` in memory, over HTTP, for tests of a worker process. It can be stopped and started again. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LastWords, LeaseGrant, LeaseRequest, Outcome } from '../../orchestrator/contract/worker.ts';

export interface FakeControl {
  readonly url: string;
  readonly leases: LeaseRequest[];
  readonly outcomes: Outcome[];
  readonly steps: string[];
  readonly log: () => string;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface FakeOptions {
  readonly token: string;
  readonly inputs: ReadonlyMap<string, Uint8Array>;
  readonly spec: (request: LeaseRequest) => LeaseGrant['spec'];
}

/** Starts it on a free port, which it keeps. */
export async function fakeControl({ token, inputs, spec }: FakeOptions): Promise<FakeControl> {
  const leases: LeaseRequest[] = [];
  const outcomes: Outcome[] = [];
  const steps: string[] = [];
  let log = '';
  let server: Server;
  let port = 0;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bytesOf(request);
    const say = (status: number, json: unknown) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
    if (request.headers.authorization !== `Bearer ${token}`) return void say(401, { code: 'FARM_UNAUTHORIZED', detail: 'no', next: '' });
    const { pathname, searchParams } = new URL(request.url!, 'http://fake');
    if (pathname === '/worker/leases') {
      const order = JSON.parse(body.toString()) as LeaseRequest;
      leases.push(order);
      return void say(200, { leaseId: `lease${leases.length}`, secret: 'hush', logOffset: log.length, spec: spec(order) });
    }
    if (request.headers['x-lease-secret'] !== 'hush') return void say(401, { code: 'FARM_UNAUTHORIZED', detail: 'no', next: '' });
    const [what = '', sha256 = ''] = pathname.split('/').slice(4);
    if (what === 'inputs') return void response.writeHead(200).end(inputs.get(sha256));
    if (what === 'outputs') {
      const found = createHash('sha256').update(body).digest('hex');
      return void say(found === sha256 ? 200 : 422, found === sha256 ? { sha256, bytes: body.length } : { code: 'FARM_DIGEST_MISMATCH' });
    }
    if (what === 'log') {
      const right = Number(searchParams.get('offset')) === log.length;
      if (right) log += body.toString('latin1');
      return void say(right ? 200 : 409, { offset: log.length });
    }
    if (what === 'events') steps.push(Object.values(JSON.parse(body.toString()) as object).slice(0, 2).join(' '));
    if (what === 'outcome') outcomes.push(JSON.parse(body.toString()) as Outcome);
    if (what === 'end') {
      const last = JSON.parse(body.toString()) as LastWords;
      if (last.log) log = log.slice(0, last.log.offset) + Buffer.from(last.log.bytes, 'base64').toString('latin1');
      outcomes.push(last.outcome);
    }
    if (what === 'lock') return void say(200, { attemptKey: 'f'.repeat(64), known: false });
    return void response.writeHead(204).end();
  }

  const start = async () => {
    server = createServer((request, response) => void answer(request, response));
    await new Promise<void>((resolve) => { server.listen(port, '127.0.0.1', resolve); });
    port = (server.address() as AddressInfo).port;
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}`, leases, outcomes, steps, log: () => log, start,
    stop: () => new Promise((resolve) => { server.close(() => resolve()); server.closeAllConnections(); }),
  };
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
