import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureReady } from '../../../infra/setup/ready.ts';
import { FarmError, failure } from '../../domain/failure.ts';
import type { Context } from '../command.ts';
import type { PartStatus } from './part-process.ts';
import { printedSince, sizeOf } from './probe.ts';
import { logFile, makeHome } from './supervisor.ts';
import { talk } from './talk.ts';

/** A part that has died so often before it was ever ready will not get ready. */
const deathsMax = 4;
/** @unit milliseconds */
const readyMsMax = 90_000;

/** Prerequisites of a single part; a part that is not listed needs everything. */
const prerequisites: Readonly<Record<string, readonly string[]>> = {
  postgres: ['postgres'], temporal: ['temporal'], migrate: ['client'], api: ['client'], control: ['client'],
};

/**
 * Makes sure that the group is up: sets the machine up, starts the supervisor where none runs, waits until every part
 * is ready. Cheap when it is up already.
 * @param only starts these parts alone
 * @errors FARM_SETUP_FAILED, FARM_NOT_UP with the last words of the part that does not start
 */
export async function ensureUp(context: Context, only?: readonly string[]): Promise<readonly PartStatus[]> {
  const { places, env, err } = context;
  const setup = only?.every((name) => name in prerequisites) ? only.flatMap((name) => prerequisites[name] ?? []) : undefined;
  if (!env.FARM_PARTS) await ensureReady(places, env, { purpose: 'build', screen: err, ...(setup ? { only: setup } : {}) });
  const running = await talk(places.home, { ask: 'status' });
  const supervisor = running?.ok ? undefined : startSupervisor(context, only);
  const seen = new Set<string>();
  const began = Date.now();
  for (;;) {
    const reply = await talk(places.home, { ask: 'status' });
    if (reply?.ok) {
      if (supervisor) tellNew(reply.parts, seen, context, began);
      if (reply.parts.every(({ state }) => state === 'running' || state === 'done')) return reply.parts;
      const hopeless = reply.parts.find((part) => part.restarts >= deathsMax && part.state !== 'running');
      if (hopeless) throw notUp(places.home, hopeless.name, 'does not start');
    } else if (supervisor?.broke() && !(await talk(places.home, { ask: 'status' }))?.ok) {
      throw notUp(places.home, 'supervisor', 'ended');
    }
    if (Date.now() - began > readyMsMax) {
      const late = reply?.ok ? reply.parts.find(({ state }) => state !== 'running' && state !== 'done') : undefined;
      throw notUp(places.home, late?.name ?? 'supervisor', `is not ready after ${readyMsMax / 1000} s`);
    }
    await sleep(40);
  }
}

/** Own session, own log, no terminal: Ctrl-C and a closed terminal do not reach it. */
function startSupervisor({ places, env }: Context, only?: readonly string[]): { broke(): boolean } {
  makeHome(places.home);
  const log = logFile(places.home, 'supervisor');
  const out = openSync(log, 'a');
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    detached: true, stdio: ['ignore', out, out], cwd: places.root,
    env: { ...env, FARM_HOME: places.home, ...(only ? { FARM_ONLY: only.join(',') } : {}) },
  });
  closeSync(out);
  child.unref();
  // Status 0 says that another supervisor was quicker: its socket opens when it has made the database.
  return { broke: () => (child.exitCode !== null && child.exitCode !== 0) || child.signalCode !== null };
}

function tellNew(parts: readonly PartStatus[], seen: Set<string>, { err }: Context, began: number): void {
  for (const { name, state } of parts) {
    if ((state !== 'running' && state !== 'done') || seen.has(name)) continue;
    seen.add(name);
    err.write(`up      ${name.padEnd(9)}  ready after ${((Date.now() - began) / 1000).toFixed(1)} s\n`);
  }
}

function notUp(home: string, part: string, what: string): FarmError {
  const log = logFile(home, part);
  const lines = printedSince(log, Math.max(0, sizeOf(log) - 4_000)).trim().split('\n');
  const words = lines.findLast((line) => /error/i.test(line))?.trim() ?? lines.at(-1) ?? '';
  const base = failure('FARM_NOT_UP', 'plan', { why: `${part} ${what}` });
  return new FarmError({
    ...base, next: `See ./farm logs ${part}; ./farm down, then ./farm up starts afresh.`,
    ...(words ? { evidence: { file: log, text: words } } : {}),
  });
}
