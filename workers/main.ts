/**
 * Composition root of a worker: one process that serves the build and test queues of its pools.
 *
 * Environment: FARM_URL, FARM_WORKER_TOKEN, TEMPORAL_ADDRESS (needed); FARM_ID, FARM_WORKER_ID, FARM_POOLS
 * (`linux-amd64`, several by comma), FARM_WORKER_FOLDER, FARM_LIBRARIES (folder of compiled libraries; else in that one), FARM_CONCURRENCY, FARM_ONCE (ends after one cell's step), FARM_BACKEND (`docker` or `scripted`),
 * WHEELFARM_DEBIAN_MIRROR (sources of external libraries; else apt's own archive), FARM_FETCH_NETWORK (`bridge` or `host`; else found out), TEMPORAL_NAMESPACE, and for a remote Temporal
 * TEMPORAL_TLS_CA, TEMPORAL_TLS_CERT, TEMPORAL_TLS_KEY (files). Prints `ready` when it takes work.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import Docker from 'dockerode';
import type { BuildActivities, TestActivities } from '../orchestrator/contract/activities.ts';
import { limits } from '../orchestrator/contract/limits.ts';
import { buildQueue, hereQueue, testQueue } from '../orchestrator/contract/messages.ts';
import { dockerBackend } from './backend/docker.ts';
import { readHostNetwork } from './backend/host-network.ts';
import { scriptedBackend } from './backend/scripted.ts';
import type { Backend } from './backend/types.ts';
import { controlDoor } from './control-door.ts';
import { fetchStore } from './fetch-store.ts';
import { inputCache } from './input-cache.ts';
import { buildCell } from './run-attempt.ts';
import { makeSdist } from './run-sdist.ts';
import { testCell } from './run-test.ts';
import { libraryPorts } from './libraries.ts';
import { loadScripts } from './scripts.ts';
import type { WorkerPorts } from './scope.ts';
import { httpSend } from './send.ts';

interface Config {
  readonly url: string;
  readonly token: string;
  readonly temporal: string;
  readonly namespace: string;
  readonly farmId: string;
  readonly workerId: string;
  readonly pools: readonly string[];
  readonly folder: string;
  /** Compiled libraries, by key; other farms of this machine may use it too. */
  readonly libraries: string;
  readonly concurrency: number;
  /** Ends after one activity. */
  readonly once: boolean;
  readonly scripted: boolean;
  readonly network: 'bridge' | 'host' | undefined;
  readonly debianMirror: string | undefined;
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
}

const GiB = 1024 ** 3;
const inputCacheBytesMax = 8 * GiB;
/** A build of an hour is not waited for: its cell goes to another worker. The group kills what has not gone in 3 s. */
const graceMs = 200;
const forceMs = 2500;
const temporalTriesMsMax = 120_000;

/** Reads the environment. @errors throws with every missing name */
function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const missing = ['FARM_URL', 'FARM_WORKER_TOKEN', 'TEMPORAL_ADDRESS'].filter((name) => !env[name]);
  if (missing.length > 0) throw new Error(`a worker needs ${missing.join(', ')} in its environment`);
  const workerId = env['FARM_WORKER_ID'] ?? `${hostname()}-${process.pid}`;
  const network = env['FARM_FETCH_NETWORK'];
  const folder = env['FARM_WORKER_FOLDER'] ?? join(tmpdir(), `wheelfarm-${workerId}`);
  return {
    url: env['FARM_URL']!, token: env['FARM_WORKER_TOKEN']!, temporal: env['TEMPORAL_ADDRESS']!,
    namespace: env['TEMPORAL_NAMESPACE'] ?? 'default',
    farmId: env['FARM_ID'] ?? 'farm', workerId,
    pools: (env['FARM_POOLS'] ?? 'linux-amd64').split(',').map((pool) => pool.trim()).filter(Boolean),
    folder, libraries: env['FARM_LIBRARIES'] ?? join(folder, 'libraries'),
    concurrency: env['FARM_ONCE'] ? 1 : Math.max(1, Number(env['FARM_CONCURRENCY'] ?? limits.workerConcurrency) || 1),
    once: Boolean(env['FARM_ONCE']),
    scripted: env['FARM_BACKEND'] === 'scripted',
    network: network === 'bridge' || network === 'host' ? network : undefined,
    debianMirror: env['WHEELFARM_DEBIAN_MIRROR'],
    tls: { ca: env['TEMPORAL_TLS_CA'] ?? '', cert: env['TEMPORAL_TLS_CERT'] ?? '', key: env['TEMPORAL_TLS_KEY'] ?? '' },
  };
}

/** Connects to Temporal, which may still be starting. */
async function connect({ temporal, tls }: Config): Promise<NativeConnection> {
  const read = (path: string) => (path === '' ? undefined : readFile(path));
  const [ca, crt, key] = await Promise.all([read(tls.ca), read(tls.cert), read(tls.key)]);
  const secure = ca === undefined && crt === undefined ? {} : {
    tls: {
      ...(ca === undefined ? {} : { serverRootCACertificate: ca }),
      ...(crt === undefined || key === undefined ? {} : { clientCertPair: { crt, key } }),
    },
  };
  const started = performance.now();
  for (;;) {
    try {
      return await NativeConnection.connect({ address: temporal, ...secure });
    } catch (error) {
      if (performance.now() - started > temporalTriesMsMax) throw error;
      await pause(500);
    }
  }
}

async function backendOf(config: Config): Promise<Backend> {
  if (config.scripted) return scriptedBackend();
  const network = await readHostNetwork(process.env, config.network);
  return dockerBackend({ docker: new Docker(), workerId: config.workerId, farmId: config.farmId, network });
}

async function portsOf(config: Config, backend: Backend, unwelcome: () => void): Promise<WorkerPorts> {
  const now = () => Date.now();
  const scratch = join(config.folder, 'scratch');
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  return {
    backend, scratch, workerId: config.workerId, clock: () => new Date(), newId: randomUUID,
    door: controlDoor({
      send: httpSend(config.url), token: config.token, now, pause, unwelcome,
      cache: inputCache(join(config.folder, 'inputs'), inputCacheBytesMax, now),
    }),
    fetches: fetchStore(join(config.folder, 'fetched'),
      (key) => createHash('sha256').update(key).digest('hex').slice(0, 40)),
    libraries: await libraryPorts(config.libraries, config.debianMirror),
    scripts: await loadScripts(),
  };
}

/** One Temporal worker for each queue, all on one connection; builds and tests have places of their own, and one says that it is here. */
async function workersOf(config: Config, ports: WorkerPorts, connection: NativeConnection, ended: () => void): Promise<Worker[]> {
  const then = <A extends unknown[], T>(work: (...order: A) => Promise<T>) => (...order: A): Promise<T> => work(...order).finally(ended);
  const builds: BuildActivities = {
    build: then((order) => buildCell(ports, order)), sdist: then((order) => makeSdist(ports, order)),
  };
  const tests: TestActivities = { test: then((order) => testCell(ports, order)) };
  const create = (taskQueue: string, activities: object) => Worker.create({
    connection, taskQueue, activities, namespace: config.namespace, identity: config.workerId,
    maxConcurrentActivityTaskExecutions: config.concurrency,
    shutdownGraceTime: graceMs, shutdownForceTime: forceMs,
    maxHeartbeatThrottleInterval: limits.heartbeatMs, defaultHeartbeatThrottleInterval: limits.heartbeatMs / 2,
  });
  return Promise.all(config.pools.flatMap((pool) =>
    [create(buildQueue(pool), builds), create(testQueue(pool), tests), create(hereQueue(pool), { here: async () => undefined })]));
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

async function main(): Promise<void> {
  const config = readConfig(process.env);
  Runtime.install({ shutdownSignals: [], logger: quietLogger() });
  const backend = await backendOf(config);
  await backend.closeAll().catch((error: Error) => console.error(`docker: ${error.message}`));
  let stopping = false;
  const ports = await portsOf(config, backend, () => {
    if (!stopping) console.error('the farm does not know this worker’s token any more; ./farm pool add prints a new line');
    process.exitCode = 1;
    stop();
  });
  const connection = await connect(config);
  const stop = () => {
    if (stopping) return;
    stopping = true;
    for (const worker of workers) worker.shutdown();
  };
  // What the activity answers is on its way before the worker stops.
  const workers: readonly Worker[] = await workersOf(config, ports, connection, () => { if (config.once) setTimeout(stop, graceMs); });
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const running = Promise.all(workers.map((worker) => worker.run()));
  console.log('ready');
  try {
    await running;
  } finally {
    await backend.closeAll().catch((error: Error) => console.error(`docker: ${error.message}`));
    await connection.close().catch(() => undefined);
  }
}

/** Warnings and errors only, one line each. */
function quietLogger() {
  const say = (level: string, message: string, meta?: unknown) => {
    if (level !== 'WARN' && level !== 'ERROR') return;
    console.error(`${level} ${message} ${meta === undefined ? '' : JSON.stringify(meta).slice(0, 500)}`);
  };
  return {
    log: say, trace: () => undefined, debug: () => undefined, info: () => undefined,
    warn: (message: string, meta?: unknown) => say('WARN', message, meta),
    error: (message: string, meta?: unknown) => say('ERROR', message, meta),
  };
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
