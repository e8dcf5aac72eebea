import { Readable } from 'node:stream';
import type { Pool } from 'pg';
import { fail, FarmError } from '../domain/failure.ts';
import type { BlobStore } from '../ports.ts';
import type { VirtualPart } from './archive/respin.ts';

/** How a file is put together: ranges of its base and of its own bytes. */
interface Recipe {
  readonly bytes: number;
  readonly baseSha256: string;
  readonly ownSha256: string;
  readonly parts: readonly VirtualPart[];
}

const recipesKeptMax = 2_000;

/**
 * Blobs as the index serves them: what is stored nowhere whole (wheels of edits) is read from its parts. A recipe never
 * changes, so it is kept in memory once it was read.
 */
export function composedBlobs(blobs: BlobStore, pool: Pool): Pick<BlobStore, 'has' | 'size' | 'stream'> {
  const recipes = new Map<string, Recipe>();

  async function recipeOf(sha256: string): Promise<Recipe | null> {
    const known = recipes.get(sha256);
    if (known) return known;
    const { rows: [row] } = await pool.query<{ bytes: string; base_sha256: string; own_sha256: string; parts: VirtualPart[] }>(
      'select bytes, base_sha256, own_sha256, parts from edit_wheel where sha256 = $1', [sha256]);
    if (!row) return null;
    const recipe = { bytes: Number(row.bytes), baseSha256: row.base_sha256, ownSha256: row.own_sha256, parts: row.parts };
    const oldest = recipes.keys().next();
    if (recipes.size >= recipesKeptMax && !oldest.done) recipes.delete(oldest.value);
    recipes.set(sha256, recipe);
    return recipe;
  }

  /** What is stored whole is asked first: files that were built need no query. */
  async function either<T>(sha256: string, whole: () => Promise<T>, composed: (recipe: Recipe) => T): Promise<T> {
    if (recipes.has(sha256)) return composed(recipes.get(sha256) as Recipe);
    try {
      return await whole();
    } catch (error) {
      if (!(error instanceof FarmError) || error.failure.code !== 'FARM_NOT_FOUND') throw error;
      const recipe = await recipeOf(sha256);
      return recipe ? composed(recipe) : fail('FARM_NOT_FOUND', 'plan', { thing: `blob ${sha256}` });
    }
  }

  return {
    has: async (sha256) => await blobs.has(sha256) || await recipeOf(sha256) !== null,
    size: (sha256) => either(sha256, () => blobs.size(sha256), ({ bytes }) => bytes),
    stream: (sha256, range) => either<NodeJS.ReadableStream>(sha256, () => blobs.stream(sha256, range), (recipe) =>
      Readable.from(read(blobs, recipe, range ?? { start: 0, end: recipe.bytes }), { objectMode: false })),
  };
}

/** The bytes of a range, `end` exclusive; only what is asked for is read. */
async function* read(blobs: BlobStore, recipe: Recipe, { start, end }: { start: number; end: number }): AsyncGenerator<Uint8Array> {
  let position = 0;
  for (const { from, offset, bytes } of recipe.parts) {
    const first = Math.max(start - position, 0);
    const last = Math.min(end - position, bytes);
    if (first < last) {
      const source = from === 'own' ? recipe.ownSha256 : recipe.baseSha256;
      const stream = await blobs.stream(source, { start: offset + first, end: offset + last });
      for await (const chunk of stream) yield chunk as Uint8Array;
    }
    position += bytes;
  }
}
