import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CellLimits } from '../../orchestrator/contract/limits.ts';
import { dockerBackend } from '../../workers/backend/docker.ts';
import { readHostNetwork } from '../../workers/backend/host-network.ts';
import type { Backend, Box, StepCommand, StepExit } from '../../workers/backend/types.ts';
import { backendLaws } from '../laws/backend.ts';
import { tinyImage } from '../support/tiny-image.ts';
import type { TinyImage } from '../support/tiny-image.ts';

const MiB = 1024 * 1024;
const workerId = `test-${process.pid}`;
const docker = new Docker();
const limits: CellLimits = {
  memoryBytes: 256 * MiB, workBytes: 128 * MiB, pidsMax: 64, stepMsMax: 20_000, silenceMsMax: 20_000, logBytesMax: MiB,
};
const command = (script: string, rest: Partial<StepCommand> = {}): StepCommand => ({
  step: 'build', argv: ['bash', '-c', script], environment: { LC_ALL: 'C' }, workingFolder: '/work', resultFile: null, msMax: 20_000, ...rest,
});

let tiny: TinyImage;
let backend: Backend;

async function tinyBackend(): Promise<Backend> {
  const network = await readHostNetwork(process.env);
  const made = dockerBackend({ docker, workerId, farmId: 'test', network });
  await made.ensureImage(tiny.image, async () => createReadStream(tiny.tar));
  return made;
}

beforeAll(async () => {
  tiny = await tinyImage();
  backend = await tinyBackend();
});
afterAll(async () => {
  await backend.closeAll();
  await docker.getImage(`wheelfarm/test-tiny:${tiny.image.key.slice(0, 12)}`).remove({ force: true });
  tiny.remove();
});

async function inBox<T>(use: (box: Box) => Promise<T>, lower: Partial<CellLimits> = {}, kind: 'sealed' | 'fetch' = 'sealed'): Promise<T> {
  const box = await backend.open({ image: tiny.image, kind, limits: { ...limits, ...lower } });
  try {
    return await use(box);
  } finally {
    await box.close();
  }
}
const run = (script: string, lower: Partial<CellLimits> = {}, rest: Partial<StepCommand> = {}): Promise<StepExit> =>
  inBox((box) => box.run(command(script, rest), () => undefined, new AbortController().signal), lower);

backendLaws('docker', async () => {
  tiny ??= await tinyImage();
  return {
    backend: await tinyBackend(),
    order: { image: tiny.image, kind: 'sealed', limits },
    commands: {
      succeeds: command('mkdir -p result; echo hello; echo \'{"ok":true,"said":1}\' > result/x.json', { resultFile: '/work/result/x.json' }),
      fails: command('echo \'{"ok":false}\' > result/x.json; exit 3', { resultFile: '/work/result/x.json' }),
      hangs: command('trap "" TERM INT; while true; do sleep 1000; done'),
      writes: command('mkdir -p out; printf abc > out/x'),
    },
  };
});

describe('a sealed box', () => {
  it('is user 1000, without capabilities, network or a root that can be written', async () => {
    const { logTail } = await run('id -u; cat /proc/self/status; touch /x; touch /bin/x; echo > /dev/tcp/192.0.2.1/80; ls /sys/class/net');
    expect(logTail).toMatch(/^1000$/m);
    expect(logTail).toMatch(/CapEff:\s+0000000000000000/);
    expect(logTail).toMatch(/CapBnd:\s+0000000000000000/);
    expect(logTail).toMatch(/NoNewPrivs:\s+1/);
    expect(logTail).toMatch(/Seccomp:\s+2/);
    expect(logTail).toMatch(/\/x': Read-only file system/);
    expect(logTail).toMatch(/Network is unreachable/);
    expect(logTail).toMatch(/^lo$/m);
    expect(logTail).not.toMatch(/^eth/m);
  });

  it.each([
    ['a memory hog', 'head -c 400m /dev/zero | tail -c 390m > /dev/null', {}, 'memory'],
    ['a hog whose parent ends with 1', '(head -c 400m /dev/zero | tail -c 390m) > /dev/null; exit 1', {}, 'memory'],
    ['memory filled through the work folder', 'head -c 400m /dev/zero > x; exit 1', { workBytes: 500 * MiB }, 'memory'],
    ['a full work folder', 'head -c 200m /dev/zero > x', {}, 'disk'],
    ['a full work folder that was tidied up', 'head -c 200m /dev/zero > x; code=$?; rm x; exit $code', {}, 'disk'],
    ['a fork bomb', 'while true; do sleep 1000 & done; wait', {}, 'pids'],
    ['a flood', 'yes', {}, 'flood'],
    ['silence', 'sleep 1000', { silenceMsMax: 700 }, 'silent'],
  ] as const)('says what ended %s', async (_, script, lower, ended) => {
    expect((await run(script, lower)).ended).toBe(ended);
  });

  it('outlives a fork bomb that goes on after its parent', async () => {
    const exit = await run(':(){ :|:& };:', {}, { resultFile: '/work/result.json' });
    expect(exit.ended).toBe('pids');
    expect((await run('echo next')).code).toBe(0);
  });

  it('lets a flood through up to its limit', async () => {
    let heard = 0;
    const exit = await inBox((box) => box.run(command('yes'), (bytes) => { heard += bytes.length; }, new AbortController().signal));
    expect(exit.ended).toBe('flood');
    expect(heard).toBe(limits.logBytesMax);
  });

  it('does not wait for what a step left behind, and kills it', async () => {
    const started = performance.now();
    await inBox(async (box) => {
      const never = new AbortController().signal;
      const first = await box.run(command('sleep 1000 & setsid sleep 2000 & echo started'), () => undefined, never);
      expect(first).toMatchObject({ ended: 'exit', code: 0 });
      const { logTail } = await box.run(command('for p in /proc/[0-9]*; do cat $p/comm; done'), () => undefined, never);
      // What is left is process 1 (init) and its sleeper, which are not the step's.
      expect(logTail.split('\n').filter((name) => name === 'sleep')).toHaveLength(1);
    });
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('puts files in, refuses links when it takes them out, and says where the folder is too small', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wheelfarm-put-'));
    const big = join(folder, 'big');
    await writeFile(big, Buffer.alloc(70 * MiB, 7));
    await inBox(async (box) => {
      await box.put([{ path: '/work/in/a.txt', bytes: Buffer.from('hi') }, { path: '/work/farm/x', bytes: Buffer.from('#!/bin/sh\necho ran'), mode: 0o755 },
        { path: '/work/in/big', bytes: { file: big } }]);
      const { logTail } = await box.run(command('cat in/a.txt; farm/x; ln -s /etc/passwd link; mkfifo pipe'), () => undefined, new AbortController().signal);
      expect(logTail).toContain('hiran');
      expect(await box.take('/work/in/big', join(folder, 'back'), 200 * MiB)).toEqual({ bytes: 70 * MiB });
      expect((await stat(join(folder, 'back'))).size).toBe(70 * MiB);
      for (const path of ['/work/link', '/work/pipe']) {
        await expect(box.take(path, join(folder, 'no'), MiB)).rejects.toMatchObject({ failure: { code: 'FARM_WHEEL_NONE' } });
      }
      await expect(box.put([{ path: '/work/in/more', bytes: { file: big } }])).rejects.toMatchObject({ failure: { code: 'FARM_DISK' } });
    });
    await rm(folder, { recursive: true });
  });

  it('opens a prepared box in a moment', async () => {
    const order = { image: tiny.image, kind: 'sealed', limits } as const;
    backend.prepare(order);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const started = performance.now();
    const box = await backend.open(order);
    expect(performance.now() - started).toBeLessThan(150);
    expect((await box.run(command('true'), () => undefined, new AbortController().signal)).code).toBe(0);
    await box.close();
  });
});

describe('the farm broke', () => {
  it('says that Docker is down where nothing listens', async () => {
    const network = { environment: {}, caBundlePath: null, mode: 'bridge' } as const;
    const down = dockerBackend({ docker: new Docker({ socketPath: '/nowhere/docker.sock' }), workerId, farmId: 'test', network });
    expect(await down.ready()).toMatchObject({ ok: false });
    await expect(down.open({ image: tiny.image, kind: 'sealed', limits })).rejects.toMatchObject({ failure: { code: 'FARM_DOCKER_DOWN', blame: 'farm' } });
  });

  it('says that an image is missing', async () => {
    await expect(backend.open({ image: { ...tiny.image, key: 'f'.repeat(64) }, kind: 'sealed', limits }))
      .rejects.toMatchObject({ failure: { code: 'FARM_IMAGE_MISSING' } });
  });

  it('throws, and blames the farm, when a container is taken away in the middle', async () => {
    const box = await backend.open({ image: tiny.image, kind: 'sealed', limits });
    setTimeout(() => void docker.getContainer(box.id).remove({ force: true }), 300);
    await expect(box.run(command('sleep 1000'), () => undefined, new AbortController().signal))
      .rejects.toMatchObject({ failure: { code: 'FARM_CONTAINER_BROKE', blame: 'farm' } });
    await box.close();
  });

  it('leaves no container', async () => {
    backend.prepare({ image: tiny.image, kind: 'sealed', limits });
    await backend.open({ image: tiny.image, kind: 'sealed', limits });
    await backend.closeAll();
    expect(await docker.listContainers({ all: true, filters: { label: [`wheelfarm.worker=${workerId}`] } })).toEqual([]);
  });
});
