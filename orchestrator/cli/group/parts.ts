import { join } from 'node:path';
import type { Env } from '../../../infra/setup/places.ts';
import { farmUrl, type Kept } from './kept.ts';

/** How one sees that a part is ready to be used. */
export type Probe =
  | { readonly kind: 'tcp'; readonly port: number }
  /** Postgres listens while it still recovers: only one that asks for a password is ready. */
  | { readonly kind: 'postgres'; readonly port: number }
  /** Any HTTP answer will do. */
  | { readonly kind: 'http'; readonly url: string }
  /** A text in what the part printed since it was started. */
  | { readonly kind: 'line'; readonly text: string }
  /** It ended with status 0; only for parts of kind `once`. */
  | { readonly kind: 'ended' };

/** A process of the group as a value: what the supervisor starts, in which order, and how it ends. */
export interface PartPlan {
  readonly name: string;
  /** `once` runs to its end before those that need it start. */
  readonly kind: 'service' | 'once';
  readonly argv: readonly string[];
  /** Laid over the environment of the supervisor; undefined removes a name. */
  readonly env: Env;
  readonly needs: readonly string[];
  readonly ready: Probe;
  readonly stopSignal: NodeJS.Signals;
  /** Then it is killed. @unit milliseconds */
  readonly stopMsMax: number;
}

export interface GroupSettings {
  readonly root: string;
  readonly home: string;
  readonly cache: string;
  readonly node: string;
  readonly kept: Kept;
  /** Command of the embedded database; absent where `databaseUrl` names another. */
  readonly postgresArgv?: readonly string[];
  readonly databaseUrl?: string;
  /** Program of the dev server; absent where `temporalAddress` names a server. */
  readonly temporalBinary?: string;
  readonly temporalAddress?: string;
}

/** Environment variables that only the control plane may see. */
const controlOnly = ['DATABASE_URL', 'FARM_API_TOKEN', 'FARM_BLOBS', 'FARM_HOME', 'FARM_CACHE', 'FARM_PARTS', 'FARM_GITHUB_TOKEN', 'FARM_GITHUB_CLIENT_ID', 'FARM_GITHUB_CLIENT_SECRET'];

/** Connection string of the embedded database. */
export function databaseUrlOf({ kept, databaseUrl }: GroupSettings): string {
  return databaseUrl ?? `postgresql://farm:${kept.secrets.postgresPassword}@127.0.0.1:${kept.ports.postgres}/farm`;
}

/** The embedded group of one machine: database, Temporal, control plane, one worker. Pure. */
export function partsOf(settings: GroupSettings): PartPlan[] {
  const { kept, home } = settings;
  const temporalAddress = settings.temporalAddress ?? `127.0.0.1:${kept.ports.temporal}`;
  const databaseUrl = databaseUrlOf(settings);
  const plane: Env = {
    DATABASE_URL: databaseUrl, TEMPORAL_ADDRESS: temporalAddress, FARM_BLOBS: join(home, 'blobs'),
    FARM_URL: kept.open?.url ?? farmUrl(kept.ports), ...(kept.open ? { FARM_LISTEN: kept.open.listen } : {}), FARM_PORT: String(kept.ports.api), FARM_HOME: home, FARM_ID: kept.identity.farmId,
    FARM_API_TOKEN: kept.secrets.apiToken, FARM_WORKER_TOKEN: kept.secrets.workerToken, FARM_CACHE: settings.cache,
    // A heap of the C library for each thread would keep what a burst of one thread left.
    MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: '131072',
    // Holds modules without their types: a process that finds all of its own never loads the compiler that removes them.
    NODE_COMPILE_CACHE: join(settings.cache, 'compiled'),
  };
  const worker: Env = {
    ...Object.fromEntries(controlOnly.map((name) => [name, undefined])),
    FARM_URL: farmUrl(kept.ports), FARM_WORKER_TOKEN: kept.secrets.workerToken, TEMPORAL_ADDRESS: temporalAddress,
    FARM_WORKER_ID: `${kept.identity.farmId}-w1`, FARM_POOLS: 'linux-amd64',
    FARM_WORKER_FOLDER: join(home, 'worker'), FARM_LIBRARIES: join(settings.cache, 'libraries'), FARM_ID: kept.identity.farmId,
  };
  const typescript = (file: string): string[] => [settings.node, join(settings.root, file)];
  // V8 grows a heap while there is memory, and a farm stays for weeks: with these the control plane is half as large.
  // Prisma's compiler of queries is WebAssembly: V8's second compiler takes 40 MB to make it no faster.
  const small = (file: string, ...flags: string[]): string[] => [
    settings.node, '--max-semi-space-size=2', '--max-old-space-size=384', '--liftoff-only', ...flags, join(settings.root, file),
  ];
  const service = { kind: 'service', stopSignal: 'SIGTERM', stopMsMax: 3_000 } as const;
  const database = settings.postgresArgv ? ['postgres'] : [];
  const queues = settings.temporalBinary ? ['temporal'] : [];
  return [
    ...(settings.postgresArgv ? [postgresPlan(settings.postgresArgv, kept.ports.postgres)] : []),
    ...(settings.temporalBinary ? [temporalPlan(settings, settings.temporalBinary)] : []),
    {
      ...service, name: 'migrate', kind: 'once', needs: database, ready: { kind: 'ended' },
      argv: small('orchestrator/adapters/prisma/migrate.ts'), env: plane,
    },
    {
      ...service, name: 'api', needs: ['migrate', ...queues], ready: { kind: 'http', url: `${farmUrl(kept.ports)}/` },
      argv: small('orchestrator/server.ts'), env: plane,
    },
    {
      ...service, name: 'control', needs: ['migrate', ...queues], ready: { kind: 'line', text: 'ready' },
      // A release of a thousand cells: the heap is a fifth smaller with it, and no slower (test/bench, fan-out).
      argv: small('orchestrator/temporal-worker.ts', '--optimize-for-size',
        '--import', join(settings.root, 'orchestrator/workflow-thread.ts')),
      env: plane,
    },
    {
      ...service, name: 'worker', needs: queues, ready: { kind: 'line', text: 'ready' },
      argv: typescript('workers/main.ts'), env: worker,
    },
  ];
}

/** SIGINT is Postgres' fast shutdown: it ends sessions and writes a checkpoint. */
function postgresPlan(argv: readonly string[], port: number): PartPlan {
  return {
    name: 'postgres', kind: 'service', argv, env: { LC_ALL: 'C.UTF-8' }, needs: [], ready: { kind: 'postgres', port },
    stopSignal: 'SIGINT', stopMsMax: 4_000,
  };
}

/** @source measured: the default pragmas synchronise on every write and were 3 to 5 times slower */
function temporalPlan({ kept, home }: GroupSettings, binary: string): PartPlan {
  const { temporal, temporalHttp, temporalMetrics } = kept.ports;
  return {
    name: 'temporal', kind: 'service', env: {}, needs: [], ready: { kind: 'tcp', port: temporal },
    stopSignal: 'SIGTERM', stopMsMax: 2_500,
    argv: [
      binary, 'server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', String(temporal),
      '--http-port', String(temporalHttp), '--metrics-port', String(temporalMetrics),
      '--db-filename', join(home, 'temporal.db'),
      '--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal',
      '--dynamic-config-value', 'matching.enableFairness=true',
      // One machine: a queue in four parts only hands its polls and its activities from one part to the next.
      '--dynamic-config-value', 'matching.numTaskqueueReadPartitions=1',
      '--dynamic-config-value', 'matching.numTaskqueueWritePartitions=1', '--log-level', 'warn',
    ],
  };
}
