import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ask, engineOf } from '../../infra/setup/docker-socket.ts';
import { placesOf } from '../../infra/setup/places.ts';
import type { AttemptView, CellInputs, CellView } from '../../orchestrator/contract/api.ts';
import { apiOf, buildAnimal, homeTarget } from '../support/build.ts';
import { sharedFarm, type Said, type TestFarm } from '../support/farm.ts';
import { place } from '../../workers/steps/box-layout.ts';
import { animals } from '../zoo/animals.ts';

const broken = 'zoo-compile-error==1.0';
let farm: TestFarm;
let buildId: string;
let cell: CellView;
beforeAll(async () => {
  farm = sharedFarm();
  expect((await farm.farm(['up'])).code).toBe(0);
  const made = await buildAnimal(farm, animals.compileError);
  buildId = made.build.id;
  cell = made.cell;
  expect(cell.failure?.code).toBe('FARM_COMPILE_ERROR');
}, 240_000);

const shell = (script: string, interrupt?: AbortSignal): Promise<Said> =>
  farm.farm(['shell', broken, homeTarget, '--', 'sh', '-c', script], interrupt ? { interrupt } : {});

/** Containers that shells of this farm have now. */
async function boxes(): Promise<number> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`wheelfarm.farm=${farm.kept().identity.farmId}`] }));
  const { body } = await ask(engineOf(process.env), 'GET', `/containers/json?all=1&filters=${filters}`, 5_000);
  const found = JSON.parse(body) as { Labels: Record<string, string> }[];
  return found.filter(({ Labels: labels }) => labels['wheelfarm.worker']?.includes('-shell-')).length;
}

async function until(is: () => Promise<boolean> | boolean): Promise<void> {
  for (const started = Date.now(); !await is();) {
    if (Date.now() - started > 60_000) throw new Error('it did not come to it in a minute');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe('a failed cell, opened', () => {
  it('has the source, the compiler, the locked requirements and no network', async () => {
    const said = await shell([
      'pwd', 'head -n 1 zoo_compile_error/native.c', 'echo "CC=$CC"', 'id -u',
      'python -c "import importlib.metadata as m; print(\'setuptools\', m.version(\'setuptools\'))"',
      'python -c "import sys; print(sys.prefix)"', 'ls /sys/class/net',
      'python -c "import socket; socket.create_connection((\'198.51.100.7\', 80), timeout=5)" 2>&1 | tail -n 1',
      'touch /usr/here 2>&1', 'exit 7',
    ].join('\n'));
    const api = await apiOf(farm);
    const { lock } = await api.get<AttemptView>(`/attempts/${cell.attemptId}`);
    const setuptools = lock.find(({ name }) => name === 'setuptools');
    const lines = said.stdout.split('\n');
    expect(lines.slice(0, 7), said.stderr).toEqual([
      place.src, '#include <Python.h>', expect.stringMatching(/^CC=\/\S+/), '1000',
      `setuptools ${setuptools?.version}`, place.env, 'lo',
    ]);
    expect(said.stdout).toMatch(/Network is unreachable/);
    expect(said.stdout).toMatch(/Read-only file system/);
    expect(said.code).toBe(7);
    expect(await boxes()).toBe(0);
  });

  it('says what it opened', async () => {
    const { stderr } = await shell('true');
    const inputs = await (await apiOf(farm)).get<CellInputs>(`/builds/${buildId}/cells/${homeTarget}/inputs`);
    expect(inputs.lock.length).toBeGreaterThan(0);
    for (const word of [inputs.image.key, inputs.source.sha256, ...inputs.lock.map(({ sha256 }) => sha256)]) {
      expect(stderr).toContain(word);
    }
    expect(stderr).toMatch(/first error +zoo_compile_error\/native\.c:4: .*not_declared_anywhere/);
  });

  it('fails again in the same way when the printed command is run', async () => {
    const { stderr } = await shell('true');
    const again = /^again +(sh \S+) /m.exec(stderr)?.[1];
    const said = await shell(`${again}; echo "status $?"`);
    const { line, text } = cell.failure?.evidence ?? { text: 'no evidence' };
    expect(said.stdout).toContain(text);
    expect(said.stdout).toContain(`native.c:${line}:`);
    expect(said.stdout).toMatch(/\nstatus 1\n$/);
  });

  it('is destroyed after Ctrl-C', async () => {
    const interrupt = new AbortController();
    const going = shell('sleep 600', interrupt.signal);
    await until(async () => await boxes() === 1);
    interrupt.abort();
    expect((await going).code).toBe(130);
    expect(await boxes()).toBe(0);
  });

  it('is a shell on a terminal, and is destroyed when the terminal is gone', async () => {
    const words = ['-c', 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))',
      join(placesOf({}).root, 'farm'), 'shell', broken, homeTarget];
    const start = () => {
      const child = spawn('python3', words, { env: { ...process.env, FARM_HOME: farm.home, TERM: 'vt100' } });
      const seen = { text: '' };
      child.stdout.on('data', (bytes: Buffer) => { seen.text += bytes.toString(); });
      return { child, seen, code: new Promise<number | null>((resolve) => child.once('close', resolve)) };
    };
    const typed = start();
    await until(() => typed.seen.text.includes(`${place.src}$`));
    typed.child.stdin.write('tty; echo "$TERM $((40 + 2))"; exit 5\n');
    expect(await typed.code).toBe(5);
    expect(typed.seen.text).toMatch(/\/dev\/pts\/\d+\s+vt100 42/);
    expect(await boxes()).toBe(0);

    const dropped = start();
    await until(() => dropped.seen.text.includes(`${place.src}$`));
    expect(await boxes()).toBe(1);
    dropped.child.kill('SIGKILL');   // it held the terminal
    await until(async () => await boxes() === 0);
  });
});

describe('what cannot be opened', () => {
  it('a cell that was never built', async () => {
    const said = await farm.farm(['shell', 'zoo-was-never-here==1.0', homeTarget]);
    expect(said.code).toBe(1);
    expect(said.stderr).toContain('FARM_NOT_FOUND');
  });

  it('the bytes of a cell by somebody without the token, or other bytes with it', async () => {
    const api = await apiOf(farm);
    const path = `/builds/${buildId}/cells/${homeTarget}/inputs`;
    const { source } = await api.get<CellInputs>(path);
    const get = (sha256: string, token?: string) => fetch(`${api.url}/api${path}/${sha256}`,
      { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
    const { apiToken } = farm.kept().secrets;
    expect((await get(source.sha256)).status).toBe(401);
    expect((await get('0'.repeat(64), apiToken)).status).toBe(404);
    expect((await (await get(source.sha256, apiToken)).arrayBuffer()).byteLength).toBe(source.bytes);
  });
});
