import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import Docker from 'dockerode';
import { NativeConnection, Worker, bundleWorkflowCode } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cellLimits } from '../../orchestrator/contract/limits.ts';
import { temporalWorkflows } from '../../orchestrator/adapters/temporal-client.ts';
import { controlQueue } from '../../orchestrator/contract/messages.ts';
import { imageStore } from '../../workers/image-store.ts';
import { fakeControl } from '../support/fake-control.ts';
import type { FakeControl } from '../support/fake-control.ts';
import { temporalForTest } from '../support/temporal.ts';
import { tinyImage } from '../support/tiny-image.ts';
import type { TinyImage } from '../support/tiny-image.ts';

const root = join(import.meta.dirname, '../..');
const token = 'worker-token-of-a-test';
const source = Buffer.from('not really a tar');
const sourceSha256 = createHash('sha256').update(source).digest('hex');
const docker = new Docker();

let temporal: TestWorkflowEnvironment;
let connection: NativeConnection;
let control: FakeControl;
let workflows: Worker;
let running: Promise<void>;
let folder: string;
let tiny: TinyImage;
let number = 0;
const givenUp: { code: string }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wheelfarm-process-'));
  tiny = await tinyImage();
  await imageStore(docker).ensure(tiny.image, async () => createReadStream(tiny.tar));
  const workflowBundle = await bundleWorkflowCode({ workflowsPath: join(root, 'orchestrator/workflows/index.ts') });
  temporal = await temporalForTest();
  connection = await NativeConnection.connect({ address: temporal.address });
  workflows = await Worker.create({
    connection, workflowBundle, taskQueue: controlQueue,
    activities: { giveUp: async (order: { code: string }) => void givenUp.push(order) },
  });
  running = workflows.run();
  control = await fakeControl({
    token, inputs: new Map([[sourceSha256, source]]),
    spec: () => ({
      kind: 'sdist', attemptId: 'a', image: tiny.image, sourceDateEpoch: 0, cutoff: '2026-01-01T00:00:00Z',
      source: { sha256: sourceSha256, filename: 'thing.tar.gz', bytes: source.length }, limits: { ...cellLimits },
    }),
  });
}, 120_000);
afterAll(async () => {
  workflows?.shutdown();
  await running;
  await control?.stop();
  await connection?.close();
  await temporal?.teardown();
  await docker.getImage(`wheelfarm/test-tiny:${tiny.image.key.slice(0, 12)}`).remove({ force: true });
  tiny.remove();
  await rm(folder, { recursive: true, force: true });
});

interface Process { readonly child: ChildProcess; readonly output: () => string; readonly ended: Promise<number | null> }
const processes: Process[] = [];
afterEach(async () => {
  for (const { child } of processes) child.kill('SIGKILL');
  await Promise.all(processes.splice(0).map(({ ended }) => ended));
});

/** A worker process of its own pool, which has said `ready`. */
async function worker(pool: string, backend: 'docker' | 'scripted', id = `test-${process.pid}-${pool}`): Promise<Process> {
  const child = spawn(process.execPath, [join(root, 'workers/main.ts')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env, FARM_URL: control.url, FARM_WORKER_TOKEN: token, TEMPORAL_ADDRESS: temporal.address, FARM_ID: 'test',
      FARM_WORKER_ID: id, FARM_POOLS: pool, FARM_WORKER_FOLDER: join(folder, id), FARM_BACKEND: backend,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => { output += bytes.toString(); });
  const ended = new Promise<number | null>((resolve) => { child.on('close', resolve); });
  const made = { child, output: () => output, ended };
  processes.push(made);
  await until(() => output.includes('ready\n') || child.exitCode !== null, 30_000);
  expect(output).toContain('ready');
  return made;
}

async function until(holds: () => boolean | Promise<boolean>, msMax: number): Promise<void> {
  const started = performance.now();
  while (!(await holds())) {
    if (performance.now() - started > msMax) throw new Error('waited too long');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const startSdist = (pool: string) => temporal.client.workflow.start('sdist', {
  workflowId: `sdist-${number += 1}`, taskQueue: controlQueue, args: [{ sourceId: `s${number}`, pool }],
});
const boxes = (id: string) => docker.listContainers({ all: true, filters: { label: [`wheelfarm.worker=${id}`] } });

describe('a worker process', () => {
  it('takes work from its pool, posts the outcome, and ends on SIGTERM', async () => {
    const { child, ended } = await worker('scripted-a', 'scripted');
    await (await startSdist('scripted-a')).result();
    expect(control.outcomes.at(-1)).toMatchObject({ kind: 'sdist', state: 'succeeded', sdist: { filename: 'scripted-1.tar.gz' } });
    expect(control.leases.at(-1)).toMatchObject({ kind: 'sdist', delivery: 1, worker: `test-${process.pid}-scripted-a` });
    expect(control.log()).toContain('== fetch ');
    const started = performance.now();
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(performance.now() - started).toBeLessThan(3000);
  });

  it('is seen by a queue of its own, which it asks with every place taken too', async () => {
    const plane = temporalWorkflows(temporal.address, 'scripted-c');
    expect(await plane.workersOf('scripted-c')).toBe(0);
    await worker('scripted-c', 'scripted');
    await until(async () => await plane.workersOf('scripted-c') === 1, 5_000);
    const { pollers } = await temporal.connection.workflowService.describeTaskQueue({ namespace: 'default', taskQueue: { name: 'here.scripted-c' }, taskQueueType: 2 });
    expect(pollers?.map(({ identity }) => identity)).toEqual([`test-${process.pid}-scripted-c`]);
    await plane.close();
  });

  it('does not lose a delivery to a control plane that restarts', async () => {
    await worker('scripted-b', 'scripted');
    const before = control.outcomes.length;
    await control.stop();
    const handle = await startSdist('scripted-b');
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await control.start();
    await handle.result();
    expect(control.outcomes.slice(before)).toMatchObject([{ state: 'succeeded' }]);
    expect(control.leases.at(-1)).toMatchObject({ delivery: 1 });
  });

  it('runs boxes in Docker, gives what the farm broke back to Temporal, and leaves no container', async () => {
    const id = `test-${process.pid}-docker`;
    const { child, ended } = await worker('docker-a', 'docker', id);
    const before = control.leases.length;
    const handle = await startSdist('docker-a');
    // The tiny image has no interpreter of the farm: the farm's fault, so Temporal delivers again.
    await until(() => control.leases.length >= before + 2, 30_000);
    expect(control.leases.slice(before).map(({ delivery }) => delivery)).toEqual([1, 2]);
    expect(control.log()).toContain('FARM_CONTAINER_BROKE');
    await handle.terminate();
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(await boxes(id)).toEqual([]);
  });

  it('says what its environment lacks', async () => {
    const child = spawn(process.execPath, [join(root, 'workers/main.ts')], { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (bytes: Buffer) => { said += bytes.toString(); });
    expect(await new Promise((resolve) => { child.on('close', resolve); })).toBe(1);
    expect(said).toContain('FARM_URL, FARM_WORKER_TOKEN, TEMPORAL_ADDRESS');
  });
});
