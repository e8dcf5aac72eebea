/** Source archives that an image is compiled from, as Debian has them, each with the digest that its recipe pins. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { unpackRoot, type Unpacked } from './bootstrap.ts';
import { readLibraries } from './libraries.ts';
import type { MakeOptions, Recipe } from './types.ts';

/**
 * Writes a tar with sources/<file> for each source of the recipe and of its libraries.
 * @param folder of the making; the tar lies in a folder of its own there
 * @errors what unpackRoot says; a sentence that names the file where the archive has another one, or none
 */
export async function fetchSources(
  recipe: Recipe, folder: string, docker: Docker, options: MakeOptions, tell: (line: string) => void,
): Promise<Unpacked> {
  const known = readLibraries();
  const libraries = (recipe.libraries ?? []).flatMap((name) => known.get(name)?.source ?? []);
  const files = [...recipe.sources ?? [], ...libraries];
  const place = join(folder, 'sources');
  await mkdir(place);
  return unpackRoot({ ...recipe, packages: [], script: 'sources.sh', environment: { FILES: files.map(({ path, sha256 }) => `${path}:${sha256}`).join(' ') } },
    place, docker, options, tell);
}
