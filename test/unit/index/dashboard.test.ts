import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { answerProblems } from '../../../orchestrator/api/plugins/problems.ts';
import { dashboardRoutes, pageAddresses, type DashboardFile } from '../../../orchestrator/api/routes/dashboard.ts';

const file = (text: string, type: string): DashboardFile => ({ type, bytes: Buffer.from(text), gzip: Buffer.from('zipped'), brotli: null });
const built = new Map([
  ['index.html', file('<base href="/"><script type="module" src="./assets/a.js"></script>', 'text/html')],
  ['assets/a.js', file('1', 'text/javascript; charset=utf-8')],
]);

function appWith(files: ReadonlyMap<string, DashboardFile> | null, base = '/') {
  const app = Fastify();
  answerProblems(app, () => undefined);
  dashboardRoutes(app, { files: async () => files, digest: 'd1', base });
  return app;
}

test('every page is the same document under a policy that runs its own scripts only', async () => {
  const app = appWith(built, '/farm/');
  for (const address of pageAddresses) {
    const answer = await app.inject({ url: address.replace(/:\w+/g, '%3Cscript%3E') });
    expect(answer.statusCode, address).toBe(200);
    expect(answer.body).toContain('<base href="/farm/">');
    const policy = String(answer.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toMatch(/unsafe|\*/);
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
  }
});

test('files never change under their names and go out compressed where the client takes that', async () => {
  const app = appWith(built);
  const zipped = await app.inject({ url: '/assets/a.js', headers: { 'accept-encoding': 'gzip' } });
  expect([zipped.headers['content-encoding'], zipped.body]).toEqual(['gzip', 'zipped']);
  expect(zipped.headers['cache-control']).toContain('immutable');
  expect((await app.inject({ url: '/assets/a.js' })).body).toBe('1');
  for (const url of ['/assets/b.js', '/assets/..%2findex.html', '/assets/../../etc/passwd']) expect((await app.inject({ url })).statusCode, url).toBe(404);
  expect((await app.inject({ url: '/', headers: { 'if-none-match': '"d1"' } })).statusCode).toBe(304);
});

test('before set-up has built it, the farm says what to do', async () => {
  const answer = await appWith(null).inject({ url: '/' });
  expect([answer.statusCode, answer.json<{ code: string; next: string }>()]).toMatchObject([503, { code: 'FARM_SETUP_FAILED', next: 'Run: ./farm setup' }]);
});
