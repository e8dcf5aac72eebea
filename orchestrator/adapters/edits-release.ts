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
  const rows = await filesOf(tx, name);
  const found = rows.find((one) => {
    const parsed = parseVersion(one.version);
    return parsed.ok && compareVersions(parsed.value, version) === 0;
  });
  if (!found) return fail('FARM_EDIT_RELEASE', 'publish', { project: name, version: version.text, why: 'it was not published here' });
  return readFiles(tx, name, standOf(rows, { project: name, version: found.version }));
}

const filesOf = (tx: Tx, project: string): Promise<File[]> => tx.file.findMany({ where: { project }, orderBy: { filename: 'asc' } });

/** How a release stands, by its files alone. */
type Stand = Pick<EditedSource, 'version' | 'basis' | 'buildTag' | 'nextPost'>
  & { readonly rows: readonly File[]; readonly files: readonly File[]; readonly current: readonly File[] };

function standOf(
  rows: readonly File[], { project, version, without }: { project: string; version: string; without?: string | undefined },
): Stand {
  const files = rows.filter((file) => file.version === version && (without === undefined || file.editId !== without));
  const current = currentWheels(files.filter(({ kind }) => kind === 'wheel'));
  if (current.length === 0) fail('FARM_EDIT_RELEASE', 'publish', { project, version, why: 'it has none that are not yanked' });
  const buildTag = nextBuildTag(files.map(({ filename }) => filename));
  return {
    version, rows, files, current, buildTag, nextPost: nextPost(version, rows.map((file) => file.version)),
    basis: createHash('sha256').update(basisText(current, buildTag)).digest('hex'),
  };
}

/** What an edit of the release is made for, as it stands now: one question. @errors FARM_EDIT_RELEASE */
export async function standOfRelease(tx: Tx, of: Parameters<typeof standOf>[1]): Promise<Stand> {
  return standOf(await filesOf(tx, of.project), of);
}

/**
 * The release as it stands now.
 * @shape without: an edit whose own files are left out, so that it finds what it started from
 * @errors FARM_EDIT_RELEASE
 */
export async function readRelease(tx: Tx, project: string, version: string, without?: string): Promise<EditedSource> {
  return readFiles(tx, project, standOf(await filesOf(tx, project), { project, version, without }));
}

async function readFiles(tx: Tx, project: string, { rows, files, current, ...stand }: Stand): Promise<EditedSource> {
  const { version } = stand;
  const sdist = files.find(({ kind, yanked }) => kind === 'sdist' && yanked === null);
  const [row, wheels] = await Promise.all([tx.project.findUnique({ where: { name: project } }), withBases(tx, current, files)]);
  return {
    ...stand, project, wheels, displayName: row?.displayName ?? project,
    sdist: sdist ? { filename: sdist.filename, sha256: sdist.sha256 } : null,
    otherVersions: [...new Set(rows.filter((file) => file.version !== version && file.yanked === null).map((file) => file.version))],
  };
}

async function withBases(tx: Tx, current: readonly File[], files: readonly File[]): Promise<EditedSource['wheels']> {
  // Nothing that no edit has made is made of another file.
  const edited = current.filter(({ editId }) => editId !== null);
  const made = edited.length === 0 ? [] : await tx.editWheel.findMany({ where: { sha256: { in: edited.map(({ sha256 }) => sha256) } } });
  // The base of a post-release is of another version: such a wheel is its own base, written whole when it is edited.
  const ofPost = new Set((made.length === 0 ? [] : await tx.edit.findMany({
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
