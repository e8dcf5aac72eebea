import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** A process named so that a later process with the same number is not taken for it. */
export interface ProcessMark {
  readonly pid: number;
  /** Start time in clock ticks since boot, from /proc; empty where there is no /proc. */
  readonly start: string;
}

/**
 * Start time of a process.
 * @shape clock ticks since boot as text; undefined when there is no such process or it is a zombie
 */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** Names a running process; the start is empty when it is gone already. */
export function markOf(pid: number): ProcessMark {
  return { pid, start: startOf(pid) ?? '' };
}

/** Whether exactly this process still runs. */
export function alive(mark: ProcessMark): boolean {
  return mark.start !== '' && startOf(mark.pid) === mark.start;
}

/**
 * Sends a signal to a process and to the group that it leads.
 * @errors none: a process that is gone is what was wanted
 */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal);
    } catch { /* gone, or leads no group */ }
  }
}

/**
 * Processes that carry a text in their environment or work in a folder.
 * Postgres overwrites its environment with its title, so it is found by its folder.
 * @param marker `NAME=value` as it stands in the environment
 * @param folder working folder of database processes
 */
export function processesOf(marker: string, folder: string): ProcessMark[] {
  const found: ProcessMark[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    if (carries(pid, marker) || worksIn(pid, folder)) found.push(markOf(pid));
  }
  return found.filter((mark) => mark.start !== '');
}

function carries(pid: number, marker: string): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}\0`.includes(`\0${marker}\0`);
  } catch {
    return false;
  }
}

function worksIn(pid: number, folder: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === folder && readlinkSync(`/proc/${pid}/exe`).endsWith('/postgres');
  } catch {
    return false;
  }
}
