/** Reads recipes.json, architectures.json and catalogue.json; gives each recipe its digest. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { matchesGlob, type Policy } from '../orchestrator/domain/plan.ts';
import { pypaName, pypaParts, pypaRows, type Pinned } from '../orchestrator/domain/pypa.ts';
import type { Architecture, ImageRow, PackageVersion, Recipe } from './types.ts';

export const imagesFolder = import.meta.dirname;

/** Times later than this are set back to it in every root. @unit seconds since 1970 */
export const imageEpoch = 1_700_000_000;

const shared = ['architectures.json', 'debian/bootstrap.sh', 'interpreter.py', 'cross-debian/requirements.txt'];

const readJson = (file: string): unknown => JSON.parse(readFileSync(join(imagesFolder, file), 'utf8'));

/** All recipes by image name. */
export function readRecipes(): ReadonlyMap<string, Recipe> {
  type Family = Pick<Recipe, 'packages' | 'files' | 'expect' | 'rust' | 'zig' | 'pythonSource' | 'late' | 'libraries' | 'uv'>;
  const { families, images } = readJson('recipes.json') as {
    families: Record<string, Family>; images: Record<string, Omit<Recipe, 'name' | 'files' | 'expect'>>;
  };
  const made = Object.entries(images).map(([name, image]): [string, Recipe] => {
    const family = families[image.family];
    if (!family) throw new Error(`recipes.json: image ${name} names the unknown family ${image.family}`);
    const packages = [...family.packages, ...image.packages ?? []];
    // A Python that is not the suite's own: its packages carry its version; it is linked as python3 before it is finished.
    const named = image.interpreter ? packages.map((one) => one.replace(/^python3(?=-|$)/, image.interpreter!)) : packages;
    const compiled = family.libraries?.flatMap((one) => [`libraries/${one}/build.sh`, `libraries/${one}/recipe.json`]);
    return [name, { ...family, ...image, name, packages: named, ...(compiled ? { files: [...family.files, ...compiled] } : {}) }];
  });
  const upstream = Object.entries(readPinned().images).map(([image, from]): [string, Recipe] => [pypaName(image), {
    ...families['pypa']!, name: pypaName(image), family: 'pypa', suite: '', python: '', from,
    architecture: pypaParts(image)?.architecture ?? '',
  }]);
  return new Map([...made, ...upstream]);
}

const readPinned = (): Pinned => readJson('pypa/pinned.json') as Pinned;

export const readArchitectures = (): Readonly<Record<string, Architecture>> =>
  readJson('architectures.json') as Record<string, Architecture>;

/**
 * Catalogue rows that are built in one image, or can be because it is like another. A late test image is no part of what
 * the image is made of: it is left out.
 */
export function rowsOf(image: string): ImageRow[] {
  if (image.startsWith(pypaName(''))) return pypaRows(readPinned()).filter((row) => row.image === image);
  const { images } = readJson('recipes.json') as { images: Record<string, Pick<Recipe, 'like'> | undefined> };
  const like = images[image]?.like;
  const late = lateImages();
  const rows = (readJson('catalogue.json') as ImageRow[]).filter((row) => row.image === (like ?? image))
    .map((row) => (row.testImage && late.has(row.testImage) ? { ...row, testImage: null, test: 'none' } : row));
  // Debian has Rust's standard library for its own C library only.
  return like ? rows.filter(({ zigTarget }) => zigTarget?.includes('-gnu')) : rows;
}

/** Catalogue rows that are tested in an image. */
export const testedIn = (image: string): ImageRow[] => (readJson('catalogue.json') as ImageRow[]).filter(({ testImage }) => testImage === image);

/** Test images that are made beside the first builds, which do not wait for them. */
export function lateImages(): ReadonlySet<string> {
  type Part = Pick<Recipe, 'late' | 'family'>;
  const { families, images } = readJson('recipes.json') as { families: Record<string, Part>; images: Record<string, Part> };
  return new Set(Object.entries(images).flatMap(([name, image]) => (families[image.family]?.late ? [name] : [])));
}

/** Images with more tools in them, by the name of the one that they are like. */
export const likeImages = (): ReadonlyMap<string, string> =>
  new Map([...readRecipes().values()].flatMap(({ name, like }) => (like ? [[like, name] as const] : [])));

/**
 * Images that the default targets of policy.json are built and tested in: of each target the first row of recipes.json.
 * @param late whether those are among them that a build does not wait for
 */
export function defaultImages(late = true): string[] {
  const { default: globs } = readJson('policy.json') as Policy;
  const recipes = readRecipes();
  const rows = (readJson('catalogue.json') as ImageRow[])
    .filter((row) => recipes.has(row.image) && globs.some((glob) => matchesGlob(glob, row.target)));
  const first = rows.filter((row, at) => rows.findIndex(({ target }) => target === row.target) === at);
  const without = late ? new Set<string>() : lateImages();
  return [...new Set(first.flatMap((row) => [row.image, ...row.testImage ? [row.testImage] : []]))].filter((name) => !without.has(name));
}

/** The architecture of a recipe; an unknown one is an error in recipes.json. */
export function architectureOf(recipe: { name: string; architecture: string }): Architecture {
  const found = readArchitectures()[recipe.architecture];
  if (!found) throw new Error(`recipes.json: image ${recipe.name} names the unknown architecture ${recipe.architecture}`);
  return found;
}

/** Hex SHA-256 over everything in the repository that decides what the image becomes. */
export function recipeDigest(recipe: Recipe): string {
  const hash = createHash('sha256').update(JSON.stringify({ recipe, imageEpoch, rows: rowsOf(recipe.name) }));
  for (const file of [...shared, ...recipe.files, ...recipe.zig ? [zigFile(recipe.zig)] : []].toSorted()) {
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

/** File of the pinned zig that a family asks for instead of the one of requirements.txt. */
export const zigFile = (zig: string): string => `cross-debian/zig-${zig}.txt`;

/** Names and hashes of requirements.txt; with `zig` that version of the compiler instead of its own. */
export function readRequirements(zig?: string): PackageVersion[] {
  const pinned = pinsOf('cross-debian/requirements.txt');
  return zig ? [...pinned.filter(({ name }) => name !== 'ziglang'), ...pinsOf(zigFile(zig))] : pinned;
}

function pinsOf(file: string): PackageVersion[] {
  return [...readFileSync(join(imagesFolder, file), 'utf8').matchAll(/^(\S+)==(\S+) --hash=sha256:([0-9a-f]{64})$/gm)]
    .map(([, name, version, sha256]) => ({ name: name!, version: version!, sha256: sha256! }));
}
