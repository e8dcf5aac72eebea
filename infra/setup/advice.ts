import { mkdirSync, statfsSync } from 'node:fs';
import { commandOf, onPath } from './command.ts';
import { missing, there, type SetupPart } from './part.ts';
import type { Env, Places } from './places.ts';

const GiB = 1024 ** 3;
/** Images 4 GiB, caches and compilers 3 GiB, work folders and blobs the rest. */
const diskBytesMin = 10 * GiB;

/** Prerequisites that only a person can mend: shown by doctor, checked before anything is installed. */
export function adviceParts(places: Places, env: Env): SetupPart[] {
  const shared = { size: '', expectedSeconds: 0, needs: [] };
  return [
    {
      ...shared, name: 'node', what: 'Node.js 24.15 or newer', purpose: 'build',
      async check() { return there(`${process.version} at ${process.execPath}`); },
    },
    {
      ...shared, name: 'disk', what: 'free disk space', purpose: 'build',
      async check() {
        const short = [places.home, places.cache].map(spaceOf).find(({ free }) => free < diskBytesMin);
        const needed = `${diskBytesMin / GiB} GiB`;
        if (!short) return there(`at least ${needed} free`);
        return missing(`${(short.free / GiB).toFixed(1)} GiB free at ${short.folder}, ${needed} needed`,
          'Free space there, or set FARM_HOME and XDG_CACHE_HOME to folders on a larger disk.');
      },
    },
    {
      ...shared, name: 'python', what: 'Python 3.9 or newer with venv, for test clients', purpose: 'test',
      async check() {
        const python = onPath('python3', env.PATH);
        const next = 'Install Python with venv (on Debian and Ubuntu: apt-get install python3-venv).';
        if (!python) return missing('python3 is not on PATH', next);
        const probe = 'import sys, venv, ensurepip; assert sys.version_info >= (3, 9); print(sys.version.split()[0])';
        const { code, output } = await commandOf([python, '-I', '-c', probe], { env, msMax: 10_000 });
        return code === 0 ? there(`${output.trim()} at ${python}`) : missing('python3 is too old or has no venv', next);
      },
    },
  ];
}

function spaceOf(folder: string): { folder: string; free: number } {
  mkdirSync(folder, { recursive: true });
  const { bavail, bsize } = statfsSync(folder);
  return { folder, free: bavail * bsize };
}
