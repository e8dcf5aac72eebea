import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AttemptView, BuildView } from '../../orchestrator/contract/api.ts';
import { apiOf, ended, startAnimal } from '../support/build.ts';
import { sharedFarm, type TestFarm } from '../support/farm.ts';
import type { Animal } from '../zoo/animals.ts';

const root = join(import.meta.dirname, '../..');
const space = `farm${process.pid % 10_000}`;
const hostAddress = '10.231.7.1';
const ip = (...argv: readonly string[]): void => { execFileSync('ip', [...argv], { stdio: 'pipe' }); };

let farm: TestFarm;
let worker: ChildProcess;
let printed = '';
const folder = mkdtempSync(join(tmpdir(), 'farm-worker-'));
const doors: Server[] = [];

/** Lets the worker's network reach one loopback port of the control plane, as a router between two hosts would. */
async function forward(port: number): Promise<void> {
  const door = createServer((client) => {
    const inside = connect(port, '127.0.0.1');
    for (const [from, to] of [[client, inside], [inside, client]] as const) from.on('error', () => to.destroy()).pipe(to);
  });
  await new Promise<void>((done) => { door.listen(port, hostAddress, done); });
  doors.push(door);
}

beforeAll(async () => {
  farm = sharedFarm();
  await farm.farm(['up']);
  ip('netns', 'add', space);
  ip('link', 'add', `${space}h`, 'type', 'veth', 'peer', 'name', `${space}n`);
  ip('link', 'set', `${space}n`, 'netns', space);
  ip('addr', 'add', `${hostAddress}/24`, 'dev', `${space}h`);
  ip('link', 'set', `${space}h`, 'up');
  ip('-n', space, 'addr', 'add', '10.231.7.2/24', 'dev', `${space}n`);
  ip('-n', space, 'link', 'set', `${space}n`, 'up');
  ip('-n', space, 'link', 'set', 'lo', 'up');
  const { ports, identity, secrets } = farm.kept();
  await forward(ports.api);
  await forward(ports.temporal);
  worker = spawn('ip', ['netns', 'exec', space, process.execPath, join(root, 'workers/main.ts')], {
    env: {
      PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '',
      FARM_URL: `http://${hostAddress}:${ports.api}`, TEMPORAL_ADDRESS: `${hostAddress}:${ports.temporal}`,
      FARM_WORKER_TOKEN: secrets.workerToken, FARM_ID: identity.farmId, FARM_WORKER_ID: `${identity.farmId}-second`,
      FARM_POOLS: 'linux-amd64', FARM_WORKER_FOLDER: folder,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await new Promise<void>((ready, failed) => {
    const see = (bytes: Buffer): void => {
      printed += bytes.toString();
      if (/ready/.test(printed)) ready();
    };
    worker.stdout?.on('data', see);
    worker.stderr?.on('data', see);
    worker.once('exit', (code) => failed(new Error(`the worker ended with ${code}: ${printed}`)));
  });
}, 120_000);

afterAll(async () => {
  if (worker?.exitCode === null) {
    const gone = new Promise((done) => worker.once('exit', done));
    worker.kill('SIGTERM');
    await gone;
  }
  for (const door of doors) door.close();
  execFileSync('ip', ['netns', 'del', space], { stdio: 'pipe' });
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** An animal that builds for some seconds, so that one worker alone does not take them all. */
const unhurried = (name: string): Animal => ({
  name,
  files: {
    'pyproject.toml': '[build-system]\nrequires = []\nbuild-backend = "zoo_backend"\nbackend-path = ["."]\n',
    'behaviour.py': `import time\nfrom zoo_backend import wheel\n\n\ndef build(folder):\n    time.sleep(4)\n    return wheel(folder, "${name}")\n`,
  },
});

describe('a second worker in a network of its own', () => {
  it('builds cells with nothing but Temporal and the worker door', async () => {
    const api = await apiOf(farm);
    const builds = await Promise.all(Array.from({ length: 8 }, (_, at) => startAnimal(farm, unhurried(`zoo-spread-${at}`))));
    const views = await Promise.all(builds.map(({ build }) => ended(api, build.id, 180_000)));
    expect(views.map(({ state }) => state), JSON.stringify(views.map(({ cells }) => cells[0]?.failure)) + printed)
      .toEqual(views.map(() => 'succeeded'));
    const attempts = await Promise.all(views.map((view: BuildView) => api.get<AttemptView>(`/attempts/${view.cells[0]?.attemptId}`)));
    const { farmId } = farm.kept().identity;
    expect(new Set(attempts.map((attempt) => attempt.worker))).toEqual(new Set([`${farmId}-w1`, `${farmId}-second`]));
  });

  it('cannot read what its leases do not name', async () => {
    const { ports, secrets } = farm.kept();
    const ask = (path: string, token: string) => fetch(`http://127.0.0.1:${ports.api}${path}`, {
      headers: { authorization: `Bearer ${token}`, 'x-lease-secret': 'guessed' },
    });
    expect((await ask(`/worker/leases/nothing/inputs/${'0'.repeat(64)}`, secrets.workerToken)).status).toBeGreaterThanOrEqual(400);
    expect((await ask(`/worker/leases/nothing/inputs/${'0'.repeat(64)}`, 'wrong token')).status).toBe(401);
  });
});
