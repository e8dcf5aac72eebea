/** Parts of a farm that a benchmark starts itself, with settings that no installation has. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { placesOf } from '../../infra/setup/places.ts';
import type { Kept } from '../../orchestrator/cli/group/kept.ts';
import { partsOf, type PartPlan } from '../../orchestrator/cli/group/parts.ts';
import { stopped } from './processes.ts';

export interface StartedPart { readonly name: string; readonly pid: number; stop(): Promise<void> }

export interface PartsOrder {
  readonly home: string;
  readonly kept: Kept;
  /** Laid over the environment of every part. */
  readonly env: Readonly<Record<string, string>>;
  /** Where logs go. */
  readonly logs: string;
}

const readyMsMax = 60_000;

/** Migrates the database, then starts api, control and worker, each when the one before is ready. */
export async function startParts({ home, kept, env, logs }: PartsOrder): Promise<readonly StartedPart[]> {
  const { root, cache } = placesOf(process.env);
  mkdirSync(logs, { recursive: true });
  const plans = partsOf({ root, home, cache, node: process.execPath, kept });
  const started: StartedPart[] = [];
  try {
    for (const plan of plans) {
      const part = await startPart(plan, env, join(logs, `${plan.name}.log`));
      if (part) started.push(part);
    }
  } catch (error) {
    await Promise.all(started.map((part) => part.stop()));
    throw error;
  }
  return started;
}

async function startPart(plan: PartPlan, env: Readonly<Record<string, string>>,
  log: string): Promise<StartedPart | null> {
  const [command = '', ...args] = plan.argv;
  const flags = process.env['FARM_BENCH_NODE_FLAGS']?.split(' ').filter(Boolean) ?? [];
  const child = spawn(command, [...(plan.kind === 'service' ? flags : []), ...args], {
    env: { ...process.env, ...plan.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  const file = createWriteStream(log);
  child.stdout?.pipe(file, { end: false });
  child.stderr?.pipe(file, { end: false });
  await ready(plan, child);
  if (plan.kind === 'once') return null;
  return { name: plan.name, pid: child.pid ?? 0, stop: () => stopped(child, plan.stopSignal) };
}

/** @errors throws when the part has ended, or is not ready after a minute */
async function ready({ name, ready: probe }: PartPlan, child: ChildProcess): Promise<void> {
  let printed = '';
  child.stdout?.on('data', (bytes: Buffer) => { printed += bytes.toString(); });
  child.stderr?.on('data', (bytes: Buffer) => { printed += bytes.toString(); });
  const began = Date.now();
  while (Date.now() - began < readyMsMax) {
    if (child.exitCode !== null || child.signalCode !== null) {
      if (probe.kind === 'ended' && child.exitCode === 0) return;
      throw new Error(`${name} ended with ${child.exitCode ?? child.signalCode}: ${printed.slice(-2_000)}`);
    }
    if (probe.kind === 'line' && printed.includes(probe.text)) return;
    if (probe.kind === 'http' && await fetch(probe.url).then(() => true, () => false)) return;
    await sleep(50);
  }
  throw new Error(`${name} is not ready after ${readyMsMax / 1000} s: ${printed.slice(-2_000)}`);
}
