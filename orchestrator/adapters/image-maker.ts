/** Port Images: makes what a build needs first, in a process of its own, so that the control plane stays small. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readRecord } from '../../images/record.ts';
import { imagesFolder, lateImages, readRecipes, recipeDigest } from '../../images/recipes.ts';
import type { ImageView } from '../contract/api.ts';
import { limits } from '../contract/limits.ts';
import type { Clock, Images } from '../ports.ts';

export interface ImageMakerOptions {
  readonly cacheFolder: string;
  readonly clock: Clock;
  /** What the making's process sees: no secret of the control plane. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly say: (message: unknown) => void;
  /** The program and its first words; images/make.ts unless a test names another. */
  readonly command?: readonly string[];
}

interface Making { readonly since: number; note: string }
interface Failed { readonly at: number; readonly why: string }

/** How long a look at recipes and records is taken for true. @unit milliseconds */
const freshMs = 2_000;
const progressLine = /^\d\d:\d\d:\d\d (\S+): (.*)$/;

type Lane = 'first' | 'late';

/**
 * Port Images over `node images/make.ts`: one making at a time, what is asked for meanwhile follows it; beside it one of what
 * no build waits for.
 */
export function imageMaker(options: ImageMakerOptions): Images {
  const { cacheFolder, clock, say } = options;
  const making = new Map<string, Making>();
  const failed = new Map<string, Failed>();
  const current = new Map<string, { readonly at: number; readonly made: boolean }>();
  const waiting = new Set<string>();
  const children = new Map<Lane, ChildProcess>();
  const late = lateImages();
  const now = (): number => clock.now().getTime();
  let read: { readonly at: number; readonly recipes: ReturnType<typeof readRecipes> } | null = null;
  const recipes = (): ReturnType<typeof readRecipes> => {
    if (!read || now() - read.at >= freshMs) read = { at: now(), recipes: readRecipes() };
    return read.recipes;
  };

  function isMade(name: string): boolean {
    const known = current.get(name);
    if (known && now() - known.at < freshMs) return known.made;
    const recipe = recipes().get(name);
    const record = readRecord(cacheFolder, name);
    // An image of another catalogue (FARM_IMAGES) has no recipe here: its record is all there is.
    const made = record !== undefined && (recipe === undefined || record.recipeSha256 === recipeDigest(recipe));
    current.set(name, { at: now(), made });
    return made;
  }

  function viewOf(name: string): ImageView {
    const expect = recipes().get(name)?.expect;
    const view = { name, expectedSeconds: expect?.seconds ?? 0, expectedBytes: expect?.bytes ?? 0, seconds: 0, note: '', ...(late.has(name) ? { late: true } : {}) };
    const going = making.get(name);
    if (going) return { ...view, state: 'making', seconds: Math.round((now() - going.since) / 1000), note: going.note };
    if (isMade(name)) return { ...view, state: 'made' };
    const end = failed.get(name);
    if (end && now() - end.at < limits.imageRetryMs) return { ...view, state: 'failed', note: end.why };
    return { ...view, state: 'missing' };
  }

  function begin(lane: Lane): void {
    const names = [...waiting].filter((name) => late.has(name) === (lane === 'late'));
    if (children.has(lane) || names.length === 0) return;
    for (const name of names) waiting.delete(name);
    const command = options.command ?? [process.execPath, join(imagesFolder, 'make.ts')];
    const [program = '', ...words] = [...command, '--cache', cacheFolder, ...names];
    const started = spawn(program, words, { stdio: ['ignore', 'ignore', 'pipe'], env: options.environment, timeout: limits.imageMakingMsMax });
    children.set(lane, started);
    const last: string[] = [];
    createInterface(started.stderr).on('line', (line) => {
      const progress = progressLine.exec(line);
      if (!progress) return void last.push(line);
      for (const name of names) {
        const one = making.get(name);
        if (one && (name === progress[1] || names[0] === name)) one.note = `${progress[1] === name ? '' : `${progress[1]}: `}${progress[2]}`;
      }
      return undefined;
    });
    const ended = (why: string | null): void => {
      if (children.get(lane) !== started) return;
      children.delete(lane);
      for (const name of names) {
        making.delete(name);
        current.delete(name);
        if (why !== null && !isMade(name)) failed.set(name, { at: now(), why });
        else failed.delete(name);
      }
      const away = why === null ? null : registryAwayOf(why);
      if (away !== null) for (const name of upstreamNames()) if (!isMade(name)) failed.set(name, { at: now(), why: away });
      if (why !== null) say(`images ${names.join(', ')}: ${why}`);
      begin(lane);
    };
    started.once('error', (error) => ended(error.message));
    started.once('close', (code) => ended(code === 0 ? null : causeOf(last) || `the making ended with ${String(code)}`));
  }

  return {
    states: async (names) => [...new Set(names)].map(viewOf),
    view: () => [...new Set([...making.keys(), ...failed.keys()])].map(viewOf),
    make(names) {
      for (const name of names) {
        if (viewOf(name).state !== 'missing') continue;
        making.set(name, { since: now(), note: 'waiting for its turn' });
        waiting.add(name);
      }
      begin('first');
      begin('late');
    },
    stop() {
      waiting.clear();
      for (const child of children.values()) child.kill('SIGTERM');
    },
  };
}

/** Images of one registry: when it does not answer for one of them, the others are not asked for either. */
const upstreamNames = (): string[] => [...readRecipes().values()].flatMap(({ name, from }) => (from ? [name] : []));

/** What is true of all of them, of what was said of one; null where it says nothing of the others. Pure. */
export function registryAwayOf(why: string): string | null {
  const [, reason] = /cannot be pulled: (.*(?:no such host|dial|time-?out|refused|unreachable|nothing came).*)/i.exec(why) ?? [];
  return reason === undefined ? null : `the registry of upstream’s images does not answer: ${reason}`;
}

/** What went wrong, of the lines of a Node process that ended by an error. Pure. */
export function causeOf(lines: readonly string[]): string {
  const at = lines.findIndex((line) => /^(?:\w*Error|Error \[.*\]): /.test(line));
  return at < 0 ? lines.at(-1) ?? '' : (lines[at] ?? '').replace(/^\w*Error: /, '').slice(0, 600);
}

