import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { readArguments, wrongUse } from './arguments.ts';
import type { Command } from './command.ts';
import { farmUrl, readKept, type Kept } from './group/kept.ts';

export const command: Command = {
  usage: 'worker --pool NAME [--once]',
  help: [
    'Serves the cells of a pool on this machine, in the foreground. It needs neither Postgres nor a Temporal server of its',
    'own: FARM_URL, FARM_WORKER_TOKEN and TEMPORAL_ADDRESS say where the farm is; on the farm’s own machine they are known.',
    '', '  --pool NAME  the pool, several by comma', '  --once       ends after the build or test of one cell, for a machine that is thrown away',
  ],
  async act(context, argv) {
    const { values, positionals } = readArguments(argv, { pool: { type: 'string' }, once: { type: 'boolean' } });
    if (!values.pool || positionals.length > 0) throw wrongUse('say which pool: ./farm worker --pool NAME');
    const env = workerEnvironment(context.env, readKept(context.places.home) ?? null, { pools: values.pool, once: values.once ?? false, pid: process.pid });
    const child = spawn(process.execPath, [join(context.places.root, 'workers', 'main.ts')], { env, stdio: ['ignore', 'inherit', 'inherit'] });
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
    process.on('SIGINT', pass).on('SIGTERM', pass);
    const [code] = await once(child, 'exit') as [number | null];
    return code ?? 1;
  },
};

type Env = Readonly<Record<string, string | undefined>>;

/**
 * What a worker must know: settings that are given, then those of the farm on this machine. Pure.
 * @errors FARM_BAD_REQUEST with the names that are missing
 */
export function workerEnvironment(
  given: Env, kept: Kept | null, order: { readonly pools: string; readonly once: boolean; readonly pid: number },
): Record<string, string> {
  const local: Env = kept === null ? {} : {
    FARM_URL: farmUrl(kept.ports), FARM_WORKER_TOKEN: kept.secrets.workerToken, TEMPORAL_ADDRESS: `127.0.0.1:${kept.ports.temporal}`,
    FARM_ID: kept.identity.farmId, FARM_WORKER_ID: `${kept.identity.farmId}-${order.pools.replaceAll(',', '-')}-${order.pid}`,
  };
  const made: Env = { ...local, ...given, FARM_POOLS: order.pools, ...(order.once ? { FARM_ONCE: '1' } : {}) };
  const missing = ['FARM_URL', 'FARM_WORKER_TOKEN', 'TEMPORAL_ADDRESS'].filter((name) => !made[name]);
  if (missing.length > 0) throw wrongUse(`a worker needs ${missing.join(', ')} in its environment; no farm is on this machine`);
  return Object.fromEntries(Object.entries(made).filter((one): one is [string, string] => one[1] !== undefined));
}
