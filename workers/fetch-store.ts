/**
 * What was fetched for one set of requirements, kept by this worker: the cells of a release share one resolution.
 * The bundle is a tar of wheels, or of the environment that they were installed into; the lock in it was made by the fetch step.
 */
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locked } from '../orchestrator/domain/plan.ts';

export interface Fetched {
  readonly lock: readonly Locked[];
  /** Path of the tar. */
  readonly bundle: string;
}

export interface FetchStore {
  /**
   * What is kept under `key`, else what `fetch` makes; calls at once share one. `fetch` is given the file that it is to
   * write its bundle to and answers the lock. A failed fetch is not kept; one that its own caller stopped is begun
   * again by the next.
   */
  get(key: string, stopped: AbortSignal, fetch: (file: string) => Promise<Fetched>): Promise<Fetched>;
}

const keptMax = 200;

/** A store in `folder`, which it empties first. @shape `digest` makes a file name of a key */
export function fetchStore(folder: string, digest: (key: string) => string): FetchStore {
  const kept = new Map<string, { made: Promise<Fetched>; by: AbortSignal }>();
  const emptied = rm(folder, { recursive: true, force: true }).then(() => mkdir(folder, { recursive: true }));

  async function make(key: string, fetch: (file: string) => Promise<Fetched>): Promise<Fetched> {
    await emptied;
    const file = join(folder, `${digest(key)}.tar`);
    const part = `${file}.part`;
    const fetched = await fetch(part);
    await rename(part, file);
    return { ...fetched, bundle: file };
  }

  function forgetOldest(): void {
    const oldest = kept.entries().next().value;
    if (kept.size <= keptMax || !oldest) return;
    kept.delete(oldest[0]);
    void oldest[1].made.then(({ bundle }) => rm(bundle, { force: true }), () => undefined);
  }

  return {
    async get(key, stopped, fetch) {
      for (;;) {
        const known = kept.get(key);
        if (known === undefined) {
          const entry = { made: make(key, fetch), by: stopped };
          kept.set(key, entry);
          entry.made.catch(() => kept.get(key) === entry && kept.delete(key));
          forgetOldest();
          return entry.made;
        }
        try {
          return await known.made;
        } catch (error) {
          if (!known.by.aborted || stopped.aborted) throw error;
          kept.delete(key);
        }
      }
    },
  };
}
