import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cellLimits } from '../../orchestrator/contract/limits.ts';
import type { BuildSpec, LockAnswer, Outcome, StepEvent } from '../../orchestrator/contract/worker.ts';
import { failure } from '../../orchestrator/domain/failure.ts';
import { playSteps, scriptedBackend } from '../../workers/backend/scripted.ts';
import type { BoxScript } from '../../workers/backend/scripted.ts';
import type { StepCommand } from '../../workers/backend/types.ts';
import { DoorError } from '../../workers/control-door.ts';
import type { ControlDoor, LeaseDoor } from '../../workers/control-door.ts';
import { fetchStore } from '../../workers/fetch-store.ts';
import { libraryStore } from '../../workers/libraries.ts';
import { runBuild } from '../../workers/run-attempt.ts';
import type { Delivery, WorkerPorts } from '../../workers/scope.ts';
import { backendLaws } from '../laws/backend.ts';

const spec: BuildSpec = {
  kind: 'build', attemptId: 'a1', project: 'MarkupSafe', version: '3.0.2', target: 'cp311-manylinux_x86_64', python: '3.11',
  image: { name: 'i', key: 'k', tarSha256: 't', bytes: 1 },
  source: { sha256: 's', filename: 'markupsafe-3.0.2.tar.gz', bytes: 1 },
  sourceDateEpoch: 0, cutoff: '2026-01-01T00:00:00Z', limits: { ...cellLimits },
};
const order = { buildId: 'b1', target: spec.target };
const plain = (argv: string): StepCommand =>
  ({ step: 'build', argv: [argv], environment: {}, workingFolder: '/work', resultFile: null, msMax: 5000 });

backendLaws('scripted', async () => ({
  backend: scriptedBackend((command) => ({
    succeeds: { code: 0, log: 'hello\n', result: { ok: true, said: 1 } }, fails: { code: 3, result: { ok: false } },
    hangs: { code: 0, hangs: true as const }, writes: { code: 0, files: { '/work/out/x': Buffer.from('abc') } },
  })[command.argv[0] as 'succeeds']),
  order: { image: spec.image, kind: 'sealed', limits: spec.limits },
  commands: { succeeds: plain('succeeds'), fails: plain('fails'), hangs: plain('hangs'), writes: plain('writes') },
}));

let folder: string;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'wheelfarm-attempt-')); });
afterAll(() => rm(folder, { recursive: true, force: true }));

interface World {
  readonly ports: WorkerPorts;
  readonly outcomes: Outcome[];
  readonly events: StepEvent[];
  readonly log: () => string;
  readonly put: string[];
}

/** A worker with the scripted backend, whose control plane answers as `door` says. */
function world(script: BoxScript = playSteps, door: Partial<LeaseDoor> = {}, known = false): World {
  const outcomes: Outcome[] = [];
  const events: StepEvent[] = [];
  const put: string[] = [];
  let log = '';
  const lease: LeaseDoor = {
    input: async () => '/dev/null',
    content: async () => ({ file: '/dev/null' }),
    forget: async () => undefined,
    output: async (file) => void put.push(await readFile(file, 'latin1')),
    async log(offset, bytes) { log += new TextDecoder().decode(bytes); return offset + bytes.length; },
    events: async (some) => void events.push(...some),
    lock: async (): Promise<LockAnswer> => ({ attemptKey: 'f'.repeat(64), known }),
    async outcome(outcome, beside) {
      if (beside.output) put.push(Buffer.from(beside.output.bytes).toString('latin1'));
      events.push(...beside.events);
      if (beside.log) log += new TextDecoder().decode(beside.log.bytes);
      outcomes.push(outcome);
    },
    ...door,
  };
  const control: ControlDoor = { lease: async () => ({ leaseId: 'l', secret: 's', logOffset: 0, spec }), of: () => lease };
  let ids = 0;
  const ports: WorkerPorts = {
    door: control, backend: scriptedBackend(script), scripts: [], workerId: 'w', scratch: join(folder, 'scratch'),
    libraries: libraryStore(join(folder, 'libraries'), { known: new Map(), externalOf: () => null, archive: null, mirror: undefined }),
    fetches: fetchStore(join(folder, `fetched-${Math.random()}`), () => 'key'),
    clock: () => new Date(0), newId: () => `n${ids += 1}`,
  };
  return { ports, outcomes, events, put, log: () => log };
}

function delivery(signal = new AbortController().signal, why: 'cancelled' | 'gone' = 'cancelled'): Delivery {
  return { number: 1, signal, why: () => why, heartbeat: () => undefined };
}
const hangingBuild: BoxScript = (command) => (command.step === 'build' ? { code: 0, hangs: true } : playSteps(command));

describe('one delivery of a build', () => {
  it('goes through the steps in order and posts the wheel', async () => {
    const { ports, outcomes, events, put, log } = world();
    const ending = await runBuild(ports, delivery(), order);
    expect(ending.state).toBe('posted');
    const filename = 'markupsafe-3.0.2-cp311-cp311-manylinux_2_17_x86_64.whl';
    expect(outcomes).toMatchObject([{ state: 'succeeded', wheel: { filename } }]);
    expect(put[0]!.startsWith('PK')).toBe(true);
    expect(events.filter(({ state }) => state === 'ended').map(({ step }) => step))
      .toEqual(['fetch', 'requires', 'build', 'repair', 'audit']);
    expect(log()).toMatch(/^== fetch 00:00:00\nscripted resolve.py\n== requires/);
    expect(await readdir(ports.scratch)).toEqual([]);
  });

  it('asks nothing about the lock of a first attempt: it goes with the outcome', async () => {
    const asked: unknown[] = [];
    const lock = async (report: unknown): Promise<LockAnswer> => { asked.push(report); return { attemptKey: 'f'.repeat(64), known: false }; };
    const locks: unknown[] = [];
    for (const first of [true, false]) {
      const { ports, outcomes } = world(playSteps, { lock });
      const door: ControlDoor = {
        lease: async (request) => ({ ...await ports.door.lease(request), ...(first ? { first } : {}) }),
        of: (grant) => ({ ...ports.door.of(grant), outcome: async (outcome, beside) => { outcomes.push(outcome); locks.push(beside.lock); } }),
      };
      await runBuild({ ...ports, door }, delivery(), order);
      expect(outcomes).toMatchObject([{ state: 'succeeded' }]);
    }
    expect(locks).toEqual([[], null]);
    expect(asked).toEqual([{ lock: [] }]);
  });

  it('fetches once for the cells of a release', async () => {
    const scripts: string[] = [];
    const { ports, outcomes, log } = world((command) => {
      scripts.push(command.argv[2]!.split('/').at(-1)!);
      return playSteps(command);
    });
    await Promise.all([runBuild(ports, delivery(), order), runBuild(ports, delivery(), order)]);
    expect(scripts.filter((name) => name === 'resolve.py')).toHaveLength(1);
    expect(log()).toContain('as another cell has fetched');
    expect(outcomes).toHaveLength(2);
  });

  it('posts a failure of the project and does not throw', async () => {
    const { ports, outcomes } = world((command) => (command.step === 'build'
      ? { code: 1, result: { ok: false, code: 'FARM_WHEEL_NONE', words: {} }, log: 'nothing\n' } : playSteps(command)));
    expect((await runBuild(ports, delivery(), order)).state).toBe('posted');
    expect(outcomes).toMatchObject([{ state: 'failed', failure: { code: 'FARM_WHEEL_NONE', blame: 'project', step: 'build' } }]);
  });

  it('throws a failure of the farm or the world, and posts nothing', async () => {
    const { ports, outcomes } = world((command) => (command.step === 'fetch'
      ? { code: 1, result: { ok: false, code: 'FARM_FETCH_FAILED', words: { why: 'no route' } } } : playSteps(command)));
    await expect(runBuild(ports, delivery(), order)).rejects.toMatchObject({ failure: { code: 'FARM_FETCH_FAILED', blame: 'world' } });
    expect(outcomes).toEqual([]);
  });

  it('records a cancel', async () => {
    const { ports, outcomes } = world(hangingBuild);
    const stop = new AbortController();
    const going = runBuild(ports, delivery(stop.signal), order);
    setTimeout(() => stop.abort(), 200);
    expect(await going).toEqual({ state: 'cancelled' });
    expect(outcomes).toEqual([{ kind: 'build', state: 'cancelled' }]);
  });

  it('records nothing when the worker stops: another one goes on', async () => {
    const { ports, outcomes } = world(hangingBuild);
    const stop = new AbortController();
    const going = runBuild(ports, delivery(stop.signal, 'gone'), order);
    setTimeout(() => stop.abort(), 200);
    await expect(going).rejects.toThrow('the delivery is gone');
    expect(outcomes).toEqual([]);
  });

  it('stops quietly in the middle of a step when its lease was replaced', async () => {
    const stale = new DoorError(failure('FARM_LEASE_STALE', 'build'));
    const { ports, outcomes } = world(hangingBuild, {
      async events(some) { if (some.some(({ step }) => step === 'build')) throw stale; },
    });
    const started = performance.now();
    expect(await runBuild(ports, delivery(), order)).toEqual({ state: 'over' });
    expect(performance.now() - started).toBeLessThan(2000);
    expect(outcomes).toEqual([]);
  });

  it('builds nothing whose key is known', async () => {
    const { ports, outcomes, put } = world(playSteps, {}, true);
    expect(await runBuild(ports, delivery(), order)).toEqual({ state: 'known' });
    expect([outcomes, put]).toEqual([[], []]);
  });
});
