import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AttemptView, BuildView } from '../../orchestrator/contract/api.ts';
import type { ApiClient } from '../../orchestrator/cli/api-client.ts';
import { buildAnimal, ended, homeTarget, startAnimal } from '../support/build.ts';
import { leftOf, sharedFarm, startFarm, type TestFarm } from '../support/farm.ts';
import { animals, packAnimal, type Animal } from '../zoo/animals.ts';

let farm: TestFarm;
beforeAll(async () => {
  farm = sharedFarm();
  await farm.farm(['up']);
}, 120_000);

/** The same animal under another name: a build of its own that nothing knows. */
function named(animal: Animal, name: string): Animal {
  const files = Object.fromEntries(Object.entries(animal.files).map(([path, text]) => [
    path.replaceAll(animal.name.replaceAll('-', '_'), name.replaceAll('-', '_')),
    text.replaceAll(animal.name, name).replaceAll(animal.name.replaceAll('-', '_'), name.replaceAll('-', '_')),
  ]));
  return { ...animal, name, files };
}

async function untilStep(api: ApiClient, id: string, step: string, msMax = 60_000): Promise<BuildView> {
  const end = Date.now() + msMax;
  for (;;) {
    const view = await api.get<BuildView>(`/builds/${id}`);
    if (view.cells.some((cell) => cell.state === 'running' && cell.step === step) || view.state !== 'running') return view;
    if (Date.now() > end) throw new Error(`no cell came to ${step}: ${JSON.stringify(view.cells)}`);
    await sleep(100);
  }
}

async function partPid(name: string, of: TestFarm = farm): Promise<number> {
  const part = (await of.status()).parts.find((one) => one.name === name);
  if (!part?.pid) throw new Error(`${name} has no process`);
  return part.pid;
}

describe('cancelling', () => {
  it.each([
    ['requires', animals.slowRequires], ['build', animals.slow],
  ] as const)('ends a cell in step %s within 5 s and leaves no container', async (step, animal) => {
    const { api, build } = await startAnimal(farm, named(animal, `zoo-in-${step}`));
    await untilStep(api, build.id, step);
    const began = Date.now();
    await api.post(`/builds/${build.id}/cancel`, { by: 'a test' });
    const view = await ended(api, build.id, 20_000);
    expect(Date.now() - began).toBeLessThan(5_000);
    expect({ state: view.state, cells: view.cells.map((cell) => cell.state) }).toEqual({ state: 'cancelled', cells: ['cancelled'] });
    expect(view.published).toEqual([]);
  });

  it('ends a build that waits for a worker', async () => {
    const held = await Promise.all(['a', 'b', 'c'].map((name) => startAnimal(farm, named(animals.slow, `zoo-held-${name}`))));
    await sleep(1_500);
    const began = Date.now();
    await Promise.all(held.map(({ api, build }) => api.post(`/builds/${build.id}/cancel`, { by: 'a test' })));
    const views = await Promise.all(held.map(({ api, build }) => ended(api, build.id, 20_000)));
    expect(Date.now() - began).toBeLessThan(6_000);
    expect(views.map(({ state }) => state)).toEqual(['cancelled', 'cancelled', 'cancelled']);
  });

  it('is what Ctrl-C does', async () => {
    const sdist = await packAnimal(named(animals.slow, 'zoo-slow-interrupted'), mkdtempSync(join(tmpdir(), 'farm-zoo-')));
    const interrupt = new AbortController();
    const building = farm.farm(['build', sdist, '--targets', homeTarget], { interrupt: interrupt.signal });
    await sleep(6_000);
    const began = Date.now();
    interrupt.abort();
    const said = await building;
    expect(Date.now() - began).toBeLessThan(6_000);
    expect(said.code, said.stderr).toBe(130);
    expect(said.stdout).toContain('was cancelled');
  });
});

describe('kill -9 in the middle of a build', () => {
  it.each(['api', 'control', 'worker', 'temporal', 'postgres'])('of %s loses nothing', async (part) => {
    const animal = named(animals.cExtension, `zoo-killed-${part}`);
    const { api, build } = await startAnimal(farm, animal);
    await untilStep(api, build.id, 'build');
    const before = await partPid(part);
    process.kill(before, 'SIGKILL');
    const view = await endedThrough(build.id);
    expect(view.state, JSON.stringify(view.cells)).toBe('succeeded');
    expect(view.published.filter((name) => name.endsWith('.whl')).length).toBe(1);
    expect(await partPid(part)).not.toBe(before);
  }, 180_000);

  it('of the supervisor leaves a farm that the next command mends', async () => {
    const before = (await farm.status()).parts.map(({ pid }) => pid);
    const { stdout } = await farm.farm(['status', '--json']);
    expect(stdout).toContain('parts');
    const supervisor = Number(supervisorPid());
    process.kill(supervisor, 'SIGKILL');
    await sleep(300);
    const up = await farm.farm(['up']);
    expect(up.code, up.stderr).toBe(0);
    const after = (await farm.status()).parts.map(({ pid }) => pid);
    expect(after.some((pid) => before.includes(pid))).toBe(false);
    const { build } = await buildAnimal(farm, named(animals.pure, 'zoo-after-supervisor'));
    expect(build.state).toBe('succeeded');
  }, 120_000);
});

/** Waits for the end of a build while the API itself may be away. */
async function endedThrough(id: string): Promise<BuildView> {
  const end = Date.now() + 150_000;
  while (Date.now() < end) {
    const { api } = await farm.status();
    const view = await fetch(`${api}/builds/${id}`).then((answer) => answer.json() as Promise<BuildView>, () => null);
    if (view?.state && view.state !== 'running') return view;
    await sleep(300);
  }
  throw new Error(`build ${id} has not ended`);
}

/** The lock names its holder. */
const supervisorPid = (): string => /\d+/.exec(readFileSync(join(farm.home, 'supervisor.lock'), 'utf8'))?.[0] ?? '';

describe('Docker stopped in the middle', () => {
  const socket = join(mkdtempSync(join(tmpdir(), 'farm-docker-')), 'docker.sock');
  const open = new Set<Socket>();
  let server: Server | null = null;
  let own: TestFarm;

  /** A socket of our own before the engine's: closing it is, for the worker, an engine that has stopped. */
  const listen = (): Promise<void> => new Promise((done) => {
    server = createServer((client) => {
      const engine = connect('/var/run/docker.sock');
      for (const [from, to] of [[client, engine], [engine, client]] as const) {
        open.add(from);
        from.on('error', () => to.destroy()).on('close', () => open.delete(from)).pipe(to);
      }
    }).listen(socket, done);
  });
  const stopEngine = (): void => {
    server?.close();
    for (const one of open) one.destroy();
    if (existsSync(socket)) rmSync(socket);
  };

  beforeAll(async () => {
    await listen();
    own = await startFarm({ env: { DOCKER_HOST: `unix://${socket}` } });
  }, 120_000);
  afterAll(async () => {
    if (!existsSync(socket)) await listen();
    await own.stop();
    stopEngine();
  }, 60_000);

  it('ends in a message of the farm when it stays away, and builds when it is back', async () => {
    const { api, build } = await startAnimal(own, animals.slow);
    await untilStep(api, build.id, 'build');
    stopEngine();
    await sleep(3_000);
    await listen();
    // Back within the deliveries: the cell was given to the worker again.
    await sleep(1_000);
    const again = await untilStep(api, build.id, 'build', 60_000);
    expect(again.state).toBe('running');
    stopEngine();
    const view = await ended(api, build.id, 120_000);
    expect(view.cells[0]?.failure).toMatchObject({ code: 'FARM_DOCKER_DOWN', blame: 'farm' });
    expect(view.cells[0]?.failure?.next).toMatch(/Start Docker/);
    expect(view.published).toEqual([]);
    await listen();
    const next = await buildAnimal(own, animals.pure);
    expect(next.build.state, JSON.stringify(next.cell)).toBe('succeeded');
  }, 240_000);
});

describe('a farm of its own', () => {
  it('is gone after ./farm down, and has everything after the next up', async () => {
    const own = await startFarm();
    try {
      const { build } = await buildAnimal(own, animals.pure);
      expect(build.state).toBe('succeeded');
      const before = await own.status();
      expect((await own.farm(['down'])).code).toBe(0);
      expect(await leftOf(own.home)).toEqual([]);
      const began = Date.now();
      expect((await own.farm(['up'])).code).toBe(0);
      expect(Date.now() - began).toBeLessThan(10_000);
      const after = await own.status();
      expect(after.index).toBe(before.index);
      const answer = await fetch(`${after.index}zoo-pure/`, { headers: { accept: 'text/html' } });
      expect(await answer.text()).toContain('zoo_pure-1.0-py3-none-any.whl');
    } finally {
      await own.stop();
    }
  }, 180_000);

  it('streams a log line within a second', async () => {
    const { api, build } = await startAnimal(farm, named(animals.slow, 'zoo-slow-log'));
    const view = await untilStep(api, build.id, 'build');
    const attempt = await api.get<AttemptView>(`/attempts/${view.cells[0]?.attemptId}`);
    const stop = AbortSignal.timeout(20_000);
    let text = '';
    let late = 0;
    let before = Date.now();
    for await (const piece of api.stream(`/attempts/${attempt.id}/log?offset=0&follow=1`, stop)) {
      if (text.includes('second 1')) late = Math.max(late, Date.now() - before);
      before = Date.now();
      text += piece;
      if (text.includes('second 6')) break;
    }
    await api.post(`/builds/${build.id}/cancel`, { by: 'a test' });
    // The animal prints each second: two seconds between pieces would be a line that came more than a second late.
    expect(late).toBeLessThan(2_000);
    expect(text).toContain('second 6');
  });
});
