import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FastifyInstance } from 'fastify';
import { prismaAccounts } from '../../orchestrator/adapters/accounts.ts';
import { githubSignIn } from '../../orchestrator/adapters/github-sign-in.ts';
import { serve } from '../../orchestrator/adapters/hooks.ts';
import { openDatabase, type Database } from '../../orchestrator/adapters/prisma/database.ts';
import { makeApp } from '../../orchestrator/api/app.ts';
import { accountRoutes } from '../../orchestrator/api/routes/accounts.ts';
import { openLocalSession, sessionRoutes, type SessionParts } from '../../orchestrator/api/routes/session.ts';
import type { NewToken, SessionView } from '../../orchestrator/contract/accounts.ts';
import { fail } from '../../orchestrator/domain/failure.ts';
import { startPostgres } from '../support/postgres.ts';

const silent = new Proxy({}, { get: () => async () => fail('FARM_NOT_FOUND', 'plan', { thing: 'x' }) }) as never;
const host = '127.0.0.1:8000';
const own = { host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' };
let postgres: Awaited<ReturnType<typeof startPostgres>>;
let database: Database;
let app: FastifyInstance;
let github: FakeGithub;

interface FakeGithub { url: string; person: { id: number; login: string }; asked: Record<string, string>[]; server: Server }

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = '';
  for await (const piece of request) text += String(piece);
  return text;
};

/** GitHub's own answers: a wrong code is an error in a 200. */
async function fakeGithub(): Promise<FakeGithub> {
  const self: FakeGithub = { url: '', person: { id: 7, login: 'octocat' }, asked: [], server: createServer() };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const say = (value: unknown): void => { response.setHeader('content-type', 'application/json'); response.end(JSON.stringify(value)); };
    if (request.url === '/login/oauth/access_token') {
      const asked = JSON.parse(await bodyOf(request)) as Record<string, string>;
      self.asked.push(asked);
      return say(asked['code'] === 'good' ? { access_token: 'gho_x', token_type: 'bearer', scope: 'read:user' } : { error: 'bad_verification_code' });
    }
    if (request.url === '/api/v3/user' && request.headers.authorization === 'Bearer gho_x') return say(self.person);
    response.statusCode = 404;
    return say({ message: 'Not Found' });
  };
  self.server.on('request', (request, response) => void answer(request, response));
  await new Promise<void>((done) => self.server.listen(0, '127.0.0.1', done));
  self.url = `http://127.0.0.1:${(self.server.address() as AddressInfo).port}`;
  return self;
}

beforeAll(async () => {
  postgres = await startPostgres();
  database = openDatabase(postgres.url);
  await database.prisma.project.create({ data: { name: 'a', displayName: 'A' } });
  github = await fakeGithub();
  const accounts = prismaAccounts(database);
  const sessions: SessionParts = {
    accounts, cookie: 'farm_t', url: `http://${host}`, local: true,
    signIn: githubSignIn({ url: github.url, clientId: 'client', clientSecret: 'secret' }),
  };
  app = await makeApp({
    guard: { apiToken: 'the-farms-own-token', workerToken: 'w', hosts: [], accounts, cookie: 'farm_t', origin: `http://${host}` },
    facts: { farmId: 't', version: '0', url: `http://${host}`, startedAt: new Date(), clock: { now: () => new Date() }, trustFingerprint: async () => '' },
    builds: silent, attempts: silent, sources: silent, tallies: silent, door: silent, pages: silent, live: silent,
    more: [(server) => accountRoutes(server, { accounts }), (server) => sessionRoutes(server, sessions), (server) => {
      server.get('/page', async (request, reply) => { await openLocalSession(sessions, request, reply); return 'x'; });
    }],
  });
});

afterAll(async () => {
  await app.close();
  github.server.close();
  await database.close();
  await postgres.stop();
});

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
const ask = (method: Method, url: string, options: { token?: string; cookie?: string; headers?: Record<string, string>; body?: object } = {}) => app.inject({
  method, url, ...(options.body ? { payload: options.body } : {}),
  headers: {
    host, ...(options.token ? { authorization: `Bearer ${options.token}` } : {}), ...(options.cookie ? { cookie: options.cookie } : {}), ...options.headers,
  },
});
const codeOf = (answer: { json: () => unknown }): string => (answer.json() as { code: string }).code;
const newToken = async (role: string, project?: string): Promise<NewToken> =>
  (await ask('POST', '/api/tokens', { token: 'the-farms-own-token', body: { name: `${role} token`, role, ...(project ? { project } : {}) } })).json<NewToken>();
const cookieIn = (answer: { cookies: { name: string; value: string }[] }, name = 'farm_t'): string =>
  `${name}=${answer.cookies.find((one) => one.name === name)?.value ?? ''}`;

describe('tokens', () => {
  test('are kept as a digest, do what their role may in their project, and nothing once revoked', async () => {
    const token = await newToken('trigger', 'A');
    expect(JSON.stringify(await database.prisma.apiToken.findMany())).not.toContain(token.token);
    expect(token).toMatchObject({ project: 'a', role: 'trigger', revokedAt: null });
    const build = (what: string) => ask('POST', '/api/builds', { token: token.token, body: { what, targets: [] } });
    expect(codeOf(await build('a==1'))).toBe('FARM_NOT_FOUND');   // let in: the fake behind it knows nothing
    expect(codeOf(await build('b==1'))).toBe('FARM_FORBIDDEN');
    expect(codeOf(await build('a @ git+x'))).toBe('FARM_NOT_FOUND');
    expect((await ask('GET', '/api/accounts', { token: token.token })).statusCode).toBe(403);
    expect((await ask('DELETE', `/api/tokens/${token.id}`, { token: 'the-farms-own-token' })).statusCode).toBe(204);
    expect((await build('a==1')).statusCode).toBe(401);
    expect((await ask('DELETE', `/api/tokens/${token.id}`, { token: 'the-farms-own-token' })).statusCode).toBe(404);
  });

  test('cannot make a token that may more', async () => {
    const { token } = await newToken('maintainer', 'a');
    const add = (role: string, project?: string) => ask('POST', '/api/tokens', { token, body: { name: 'n', role, ...(project ? { project } : {}) } });
    expect([(await add('admin', 'a')).statusCode, (await add('trigger')).statusCode, (await add('trigger', 'b')).statusCode, (await add('trigger', 'a')).statusCode])
      .toEqual([403, 403, 403, 201]);
  });

  test('of a worker open its door and nothing else, are made by admins of the farm, and end with what their account may', async () => {
    const admin = await newToken('admin');
    const ofA = await newToken('admin', 'a');
    const add = (token: string) => ask('POST', '/api/tokens', { token, body: { name: 'pool x', role: 'worker' } });
    expect((await add(ofA.token)).statusCode).toBe(403);
    const { token } = (await add(admin.token)).json<NewToken>();
    // A lease of nothing: whoever may lease at all is told that the request is wrong.
    const leasing = async (): Promise<number> => (await ask('POST', '/worker/leases', { token, body: {} })).statusCode;
    expect([await leasing(), (await ask('GET', '/api/tokens', { token })).statusCode]).toEqual([400, 401]);
    expect((await ask('POST', '/api/session', { headers: own, body: { token } })).statusCode).toBe(401);
    await database.prisma.account.update({ where: { id: 'farm' }, data: { disabledAt: new Date() } });
    expect(await leasing()).toBe(401);
    await database.prisma.account.update({ where: { id: 'farm' }, data: { disabledAt: null } });
    await database.prisma.accountRole.updateMany({ where: { accountId: 'farm' }, data: { role: 'maintainer' } });
    expect(await leasing()).toBe(401);
    await database.prisma.accountRole.updateMany({ where: { accountId: 'farm' }, data: { role: 'admin' } });
    expect(await leasing()).toBe(400);
  });

  test('an ended or wrong one is nobody, also where reading is open', async () => {
    const { token, id } = await newToken('admin');
    await database.prisma.apiToken.update({ where: { id }, data: { expiresAt: new Date(0) } });
    for (const wrong of [token, 'x', '', `${token}x`]) expect((await ask('GET', '/api/tokens', { headers: { authorization: `Bearer ${wrong}` } })).statusCode).toBe(401);
  });
});

describe('sessions', () => {
  test('a page opened on this machine signs the local admin in; a forwarded one does not', async () => {
    const page = await ask('GET', '/page');
    expect(page.cookies[0]).toMatchObject({ name: 'farm_t', httpOnly: true, sameSite: 'Strict', path: '/' });
    const session = await ask('GET', '/api/session', { cookie: cookieIn(page) });
    expect(session.json<SessionView>()).toMatchObject({ login: 'local admin', local: true, grants: [{ project: '', role: 'admin' }] });
    expect((await ask('GET', '/page', { headers: { 'x-forwarded-for': '9.9.9.9' } })).cookies).toEqual([]);
    expect((await app.inject({ url: '/page', headers: { host }, remoteAddress: '10.0.0.9' })).cookies).toEqual([]);
  });

  test('what another site sends with the cookie is refused', async () => {
    const cookie = cookieIn(await ask('GET', '/page'));
    const send = (headers: Record<string, string>) => ask('POST', '/api/tokens', { cookie, headers, body: { name: 'n', role: 'viewer' } });
    expect((await send(own)).statusCode).toBe(201);
    for (const headers of [
      {}, { origin: 'http://evil.example' }, { origin: 'null' }, { origin: 'http://127.0.0.1:9999' }, { origin: `http://${host}.evil.example` },
      { 'sec-fetch-site': 'cross-site', origin: `http://${host}` }, { 'sec-fetch-site': 'same-site' }, { 'sec-fetch-site': 'none' },
    ]) expect(codeOf(await send(headers as Record<string, string>)), JSON.stringify(headers)).toBe('FARM_CROSS_SITE');
  });

  test('opened with a token may what the token may, and ends with it', async () => {
    const { token, id } = await newToken('trigger', 'a');
    const opened = await ask('POST', '/api/session', { headers: own, body: { token } });
    const cookie = cookieIn(opened);
    expect(opened.json<SessionView>()).toMatchObject({ grants: [{ project: 'a', role: 'trigger' }], local: false });
    const may = () => ask('GET', '/api/accounts', { cookie });
    expect((await may()).statusCode).toBe(403);
    await ask('DELETE', `/api/tokens/${id}`, { token: 'the-farms-own-token' });
    expect((await may()).statusCode).toBe(401);
    expect((await ask('POST', '/api/session', { headers: own, body: { token } })).statusCode).toBe(401);
  });

  test('expired in the middle of something: a clear answer, and nothing is done', async () => {
    const cookie = cookieIn(await ask('GET', '/page'));
    await database.prisma.session.updateMany({ data: { expiresAt: new Date(0) } });
    const before = await database.prisma.apiToken.count();
    const answer = await ask('POST', '/api/tokens', { cookie, headers: own, body: { name: 'n', role: 'viewer' } });
    expect([answer.statusCode, answer.json<{ next: string }>().next]).toEqual([401, expect.stringContaining('what you typed stays')]);
    expect(await database.prisma.apiToken.count()).toBe(before);
  });
});

describe('sign-in with GitHub', () => {
  const begin = async (): Promise<{ state: string; challenge: string; waiting: string }> => {
    const answer = await ask('GET', '/sign-in/github');
    const address = new URL(String(answer.headers.location));
    expect(`${address.origin}${address.pathname}`).toBe(`${github.url}/login/oauth/authorize`);
    return { state: address.searchParams.get('state') ?? '', challenge: address.searchParams.get('code_challenge') ?? '', waiting: cookieIn(answer, 'farm_t_oauth') };
  };
  const back = (waiting: string, state: string, code = 'good') => ask('GET', `/sign-in/github/callback?code=${code}&state=${encodeURIComponent(state)}`, { cookie: waiting });

  test('a person comes back as an account without a role; the verifier belongs to the challenge', async () => {
    const { state, challenge, waiting } = await begin();
    const answer = await back(waiting, state);
    expect(answer.statusCode).toBe(200);
    expect(createHash('sha256').update(github.asked.at(-1)?.['code_verifier'] ?? '').digest('base64url')).toBe(challenge);
    expect((await ask('GET', '/api/session', { cookie: cookieIn(answer) })).json<SessionView>()).toMatchObject({ login: 'octocat', grants: [] });
    expect((await ask('POST', '/api/builds', { cookie: cookieIn(answer), headers: own, body: { what: 'a==1', targets: [] } })).statusCode).toBe(403);
    const given = await ask('PUT', '/api/accounts/octocat/roles', { token: 'the-farms-own-token', body: { role: 'trigger', project: 'a' } });
    expect(given.statusCode).toBe(200);
    expect(codeOf(await ask('POST', '/api/builds', { cookie: cookieIn(answer), headers: own, body: { what: 'a==1', targets: [] } }))).toBe('FARM_NOT_FOUND');
  });

  test('a state of another browser, a wrong code and no code sign nobody in', async () => {
    const one = await begin();
    const two = await begin();
    for (const answer of [await back(one.waiting, two.state), await back('', one.state), await back(one.waiting, ''), await back(one.waiting, one.state, 'bad')]) {
      expect([answer.statusCode, codeOf(answer), answer.cookies]).toEqual([502, 'FARM_SIGN_IN', []]);
    }
  });

  test('a login that changed hands takes over nothing', async () => {
    github.person = { id: 8, login: 'octocat' };
    const { state, waiting } = await begin();
    const answer = await back(waiting, state);
    expect((await ask('GET', '/api/session', { cookie: cookieIn(answer) })).json<SessionView>()).toMatchObject({ login: 'octocat', grants: [] });
  });
});

test('the audit log says who did what and who was refused, and holds no secret', async () => {
  const { token } = await newToken('viewer');
  await ask('POST', '/api/builds', { token, body: { what: 'a==1', targets: ['cp313-*'] } });
  const events = (await ask('GET', '/api/audit', { token: 'the-farms-own-token' })).json<{ events: { action: string; status: number; project: string; detail: object; actor: string }[] }>().events;
  expect(events[0]).toMatchObject({ action: 'POST /api/builds', status: 403, project: 'a', actor: 'farm', detail: { what: 'a==1', targets: ['cp313-*'] } });
  expect(JSON.stringify(events)).not.toMatch(/whf_|the-farms-own/);
});

test('anybody asks for a platform, once for an address, and not without end', async () => {
  const send = (platform: string, name = 'a') => ask('POST', `/api/projects/${name}/asks`, { headers: own, body: { platform, why: '<img src=x>' } });
  expect([(await send('win_arm64')).statusCode, (await send('win_arm64')).statusCode, await database.prisma.platformAsk.count()]).toEqual([204, 204, 1]);
  expect([(await send('WIN<>')).statusCode, (await send('win_arm64', 'nobody')).statusCode]).toEqual([400, 404]);
  for (let at = 0; at < 25; at += 1) await send(`p${at}`);
  expect(codeOf(await send('p99'))).toBe('FARM_BAD_REQUEST');
  expect(await database.prisma.platformAsk.count()).toBe(20);
  expect(codeOf(await ask('POST', '/api/projects/a/asks', { headers: { origin: 'http://evil.example' }, body: { platform: 'x' } }))).toBe('FARM_CROSS_SITE');
});

test('a webhook is told of each publish in order, signed, and again after a failure', async () => {
  const heard: { body: string; signature: string }[] = [];
  let refuse = true;
  const server = createServer((request, response) => void bodyOf(request).then((body) => {
    if (!refuse) heard.push({ body, signature: String(request.headers['x-farm-signature-256']) });
    response.statusCode = refuse ? 500 : 204;
    response.end();
  }));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const made = await ask('POST', '/api/hooks', { token: 'the-farms-own-token', body: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, project: 'a' } });
  const { id, secret } = made.json<{ id: string; secret: string }>();
  await database.prisma.indexHead.upsert({ where: { id: 1 }, create: { id: 1, serial: 3n }, update: { serial: 3n } });
  for (const [serial, project] of [[1, 'a'], [2, 'b'], [3, 'a']] as const) {
    await database.prisma.file.create({ data: {
      filename: `${project}-${serial}.tar.gz`, sha256: createHash('sha256').update(`${serial}`).digest('hex'), bytes: 1n, project, version: String(serial), kind: 'sdist',
      uploadTime: new Date(), buildId: 'b', serial: BigInt(serial),
    } });
  }
  await serve(database, id, 'http://farm.example');
  expect(await database.prisma.hook.findUnique({ where: { id } })).toMatchObject({ failures: 1, lastStatus: 'answered 500', serial: 0n });
  refuse = false;
  await serve(database, id, 'http://farm.example');
  expect(heard.map(({ body }) => (JSON.parse(body) as { serial: number }).serial)).toEqual([1, 3]);
  for (const { body, signature } of heard) expect(signature).toBe(`sha256=${createHmac('sha256', secret).update(body).digest('hex')}`);
  expect(await database.prisma.hook.findUnique({ where: { id } })).toMatchObject({ failures: 0, serial: 3n });
  server.close();
});
