import type { NewToken } from '../contract/accounts.ts';
import { FarmError, failure } from '../domain/failure.ts';
import { clientOf } from './api-client.ts';
import { readArguments, wrongUse } from './arguments.ts';
import type { Command } from './command.ts';
import { farmUrl, readKept, type Kept } from './group/kept.ts';

export const command: Command = {
  usage: 'pool add NAME [--temporal ADDRESS]',
  help: [
    'Prints the one line that another machine joins the farm with: run it in a checkout there. It holds a token of its own,',
    'which leases work and nothing else; keep it as you keep a password. ./farm token revoke ID ends it: the worker stops,',
    'and what it had begun goes to another one.', '',
    '  NAME                the pool that the machine serves: linux-amd64 shares the work of this farm’s own worker',
    '  --temporal ADDRESS  where the machine reaches Temporal; without it the line opens a tunnel by ssh',
  ],
  async act({ places, out, err }, argv) {
    const { values, positionals } = readArguments(argv, { temporal: { type: 'string' } });
    const [verb, name, ...more] = positionals;
    if (verb !== 'add' || !name || more.length > 0) throw wrongUse('say: pool add NAME');
    if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(name)) throw wrongUse(`a pool is named with small letters, digits and -, not ${name}`);
    const kept = readKept(places.home);
    if (!kept) throw new FarmError(failure('FARM_NOT_UP', 'plan', { why: 'it was never up' }));
    const made = await clientOf(places).post<NewToken>('/tokens', { name: `pool ${name}`, role: 'worker' });
    err.write(`Its token ends with ./farm token revoke ${made.id}\n`);
    out.write(`${joinLine(kept, { pool: name, token: made.token, ...(values.temporal === undefined ? {} : { temporal: values.temporal }) })}\n`);
    return 0;
  },
};

/** The line of shell that joins a pool. The embedded Temporal listens on the farm's own loopback, so a tunnel leads there. */
export function joinLine(
  { ports, identity, open }: Pick<Kept, 'ports' | 'identity' | 'open'>, { pool, token, temporal }: { readonly pool: string; readonly token: string; readonly temporal?: string },
): string {
  const url = open?.url ?? farmUrl(ports);
  const host = new URL(url).hostname;
  const forwards = [...(temporal ? [] : [ports.temporal]), ...(open ? [] : [ports.api])].map((port) => `-L ${port}:127.0.0.1:${port}`);
  const tunnel = forwards.length === 0 ? '' : `ssh -fNT -o ExitOnForwardFailure=yes ${forwards.join(' ')} ${open ? host : 'FARM_HOST'} && `;
  return `${tunnel}env FARM_URL=${url} FARM_WORKER_TOKEN=${token} TEMPORAL_ADDRESS=${temporal ?? `127.0.0.1:${ports.temporal}`} FARM_ID=${identity.farmId} FARM_POOLS=${pool} node_modules/.bin/node workers/main.ts`;
}
