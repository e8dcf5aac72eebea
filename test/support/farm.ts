import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineOf, ask } from '../../infra/setup/docker-socket.ts';
import { placesOf } from '../../infra/setup/places.ts';
import { readKept, type Kept } from '../../orchestrator/cli/group/kept.ts';
import { databaseFolder, orphansOf } from '../../orchestrator/cli/group/supervisor.ts';
import type { GroupView } from '../../orchestrator/cli/group/view.ts';

/** What a command of the farm printed and how it ended. */
export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SayOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Ends the command with SIGINT, as Ctrl-C does. */
  readonly interrupt?: AbortSignal;
}

/** A farm of its own for tests: state under a temporary folder, ports and identity of its own. */
export interface TestFarm {
  readonly home: string;
  /** Runs `./farm ARGS` to its end. */
  farm(args: readonly string[], options?: SayOptions): Promise<Said>;
  /** `./farm status --json`. */
  status(): Promise<GroupView>;
  /** Ports, identity and tokens; the farm must have been up once. */
  kept(): Kept;
  /** Stops the farm and removes its state. @errors throws when a process or container of it is left */
  stop(): Promise<void>;
}

const homeVariable = 'FARM_TEST_HOME';
const root = placesOf({}).root;

/**
 * Starts a farm.
 * @param options `home` takes a state folder that is there; `env` is laid over every command; `args` go to `up`
 * @errors throws with what `./farm up` printed
 */
export async function startFarm(
  options: { home?: string; env?: Readonly<Record<string, string>>; args?: readonly string[] } = {},
): Promise<TestFarm> {
  const farm = farmAt(options.home ?? mkdtempSync(join(tmpdir(), 'farm-home-')), options.env);
  const up = await farm.farm(['up', ...(options.args ?? [])]);
  if (up.code === 0) return farm;
  const log = farm.farm(['logs']);
  const printed = (await log).stdout.slice(-6_000);
  await farm.stop();
  throw new Error(`./farm up ended with ${up.code}:\n${up.stderr}\n${printed}`);
}

/** The one farm that the e2e tests share; this file is their global set-up. It may be down: each test says `up`. */
export function sharedFarm(): TestFarm {
  const home = process.env[homeVariable];
  if (!home) throw new Error(`${homeVariable} is not set: run this file in the project e2e`);
  return farmAt(home);
}

/** A farm by its state folder, whether it is up or not. */
export function farmAt(home: string, env: Readonly<Record<string, string>> = {}): TestFarm {
  const farm: TestFarm['farm'] = (args, options = {}) =>
    say(args, { ...options, env: { ...env, ...options.env, FARM_HOME: home } });
  const kept = (): Kept => {
    const found = readKept(home);
    if (!found) throw new Error(`no farm was ever up at ${home}`);
    return found;
  };
  return {
    home, farm, kept,
    async status() {
      return JSON.parse((await farm(['status', '--json'])).stdout) as GroupView;
    },
    async stop() {
      const down = await farm(['down']);
      const left = await leftOf(home);
      rmSync(databaseFolder(home), { recursive: true, force: true }); // it may be a link to elsewhere
      rmSync(home, { recursive: true, force: true });
      if (down.code !== 0) throw new Error(`./farm down ended with ${down.code}: ${down.stderr}`);
      if (left.length > 0) throw new Error(`left after ./farm down: ${left.join(', ')}`);
    },
  };
}

/** Processes and containers of a farm that are there now, in words. */
export async function leftOf(home: string): Promise<string[]> {
  const farmId = readKept(home)?.identity.farmId;
  if (!farmId) return [];
  const filters = encodeURIComponent(JSON.stringify({ label: [`wheelfarm.farm=${farmId}`] }));
  const containers = await ask(engineOf(process.env), 'GET', `/containers/json?all=1&filters=${filters}`, 5_000)
    .then(({ body }) => JSON.parse(body) as { Id: string }[], () => []);
  return [
    ...orphansOf(home, farmId).map(({ pid }) => `process ${pid} (${commandLine(pid)})`),
    ...containers.map(({ Id }) => `container ${Id.slice(0, 12)}`),
  ];
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return 'gone meanwhile';
  }
}

async function say(args: readonly string[], options: SayOptions): Promise<Said> {
  const child = spawn(join(root, 'farm'), [...args], {
    cwd: options.cwd ?? root, env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  options.interrupt?.addEventListener('abort', () => child.kill('SIGINT'), { once: true });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes: Buffer) => { stdout += bytes.toString(); });
  child.stderr.on('data', (bytes: Buffer) => { stderr += bytes.toString(); });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Global set-up of the e2e project: one farm, stopped at the end. */
export default async function setup(): Promise<() => Promise<void>> {
  const farm = await startFarm();
  process.env[homeVariable] = farm.home;
  return () => farm.stop();
}
