import { readArguments, wrongUse } from './arguments.ts';
import type { Command } from './command.ts';
import { farmUrl, readKept, type Kept } from './group/kept.ts';
import { FarmError, failure } from '../domain/failure.ts';

export const command: Command = {
  usage: 'pool add NAME [--temporal ADDRESS]',
  help: [
    'Prints the one line that another machine joins the farm with: run it in a checkout there. It holds the worker token,',
    'which leases work and nothing else; keep it as you keep a password.', '',
    '  NAME                the pool that the machine serves: linux-amd64 shares the work of this farm’s own worker',
    '  --temporal ADDRESS  where the machine reaches Temporal; without it the line opens a tunnel by ssh',
  ],
  async act({ places, out }, argv) {
    const { values, positionals } = readArguments(argv, { temporal: { type: 'string' } });
    const [verb, name, ...more] = positionals;
    if (verb !== 'add' || !name || more.length > 0) throw wrongUse('say: pool add NAME');
    if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(name)) throw wrongUse(`a pool is named with small letters, digits and -, not ${name}`);
    const kept = readKept(places.home);
    if (!kept) throw new FarmError(failure('FARM_NOT_UP', 'plan', { why: 'it was never up' }));
    out.write(`${joinLine(kept, name, values.temporal)}\n`);
    return 0;
  },
};

/** The line of shell that joins a pool. The embedded Temporal listens on the farm's own loopback, so a tunnel leads there. */
export function joinLine({ ports, identity, secrets, open }: Kept, pool: string, temporal?: string): string {
  const url = open?.url ?? farmUrl(ports);
  const host = new URL(url).hostname;
  const forwards = [...(temporal ? [] : [ports.temporal]), ...(open ? [] : [ports.api])].map((port) => `-L ${port}:127.0.0.1:${port}`);
  const tunnel = forwards.length === 0 ? '' : `ssh -fNT -o ExitOnForwardFailure=yes ${forwards.join(' ')} ${open ? host : 'FARM_HOST'} && `;
  return `${tunnel}env FARM_URL=${url} FARM_WORKER_TOKEN=${secrets.workerToken} TEMPORAL_ADDRESS=${temporal ?? `127.0.0.1:${ports.temporal}`} FARM_ID=${identity.farmId} FARM_POOLS=${pool} node_modules/.bin/node workers/main.ts`;
}
