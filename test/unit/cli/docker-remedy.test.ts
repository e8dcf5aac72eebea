import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { engineOf } from '../../../infra/setup/docker-socket.ts';
import { removeStalePidFiles, remedyOf, type DockerScene } from '../../../infra/setup/docker.ts';

const bare: DockerScene = { why: 'ENOENT', root: true, debian: true, systemd: false, installed: false, elsewhere: false };

describe('an engine that does not answer', () => {
  it.each([
    ['bare Debian, root', {}, { by: 'farm', install: true, start: 'dockerd' }],
    ['installed, not started', { why: 'ECONNREFUSED', installed: true }, { by: 'farm', install: false, start: 'dockerd' }],
    ['systemd', { systemd: true }, { by: 'farm', install: true, start: 'systemctl' }],
    ['installed on another system', { debian: false, installed: true }, { by: 'farm', install: false, start: 'dockerd' }],
  ] as const)('%s: the farm mends it', (_name, scene, remedy) => {
    expect(remedyOf({ ...bare, ...scene })).toEqual(remedy);
  });

  it.each([
    ['no right to the socket', { why: 'EACCES', root: false, installed: true }, /usermod -aG docker/],
    ['not root, installed', { root: false, installed: true }, /systemctl start docker/],
    ['not root on Debian', { root: false }, /sudo \.\/farm setup/],
    ['root on another system', { debian: false }, /Install and start Docker/],
    ['an engine elsewhere', { elsewhere: true, installed: true }, /DOCKER_HOST/],
  ] as const)('%s: one thing to do', (_name, scene, next) => {
    const remedy = remedyOf({ ...bare, ...scene });
    expect(remedy).toMatchObject({ by: 'person', next: expect.stringMatching(next) });
  });
});

describe('the address of the engine', () => {
  it.each([
    ['', { socketPath: '/var/run/docker.sock' }],
    ['unix:///run/user/1000/docker.sock', { socketPath: '/run/user/1000/docker.sock' }],
    ['tcp://10.0.0.5:2376', { host: '10.0.0.5', port: 2376 }],
    ['tcp://engine', { host: 'engine', port: 2375 }],
  ])('%s', (address, engine) => {
    expect(engineOf({ DOCKER_HOST: address })).toEqual(engine);
  });
});

describe('process ids of an engine that is gone', () => {
  it('go where the number is now another program’s, and stay where it is the engine’s', () => {
    const run = mkdtempSync(join(tmpdir(), 'run-'));
    mkdirSync(join(run, 'docker', 'containerd'), { recursive: true });
    writeFileSync(join(run, 'docker.pid'), '71');
    writeFileSync(join(run, 'docker', 'containerd', 'containerd.pid'), '72');
    expect(removeStalePidFiles(run, (pid) => (pid === 71 ? 'sshd' : 'containerd'))).toEqual([join(run, 'docker.pid')]);
    expect(existsSync(join(run, 'docker.pid'))).toBe(false);
    expect(removeStalePidFiles(run, () => null)).toEqual([join(run, 'docker', 'containerd', 'containerd.pid')]);
    expect(removeStalePidFiles(run, () => null)).toEqual([]);
    rmSync(run, { recursive: true });
  });
});
