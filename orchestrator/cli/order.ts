import { openAsBlob } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BuildRequest, SourceView } from '../contract/api.ts';
import { FarmError, failure, type Failure } from '../domain/failure.ts';
import type { ApiClient } from './api-client.ts';
import { readArguments, wrongUse } from './arguments.ts';
import { withImages } from './images.ts';
import { packSource, readWhat } from './source.ts';
import { size } from './table.ts';

/** What `build` and `plan` are given. */
export interface Asked {
  readonly what: string;
  readonly targets: readonly string[];
  readonly json: boolean;
  readonly again: boolean;
  /** A file with a recipe; null where none was given. */
  readonly recipe: string | null;
  /** Requirements without a wheel are built first. */
  readonly withDeps: boolean;
}

/** Takes the globs of `--targets` out of the arguments. @errors FARM_BAD_REQUEST */
export function splitTargets(argv: readonly string[]): { readonly targets: string[]; readonly rest: readonly string[] } {
  const at = argv.indexOf('--targets');
  if (at < 0) return { targets: [], rest: argv };
  const next = argv.findIndex((word, index) => index > at && word.startsWith('--'));
  const globs = argv.slice(at + 1, next < 0 ? undefined : next);
  if (globs.length === 0) throw wrongUse('--targets needs at least one glob');
  return { targets: globs.flatMap((glob) => glob.split(/[\s,]+/)).filter(Boolean), rest: [...argv.slice(0, at), ...(next < 0 ? [] : argv.slice(next))] };
}

/**
 * Reads `WHAT [--targets GLOB…] [--json] [--again] [--recipe FILE]`; globs go on until the next option.
 * @errors FARM_BAD_REQUEST
 */
export function readAsked(argv: readonly string[]): Asked {
  const { targets, rest } = splitTargets(argv);
  const { values, positionals } = readArguments(rest, { json: { type: 'boolean' }, again: { type: 'boolean' }, recipe: { type: 'string' }, 'with-deps': { type: 'boolean' } });
  const [what, ...more] = positionals;
  if (!what || more.length > 0) throw wrongUse(what ? `one thing at a time, not also ${more.join(' ')}` : 'say what to build');
  return { what, targets, json: values.json ?? false, again: values.again ?? false, recipe: values.recipe ?? null, withDeps: values['with-deps'] ?? false };
}

/**
 * Makes the request; a folder or file is sent first, and a folder's sdist is made before the plan can be. The signal
 * ends the sending and the making, also on the farm.
 * @errors FARM_FOLDER_UNREADABLE, FARM_WHAT_UNCLEAR, FARM_CANCELLED, and whatever making the sdist ends with
 */
export async function requestOf(
  client: ApiClient, asked: Asked, say: (line: string) => void, signal: AbortSignal,
): Promise<BuildRequest> {
  const what = await readWhat(asked.what);
  const request = {
    targets: [...asked.targets], again: asked.again, ...(asked.recipe === null ? {} : { recipe: await recipeOf(asked.recipe) }),
  };
  if (what.kind === 'name') return { what: what.what, ...request };
  try {
    const source = what.kind === 'git' ? await withImages({ client, err: process.stderr, signal }, () => cloned(client, what.what, say)) : await send(client, what, say, signal);
    return { what: '', source: (await sdistMade(client, source, say, signal)).id, ...request };
  } catch (error) {
    throw signal.aborted ? new FarmError(failure('FARM_CANCELLED', 'sdist', { who: 'Ctrl-C' })) : error;
  }
}

/** A recipe as its file has it. @errors FARM_BAD_REQUEST */
export async function recipeOf(path: string): Promise<{ name: string; text: string }> {
  try {
    return { name: basename(path), text: await readFile(path, 'utf8') };
  } catch (error) {
    throw wrongUse(`--recipe ${path}: ${(error as Error).message}`);
  }
}

async function cloned(client: ApiClient, what: string, say: (line: string) => void): Promise<SourceView> {
  const source = await client.post<SourceView>('/sources/git', { what });
  if (source.git) say(`${source.git.url} ${source.git.ref ?? ''} is at ${source.git.commit}`.replace('  ', ' '));
  return source;
}

async function send(
  client: ApiClient, what: { readonly kind: 'file' | 'folder'; readonly path: string }, say: (line: string) => void, signal: AbortSignal,
): Promise<SourceView> {
  const packed = await packSource(what);
  try {
    say(`sending ${packed.filename} (${size(packed.bytes)})`);
    const query = new URLSearchParams({ kind: packed.kind, filename: packed.filename, epoch: String(packed.epoch) });
    return await client.put<SourceView>(`/sources/${packed.sha256}?${query}`, await openAsBlob(packed.path), signal);
  } finally {
    await packed.dispose();
  }
}

/** Waits for the sdist of a source. The signal also ends its making on the farm. @errors that of its making; AbortError */
export async function sdistMade(
  client: Pick<ApiClient, 'get' | 'post'>, sent: SourceView, say: (line: string) => void, signal: AbortSignal,
): Promise<SourceView> {
  let source = sent;
  if (source.state === 'making') say('making the sdist in a sealed container');
  while (source.state === 'making') {
    await sleep(200, undefined, { signal }).catch(async (aborted: unknown) => {
      await client.post(`/sources/${encodeURIComponent(sent.id)}/cancel`, {});
      throw aborted;
    });
    source = await client.get<SourceView>(`/sources/${encodeURIComponent(sent.id)}`);
  }
  if (source.failure) throw new FarmError(source.failure as Failure);
  return source;
}
