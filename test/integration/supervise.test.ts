import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { placesOf } from '../../infra/setup/places.ts';
import { startOf } from '../../infra/setup/processes.ts';
import type { PartStatus } from '../../orchestrator/cli/group/part-process.ts';
import type { PartPlan } from '../../orchestrator/cli/group/parts.ts';
import { readRecord } from '../../orchestrator/cli/group/supervisor.ts';
import { farmAt, leftOf, startFarm, type TestFarm } from '../support/farm.ts';

const { root } = placesOf({});
const farms: TestFarm[] = [];

afterEach(async () => {
  for (const farm of farms.splice(0)) await farm.stop();
});

/** A part that runs a line of JavaScript. */
const part = (name: string, script: string, extra: Partial<PartPlan> = {}): PartPlan => ({
  name, kind: 'service', argv: [process.execPath, '-e', script], env: {}, needs: [],
  ready: { kind: 'line', text: 'ready' }, stopSignal: 'SIGTERM', stopMsMax: 1_000, ...extra,
});
const steady = 'console.log("ready"); setInterval(() => {}, 1000)';

/** A state folder and the environment that puts these parts in the place of the farm's own. */
function withParts(parts: readonly PartPlan[], folder = mkdtempSync(join(tmpdir(), 'farm-home-'))): { home: string; env: { FARM_PARTS: string } } {
  const file = join(folder, 'parts.json');
  writeFileSync(file, JSON.stringify(parts));
  return { home: folder, env: { FARM_PARTS: file } };
}

async function started(parts: readonly PartPlan[], folder?: string): Promise<TestFarm> {
  const farm = await startFarm(withParts(parts, folder));
  farms.push(farm);
  return farm;
}

const named = async (farm: TestFarm, name: string): Promise<PartStatus> => {
  const found = (await farm.status()).parts.find((one) => one.name === name);
  if (!found) throw new Error(`no part ${name}`);
  return found;
};

/** Waits for a condition; the time limit of the test ends it. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(100);
}

describe('the group', () => {
  it('starts parts in order, says how they are, stops them and leaves nothing', async () => {
    const order = 'require("fs").appendFileSync(process.env.FARM_HOME + "/order", process.env.NAME + " ");';
    const farm = await started([
      part('database', `${order} setTimeout(() => console.log("ready"), 400); setInterval(() => {}, 1000)`, { env: { NAME: 'database' } }),
      part('migrate', order, { kind: 'once', ready: { kind: 'ended' }, needs: ['database'], env: { NAME: 'migrate' } }),
      part('api', `${order} ${steady}`, { needs: ['migrate'], env: { NAME: 'api' } }),
    ]);
    expect(readFileSync(join(farm.home, 'order'), 'utf8')).toBe('database migrate api ');
    const view = await farm.status();
    expect(view.parts.map(({ name, state, restarts }) => [name, state, restarts])).toEqual([['database', 'running', 0], ['api', 'running', 0]]);
    expect(view.index).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/simple\/$/);
    const down = await farm.farm(['down']);
    expect(down.stdout).toContain('2 parts stopped');
    expect(await leftOf(farm.home)).toEqual([]);
    expect((await farm.status()).parts).toEqual([]);
  });

  it('keeps ports, identity and secrets, and hides the secrets', async () => {
    const farm = await started([part('api', steady)]);
    const before = farm.kept();
    expect(statSync(join(farm.home, 'secrets.json')).mode & 0o777).toBe(0o600);
    await farm.farm(['down']);
    await startFarm(withParts([part('api', steady)], farm.home));
    expect(farm.kept()).toEqual(before);
  });

  it('starts a part again that was killed', async () => {
    const farm = await started([part('api', steady)]);
    const before = await named(farm, 'api');
    process.kill(before.pid ?? 0, 'SIGKILL');
    await until(async () => (await named(farm, 'api')).restarts === 1 && (await named(farm, 'api')).state === 'running');
    expect((await named(farm, 'api')).pid).not.toBe(before.pid);
  });

  it('cleans up after a supervisor that was killed, then starts afresh', async () => {
    const farm = await started([part('api', steady)]);
    const before = (await named(farm, 'api')).pid ?? 0;
    process.kill(readRecord(farm.home)?.supervisor.pid ?? 0, 'SIGKILL');
    await until(async () => (await farm.status()).parts.every(({ state }) => state === 'orphan'));
    expect(startOf(before)).toBeDefined();
    expect((await farm.status()).parts).toMatchObject([{ name: 'api', pid: before }]);
    await startFarm(withParts([part('api', steady)], farm.home));
    expect(startOf(before)).toBeUndefined();
    expect((await named(farm, 'api')).state).toBe('running');
  });

  it('ends a part that does not listen, and what it started in sessions of its own, within 10 s', async () => {
    const child = 'require("child_process").spawn("sleep", ["600"], {detached: true, stdio: "ignore"});';
    const deaf = part('deaf', `process.on("SIGTERM", () => {}); ${child} ${steady}`);
    const farm = await started([deaf]);
    expect(await leftOf(farm.home)).toHaveLength(2);
    const began = Date.now();
    expect((await farm.farm(['down'])).code).toBe(0);
    expect(Date.now() - began).toBeLessThan(10_000);
    expect(await leftOf(farm.home)).toEqual([]);
  });

  it('goes on when the terminal that started it is gone', async () => {
    const { home, env } = withParts([part('api', steady)]);
    const farm = farmAt(home, env);
    farms.push(farm);
    const shell = spawn('sh', ['-c', './farm up && kill -INT 0; kill -HUP 0; sleep 5'], {
      cwd: root, detached: true, stdio: 'ignore', env: { ...process.env, ...env, FARM_HOME: home },
    });
    await once(shell, 'exit');
    const { pid, restarts } = await named(farm, 'api');
    await sleep(300);
    expect(await named(farm, 'api')).toMatchObject({ state: 'running', pid, restarts });
  });

  it('has one supervisor when two start it at the same time', async () => {
    const { home, env } = withParts([part('api', steady)]);
    const farm = farmAt(home, env);
    farms.push(farm);
    const both = await Promise.all([farm.farm(['up']), farm.farm(['up'])]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(await leftOf(home)).toHaveLength(1);
  });

  it('says which part does not start, with its last words', async () => {
    const { home, env } = withParts([part('api', 'console.log("no such table"); process.exit(3)')]);
    const farm = farmAt(home, env);
    farms.push(farm);
    const up = await farm.farm(['up']);
    expect(up.code).toBe(1);
    expect(up.stderr).toMatch(/api does not start/);
    expect(up.stderr).toMatch(/no such table/);
    expect(up.stderr).toMatch(/FARM_NOT_UP/);
  });

  it('lives in a folder whose path is too long for a socket', async () => {
    const short = mkdtempSync(join(tmpdir(), 'farm-home-'));
    const folder = join(short, 'long'.repeat(30));
    mkdirSync(folder);
    const farm = await started([part('api', steady)], folder);
    expect((await named(farm, 'api')).state).toBe('running');
    await farms.pop()?.stop();
    rmSync(short, { recursive: true });
  });

  it('shows what parts printed, and bounds it', async () => {
    const farm = await started([
      part('api', 'console.log("ready\\nhello from the api"); setInterval(() => {}, 1000)'),
      part('flood', 'console.log("ready"); process.stdout.write("x".repeat(11 << 20) + "\\n"); setInterval(() => {}, 1000)'),
    ]);
    expect((await farm.farm(['logs', 'api'])).stdout).toContain('hello from the api');
    const log = join(farm.home, 'logs', 'flood.log');
    await until(async () => statSync(`${log}.1`, { throwIfNoEntry: false }) !== undefined && statSync(log).size === 0);
  });
});

describe('database and Temporal', () => {
  const only = ['--only', 'postgres,temporal'];
  const query = async (farm: TestFarm, sql: string): Promise<unknown[]> => {
    const { ports, secrets } = farm.kept();
    const client = new pg.Client({ connectionString: `postgresql://farm:${secrets.postgresPassword}@127.0.0.1:${ports.postgres}/farm` });
    client.on('error', () => { /* the server is killed on purpose */ });
    await client.connect();
    try {
      return (await client.query(sql)).rows as unknown[];
    } finally {
      await client.end();
    }
  };

  it('are ready in 10 s from the second start on, and keep what was written through kill -9 and restarts', async () => {
    const farm = await startFarm({ args: only });
    farms.push(farm);
    await query(farm, 'create table kept (value int)');
    await query(farm, 'insert into kept values (42)');
    for (const name of ['postgres', 'temporal']) process.kill((await named(farm, name)).pid ?? 0, 'SIGKILL');
    await until(async () => (await farm.status()).parts.every(({ state, restarts }) => state === 'running' && restarts >= 1));
    expect(await query(farm, 'select value from kept')).toEqual([{ value: 42 }]);
    const stopping = Date.now();
    await farm.farm(['down']);
    expect(Date.now() - stopping).toBeLessThan(10_000);
    const starting = Date.now();
    expect((await farm.farm(['up', ...only])).code).toBe(0);
    expect(Date.now() - starting).toBeLessThan(10_000);
    expect(await query(farm, 'select value from kept')).toEqual([{ value: 42 }]);
  });

  it('are made once when two start them at the same time', async () => {
    const farm = farmAt(mkdtempSync(join(tmpdir(), 'farm-home-')));
    farms.push(farm);
    const both = await Promise.all([farm.farm(['up', '--only', 'postgres']), farm.farm(['up', '--only', 'postgres'])]);
    expect(both.map(({ code, stderr }) => [code, /FARM_/.exec(stderr)])).toEqual([[0, null], [0, null]]);
    expect(await query(farm, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('listen on this machine only, and the database asks for the password', async () => {
    const farm = await startFarm({ args: only });
    farms.push(farm);
    const { ports } = farm.kept();
    const sockets = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1).map((line) => line.trim().split(/\s+/)[1] ?? '');
    for (const port of [ports.postgres, ports.temporal]) {
      const address = port.toString(16).toUpperCase().padStart(4, '0');
      const bound = sockets.filter((socket) => socket.endsWith(`:${address}`)).map((socket) => socket.slice(0, 8));
      expect([...new Set(bound)]).toEqual(['0100007F']);
    }
    const stranger = new pg.Client({ connectionString: `postgresql://farm:wrong@127.0.0.1:${ports.postgres}/farm` });
    await expect(stranger.connect()).rejects.toThrow(/password authentication failed/);
  });
});
