import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** How a client ended; `output` is stdout and stderr together. */
export interface Ran { readonly code: number; readonly output: string }

/** Variables that would point a stock client somewhere else than a test says. */
const cleared = Object.fromEntries(
  Object.keys(process.env).filter((name) => /^(PIP_(INDEX|EXTRA_INDEX|FIND_LINKS|NO_INDEX|CONSTRAINT)|UV_)/.test(name))
    .map((name) => [name, undefined]),
);

/** Runs a stock client to its end, with no index of its own configured and no caches. */
export async function run(command: string, argv: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}): Promise<Ran> {
  const env = { ...process.env, ...cleared, PIP_CONFIG_FILE: '/dev/null', COLUMNS: '2000', ...options.env };
  try {
    const { stdout, stderr } = await execute(command, [...argv], { maxBuffer: 64e6, env, cwd: options.cwd });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const failed = error as { code?: number; stdout?: string; stderr?: string };
    return { code: typeof failed.code === 'number' ? failed.code : 127, output: `${failed.stdout ?? ''}${failed.stderr ?? ''}${failed.code === undefined ? String(error) : ''}` };
  }
}

/** A fresh environment of the machine's Python; its bin folder. */
export async function freshVenv(folder: string): Promise<string> {
  const made = await run('python3', ['-m', 'venv', folder]);
  if (made.code !== 0) throw new Error(made.output);
  return `${folder}/bin`;
}
