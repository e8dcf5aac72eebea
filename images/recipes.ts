/** Reads recipes.json, architectures.json and catalogue.json; gives each recipe its digest. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture, ImageRow, PackageVersion, Recipe } from './types.ts';

export const imagesFolder = import.meta.dirname;

/** Times later than this are set back to it in every root. @unit seconds since 1970 */
export const imageEpoch = 1_700_000_000;

const shared = ['architectures.json', 'debian/bootstrap.sh', 'interpreter.py', 'cross-debian/requirements.txt'];

const readJson = (file: string): unknown => JSON.parse(readFileSync(join(imagesFolder, file), 'utf8'));

/** All recipes by image name. */
export function readRecipes(): ReadonlyMap<string, Recipe> {
  type Family = Pick<Recipe, 'packages' | 'files' | 'expect'>;
  const { families, images } = readJson('recipes.json') as {
    families: Record<string, Family>; images: Record<string, Omit<Recipe, 'name' | 'files' | 'expect'>>;
  };
  return new Map(Object.entries(images).map(([name, image]) => {
    const family = families[image.family];
    if (!family) throw new Error(`recipes.json: image ${name} names the unknown family ${image.family}`);
    return [name, { ...family, ...image, name, packages: [...family.packages, ...image.packages ?? []] }];
  }));
}

export const readArchitectures = (): Readonly<Record<string, Architecture>> =>
  readJson('architectures.json') as Record<string, Architecture>;

/** Catalogue rows that are built in one image. */
export const rowsOf = (image: string): ImageRow[] =>
  (readJson('catalogue.json') as ImageRow[]).filter((row) => row.image === image);

/** The architecture of a recipe; an unknown one is an error in recipes.json. */
export function architectureOf(recipe: { name: string; architecture: string }): Architecture {
  const found = readArchitectures()[recipe.architecture];
  if (!found) throw new Error(`recipes.json: image ${recipe.name} names the unknown architecture ${recipe.architecture}`);
  return found;
}

/** Hex SHA-256 over everything in the repository that decides what the image becomes. */
export function recipeDigest(recipe: Recipe): string {
  const hash = createHash('sha256').update(JSON.stringify({ recipe, imageEpoch, rows: rowsOf(recipe.name) }));
  for (const file of [...shared, ...recipe.files].toSorted()) {
    hash.update(`\0${file}\0`).update(readFileSync(join(imagesFolder, file)));
  }
  return hash.digest('hex');
}

/** The image's key: recipe, package versions and hashes, and the images it was made from. */
export function imageKey(
  recipeSha256: string, packages: readonly PackageVersion[], madeFrom: Readonly<Record<string, string>>,
): string {
  const lines = packages.map((p) => `${p.name} ${p.version} ${p.sha256 ?? ''}`).toSorted();
  const from = Object.entries(madeFrom).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify([recipeSha256, lines, from])).digest('hex');
}

/** Names and hashes of requirements.txt. */
export function readRequirements(): PackageVersion[] {
  const text = readFileSync(join(imagesFolder, 'cross-debian/requirements.txt'), 'utf8');
  return [...text.matchAll(/^(\S+)==(\S+) --hash=sha256:([0-9a-f]{64})$/gm)]
    .map(([, name, version, sha256]) => ({ name: name!, version: version!, sha256: sha256! }));
}
