/** Says which process a leftover belongs to, so that a later one can tell whether that process still runs. */
import { readFileSync, readlinkSync } from 'node:fs';

/** Leftovers of a process that cannot be judged from here are swept when they are this old. @unit milliseconds */
export const strangerMsMax = 24 * 60 * 60 * 1000;

const quiet = (read: () => string): string => {
  try {
    return read();
  } catch {
    return '';
  }
};

/** This boot and process namespace: elsewhere the same process number is another process. */
const here = (): string =>
  (quiet(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')).slice(0, 8)
    + quiet(() => readlinkSync('/proc/self/ns/pid')).replace(/\D/g, '')) || 'local';

/** Start of a process in clock ticks since boot; empty for one that is gone, a zombie, or where there is no /proc. */
function startOf(pid: number): string {
  const stat = quiet(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? '' : fields[19] ?? '';
}

/** Mark of this process, fit for a file name and for a tag of Docker: <here>-<pid>-<start>. */
export const ownMark = (): string => `${here()}-${process.pid}-${startOf(process.pid) || '0'}`;

/**
 * Whether what carries a mark is left over.
 * @param mark of `ownMark`; any other text is a stranger's
 * @param ageMs how old the marked thing is, in milliseconds
 */
export function isLeftOver(mark: string, ageMs: number): boolean {
  const [, where, pid, start] = /^(\w+)-(\d+)-(\d+)$/.exec(mark) ?? [];
  if (!where || where !== here()) return ageMs > strangerMsMax;
  if (start !== '0') return startOf(Number(pid)) !== start;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
