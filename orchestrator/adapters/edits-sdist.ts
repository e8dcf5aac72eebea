import { failure, fail, type Failure } from '../domain/failure.ts';
import { patchSdist, unlikeWheels, type PatchedSdist, type SdistTexts } from '../domain/sdist-patch.ts';
import type { EditOperation } from '../domain/edit.ts';
import type { EditedRelease } from '../domain/edit-release.ts';
import type { BlobStore } from '../ports.ts';
import { ArchiveRefused } from './archive/limits.ts';
import { checkPatchable, patchedSdist, sdistPayload } from './archive/sdist-patch.ts';
import { readPyproject, readSdist } from './archive/sdist.ts';

interface Original { readonly filename: string; readonly sha256: string }

/** The sdist of a post-release; `patched` null and `failure` set where it cannot carry the edit. */
export interface DraftSdist {
  readonly original: Original;
  readonly patched: (PatchedSdist & { readonly root: string; readonly oldPkgInfo: string }) | null;
  readonly failure: Failure | null;
}

/** What a patched sdist is made by. */
interface Patching {
  readonly project: string;
  readonly version: string;
  readonly toVersion: string;
  readonly operations: readonly EditOperation[];
}

/** Reads TOML for the pure rules; null for what is none. */
function parsedToml(text: string): Readonly<Record<string, unknown>> | null {
  const parsed = readPyproject(text);
  return parsed.ok ? parsed.value : null;
}

/** Patches the texts of a release's sdist and compares them with the edited wheels; no archive is written. */
export async function draftSdist(
  blobs: Pick<BlobStore, 'path'>, original: Original, patching: Patching & { readonly wheels: EditedRelease['wheels'] },
): Promise<DraftSdist> {
  const without = (why: string): DraftSdist => ({
    original, patched: null, failure: failure('FARM_EDIT_SDIST', 'publish', { file: original.filename, why }),
  });
  const read = await readSdist(await blobs.path(original.sha256), original.filename);
  if (!read.ok) return without(read.error.words['why'] ?? read.error.code);
  const patched = patchTexts({ ...read.value, filename: original.filename }, patching);
  if (!patched.ok) return without(patched.error.join('; '));
  const unlike = unlikeWheels(patched.value.pkgInfo, patching.wheels);
  if (unlike.length > 0) return without(unlike.join('; '));
  const root = read.value.rootFolder;
  try {
    await checkPatchable(await blobs.path(original.sha256), { root, patched: patched.value });
  } catch (error) {
    if (error instanceof ArchiveRefused) return without(error.message);
    throw error;
  }
  return { original, failure: null, patched: { ...patched.value, root, oldPkgInfo: read.value.pkgInfo } };
}

/** The same for whoever checks a published one. */
export const patchTexts = (sdist: SdistTexts, { project, version, toVersion, operations }: Patching) =>
  patchSdist({ sdist, name: project, version, toVersion, operations, parse: parsedToml });

/** The columns of an edit that name its sdist. */
interface KeptSdist {
  readonly sdistFilename: string; readonly sdistSha256: string; readonly sdistBytes: bigint;
  readonly sdistMetadataSha256: string; readonly originalSdistSha256: string;
}

/**
 * Writes the patched sdist and reads it again: name, version, both texts, and all else as in the original. Equal orders
 * give equal bytes.
 * @returns null where there is none
 */
export async function keepSdist(blobs: BlobStore, sdist: DraftSdist | null): Promise<KeptSdist | null> {
  const { original, patched } = sdist ?? { original: null, patched: null };
  if (original === null || patched === null) return null;
  const path = await blobs.path(original.sha256);
  // Everything that an sdist can be refused for was looked at in the draft.
  const wrong = (why: string) => fail('FARM_INTERNAL', 'publish', { why: `${original.filename}: ${why}` });
  const { root, oldPkgInfo: pkgInfo } = patched;
  const made = await blobs.put(patchedSdist(path, { root, pkgInfo, patched }))
    .catch((error: unknown) => (error instanceof ArchiveRefused ? wrong(error.message) : Promise.reject(error)));
  const written = await blobs.path(made.sha256);
  const again = await readSdist(written, patched.filename);
  if (!again.ok) return wrong(`what was made of it is refused: ${again.error.code} ${again.error.words['why'] ?? ''}`);
  const sameTexts = again.value.pkgInfo === patched.pkgInfo && again.value.pyproject === patched.pyproject;
  if (!sameTexts) return wrong('what was made of it has other texts');
  if (await sdistPayload(path) !== await sdistPayload(written)) return wrong('what was made of it has other members');
  const metadata = await blobs.put(Buffer.from(patched.pkgInfo, 'utf8'));
  return {
    sdistFilename: patched.filename, sdistSha256: made.sha256, sdistBytes: BigInt(made.bytes),
    sdistMetadataSha256: metadata.sha256, originalSdistSha256: original.sha256,
  };
}
