/** A second machine, made of a network of its own, joins by the one line that `./farm pool add` prints; then its token is revoked. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AttemptView, BuildView } from '../../orchestrator/contract/api.ts';
import { apiOf, ended, startAnimal } from '../support/build.ts';
import { sharedFarm, type Said, type TestFarm } from '../support/farm.ts';
import type { Animal } from '../zoo/animals.ts';

const root = join(import.meta.dirname, '../..');
const space = `farm${process.pid % 10_000}`;
const hostAddress = '10.231.7.1';
const ip = (...argv: readonly string[]): void => { execFileSync('ip', [...argv], { stdio: 'pipe' }); };

let farm: TestFarm;
let worker: ChildProcess;
let printed = '';
let joined: Said;
const folder = mkdtempSync(join(tmpdir(), 'farm-worker-'));
const doors: Server[] = [];

/** Lets the worker's network reach one loopback port of the control plane, as the farm's sshd would. */
async function forward(port: number): Promise<void> {
  const door = createServer((client) => {
    const inside = connect(port, '127.0.0.1');
    for (const [from, to] of [[client, inside], [inside, client]] as const) from.on('error', () => to.destroy()).pipe(to);
  });
  await new Promise<void>((done) => { door.listen(port, hostAddress, done); });
  doors.push(door);
}

/** A checkout for the worker: its own folder with what a worker runs, and an ssh that tunnels through the test's network. */
function checkout(): { readonly cwd: string; readonly bin: string } {
  const [cwd, bin] = [join(folder, 'checkout'), join(folder, 'bin')];
  for (const name of ['workers', 'orchestrator', 'images', 'infra', 'package.json']) cpSync(join(root, name), join(cwd, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(cwd, 'node_modules'));
  mkdirSync(bin);
  writeFileSync(join(bin, 'tunnel.mjs'), `
    import { connect, createServer } from 'node:net';
    import { writeFileSync } from 'node:fs';
    const ports = process.argv.filter((word) => /^\\d+:127\\.0\\.0\\.1:\\d+$/.test(word)).map((word) => Number(word.split(':')[0]));
    await Promise.all(ports.map((port) => new Promise((done) => createServer((client) => {
      const far = connect(port, '${hostAddress}');
      for (const [from, to] of [[client, far], [far, client]]) from.on('error', () => to.destroy()).pipe(to);
    }).listen(port, '127.0.0.1', done))));
    writeFileSync('${join(folder, 'tunnel')}', process.argv.at(-1));
  `);
  // Goes on in the background as `ssh -f` does, once the ports are open.
  writeFileSync(join(bin, 'ssh'), `#!/bin/sh\n"${process.execPath}" "${join(bin, 'tunnel.mjs')}" "$@" &\nwhile [ ! -s "${join(folder, 'tunnel')}" ]; do sleep 0.05; done\n`);
  chmodSync(join(bin, 'ssh'), 0o755);
  return { cwd, bin };
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
  const { ports } = farm.kept();
  await forward(ports.api);
  await forward(ports.temporal);
  joined = await farm.farm(['pool', 'add', 'linux-amd64']);
  const { cwd, bin } = checkout();
  worker = spawn('ip', ['netns', 'exec', space, 'sh', '-c', `exec 2>&1; ${joined.stdout.trim().replace('&& env', '&& exec env')}`], {
    cwd, detached: true, env: { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: process.env['HOME'] ?? '', FARM_WORKER_FOLDER: join(folder, 'work') }, stdio: ['ignore', 'pipe', 'pipe'],
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
  const gone = worker?.exitCode === null ? once(worker, 'exit') : null;
  if (worker?.pid) {
    // Worker and tunnel are one group, as on a machine that is switched off.
    try { process.kill(-worker.pid, 'SIGTERM'); } catch { /* it has ended, and so has its tunnel */ }
  }
  await gone;
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
  it('has joined by one line, which holds a token of its own and no other secret', () => {
    const { secrets } = farm.kept();
    expect([joined.code, joined.stdout.trim().split('\n').length]).toEqual([0, 1]);
    expect(joined.stdout).toMatch(/^ssh -fNT .* FARM_HOST && env FARM_URL=\S+ FARM_WORKER_TOKEN=whf_\S+ TEMPORAL_ADDRESS=\S+ FARM_ID=\S+ FARM_POOLS=linux-amd64 node_modules\/\.bin\/node workers\/main\.ts$/m);
    for (const secret of Object.values(secrets)) expect(joined.stdout).not.toContain(secret);
  });

  it('builds cells with nothing but Temporal and the worker door', async () => {
    const api = await apiOf(farm);
    const builds = await Promise.all(Array.from({ length: 5 }, (_, at) => startAnimal(farm, unhurried(`zoo-spread-${at}`))));
    const views = await Promise.all(builds.map(({ build }) => ended(api, build.id, 180_000)));
    expect(views.map(({ state }) => state), JSON.stringify(views.map(({ cells }) => cells[0]?.failure)) + printed)
      .toEqual(views.map(() => 'succeeded'));
    const attempts = await Promise.all(views.map((view: BuildView) => api.get<AttemptView>(`/attempts/${view.cells[0]?.attemptId}`)));
    const { farmId } = farm.kept().identity;
    const workers = new Set(attempts.map((attempt) => attempt.worker));
    expect([workers.size, workers.has(`${farmId}-w1`)], [...workers].join()).toEqual([2, true]);
  });

  it('cannot read what its leases do not name', async () => {
    const { ports, secrets } = farm.kept();
    const ask = (path: string, token: string) => fetch(`http://127.0.0.1:${ports.api}${path}`, {
      headers: { authorization: `Bearer ${token}`, 'x-lease-secret': 'guessed' },
    });
    expect((await ask(`/worker/leases/nothing/inputs/${'0'.repeat(64)}`, secrets.workerToken)).status).toBeGreaterThanOrEqual(400);
    expect((await ask(`/worker/leases/nothing/inputs/${'0'.repeat(64)}`, 'wrong token')).status).toBe(401);
  });

  it('opens nothing but the worker door, and stops when its token is revoked; its cells go to another worker', { timeout: 240_000 }, async () => {
    const { ports } = farm.kept();
    const token = /FARM_WORKER_TOKEN=(\S+)/.exec(joined.stdout)?.[1] ?? '';
    const asked = async (path: string): Promise<number> => (await fetch(`http://127.0.0.1:${ports.api}${path}`, { headers: { authorization: `Bearer ${token}` } })).status;
    expect(await asked('/api/tokens')).toBe(401);
    // A lease of nothing: whoever may lease at all is told that the request is wrong.
    const leasing = async (): Promise<number> => (await fetch(`http://127.0.0.1:${ports.api}/worker/leases`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: '{}' })).status;
    const before = await leasing();
    const id = /token revoke (\S+)/.exec(joined.stderr)?.[1] ?? '';
    const left = once(worker, 'exit');
    expect((await farm.farm(['token', 'revoke', id])).code).toBe(0);
    expect([before, await leasing()]).toEqual([400, 401]);
    const api = await apiOf(farm);
    const builds = await Promise.all(Array.from({ length: 4 }, (_, at) => startAnimal(farm, unhurried(`zoo-revoked-${at}`))));
    const views = await Promise.all(builds.map(({ build }) => ended(api, build.id, 180_000)));
    expect(views.map(({ state }) => state), printed).toEqual(views.map(() => 'succeeded'));
    const [code] = await left as [number | null];
    expect([code, printed]).toEqual([1, expect.stringContaining('does not know this worker’s token any more') as string]);
  });
});
