import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** How long making one client may take. @unit milliseconds; installing from an index on a slow line */
const installMsMax = 600_000;

/**
 * Makes the environment under a lock that the system drops with the process, so neither two test files nor a killed one
 * leave half an environment behind that looks whole.
 */
const makeClient = `
import fcntl, os, shutil, subprocess, sys, venv
folder, requirements = sys.argv[1], sys.argv[2:]
os.makedirs(os.path.dirname(folder), exist_ok=True)
with open(folder + '.lock', 'w') as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    done = os.path.join(folder, 'complete')
    if not os.path.exists(done):
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        if requirements:
            python = os.path.join(folder, 'bin', 'python')
            subprocess.run([python, '-m', 'pip', 'install', '-q', *requirements], check=True)
        open(done, 'w').close()
`;

/**
 * A virtual environment with stock clients, made once per list of requirements and kept in the cache folder.
 * pip installs from wherever the host's own configuration says.
 * @shape requirements: as on pip's command line, pinned: `['sigstore==4.5.1']`; an empty list gives bare Python and pip
 * @returns the environment's `bin` folder
 */
export async function clientVenv(name: string, requirements: readonly string[]): Promise<string> {
  const { stdout: python } = await execute('python3', ['-c', 'import sys; print(sys.executable, sys.version)']);
  const key = createHash('sha256').update(JSON.stringify([python, ...requirements])).digest('hex').slice(0, 12);
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const folder = join(cache, 'wheelfarm', 'clients', `${name}-${key}`);
  await execute('python3', ['-c', makeClient, folder, ...requirements], { timeout: installMsMax });
  return join(folder, 'bin');
}
