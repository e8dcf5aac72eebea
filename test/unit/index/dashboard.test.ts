import Fastify from 'fastify';
import { afterAll, describe, expect, it } from 'vitest';
import { dashboardRoutes } from '../../../orchestrator/api/routes/dashboard.ts';
import type { BuildView, CellView } from '../../../orchestrator/contract/api.ts';
import { FarmError, failure } from '../../../orchestrator/domain/failure.ts';

const cell = (target: string, more: Partial<CellView>): CellView => ({
  target, tier: 1, state: 'succeeded', step: null, tested: null, wheel: null, wheelSha256: null, coveredBy: null, attemptId: null,
  attempts: 1, failure: null, testFailure: null, notes: [], startedAt: null, endedAt: null, bytes: null, ...more,
});
const build = (project: string, version: string, cells: readonly CellView[]): BuildView => ({
  id: `${project}-${version}`, project, displayName: project, version, planSha256: '', state: 'succeeded', started: true,
  cells: [...cells], failure: null, upstreamFiles: [], published: [], sdist: { sha256: '0'.repeat(64), filename: '', bytes: 0 },
  startedAt: '2026-01-02T03:04:05.000Z', endedAt: '2026-01-02T03:05:05.000Z', index: '',
});
const hostile = '<script>alert("x")</script>';
const builds = [
  build('demo', '1.10', [
    cell('cp313-manylinux_x86_64', { tested: 'passed' }), cell('cp311-manylinux_x86_64', { state: 'covered', coveredBy: 'cp310-x' }),
    cell('cp311-musllinux_x86_64', { state: 'failed', failure: failure('FARM_COMPILE_ERROR', 'build', { why: hostile }, { text: hostile }) }),
  ]),
  build('demo', '1.9', [cell('cp311-manylinux_x86_64', { state: 'cancelled', notes: [hostile] })]),
];
const app = Fastify();
app.setErrorHandler((error, _, reply) => reply.send({ code: error instanceof FarmError ? error.failure.code : 'another error' }));
dashboardRoutes(app, {
  pages: { page: async () => null, file: async () => null, serial: () => 0, names: () => ['demo', 'quiet'], list: () => { throw new Error('not read'); } },
  builds: { newest: async () => builds },
});
afterAll(() => app.close());

const read = async (url: string): Promise<string> => {
  const answer = await app.inject(url);
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
  expect(answer.body).not.toContain('<script');
  return answer.body;
};

describe('the pages for people', () => {
  it('list projects with their newest coverage, and the newest builds', async () => {
    const page = await read('/');
    expect(page).toContain('<a href="/projects/demo">demo</a></th><td>1.10</td><td>2 of 3, 1 missing</td>');
    expect(page).toContain('<a href="/projects/quiet">quiet</a>');
    expect(page).toContain('<time datetime="2026-01-02T03:04:05.000Z">2026-01-02 03:04</time>');
  });

  it('show a project as targets by versions, with states, tests and causes, everything escaped', async () => {
    const page = await read('/projects/Demo');
    expect(page.indexOf('<th scope="col">1.10</th>')).toBeLessThan(page.indexOf('<th scope="col">1.9</th>'));
    expect(page).toContain('covered</span><br>by <code>cp310-x</code>');
    expect(page).toContain('succeeded</span><br>test: passed');
    expect(page).toContain('failed</span><br>at build');
    expect(page).toContain('<pre>&lt;script&gt;');
    expect(page).toContain('not planned');
  });

  it('know no other project', async () => {
    expect((await app.inject('/projects/other')).json()).toEqual({ code: 'FARM_NOT_FOUND' });
  });
});
