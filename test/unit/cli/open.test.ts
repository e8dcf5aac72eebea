import { describe, expect, it } from 'vitest';
import { joinLine } from '../../../orchestrator/cli/pool.ts';
import { readOpen } from '../../../orchestrator/cli/up.ts';
import { partsOf } from '../../../orchestrator/cli/group/parts.ts';
import type { Kept } from '../../../orchestrator/cli/group/kept.ts';

const kept: Kept = {
  ports: { api: 20001, postgres: 20002, temporal: 20003, temporalHttp: 20004, temporalMetrics: 20005 },
  identity: { farmId: 'aabbccddeeff', createdAt: '' }, secrets: { apiToken: 'a', workerToken: 'w', postgresPassword: 'p' },
};
const open = { listen: '0.0.0.0', url: 'https://wheels.example.org' };

describe('opening a farm to others', () => {
  it('reads what is given', () => {
    expect(readOpen({ listen: '0.0.0.0', url: 'https://wheels.example.org/' })).toEqual(open);
    expect(readOpen({ url: 'https://wheels.example.org/farm/' })).toEqual({ listen: '127.0.0.1', url: 'https://wheels.example.org/farm' });
    expect(readOpen({ listen: '127.0.0.1' })).toBeNull();
  });
  it.each([[{ listen: '0.0.0.0' }], [{ listen: '10.0.0.1', url: 'https://a.example' }], [{ url: 'ftp://a.example' }], [{ url: 'https://u:p@a.example' }], [{ url: 'nothing' }]])(
    'refuses %j', (values) => expect(() => readOpen(values)).toThrow());

  it('tells the control plane, and leaves the worker of this machine on its loopback', () => {
    const parts = partsOf({ root: '/r', home: '/h', cache: '/c', node: 'node', kept: { ...kept, open }, databaseUrl: 'd', temporalAddress: 't' });
    const env = (name: string) => parts.find((part) => part.name === name)?.env ?? {};
    expect([env('api')['FARM_URL'], env('api')['FARM_LISTEN'], env('control')['FARM_URL']]).toEqual([open.url, '0.0.0.0', open.url]);
    expect([env('worker')['FARM_URL'], env('worker')['FARM_API_TOKEN']]).toEqual(['http://127.0.0.1:20001', undefined]);
  });
});

describe('joining a pool', () => {
  it('is one line, with a tunnel where nothing else leads there', () => {
    const line = joinLine({ ...kept, open }, { pool: 'linux-arm64', token: 'whf_x' });
    expect(line).toBe('ssh -fNT -o ExitOnForwardFailure=yes -L 20003:127.0.0.1:20003 wheels.example.org && env FARM_URL=https://wheels.example.org FARM_WORKER_TOKEN=whf_x '
      + 'TEMPORAL_ADDRESS=127.0.0.1:20003 FARM_ID=aabbccddeeff FARM_POOLS=linux-arm64 node_modules/.bin/node workers/main.ts');
    expect(joinLine({ ...kept, open }, { pool: 'x', token: 't', temporal: 'temporal.example:7233' })).not.toContain('ssh');
  });
});
