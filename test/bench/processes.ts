import type { ChildProcess } from 'node:child_process';
import { memoryOf } from './machine.ts';

/** Asks a process to end and waits for it; after ten seconds it is killed. */
export async function stopped(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(timer);
}

/** Looks at the memory of processes until stopped; answers the largest sum seen. @unit bytes */
export function watchMemory(pids: readonly number[], everyMs = 500): { stop(): number } {
  let peak = 0;
  const look = (): void => { peak = Math.max(peak, pids.reduce((sum, pid) => sum + memoryOf(pid), 0)); };
  look();
  const timer = setInterval(look, everyMs);
  return { stop() { clearInterval(timer); look(); return peak; } };
}
