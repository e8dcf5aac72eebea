import { beforeAll, describe, expect, it } from 'vitest';
import type { BuildView } from '../../orchestrator/contract/api.ts';
import { apiOf, ended } from '../support/build.ts';
import { sharedFarm, type TestFarm } from '../support/farm.ts';

let farm: TestFarm;
beforeAll(async () => {
  farm = sharedFarm();
  expect((await farm.farm(['up'])).code).toBe(0);
}, 120_000);

async function build(what: string, targets: readonly string[] = []): Promise<BuildView> {
  const api = await apiOf(farm);
  const { id } = await api.post<BuildView>('/builds', { what, targets });
  return ended(api, id, 10 * 60_000);
}

const states = (view: BuildView): string[] =>
  [...new Set(view.cells.map(({ state, tested }) => `${state} ${tested ?? ''}`.trim()))].toSorted();

describe('real projects of the index', () => {
  it('builds idna once and covers every target', async () => {
    const view = await build('idna==3.10');
    expect(view.cells.filter(({ state }) => state === 'succeeded').map(({ target }) => target)).toEqual(['cp311-manylinux_x86_64']);
    expect(view.cells.filter(({ state }) => state === 'covered').length).toBe(7);
    expect(view.published.filter((name) => name.endsWith('.whl'))).toEqual(['idna-3.10-py3-none-any.whl']);
  });

  it('builds pyyaml on all eight cells and says that it is without libyaml', async () => {
    const view = await build('pyyaml==6.0.2');
    expect(view.state, JSON.stringify(view.cells.map((cell) => cell.failure))).toBe('succeeded');
    expect(view.cells.map(({ state }) => state)).toEqual(Array.from({ length: 8 }, () => 'succeeded'));
    expect(view.cells.flatMap(({ notes }) => notes).join('\n')).toMatch(/yaml/);
  });

  it.each(['msgpack==1.1.0', 'wrapt==1.17.2', 'charset-normalizer==3.4.1'])('builds %s on all eight cells', async (what) => {
    const view = await build(what);
    expect(view.state, JSON.stringify(view.cells.map((cell) => cell.failure ?? cell.testFailure))).toBe('succeeded');
    expect(states(view)).toEqual(['succeeded no-runner', 'succeeded passed']);
  });
});
