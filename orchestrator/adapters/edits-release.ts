import { createHash } from 'node:crypto';
import { nextBuildTag, nextPost } from '../domain/edit-delivery.ts';
import { basisText, currentWheels } from '../domain/edit-basis.ts';
import { fail } from '../domain/failure.ts';
import { compareVersions, parseVersion } from '../domain/version.ts';
import { parseWhat } from './builds-resolve.ts';
import type { SourceWheel } from './edits-draft.ts';
import type { File } from './prisma/client/client.ts';
import type { Tx } from './prisma/database.ts';

/** The published files of a release as an edit sees them. */
export interface EditedSource {
  readonly project: string;
  readonly displayName: string;
  readonly version: string;
  readonly wheels: readonly (SourceWheel & { readonly file: File })[];
  readonly sdist: { readonly filename: string; readonly sha256: string } | null;
  /** The next one that no file of the release has. */
  readonly buildTag: number;
  readonly basis: string;
  readonly otherVersions: readonly string[];
  /** The next post-release; null where the version can have none. */
  readonly nextPost: string | null;
}

/**
 * Finds `name==version` on this farm's index.
 * @errors FARM_WHAT_UNCLEAR, FARM_EDIT_RELEASE
 */
export async function findRelease(tx: Tx, what: string): Promise<EditedSource> {
  const { name, version } = parseWhat(what);
  if (version === null) return fail('FARM_WHAT_UNCLEAR', 'publish', { what });
  const versions = await tx.file.groupBy({ by: ['version'], where: { project: name } });
  const found = versions.find((one) => {
    const parsed = parseVersion(one.version);
    return parsed.ok && compareVersions(parsed.value, version) === 0;
  });
  if (!found) return fail('FARM_EDIT_RELEASE', 'publish', { project: name, version: version.text, why: 'it was not published here' });
  return readRelease(tx, name, found.version);
}

/**
 * The release as it stands now.
 * @shape without: an edit whose own files are left out, so that it finds what it started from
 * @errors FARM_EDIT_RELEASE
 */
export async function readRelease(tx: Tx, project: string, version: string, without?: string): Promise<EditedSource> {
  const rows = await tx.file.findMany({ where: { project }, orderBy: { filename: 'asc' } });
  const files = rows.filter((file) => file.version === version && (without === undefined || file.editId !== without));
  const current = currentWheels(files.filter(({ kind }) => kind === 'wheel'));
  if (current.length === 0) fail('FARM_EDIT_RELEASE', 'publish', { project, version, why: 'it has none that are not yanked' });
  const sdist = files.find(({ kind, yanked }) => kind === 'sdist' && yanked === null);
  const row = await tx.project.findUnique({ where: { name: project } });
  const buildTag = nextBuildTag(files.map(({ filename }) => filename));
  return {
    project, version, displayName: row?.displayName ?? project, buildTag,
    wheels: await withBases(tx, current, files),
    sdist: sdist ? { filename: sdist.filename, sha256: sdist.sha256 } : null,
    basis: createHash('sha256').update(basisText(current, buildTag)).digest('hex'),
    nextPost: nextPost(version, rows.map((file) => file.version)),
    otherVersions: [...new Set(rows.filter((file) => file.version !== version && file.yanked === null).map((file) => file.version))],
  };
}

async function withBases(tx: Tx, current: readonly File[], files: readonly File[]): Promise<EditedSource['wheels']> {
  const made = await tx.editWheel.findMany({ where: { sha256: { in: current.map(({ sha256 }) => sha256) } } });
  // The base of a post-release is of another version: such a wheel is its own base, written whole when it is edited.
  const ofPost = new Set((await tx.edit.findMany({
    where: { id: { in: made.map(({ editId }) => editId) }, mode: 'post' }, select: { id: true },
  })).map(({ id }) => id));
  const bases = new Map(made.flatMap(({ sha256, baseSha256, editId }) => (ofPost.has(editId) ? [] : [[sha256, baseSha256] as const])));
  return current.map((file) => {
    const baseSha256 = bases.get(file.sha256) ?? file.sha256;
    const base = files.find(({ sha256 }) => sha256 === baseSha256)
      ?? fail('FARM_INTERNAL', 'publish', { why: `${file.filename} was made of a file that is not published` });
    const { filename, sha256, metadataSha256, requiresPython } = file;
    return { filename, sha256, metadataSha256, requiresPython, file, base: { filename: base.filename, sha256: base.sha256 } };
  });
}
