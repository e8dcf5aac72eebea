/** Watches a running command: its time, its silence, its processes and whether it is still wanted. */
import type Docker from 'dockerode';
import type { CellLimits } from '../../orchestrator/contract/limits.ts';
import type { Ended, StepCommand } from './types.ts';

export interface Watch {
  /** What stopped the command; null while nothing has. */
  stopped(): Ended | null;
  /** Something was printed. */
  heard(): void;
  /** Stops the command: the first reason counts. */
  stop(why: Ended): void;
  /** Resolves when a stopped command's container was killed; never where nothing stopped it. */
  readonly killed: Promise<void>;
  end(): void;
}

/** How often the process count is looked at, and how many times in a row it must be at its limit. */
const lookMs = 2000;
const looksAtLimit = 3;

export interface WatchOrder {
  readonly container: Docker.Container;
  readonly command: StepCommand;
  readonly limits: CellLimits;
  readonly signal: AbortSignal;
  readonly kill: () => Promise<void>;
}

/** Starts watching; `end` must be called when the command has ended. */
export function watchRun({ container, command, limits, signal, kill }: WatchOrder): Watch {
  let stopped: Ended | null = null;
  let heardAt = performance.now();
  let atLimit = 0;
  const killed = Promise.withResolvers<void>();
  const stop = (why: Ended) => {
    if (stopped !== null) return;
    stopped = why;
    void kill().then(killed.resolve);
  };
  const cancel = () => stop('cancelled');

  async function lookAtProcesses(): Promise<void> {
    const stats = await container.stats({ stream: false, 'one-shot': true });
    const { current = 0 } = (stats.pids_stats ?? {}) as { current?: number };
    atLimit = current >= limits.pidsMax - 2 ? atLimit + 1 : 0;
    if (atLimit >= looksAtLimit) stop('pids');
  }

  const timeout = setTimeout(() => stop('timeout'), command.msMax);
  const silence = setInterval(() => {
    if (performance.now() - heardAt >= limits.silenceMsMax) stop('silent');
  }, Math.min(500, limits.silenceMsMax));
  const look = setInterval(() => void lookAtProcesses().catch(() => undefined), lookMs);
  signal.addEventListener('abort', cancel);
  if (signal.aborted) cancel();
  return {
    stopped: () => stopped,
    heard() { heardAt = performance.now(); },
    stop,
    killed: killed.promise,
    end() {
      clearTimeout(timeout);
      clearInterval(silence);
      clearInterval(look);
      signal.removeEventListener('abort', cancel);
    },
  };
}
