/** What `./farm shell` asks of the control plane: what a cell was built from, and its bytes. */
import type { CellInputs } from '../orchestrator/contract/api.ts';
import { asked, auth, readJson } from './control-door.ts';
import type { DoorOptions } from './control-door.ts';

export interface CellDoor {
  /** @errors FARM_NOT_FOUND, FARM_NOT_UP */
  inputs(): Promise<CellInputs>;
  /** The bytes of its sdist or of its image's root tar as a file, digest checked. @errors FARM_DIGEST_MISMATCH */
  input(blob: { readonly sha256: string; readonly bytes: number }): Promise<string>;
  /** Forgets an input that is not needed again. */
  forget(sha256: string): Promise<void>;
}

/** The door to one cell. The token is the one of the API: a person opens the cell, not a worker with a lease. */
export function cellDoor(options: DoorOptions, buildId: string, target: string): CellDoor {
  const path = `/api/builds/${encodeURIComponent(buildId)}/cells/${encodeURIComponent(target)}/inputs`;
  const headers = auth(options.token);
  return {
    inputs: async () => (await readJson(await asked(options, { method: 'GET', path, headers }))) as CellInputs,
    input: (blob) => options.cache.get(blob, async () =>
      (await asked(options, { method: 'GET', path: `${path}/${blob.sha256}`, headers })).body),
    forget: (sha256) => options.cache.drop(sha256),
  };
}
