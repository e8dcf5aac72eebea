import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync, linkSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { alive, markOf, type ProcessMark } from './processes.ts';

/**
 * Tries to take a lock file; a lock whose process is gone is stale and taken over.
 * @returns the process that holds it, or undefined when it is ours now
 */
export function tryLock(path: string): ProcessMark | undefined {
  mkdirSync(dirname(path), { recursive: true });
  const own = `${path}.${process.pid}`;
  writeFileSync(own, JSON.stringify(markOf(process.pid)));
  try {
    for (let round = 0; round < 3; round += 1) {
      try {
        linkSync(own, path); // atomic, and the file is never seen half written
        return undefined;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = holderOf(path);
      if (holder && (holder.pid === process.pid || alive(holder))) return holder;
      takeAway(path, holder);
    }
    return holderOf(path) ?? { pid: 0, start: '' };
  } finally {
    rmSync(own, { force: true });
  }
}

/** Gives a lock back; the lock of another process stays. */
export function unlock(path: string): void {
  if (holderOf(path)?.pid === process.pid) rmSync(path, { force: true });
}

/**
 * Does something under a lock, waiting for whoever holds it.
 * @param onWait called once, with the process that is waited for
 */
export async function withLock<T>(path: string, act: () => Promise<T>, onWait: (pid: number) => void): Promise<T> {
  let told = false;
  for (let holder = tryLock(path); holder; holder = tryLock(path)) {
    if (!told) onWait(holder.pid);
    told = true;
    await sleep(250);
  }
  try {
    return await act();
  } finally {
    unlock(path);
  }
}

function holderOf(path: string): ProcessMark | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessMark;
  } catch {
    return undefined;
  }
}

/** Two processes may find the same stale lock: only the one whose rename succeeds removes it. */
function takeAway(path: string, seen: ProcessMark | undefined): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const taken = holderOf(aside);
  if (taken && taken.pid !== seen?.pid && alive(taken)) {
    try {
      linkSync(aside, path); // a fresh lock was caught: put it back
    } catch { /* a third process holds it now */ }
  }
  rmSync(aside, { force: true });
}
