import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { anonymousOf, memoryOf } from './machine.ts';

/** Asks a process to end and waits for it; after ten seconds it is killed. */
export async function stopped(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(timer);
}

/** How many looks use the same sum of shared pages. */
const looksOfShares = 10;

/**
 * Looks at the memory of processes until stopped; answers the largest sum of proportional sizes seen. The kernel walks
 * every page to share them out, which took a fiftieth of two cores: pages of files hardly change, and are shared out at
 * every tenth look.
 * @unit bytes
 */
export function watchMemory(pids: readonly number[], everyMs = 500): { stop(): number } {
  let peak = 0;
  let looks = 0;
  const files = new Map<number, number>();
  const look = (): void => {
    if (looks % looksOfShares === 0) for (const pid of pids) files.set(pid, memoryOf(pid) - anonymousOf(pid));
    looks += 1;
    peak = Math.max(peak, pids.reduce((sum, pid) => sum + anonymousOf(pid) + (files.get(pid) ?? 0), 0));
  };
  look();
  const timer = setInterval(look, everyMs);
  return { stop() { clearInterval(timer); looks = 0; look(); return peak; } };
}

/** Processor time of a process and its descendants, those that have ended included. @unit milliseconds */
export function processorMs(pid: number): number {
  const stats = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => statOf(name) ?? []);
  const tree = new Set([pid]);
  for (let size = 0; size !== tree.size;) {
    size = tree.size;
    for (const one of stats) if (tree.has(one.parent)) tree.add(one.pid);
  }
  return stats.filter((one) => tree.has(one.pid)).reduce((sum, { ticks }) => sum + ticks, 0) * tickMs;
}

/** @source proc(5): clock ticks are hundredths of a second on Linux */
const tickMs = 10;

function statOf(pid: string): { pid: number; parent: number; ticks: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold blanks: fields are counted after it.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number);
    const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15);
    return { pid: Number(pid), parent: fields[1] ?? 0, ticks: user + system + endedUser + endedSystem };
  } catch {
    return undefined;
  }
}
