import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { WorkflowFailedError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { join } from 'node:path';
import type { BuildActivities, ControlActivities, EditActivities, TestActivities } from '../../orchestrator/contract/activities.ts';
import { limits } from '../../orchestrator/contract/limits.ts';
import { controlQueue, type CellRef, type ReleaseOrder } from '../../orchestrator/contract/messages.ts';
import { temporalForTest } from '../support/temporal.ts';

type Activities = BuildActivities & TestActivities & ControlActivities & EditActivities;

let environment: TestWorkflowEnvironment;
let connection: NativeConnection;
let workflowBundle: WorkflowBundle;
let number = 0;

beforeAll(async () => {
  const logger = new DefaultLogger('WARN');
  Runtime.install({ logger });
  workflowBundle = await bundleWorkflowCode({
    workflowsPath: join(import.meta.dirname, '../../orchestrator/workflows/index.ts'), logger,
  });
  environment = await temporalForTest();
  connection = await NativeConnection.connect({ address: environment.address });
}, 60_000);
afterAll(async () => {
  await connection?.close();
  await environment?.teardown();
});

const cell = (target: string): CellRef => [target, 0, 0];

/** Activities that note each call and answer well; a test replaces single ones. */
function noted(replaced: Partial<Activities> = {}): { calls: string[]; activities: Activities } {
  const calls: string[] = [];
  const good: Activities = {
    build: async () => ({ state: 'succeeded', wide: false }),
    sdist: async () => ({ state: 'succeeded' }),
    test: async () => ({ tested: 'passed' }),
    describe: async () => ({ state: 'succeeded', wide: false }),
    cover: async ({ targets }) => targets,
    giveUp: async () => {},
    attest: async () => {},
    publish: async () => ({ state: 'succeeded' }),
    cancelled: async () => {},
    prepareEdit: async () => {},
    checkEdit: async () => {},
    attestEdit: async () => {},
    readyEdit: async () => {},
    publishEdit: async () => {},
    deliverEdit: async () => {},
    endEdit: async () => {},
  };
  const activities = Object.fromEntries(Object.entries({ ...good, ...replaced }).map(([name, act]) => [
    name,
    async (order: { target?: string; code?: string }) => {
      calls.push([name, order.target, order.code].filter(Boolean).join(' '));
      return (act as (order: unknown) => Promise<unknown>)(order);
    },
  ])) as unknown as Activities;
  return { calls, activities };
}

async function withRelease<T>(
  activities: Activities, order: Omit<ReleaseOrder, 'buildId' | 'queues'>, use: (handle: Awaited<ReturnType<typeof start>>) => Promise<T>,
): Promise<T> {
  const buildId = `b${(number += 1)}`;
  const worker = await Worker.create({
    connection, taskQueue: controlQueue, activities, maxHeartbeatThrottleInterval: '100ms', workflowBundle,
  });
  return worker.runUntil(async () => use(await start({ buildId, queues: [controlQueue], ...order })));
}

const start = (order: ReleaseOrder) => environment.client.workflow.start('release', {
  workflowId: `release-${order.buildId}`, taskQueue: controlQueue, args: [order],
});

const scout = cell('cp311-manylinux_x86_64');
const chains = [[cell('cp313-manylinux_x86_64')], [cell('cp311-manylinux_aarch64'), cell('cp313-manylinux_aarch64')]];

describe('the release workflow', () => {
  it('builds the scout alone, each platform lowest first, then signs and publishes', async () => {
    const { calls, activities } = noted();
    await withRelease(activities, { scout, chains }, (handle) => handle.result());
    expect(calls.slice(0, 3)).toEqual([
      'build cp311-manylinux_x86_64', 'describe cp311-manylinux_x86_64', 'test cp311-manylinux_x86_64']);
    expect(calls.indexOf('test cp311-manylinux_aarch64')).toBeLessThan(calls.indexOf('build cp313-manylinux_aarch64'));
    expect(calls.slice(-2)).toEqual(['attest', 'publish']);
    expect(calls.length).toBe(4 * 3 + 2);
  });

  it('builds a pure wheel once', async () => {
    const { calls, activities } = noted({ describe: async () => ({ state: 'succeeded', wide: true }), cover: async () => [] });
    await withRelease(activities, { scout, chains }, (handle) => handle.result());
    expect(calls).toEqual([
      'build cp311-manylinux_x86_64', 'describe cp311-manylinux_x86_64', 'test cp311-manylinux_x86_64', 'cover', 'attest', 'publish']);
  });

  it('goes on when a project fails, and does not describe what was not built', async () => {
    const { calls, activities } = noted({ build: async ({ target }) => ({ state: target.includes('aarch64') ? 'failed' : 'succeeded', wide: false }) });
    await withRelease(activities, { scout, chains }, (handle) => handle.result());
    expect(calls.filter((call) => call.startsWith('describe')).length).toBe(2);
    expect(calls.at(-1)).toBe('publish');
  });

  for (const failing of ['build', 'describe', 'test'] as const) {
    it(`records a farm failure of ${failing} and still publishes the rest`, async () => {
      const { calls, activities } = noted({
        [failing]: async ({ target }: { target: string }) => {
          if (target === 'cp313-manylinux_aarch64') {
            throw ApplicationFailure.create({ type: 'FARM_DOCKER_DOWN', message: 'no socket', nonRetryable: true });
          }
          return { state: 'succeeded', wide: false, tested: 'passed' };
        },
      });
      await withRelease(activities, { scout, chains }, (handle) => handle.result());
      expect(calls).toContain('giveUp cp313-manylinux_aarch64 FARM_DOCKER_DOWN');
      expect(calls.at(-1)).toBe('publish');
    });
  }

  it('delivers a cell again when the farm broke', async () => {
    let deliveries = 0;
    const { activities } = noted({
      build: async () => {
        deliveries += 1;
        if (deliveries === 1) throw ApplicationFailure.create({ type: 'FARM_CONTAINER_BROKE', message: 'gone' });
        return { state: 'succeeded', wide: false };
      },
    });
    await withRelease(activities, { scout, chains: [] }, (handle) => handle.result());
    expect(deliveries).toBe(2);
  });

  it('waits for running cells to end, then records the cancellation', async () => {
    const ended: string[] = [];
    let running = (): void => {};
    const begun = new Promise<void>((done) => { running = done; });
    const { calls, activities } = noted({
      build: async ({ target }) => {
        running();
        const beat = setInterval(() => Context.current().heartbeat(), 50);
        try {
          await Context.current().cancelled;
        } catch (error) {
          ended.push(target);
          throw error instanceof CancelledFailure ? error : new CancelledFailure('cancelled');
        } finally {
          clearInterval(beat);
        }
        return { state: 'cancelled', wide: false };
      },
    });
    await withRelease(activities, { scout, chains }, async (handle) => {
      await begun;
      await handle.cancel();
      await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
    });
    expect(ended).toEqual(['cp311-manylinux_x86_64']);
    expect(calls.slice(-1)).toEqual(['cancelled']);
    expect(calls).not.toContain('publish');
  });

  it('continues as new when a history would grow long, and loses no cell', async () => {
    const many = Array.from({ length: limits.cellsPerHistoryMax + 30 }, (_, index) => [cell(`cp311-platform_${index}`)]);
    const { calls, activities } = noted();
    const events = await withRelease(activities, { scout: null, chains: many }, async (handle) => {
      await handle.result();
      return (await environment.client.workflow.getHandle(handle.workflowId).fetchHistory()).events?.length ?? 0;
    });
    expect(new Set(calls.filter((call) => call.startsWith('build'))).size).toBe(many.length);
    expect(calls.filter((call) => call === 'publish').length).toBe(1);
    expect(events).toBeLessThan(30 * 25 + 20);
  }, 120_000);
});

describe('the edit workflow', () => {
  type Handle = Awaited<ReturnType<typeof startEdit>>;
  const startEdit = (editId: string, more: object = {}) => environment.client.workflow.start('edit', {
    workflowId: `edit-${editId}`, taskQueue: controlQueue, args: [{ editId, ...more }],
  });
  async function withEdit<T>(activities: Activities, use: (handle: Handle) => Promise<T>, more: object = {}): Promise<T> {
    const worker = await Worker.create({
      connection, taskQueue: controlQueue, activities, maxHeartbeatThrottleInterval: '100ms', workflowBundle,
    });
    return worker.runUntil(async () => use(await startEdit(`e${(number += 1)}`, more)));
  }
  const judged = { judged: true };
  /** An activity that waits for its release. */
  function held(): { begun: Promise<void>; release: () => void; act: () => Promise<void> } {
    let [begin, release] = [(): void => {}, (): void => {}];
    const begun = new Promise<void>((done) => { begin = done; });
    const free = new Promise<void>((done) => { release = done; });
    return { begun, release, act: async () => { begin(); await free; } };
  }

  it('makes all wheels, signs all, publishes all', async () => {
    const { calls, activities } = noted();
    await withEdit(activities, (handle) => handle.result());
    expect(calls).toEqual(['readyEdit', 'publishEdit']);
  });

  it('does what is left of a judged edit at once', async () => {
    const { calls, activities } = noted();
    await withEdit(activities, (handle) => handle.result(), judged);
    expect(calls).toEqual(['deliverEdit']);
  });

  it('delivers a judged edit again after an outage, and ends one that cannot be', async () => {
    let tries = 0;
    const { calls, activities } = noted({ deliverEdit: async () => {
      tries += 1;
      if (tries === 1) throw new Error('the log is away');
      throw ApplicationFailure.create({ type: 'FARM_EDIT_STALE', message: 'other files', nonRetryable: true });
    } });
    await withEdit(activities, (handle) => handle.result(), judged);
    expect([tries, calls.at(-1)]).toEqual([2, 'endEdit FARM_EDIT_STALE']);
  });

  it.each(['readyEdit', 'publishEdit'] as const)('ends the edit as failed with the code of %s', async (failing) => {
    const { calls, activities } = noted({
      [failing]: async () => { throw ApplicationFailure.create({ type: 'FARM_EDIT_STALE', message: 'other files', nonRetryable: true }); },
    });
    await withEdit(activities, (handle) => handle.result());
    expect(calls.slice(-2)).toEqual([failing, 'endEdit FARM_EDIT_STALE']);
  });

  it('ends as cancelled, and publishes nothing, when it is cancelled before', async () => {
    const prepare = held();
    const { calls, activities } = noted({ readyEdit: prepare.act });
    await withEdit(activities, async (handle) => {
      await prepare.begun;
      await handle.cancel();
      await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
      prepare.release();
    });
    expect(calls).toEqual(['readyEdit', 'endEdit']);
  });

  it.each([
    { last: 'publishEdit', how: {}, all: ['readyEdit', 'publishEdit'] },
    { last: 'deliverEdit', how: judged, all: ['deliverEdit'] },
  ] as const)('is not interrupted while $last publishes', async ({ last, how, all }) => {
    const publishing = held();
    const { calls, activities } = noted({ [last]: publishing.act });
    await withEdit(activities, async (handle) => {
      await publishing.begun;
      await handle.cancel();
      publishing.release();
      await handle.result();
    }, how);
    // News while a local activity works make Temporal ask it again: what was delivered is not delivered twice.
    expect(last === 'deliverEdit' ? [...new Set(calls)] : calls).toEqual(all);
  });
});
