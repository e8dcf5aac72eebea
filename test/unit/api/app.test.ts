import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { makeApp, type AppParts } from '../../../orchestrator/api/app.ts';
import { failureOf } from '../../../orchestrator/api/plugins/problems.ts';
import type { Problem } from '../../../orchestrator/contract/api.ts';
import { fail } from '../../../orchestrator/domain/failure.ts';

const unused = async (): Promise<never> => { throw new Error('not asked for in this test'); };
const epoch = new Date(0);

function appWith(changed: Partial<AppParts> = {}) {
  return makeApp({
    guard: { apiToken: 'api-token', workerToken: 'worker-token', hosts: ['farm.example'] },
    facts: {
      farmId: 'f', version: '1', url: 'http://farm.example', startedAt: epoch, clock: { now: () => new Date(5) },
      trustFingerprint: async () => 'f00',
    },
    builds: { plan: unused, waits: async () => [], start: unused, view: async () => fail('FARM_NOT_FOUND', 'plan', { thing: 'build x' }), newest: async () => [], cancel: unused, watch: unused },
    attempts: { view: unused, log: () => { throw new Error('not asked for in this test'); }, inputs: unused, input: unused },
    sources: { add: unused, addGit: unused, making: async () => [], view: unused, cancel: unused },
    tallies: { count: async () => ({ projects: 1, files: 2, serial: 3, openBuilds: 4 }) },
    door: { lease: unused, open: unused, input: unused, output: unused, log: unused, event: unused, lock: unused, outcome: unused, name: unused, end: unused },
    pages: { summary: unused, projects: unused, project: unused, attempt: unused, sbom: unused, file: unused, queue: unused, workers: unused, feed: unused },
    live: { follow: unused, followAttempt: unused },
    ...changed,
  });
}

test('the grid of a project goes out as it is kept: packed where that is taken, and not at all where it is known', async () => {
  const kept = { etag: '"e"', json: Buffer.from('{"name":"x"}'), gzip: gzipSync('{"name":"x"}') };
  const app = await appWith({ pages: { summary: unused, projects: unused, project: async () => kept, attempt: unused, sbom: unused, file: unused, queue: unused, workers: unused, feed: unused } });
  const ask = (headers: Record<string, string>) => app.inject({ url: '/api/projects/x', headers });
  const plain = await ask({});
  expect([plain.json(), plain.headers['etag'], plain.headers['cache-control'], plain.headers['content-encoding']]).toEqual([{ name: 'x' }, 'W/"e"', 'private, no-cache', undefined]);
  const packed = await ask({ 'accept-encoding': 'gzip, deflate, br' });
  expect([packed.headers['content-encoding'], packed.headers['vary'], gunzipSync(packed.rawPayload).toString()]).toEqual(['gzip', 'accept-encoding', '{"name":"x"}']);
  expect((await ask({ 'accept-encoding': 'br, gzip;q=0' })).json()).toEqual({ name: 'x' });
  const known = await ask({ 'if-none-match': 'W/"e"' });
  expect([known.statusCode, known.payload]).toEqual([304, '']);
});

describe('the guard', () => {
  test('asks for the API token where something changes, and for the worker token at every worker door', async () => {
    const app = await appWith();
    const status = async (method: 'GET' | 'POST', url: string, token?: string) => (await app.inject({
      method, url, payload: {}, headers: token ? { authorization: `Bearer ${token}` } : {},
    })).statusCode;
    expect(await status('GET', '/api/builds')).toBe(200);
    expect(await status('POST', '/api/builds')).toBe(401);
    expect(await status('POST', '/api/builds', 'worker-token')).toBe(401);
    expect(await status('POST', '/api/builds', 'api-token')).toBe(400);
    expect(await status('POST', '/worker/leases')).toBe(401);
    expect(await status('POST', '/worker/leases', 'api-token')).toBe(401);
    expect(await status('POST', '/worker/leases', 'worker-token')).toBe(400);
    expect(await status('GET', '/worker/leases/x/inputs/y')).toBe(401);
    const blob = `inputs/${'0'.repeat(64)}`;
    expect(await status('GET', `/api/builds/x/cells/y/${blob}`)).toBe(401);
    expect(await status('GET', `/api/builds/x/cells/y/${blob}`, 'api-token')).toBe(500);
  });

  test('is not passed by another spelling of a path', async () => {
    const app = await appWith();
    const status = async (url: string) => (await app.inject({ method: 'POST', url, payload: {} })).statusCode;
    for (const url of ['/%77orker/leases', '/worker%2fleases', '//worker/leases', '/WORKER/leases', '/%61pi/builds', '/worker/leases?', '/worker/leases#/api']) {
      expect([401, 404], url).toContain(await status(url));
    }
  });

  test('an empty token opens nothing', async () => {
    const app = await appWith({ guard: { apiToken: '', workerToken: '', hosts: null } });
    const answer = await app.inject({ method: 'POST', url: '/api/builds', payload: {}, headers: { authorization: 'Bearer ' } });
    expect(answer.statusCode).toBe(401);
  });

  test('answers its own names only, so that a rebound name reads nothing', async () => {
    const app = await appWith();
    const status = async (host: string) => (await app.inject({ url: '/api/builds', headers: { host } })).statusCode;
    for (const host of ['localhost:8080', '127.0.0.1', '[::1]:9', 'farm.example', 'FARM.example:80']) expect(await status(host)).toBe(200);
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:80', 'farm.example.evil']) expect(await status(host)).toBe(400);
    const open = await appWith({ guard: { apiToken: 'a', workerToken: 'w', hosts: null } });
    expect((await open.inject({ url: '/api/builds', headers: { host: 'any.example' } })).statusCode).toBe(200);
  });
});

describe('problems', () => {
  test('carry code, blame and next step, in the status line too', async () => {
    const app = await appWith();
    const answer = await app.inject({ url: '/api/builds/x' });
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json<Problem>()).toMatchObject({ status: 404, code: 'FARM_NOT_FOUND', blame: 'project', detail: 'There is no build x.' });
    expect(answer.statusMessage).toBe('FARM_NOT_FOUND: There is no build x.');
    const nowhere = await app.inject({ url: '/nowhere?x=1' });
    expect([nowhere.statusCode, nowhere.json<Problem>().detail]).toEqual([404, 'There is no GET /nowhere.']);
  });

  test('a fault of the farm is told to the log, a refusal is not', async () => {
    const faults: unknown[] = [];
    const app = await appWith({ onFault: (error) => faults.push(error) });
    expect((await app.inject({ url: '/api/attempts/x' })).json<Problem>()).toMatchObject({ status: 500, code: 'FARM_INTERNAL', blame: 'farm' });
    await app.inject({ url: '/api/builds/x' });
    expect(faults.length).toBe(1);
  });

  test('name what came from outside', () => {
    expect(failureOf({ code: 'ECONNREFUSED', message: 'connect' }).code).toBe('FARM_NOT_UP');
    expect(failureOf({ code: '53100', message: 'could not extend file' }).code).toBe('FARM_NO_SPACE');
    expect(failureOf({ code: '22021', message: 'x' }).code).toBe('FARM_BAD_REQUEST');
    expect(failureOf(new Error('Code: `22021`. Message: `invalid byte sequence for encoding "UTF8": 0x00`.')).code).toBe('FARM_BAD_REQUEST');
    expect(failureOf({ code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 }).code).toBe('FARM_TOO_LARGE');
    expect(failureOf({ statusCode: 400, message: 'body/what must be string' }).message).toContain('body/what must be string');
  });

  test('a body that is too large, of another type or of another shape is refused', async () => {
    const app = await appWith();
    const post = (payload: string, type: string) => app.inject({
      method: 'POST', url: '/api/builds', payload, headers: { authorization: 'Bearer api-token', 'content-type': type },
    });
    expect((await post(`{"what":"${'x'.repeat(2 ** 20)}"}`, 'application/json')).statusCode).toBe(413);
    expect((await post('{"what":1,"targets":[]}', 'application/json')).statusCode).toBe(400);
    expect((await post('{', 'application/json')).statusCode).toBe(400);
    expect((await post('what=idna', 'text/plain')).statusCode).toBe(400);
  });
});

test('a name of an upload that is no name of a file is refused', async () => {
  const app = await appWith();
  const put = async (name: string) => (await app.inject({
    method: 'PUT', url: `/api/sources/${'a'.repeat(64)}?kind=folder&filename=${encodeURIComponent(name)}`, payload: 'x',
    headers: { authorization: 'Bearer api-token', 'content-type': 'application/octet-stream' },
  })).json<Problem>().code;
  for (const name of ['..', '.', '../x.tar.gz', 'a/b', 'a\\b', 'a\u0000b', 'a\u001b[2J', '\u009b2J', '']) expect(await put(name)).toBe('FARM_BAD_REQUEST');
  expect(await put('.hidden folder.tar.gz')).not.toBe('FARM_BAD_REQUEST');
});

describe('the description of the API', () => {
  test('lists every route that the contract names', async () => {
    const app = await appWith();
    const { paths } = (await app.inject({ url: '/api/openapi.json' })).json<{ paths: Record<string, Record<string, unknown>> }>();
    const listed = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
    expect(listed.sort()).toEqual([
      'GET /api/attempts/{id}', 'GET /api/attempts/{id}/live', 'GET /api/attempts/{id}/log', 'GET /api/attempts/{id}/page', 'GET /api/attempts/{id}/sbom', 'GET /api/builds', 'GET /api/builds/{id}',
      'GET /api/builds/{id}/cells/{target}/inputs', 'GET /api/builds/{id}/cells/{target}/inputs/{sha256}',
      'GET /api/builds/{id}/events', 'GET /api/builds/{id}/waits', 'GET /api/feed', 'GET /api/files/{filename}', 'GET /api/live', 'GET /api/openapi.json',
      'GET /api/projects', 'GET /api/projects/{name}', 'GET /api/queue',
      'GET /api/sources', 'GET /api/sources/{id}', 'GET /api/status', 'GET /api/workers', 'GET /worker/leases/{id}/inputs/{sha256}', 'POST /api/builds',
      'POST /api/builds/{id}/cancel', 'POST /api/plans', 'POST /api/sources/git', 'POST /api/sources/{id}/cancel', 'POST /worker/leases',
      'POST /worker/leases/{id}/end', 'POST /worker/leases/{id}/events', 'POST /worker/leases/{id}/lock', 'POST /worker/leases/{id}/log',
      'POST /worker/leases/{id}/outcome', 'PUT /api/sources/{sha256}', 'PUT /worker/leases/{id}/outputs/{sha256}',
    ]);
    expect(paths['/api/builds']?.['post']).toMatchObject({ security: [{ token: [] }], requestBody: { required: true } });
  });

  test('the status page counts', async () => {
    const app = await appWith();
    expect((await app.inject({ url: '/api/status' })).json()).toMatchObject({
      farmId: 'f', index: 'http://farm.example/simple/', files: 2, openBuilds: 4, uptimeMs: 5, trustFingerprint: 'f00',
    });
  });
});
