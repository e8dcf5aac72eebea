import { expect, it } from 'vitest';
import { workerEnvironment } from '../../../orchestrator/cli/worker.ts';
import type { Kept } from '../../../orchestrator/cli/group/kept.ts';

const kept: Kept = {
  ports: { api: 1, postgres: 2, temporal: 3, temporalHttp: 4, temporalMetrics: 5 }, identity: { farmId: 'abc', createdAt: '' },
  secrets: { apiToken: 'a', workerToken: 'w', postgresPassword: 'p' },
};
const order = { pools: 'windows-amd64', once: true, pid: 7 };

it('a worker on the farm’s own machine knows where the farm is, and gets none of its other secrets', () => {
  expect(workerEnvironment({ PATH: '/bin', NONE: undefined }, kept, order)).toEqual({
    PATH: '/bin', FARM_URL: 'http://127.0.0.1:1', FARM_WORKER_TOKEN: 'w', TEMPORAL_ADDRESS: '127.0.0.1:3', FARM_ID: 'abc',
    FARM_WORKER_ID: 'abc-windows-amd64-7', FARM_POOLS: 'windows-amd64', FARM_ONCE: '1',
  });
});

it('a remote one is told by its environment, which rules; what is missing is named', () => {
  const remote = { FARM_URL: 'https://farm.example', FARM_WORKER_TOKEN: 't', TEMPORAL_ADDRESS: 'farm.example:7233' };
  expect(workerEnvironment(remote, kept, { ...order, once: false })).toMatchObject(remote);
  expect(workerEnvironment(remote, null, { ...order, once: false })).toEqual({ ...remote, FARM_POOLS: 'windows-amd64' });
  expect(() => workerEnvironment({ FARM_URL: 'x' }, null, order)).toThrow('FARM_WORKER_TOKEN, TEMPORAL_ADDRESS');
});
