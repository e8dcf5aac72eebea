/** The farm's own scripts that run in boxes, read once when the worker starts. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the scripts are in a box. */
export const scriptsFolder = '/work/farm';

export interface Script { readonly path: string; readonly bytes: Uint8Array }

/** All scripts of workers/container/, with their paths in a box. */
export async function loadScripts(): Promise<readonly Script[]> {
  const folder = join(import.meta.dirname, 'container');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.py')).sort();
  return Promise.all(names.map(async (name) => ({
    path: `${scriptsFolder}/${name}`, bytes: await readFile(join(folder, name)),
  })));
}
