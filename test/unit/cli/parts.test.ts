import { describe, expect, it } from 'vitest';
import { partsOf, type GroupSettings } from '../../../orchestrator/cli/group/parts.ts';

const settings: GroupSettings = {
  root: '/farm', home: '/farm/.farm', cache: '/cache', node: '/node',
  kept: {
    ports: { api: 20_001, postgres: 20_002, temporal: 20_003, temporalHttp: 20_004, temporalMetrics: 20_005 },
    identity: { farmId: '0123456789ab', createdAt: '2026-11-01T00:00:00.000Z' },
    secrets: { apiToken: 'api-secret', workerToken: 'worker-secret', postgresPassword: 'db-secret' },
  },
  postgresArgv: ['/pg/bin/postgres', '-D', '/farm/.farm/postgres'], temporalBinary: '/bin/temporal',
};
const part = (name: string, from: GroupSettings = settings) => partsOf(from).find((one) => one.name === name);

describe('the embedded group', () => {
  it('starts the database and Temporal first, then the planes', () => {
    expect(partsOf(settings).map(({ name, needs }) => [name, needs])).toEqual([
      ['postgres', []], ['temporal', []], ['migrate', ['postgres']], ['api', ['migrate', 'temporal']],
      ['control', ['migrate', 'temporal']], ['worker', ['temporal']],
    ]);
  });

  it('shows the worker no secret of the control plane', () => {
    const shown = JSON.stringify(part('worker')?.env);
    expect(shown).not.toMatch(/api-secret|db-secret|postgresql:/);
    expect(part('worker')?.env).toMatchObject({ FARM_WORKER_TOKEN: 'worker-secret', FARM_WORKER_ID: '0123456789ab-w1' });
  });

  it('takes from the worker what the user has set for the control plane', () => {
    const { env } = part('worker') ?? { env: {} };
    for (const name of ['DATABASE_URL', 'FARM_API_TOKEN', 'FARM_BLOBS', 'FARM_HOME']) {
      expect(Object.entries(env)).toContainEqual([name, undefined]);
    }
  });

  it('bounds the heap of the control plane and keeps its modules without types', () => {
    for (const name of ['migrate', 'api', 'control']) {
      expect(part(name)?.argv).toContain('--max-old-space-size=384');
      expect(part(name)?.env).toMatchObject({ MALLOC_ARENA_MAX: '2', NODE_COMPILE_CACHE: '/cache/compiled' });
    }
  });

  it('leaves out what lives elsewhere', () => {
    const { postgresArgv: _postgres, temporalBinary: _temporal, ...rest } = settings;
    const elsewhere = { ...rest, databaseUrl: 'postgresql://db/farm', temporalAddress: 'queues:7233' };
    expect(partsOf(elsewhere).map(({ name }) => name)).toEqual(['migrate', 'api', 'control', 'worker']);
    expect(part('api', elsewhere)?.env).toMatchObject({ DATABASE_URL: 'postgresql://db/farm', TEMPORAL_ADDRESS: 'queues:7233' });
    expect(part('api', elsewhere)?.needs).toEqual(['migrate']);
  });

  it('tells every port of the dev server, so that two farms do not meet', () => {
    expect(part('temporal')?.argv.join(' ')).toMatch(/--port 20003 --http-port 20004 --metrics-port 20005/);
  });
});
