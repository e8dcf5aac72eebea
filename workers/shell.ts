/**
 * Composition root of `./farm shell`: opens one cell in a box of its own and runs a shell or a command in it. The box
 * is destroyed at the end, also after a signal, a lost terminal, or when the command line that started this is gone;
 * what a killed one left is destroyed by the next.
 *
 * Arguments: BUILD TARGET [COMMAND…]. Environment: FARM_URL, FARM_API_TOKEN (needed), FARM_ID, FARM_WORKER_FOLDER,
 * FARM_FETCH_NETWORK (`bridge` or `host`; else found out), TERM. Words go to stderr: stdout is the command's. A failure
 * is sent to the parent as `{failure}` where there is a channel.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Docker from 'dockerode';
import { FarmError, failure } from '../orchestrator/domain/failure.ts';
import type { Failure } from '../orchestrator/domain/failure.ts';
import { labelFarm, labelWorker, stepUser } from './backend/box-spec.ts';
import { dockerBackend } from './backend/docker.ts';
import { asking } from './backend/docker-errors.ts';
import { execIn } from './backend/docker-exec.ts';
import { attachIn } from './backend/docker-terminal.ts';
import { readHostNetwork } from './backend/host-network.ts';
import { cellDoor } from './cell-door.ts';
import { inputCache } from './input-cache.ts';
import { openCell } from './open-cell.ts';
import type { OpenCell } from './open-cell.ts';
import { openedLines } from './opened-lines.ts';
import { loadScripts } from './scripts.ts';
import { httpSend } from './send.ts';
import { place } from './steps/box-layout.ts';

const inputCacheBytesMax = 8 * 1024 ** 3;
/** How long what was begun may take to end after a signal; a box made meanwhile is destroyed too. */
const settleMsMax = 3000;

interface Config {
  readonly url: string;
  readonly token: string;
  readonly farmId: string;
  readonly workerId: string;
  readonly folder: string;
  readonly network: 'bridge' | 'host' | undefined;
  readonly term: string;
  readonly buildId: string;
  readonly target: string;
  readonly command: readonly string[];
}

/** Reads environment and arguments. @errors throws with every missing name */
function readConfig(env: Readonly<Record<string, string | undefined>>, argv: readonly string[]): Config {
  const missing = ['FARM_URL', 'FARM_API_TOKEN'].filter((name) => !env[name]);
  const [buildId, target, ...command] = argv;
  if (missing.length > 0) throw new Error(`a shell needs ${missing.join(', ')} in its environment`);
  if (!buildId || !target) throw new Error('usage: shell.ts BUILD TARGET [COMMAND…]');
  const farmId = env['FARM_ID'] ?? 'farm';
  const network = env['FARM_FETCH_NETWORK'];
  return {
    url: env['FARM_URL']!, token: env['FARM_API_TOKEN']!, farmId, workerId: `${farmId}-shell-${process.pid}`,
    folder: env['FARM_WORKER_FOLDER'] ?? join(tmpdir(), `wheelfarm-${farmId}-shell`),
    network: network === 'bridge' || network === 'host' ? network : undefined,
    term: env['TERM'] ?? 'xterm', buildId, target, command,
  };
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Resolves with the exit status of the first signal, or of a parent or a terminal that is gone. */
function untilStopped(): Promise<number> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => resolve(128 + constants.signals[name]));
    }
    const gone = () => resolve(128 + constants.signals.SIGHUP);
    process.on('disconnect', gone);
    process.stdin.on('error', gone);
    process.stdout.on('error', gone);
    process.stderr.on('error', gone);
  });
}

/** Destroys boxes and folders of shells of this machine that ended without doing so. */
async function sweep(docker: Docker, { farmId, folder }: Config): Promise<void> {
  const isStale = (name: string) => {
    const pid = /(?:^|-)shell-(\d+)$/.exec(name)?.[1];
    return pid !== undefined && !isAlive(Number(pid));
  };
  const boxes = await asking('fetch', () =>
    docker.listContainers({ all: true, filters: { label: [`${labelFarm}=${farmId}`] } }));
  await Promise.all(boxes.map(async ({ Id: id, Labels: labels }) => {
    if (!isStale(labels[labelWorker] ?? '')) return;
    await docker.getContainer(id).remove({ force: true, v: true }).catch(() => undefined);
  }));
  const folders = (await readdir(folder)).filter(isStale);
  await Promise.all(folders.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Runs the command, or a shell: on the terminal where there is one. Answers its exit status. */
async function enter(docker: Docker, { box, environment }: OpenCell, { command, term }: Config): Promise<number> {
  const container = docker.getContainer(box.id);
  // `env -i`: what the backend sees, and nothing of the container's own.
  const exactly = (words: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    ['env', '-i', ...Object.entries({ ...environment, ...more }).map(([name, value]) => `${name}=${value}`), ...words];
  const order = { user: stepUser, workingFolder: place.src };
  const { stdin, stdout } = process;
  const code = await asking('build', () => (stdin.isTTY && command.length === 0
    ? attachIn(container, { ...order, argv: exactly(['bash', '-i'], { TERM: term }) }, { input: stdin, output: stdout })
    : execIn(container, {
      ...order, argv: exactly(command.length > 0 ? command : ['bash']),
      input: (to) => void stdin.pipe(to),
      onBytes: (bytes, stream) => void (stream === 2 ? process.stderr : stdout).write(Uint8Array.from(bytes)),
    })));
  return code ?? 1;
}

async function main(config: Config): Promise<number> {
  const stopped = untilStopped();
  const stop = new AbortController();
  const docker = new Docker();
  const network = await readHostNetwork(process.env, config.network);
  const backend = dockerBackend({ docker, workerId: config.workerId, farmId: config.farmId, network });
  const folder = join(config.folder, `shell-${process.pid}`);
  await mkdir(folder, { recursive: true });
  const now = () => Date.now();
  const cell = cellDoor({
    send: httpSend(config.url), token: config.token, now, pause: (ms) => pause(ms),
    cache: inputCache(join(config.folder, 'inputs'), inputCacheBytesMax, now),
  }, config.buildId, config.target);
  const work = async (): Promise<number> => {
    await sweep(docker, config);
    const opened = await openCell({ cell, backend, scripts: await loadScripts(), folder, say, signal: stop.signal });
    if (stop.signal.aborted) return 1;
    for (const line of openedLines(opened)) say(line);
    return enter(docker, opened, config);
  };
  const working = work();
  const settled = working.then(() => undefined, () => undefined);
  try {
    return await Promise.race([working, stopped]);
  } finally {
    stop.abort();
    await backend.closeAll();
    await Promise.race([settled, pause(settleMsMax)]);
    await backend.closeAll();
    await rm(folder, { recursive: true, force: true });
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof FarmError) return error.failure;
  return failure('FARM_INTERNAL', 'plan', { why: error instanceof Error ? error.message : String(error) });
}

async function report(error: unknown): Promise<number> {
  const told = failureOf(error);
  if (!process.send) say(`${told.code}: ${told.message}\nnext: ${told.next}`);
  else await new Promise<void>((resolve) => void process.send!({ failure: told }, undefined, {}, () => resolve()));
  return 1;
}

process.exit(await Promise.resolve().then(() => main(readConfig(process.env, process.argv.slice(2)))).catch(report));
