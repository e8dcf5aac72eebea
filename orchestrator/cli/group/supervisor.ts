import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Env } from '../../../infra/setup/places.ts';
import { alive, markOf, processesOf, signalGroup, type ProcessMark } from '../../../infra/setup/processes.ts';
import { socketPath } from './kept.ts';
import { PartProcess, type PartStatus } from './part-process.ts';
import type { PartPlan } from './parts.ts';
import { sizeOf } from './probe.ts';
import type { Question, Reply } from './talk.ts';

/** A log over this size is moved aside, replacing the one before it. @unit bytes */
const logBytesMax = 10 * 1024 * 1024;
const logCheckMs = 5_000;
/** How long processes of a dead supervisor may take to end by themselves. @unit milliseconds */
const orphanMsMax = 3_000;

/** Who runs for this farm; written at each change so that the next supervisor finds what a killed one left. */
export interface GroupRecord {
  readonly supervisor: ProcessMark;
  readonly parts: readonly (ProcessMark & { readonly name: string; readonly stopSignal: NodeJS.Signals })[];
}

/** Environment entry that marks every process of a farm, whatever started it. */
export const markerOf = (farmId: string): string => `FARM_GROUP=${farmId}`;

/** Working folder of the embedded database, links resolved: its processes are found by it. */
export function databaseFolder(home: string): string {
  const folder = join(home, 'postgres');
  return existsSync(folder) ? realpathSync(folder) : folder;
}

/** Log of a part. */
export const logFile = (home: string, part: string): string => join(home, 'logs', `${part}.log`);

/** Keeps a group of parts alive and answers questions on a socket, until it is told to stop. */
export class Supervisor {
  readonly #home: string;
  readonly #parts: ReadonlyMap<string, PartProcess>;
  readonly #server: Server;
  #stop: Promise<void> | undefined;
  #logTimer: NodeJS.Timeout | undefined;

  constructor(home: string, farmId: string, plans: readonly PartPlan[], env: Env) {
    this.#home = home;
    const marked = { ...env, FARM_GROUP: farmId };
    this.#parts = new Map(plans.map((plan) => [
      plan.name, new PartProcess(plan, logFile(home, plan.name), marked, () => this.#record()),
    ]));
    this.#server = createServer((socket) => {
      socket.setEncoding('utf8').on('error', () => { /* the asker went away */ });
      let text = '';
      socket.on('data', (chunk: string) => {
        text += chunk;
        if (!text.includes('\n')) return;
        void this.#answer(text).then((reply) => socket.end(`${JSON.stringify(reply)}\n`));
      });
    });
  }

  /** Opens the socket and starts the parts; returns while they are starting. */
  async begin(): Promise<void> {
    const path = socketPath(this.#home);
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
    for (const part of this.#parts.values()) {
      part.begin(part.plan.needs.flatMap((name) => this.#parts.get(name) ?? []));
    }
    this.#logTimer = setInterval(() => this.#turnLogs(), logCheckMs);
  }

  /** Stops the parts, each after those that need it, then closes the socket. */
  async stop(): Promise<void> {
    this.#stop ??= this.#stopAll();
    await this.#stop;
  }

  get status(): PartStatus[] {
    return [...this.#parts.values()].map((part) => part.status);
  }

  async #stopAll(): Promise<void> {
    const ended = new Map<string, Promise<void>>();
    const end = (part: PartProcess): Promise<void> => {
      const known = ended.get(part.plan.name);
      if (known) return known;
      const users = [...this.#parts.values()].filter(({ plan }) => plan.needs.includes(part.plan.name));
      const made = Promise.all(users.map(end)).then(() => part.stop());
      ended.set(part.plan.name, made);
      return made;
    };
    await Promise.all([...this.#parts.values()].map(end));
    clearInterval(this.#logTimer);
    this.#server.close();
    rmSync(socketPath(this.#home), { force: true });
    rmSync(join(this.#home, 'group.json'), { force: true });
  }

  async #answer(text: string): Promise<Reply> {
    try {
      const question = JSON.parse(text) as Question;
      if (question.ask === 'stop') await this.stop();
      if (question.ask === 'restart') {
        const part = this.#parts.get(question.part);
        if (!part) return { ok: false, error: `no part ${question.part}` };
        await part.restart();
      }
      return { ok: true, pid: process.pid, parts: this.status };
    } catch (error) {
      return { ok: false, error: (error as Error).message };
    }
  }

  #record(): void {
    if (this.#stop && this.status.every(({ state }) => state === 'stopped')) return;
    const parts = [...this.#parts.values()].flatMap((part) =>
      (part.mark ? [{ name: part.plan.name, stopSignal: part.plan.stopSignal, ...part.mark }] : []));
    const record: GroupRecord = { supervisor: markOf(process.pid), parts };
    const file = join(this.#home, 'group.json');
    writeFileSync(`${file}.new`, JSON.stringify(record));
    renameSync(`${file}.new`, file);
  }

  /** Parts append to their log themselves, so it can be copied and cut under them. */
  #turnLogs(): void {
    for (const name of this.#parts.keys()) {
      const file = logFile(this.#home, name);
      if (sizeOf(file) <= logBytesMax) continue;
      copyFileSync(file, `${file}.1`);
      truncateSync(file);
    }
  }
}

/**
 * Ends whatever an earlier supervisor of this farm left running.
 * @returns how many processes there were
 */
export async function endOrphans(home: string, farmId: string): Promise<number> {
  const found = orphansOf(home, farmId);
  for (const { pid, stopSignal } of found) signalOne(pid, stopSignal);
  const end = Date.now() + orphanMsMax;
  while (Date.now() < end && found.some(alive)) await sleep(50);
  for (let round = 0; round < 40; round += 1) {
    const left = orphansOf(home, farmId);
    if (left.length === 0) break;
    for (const { pid } of left) signalGroup(pid, 'SIGKILL');
    await sleep(50);
  }
  return found.length;
}

/** Processes of this farm that run now, the supervisor apart. */
export function orphansOf(home: string, farmId: string): (ProcessMark & { stopSignal: NodeJS.Signals })[] {
  const recorded = readRecord(home)?.parts.filter(alive) ?? [];
  const seen = new Set(recorded.map(({ pid }) => pid));
  const others = processesOf(markerOf(farmId), databaseFolder(home)).filter(({ pid }) => !seen.has(pid));
  return [...recorded, ...others.map((mark) => ({ ...mark, stopSignal: 'SIGTERM' as const }))];
}

/** What the last supervisor wrote, or undefined after an orderly end. */
export function readRecord(home: string): GroupRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(home, 'group.json'), 'utf8')) as GroupRecord;
  } catch {
    return undefined;
  }
}

/** Makes the state folder with the mode that its owner alone can change. */
export function makeHome(home: string): void {
  mkdirSync(join(home, 'logs'), { recursive: true });
}

function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch { /* gone */ }
}
