import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mustEndWell, onPath } from './command.ts';
import { engineOf, silence } from './docker-socket.ts';
import { missing, there, type SetupPart } from './part.ts';
import type { Env, Places } from './places.ts';
import { markOf } from './processes.ts';

/** What is known about the machine when no engine answers. */
export interface DockerScene {
  /** From `silence`: a system error code or a sentence. */
  readonly why: string;
  readonly root: boolean;
  readonly debian: boolean;
  readonly systemd: boolean;
  /** dockerd is on PATH. */
  readonly installed: boolean;
  /** `DOCKER_HOST` is set: then the engine is somebody else's. */
  readonly elsewhere: boolean;
}

/** What to do about an engine that does not answer: steps the farm takes itself, or one thing for a person. */
export type DockerRemedy =
  | { readonly by: 'farm'; readonly install: boolean; readonly start: 'systemctl' | 'dockerd' }
  | { readonly by: 'person'; readonly next: string };

/** Decides how to get an engine. Pure, so that every branch is tested without one. */
export function remedyOf(scene: DockerScene): DockerRemedy {
  if (scene.elsewhere) return { by: 'person', next: 'Start the engine that DOCKER_HOST names, or unset DOCKER_HOST.' };
  if (scene.why === 'EACCES') {
    return { by: 'person', next: 'Join the docker group: sudo usermod -aG docker "$USER", then log in again.' };
  }
  if (scene.root && (scene.installed || scene.debian)) {
    return { by: 'farm', install: !scene.installed, start: scene.systemd ? 'systemctl' : 'dockerd' };
  }
  if (scene.installed) return { by: 'person', next: 'Start Docker: sudo systemctl start docker' };
  return scene.debian
    ? { by: 'person', next: 'Run the set-up once as root: sudo ./farm setup' }
    : { by: 'person', next: 'Install and start Docker as your system documents it, then try again.' };
}

const apt = ['apt-get', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120'];

/** The Docker engine: asked through its socket, because a client may be there with no engine behind it. */
export function dockerPart(places: Places, env: Env): SetupPart {
  const engine = engineOf(env);
  const scene = (why: string): DockerScene => ({
    why,
    root: process.getuid?.() === 0,
    debian: existsSync('/etc/debian_version'),
    systemd: existsSync('/run/systemd/system'),
    installed: onPath('dockerd', env.PATH) !== undefined,
    elsewhere: Boolean(env.DOCKER_HOST),
  });
  return {
    name: 'docker', what: 'Docker engine', size: '120 MB download', expectedSeconds: 40, needs: [], purpose: 'build',
    async check() {
      const why = await silence(engine);
      if (!why) return there('the engine answers');
      const remedy = remedyOf(scene(why));
      return missing(`the engine does not answer (${why})`, remedy.by === 'person' ? remedy.next : 'Run: ./farm setup');
    },
    async install(say) {
      const remedy = remedyOf(scene((await silence(engine)) ?? ''));
      if (remedy.by === 'person') throw new Error(`the engine does not answer. ${remedy.next}`);
      if (remedy.install) await installEngine(env, say);
      if (await answersWithin(engine, remedy.install ? 3_000 : 0)) return;
      say('starting');
      const log = remedy.start === 'systemctl' ? await startBySystemd() : startDaemon(places);
      if (!(await answersWithin(engine, 60_000))) throw new Error(`dockerd was started but does not answer; see ${log}`);
    },
  };
}

async function installEngine(env: Env, say: (words: string) => void): Promise<void> {
  const quiet = { ...env, DEBIAN_FRONTEND: 'noninteractive' };
  const onLine = (line: string): void => say(line.slice(0, 80));
  await mustEndWell([...apt, 'update'], { env: quiet, onLine });
  await mustEndWell([...apt, 'install', 'docker.io', 'iptables', 'iproute2'], { env: quiet, onLine });
}

async function startBySystemd(): Promise<string> {
  await mustEndWell(['systemctl', 'enable', '--now', 'docker']);
  return 'journalctl -u docker';
}

/** Files in which the engine and its containerd write their process ids, under the system's run folder. */
const pidFiles = [['docker.pid', 'dockerd'], ['docker/containerd/containerd.pid', 'containerd']] as const;

/**
 * Removes the process ids of engines that are gone. After a power cut, or where a machine was started from a picture of
 * its disk, the number may be another program's by now, and dockerd refuses to start beside it.
 * @param nameOf the name of a running process, or null
 */
export function removeStalePidFiles(run = '/var/run', nameOf: (pid: number) => string | null = processName): string[] {
  return pidFiles.flatMap(([file, program]) => {
    const path = join(run, file);
    const pid = existsSync(path) ? Number(readFileSync(path, 'utf8')) : null;
    if (pid === null || nameOf(pid) === program) return [];
    rmSync(path);
    return [path];
  });
}

function processName(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return null;
  }
}

/** Own session and log: the engine outlives the terminal and the farm. */
function startDaemon(places: Places): string {
  mkdirSync(places.cache, { recursive: true });
  removeStalePidFiles();
  const log = join(places.cache, 'dockerd.log');
  const out = openSync(log, 'a');
  const child = spawn('dockerd', [], { detached: true, stdio: ['ignore', out, out], cwd: '/' });
  child.on('error', () => { /* seen as an engine that does not answer */ });
  child.unref();
  closeSync(out);
  if (child.pid) writeFileSync(join(places.cache, 'dockerd.json'), JSON.stringify(markOf(child.pid)));
  return log;
}

async function answersWithin(engine: ReturnType<typeof engineOf>, ms: number): Promise<boolean> {
  const end = Date.now() + ms;
  for (;;) {
    if (!(await silence(engine))) return true;
    if (Date.now() >= end) return false;
    await sleep(200);
  }
}
