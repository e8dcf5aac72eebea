import { describe, expect, it } from 'vitest';
import { blockers, buildDeps } from '../../../orchestrator/cli/with-deps.ts';
import type { BuildRequest, BuildView, PlanView } from '../../../orchestrator/contract/api.ts';

const cell = (target: string, why: string | null): PlanView['cells'][number] =>
  ({ target, tier: 1, state: why === null ? 'queued' : 'blocked', why, rows: [], passed: [], expectedMs: null, expectedBytes: null });

/** A farm in which a project is blocked by others until they were built. */
function farm(needs: Readonly<Record<string, readonly string[]>>, broken: readonly string[] = []) {
  const done: string[] = [];
  const name = (request: BuildRequest) => request.what.split('==')[0] ?? '';
  return {
    done,
    ports: {
      plan: async (request: BuildRequest) => {
        const missing = (needs[name(request)] ?? []).filter((one) => !done.includes(one));
        return { project: name(request), cells: missing.map((one) => cell('cp313-a', `blocked by ${one} (no cp313-a wheel).`)) } as unknown as PlanView;
      },
      build: async (request: BuildRequest) => {
        done.push(name(request));
        const bad = broken.includes(name(request));
        return { state: bad ? 'failed' : 'succeeded', cells: bad ? [{ failure: { message: 'no compiler' } }] : [], failure: null } as unknown as BuildView;
      },
      say: () => undefined,
    },
  };
}
const request: BuildRequest = { what: 'app==1', targets: [] };

describe('requirements that are built first', () => {
  it('are built in order, each once', async () => {
    const { done, ports } = farm({ app: ['b', 'c'], b: ['d'], c: ['d'] });
    await buildDeps(ports, request);
    expect(done).toEqual(['d', 'b', 'c']);
  });
  it('in a circle are an error that shows it', async () => {
    const { done, ports } = farm({ app: ['b'], b: ['c'], c: ['b'] });
    await expect(buildDeps(ports, request)).rejects.toThrow('The requirements need one another to be built: app → b → c → b.');
    expect(done).toEqual([]);
  });
  it('that fail end it, with the first failure', async () => {
    const { ports } = farm({ app: ['b'] }, ['b']);
    await expect(buildDeps(ports, request)).rejects.toThrow('b could not be built first (app → b): no compiler.');
  });
  it('are gathered with the targets that they lack', () => {
    const cells = [cell('x', 'blocked by n (no cp313-a wheel).'), cell('y', 'blocked by n (no cp313-b wheel).'), cell('z', null)];
    expect([...blockers({ cells })]).toEqual([['n', ['cp313-a', 'cp313-b']]]);
  });
});
