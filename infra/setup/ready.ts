import { join } from 'node:path';
import { FarmError, failure } from '../../orchestrator/domain/failure.ts';
import { adviceParts } from './advice.ts';
import { browserPart } from './browser.ts';
import { dashboardPart } from './dashboard.ts';
import { dockerPart } from './docker.ts';
import { generatedPart } from './generated.ts';
import { binfmtPart, imagesPart, lateImagesPart } from './images.ts';
import { withLock } from './lock.ts';
import type { Check, Purpose, SetupPart } from './part.ts';
import type { Env, Places } from './places.ts';
import { nginxPart } from './nginx.ts';
import { postgresPart } from './postgres.ts';
import { progressOn, type Progress, type Screen } from './progress.ts';
import { temporalPart } from './temporal.ts';

/** Every prerequisite, in the order in which doctor lists them. */
export function setupParts(places: Places, env: Env): SetupPart[] {
  return [
    ...adviceParts(places, env),
    postgresPart(places, env),
    generatedPart(places, env),
    dashboardPart(places, env),
    browserPart(places, env),
    nginxPart(places, env),
    temporalPart(places, env),
    dockerPart(places, env),
    binfmtPart(places, env),
    imagesPart(places, env),
    lateImagesPart(places, env),
  ];
}

/** A check that throws is a part that is missing: doctor must be able to list it. */
export async function checked(part: SetupPart): Promise<Check> {
  try {
    return await part.check();
  } catch (error) {
    return { state: 'missing', says: (error as Error).message.split('\n')[0] ?? '', mend: 'Run: ./farm setup' };
  }
}

export interface ReadyOptions {
  readonly purpose: Purpose;
  readonly screen: Screen;
  /** Only these parts and what they need; all when absent. */
  readonly only?: readonly string[];
  readonly parts?: readonly SetupPart[];
}

/**
 * Makes sure that every prerequisite is there; when all are, it costs the checks alone.
 * Parts run side by side, each after the parts it needs; one set-up at a time for a user.
 * @errors FARM_SETUP_FAILED (blame farm) naming the first part that could not be had and how to mend it
 */
export async function ensureReady(places: Places, env: Env, options: ReadyOptions): Promise<void> {
  const parts = chosen(options.parts ?? setupParts(places, env), options);
  const lacking = await Promise.all(parts.map(async (part) => (await checked(part)).state === 'missing'));
  if (!lacking.includes(true)) return;
  const { screen } = options;
  await withLock(join(places.cache, 'setup.lock'), async () => {
    const progress = progressOn(screen);
    try {
      await installAll(parts, progress);
    } finally {
      progress.close();
    }
  }, (pid) => screen.write(`set-up  waiting for another set-up (process ${pid})\n`));
}

function chosen(parts: readonly SetupPart[], { purpose, only }: ReadyOptions): SetupPart[] {
  const wanted = new Set(only ?? parts.map(({ name }) => name));
  for (const part of parts.toReversed()) if (wanted.has(part.name)) for (const need of part.needs) wanted.add(need);
  return parts.filter((part) => wanted.has(part.name) && (part.purpose === 'build' || purpose === 'test'));
}

/**
 * Installs what is missing. Parts that only a person can mend come first, so that nobody waits minutes to hear of them.
 * @errors FARM_SETUP_FAILED after all that could go on has ended
 */
export async function installAll(parts: readonly SetupPart[], progress: Progress): Promise<void> {
  for (const part of parts.filter((one) => !one.install)) {
    const state = await checked(part);
    if (state.state === 'missing') throw stopped(part, state.says, state.mend);
  }
  const under = new Map<string, Promise<void>>();
  const installing = parts.filter((part) => part.install);
  for (const part of installing) {
    const needs = part.needs.map((need) => under.get(need) ?? Promise.resolve());
    const made = Promise.all(needs).then(() => installOne(part, progress));
    made.catch(() => { /* reported below, once all have ended */ });
    under.set(part.name, made);
  }
  const ended = await Promise.allSettled(under.values());
  const failed = ended.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
}

async function installOne(part: SetupPart, progress: Progress): Promise<void> {
  if ((await checked(part)).state === 'ok') return;
  progress.begin(part);
  try {
    await part.install?.((words) => progress.say(part, words));
    const after = await checked(part);
    if (after.state === 'missing') throw new Error(after.says);
    progress.end(part);
  } catch (error) {
    progress.end(part, error as Error);
    throw stopped(part, (error as Error).message, 'Run ./farm doctor: it lists what is missing and how to mend it.');
  }
}

function stopped(part: SetupPart, why: string, mend: string): FarmError {
  return new FarmError(failure('FARM_SETUP_FAILED', 'plan', { part: part.name, why: why.replace(/\.$/, ''), mend }));
}
