import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Env } from '../../../infra/setup/places.ts';
import { markOf, signalGroup, type ProcessMark } from '../../../infra/setup/processes.ts';
import type { PartPlan } from './parts.ts';
import { isReady, sizeOf } from './probe.ts';

export type PartState = 'waiting' | 'starting' | 'running' | 'restarting' | 'done' | 'stopped' | 'orphan';

/** A part as `status` shows it. */
export interface PartStatus {
  readonly name: string;
  readonly state: PartState;
  readonly pid: number | null;
  readonly restarts: number;
  /** When it came into this state, ISO 8601. */
  readonly since: string;
}

/** Waits between a death and the next start double from the first to the second. @unit milliseconds */
const backoffMs = { first: 200, most: 5_000 };
/** A part that was up for so long starts again with the shortest wait. @unit milliseconds */
const settledMs = 20_000;
const probeEveryMs = 40;

/** One supervised process: started when what it needs is ready, started again when it dies, until told to stop. */
export class PartProcess {
  readonly plan: PartPlan;
  readonly #log: string;
  readonly #env: Env;
  readonly #changed: () => void;
  readonly #firstReady = Promise.withResolvers<void>();
  #state: PartState = 'waiting';
  #since = new Date();
  #restarts = 0;
  #child: ChildProcess | undefined;
  #mark: ProcessMark | undefined;
  #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(plan: PartPlan, log: string, env: Env, changed: () => void) {
    this.plan = plan;
    this.#log = log;
    this.#env = env;
    this.#changed = changed;
  }

  get status(): PartStatus {
    return {
      name: this.plan.name, state: this.#state, pid: this.#child?.pid ?? null, restarts: this.#restarts,
      since: this.#since.toISOString(),
    };
  }

  get mark(): ProcessMark | undefined {
    return this.#mark;
  }

  /** Settles when the part was ready for the first time. */
  get ready(): Promise<void> {
    return this.#firstReady.promise;
  }

  /** Starts the life of the part; returns at once. */
  begin(needs: readonly PartProcess[]): void {
    this.#loop = this.#live(needs);
  }

  /** Ends the process and does not start it again; settles when nothing of it runs. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#end();
    await this.#loop;
    this.#to('stopped');
  }

  /** Ends the process; its life goes on with a new one. */
  async restart(): Promise<void> {
    await this.#end();
  }

  async #live(needs: readonly PartProcess[]): Promise<void> {
    const { signal } = this.#stopping;
    const stopped = once(signal, 'abort');
    await Promise.race([Promise.all(needs.map((need) => need.ready)), stopped]);
    let wait = backoffMs.first;
    while (!signal.aborted) {
      const startedAt = Date.now();
      const code = await this.#once();
      if (signal.aborted) break;
      if (this.plan.kind === 'once' && code === 0) {
        this.#to('done');
        this.#firstReady.resolve();
        return;
      }
      this.#restarts += 1;
      this.#to('restarting');
      wait = Date.now() - startedAt > settledMs ? backoffMs.first : wait;
      await sleep(wait, undefined, { signal }).catch(() => { /* told to stop */ });
      wait = Math.min(wait * 2, backoffMs.most);
    }
  }

  /** One process from start to end; gives its exit status. */
  async #once(): Promise<number | null> {
    mkdirSync(dirname(this.#log), { recursive: true });
    const from = sizeOf(this.#log);
    const out = openSync(this.#log, 'a');
    const env = { ...this.#env, ...this.plan.env } as NodeJS.ProcessEnv;
    const child = spawn(this.plan.argv[0] ?? '', this.plan.argv.slice(1), { env, detached: true, stdio: ['ignore', out, out] });
    closeSync(out);
    this.#child = child;
    this.#mark = child.pid ? markOf(child.pid) : undefined;
    this.#to('starting');
    const ended = new Promise<number | null>((resolve) => {
      child.once('error', () => resolve(127));
      child.once('exit', (code) => resolve(code));
    });
    const over = new AbortController();
    void this.#awaitReady(from, over.signal);
    const code = await ended;
    over.abort();
    if (child.pid) signalGroup(child.pid, 'SIGKILL'); // what it left behind
    this.#child = undefined;
    this.#mark = undefined;
    return code;
  }

  async #awaitReady(logFrom: number, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      if (await isReady(this.plan.ready, this.#log, logFrom) && !over.aborted) {
        this.#to('running');
        this.#firstReady.resolve();
        return;
      }
      await sleep(probeEveryMs);
    }
  }

  async #end(): Promise<void> {
    const child = this.#child;
    if (!child?.pid) return;
    const gone = once(child, 'exit');
    child.kill(this.plan.stopSignal);
    const timer = new AbortController();
    const patience = sleep(this.plan.stopMsMax, 'late', { signal: timer.signal }).catch(() => 'late');
    if (await Promise.race([gone, patience]) === 'late' && child.exitCode === null && child.signalCode === null) {
      signalGroup(child.pid, 'SIGKILL');
      await gone;
    }
    timer.abort();
  }

  #to(state: PartState): void {
    this.#state = state;
    this.#since = new Date();
    this.#changed();
  }
}
