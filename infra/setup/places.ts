import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folders that set-up and the command line use; nothing else is written to. */
export interface Places {
  /** The checkout. */
  readonly root: string;
  /** State of this farm: ports, identity, secrets, database, blobs, logs. `FARM_HOME`, else `.farm` in the checkout. */
  readonly home: string;
  /** Downloads and built tools, shared by all checkouts of this user. */
  readonly cache: string;
}

export type Env = Readonly<Record<string, string | undefined>>;

/**
 * Where everything lives.
 * @param env environment of the process; only the composition roots read it
 */
export function placesOf(env: Env): Places {
  const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
  const caches = env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache');
  return {
    root,
    home: env.FARM_HOME ? resolve(env.FARM_HOME) : join(root, '.farm'),
    cache: join(caches, 'wheelfarm'),
  };
}
