import { spawn, type SpawnOptions } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface CommandResult {
  /** Exit status; null when a signal ended it. */
  readonly code: number | null;
  /** Standard output and error together, the last 64 KiB. */
  readonly output: string;
}

const outputBytesMax = 65_536;

/**
 * Runs a command to its end.
 * @param argv program and arguments; no shell
 * @param options spawn options; `msMax` ends it, `onLine` hears every line that it prints
 * @errors throws when the program cannot be started
 */
export async function commandOf(
  argv: readonly string[],
  options: SpawnOptions & { msMax?: number; onLine?: (line: string) => void } = {},
): Promise<CommandResult> {
  const { msMax, onLine, ...spawning } = options;
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    ...spawning, stdio: ['ignore', 'pipe', 'pipe'], ...(msMax ? { timeout: msMax, killSignal: 'SIGKILL' as const } : {}),
  });
  let output = '';
  let rest = '';
  const take = (chunk: Buffer): void => {
    const text = chunk.toString('utf8');
    output = (output + text).slice(-outputBytesMax);
    const lines = (rest + text).split(/[\r\n]+/);
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') onLine?.(line.trim());
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

/**
 * Runs a command that must end well.
 * @errors throws with the command's last lines
 */
export async function mustEndWell(
  argv: readonly string[],
  options: Parameters<typeof commandOf>[1] = {},
): Promise<string> {
  const { code, output } = await commandOf(argv, options);
  if (code === 0) return output;
  const tail = output.trim().split('\n').slice(-4).join(' | ');
  throw new Error(`${argv.slice(0, 3).join(' ')} ended with ${code ?? 'a signal'}: ${tail}`);
}

/** Full path of a program on PATH, or undefined. */
export function onPath(program: string, path: string | undefined): string | undefined {
  return (path ?? '').split(delimiter).filter(Boolean).map((folder) => join(folder, program)).find(executable);
}

/** Whether a file can be run. */
export function executable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
