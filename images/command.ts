/** Runs a program of the host; its output goes to callers line by line. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface CommandOptions {
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Runs a program in its own process group, which an abort ends as a whole.
 * @errors when it does not exist or ends with another status than 0; the message carries its last lines
 */
export async function runCommand(program: string, words: readonly string[], options: CommandOptions = {}): Promise<void> {
  options.signal?.throwIfAborted();
  const child = spawn(program, words, {
    stdio: ['ignore', 'pipe', 'pipe'], detached: true,
  });
  const last: string[] = [];
  const listen = (line: string): void => {
    last.push(line);
    if (last.length > 25) last.shift();
    options.onLine?.(line);
  };
  createInterface(child.stdout).on('line', listen);
  createInterface(child.stderr).on('line', listen);
  const stop = (): void => {
    try {
      if (child.pid) process.kill(-child.pid, 'SIGTERM');
    } catch { /* it has ended by itself */ }
  };
  options.signal?.addEventListener('abort', stop);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    options.signal?.throwIfAborted();
    if (code !== 0) throw new Error(`${program} ended with ${String(code)}:\n${last.join('\n')}`);
  } finally {
    options.signal?.removeEventListener('abort', stop);
  }
}

/** True where the program starts and ends well. */
export async function works(program: string, words: readonly string[]): Promise<boolean> {
  return runCommand(program, words).then(() => true, () => false);
}
