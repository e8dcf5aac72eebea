import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { posix } from 'node:path';
import { finished, pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { extract, pack, type Header, type Pack } from 'tar-stream';
import type { PatchedSdist } from '../../domain/sdist-patch.ts';
import { ArchiveRefused } from './limits.ts';

/** The texts of an sdist before and after. @shape root: its folder before */
export interface SdistSwap {
  readonly root: string;
  readonly pkgInfo: string;
  readonly patched: Pick<PatchedSdist, 'folder' | 'pkgInfo' | 'pyproject'>;
}

type Entry = AsyncIterable<Buffer> & { readonly header: Header; resume(): unknown };

/** The writer of archives knows no later one. @unit milliseconds since 1970 */
const timeMax = (2 ** 31 - 1) * 1000;
const copyBytesMax = 8 * 2 ** 20;
/** setuptools keeps a copy of PKG-INFO there. */
const isCopy = (path: string): boolean => path.endsWith('.egg-info/PKG-INFO');

/**
 * The bytes of the patched sdist: every member in its order with its mode and time, below the new folder, PKG-INFO
 * (also setuptools' copy) and pyproject.toml replaced. Owners and the archive's own time are left out, and new texts
 * have the time of the old ones: equal edits give equal bytes, whenever they are made.
 * @shape path: an sdist that `readSdist` has read
 * @errors ArchiveRefused for a member twice, a name that is not UTF-8, and links that a renamed folder would break
 */
export function patchedSdist(path: string, swap: SdistSwap): AsyncIterable<Uint8Array> {
  const [gzip, archive] = [createGzip({ level: 9 }), pack()];
  const refuse = (error: Error): void => void gzip.destroy(error);
  void copyMembers(path, swap, archive).then(() => archive.finalize(), refuse);
  void pipeline(archive as unknown as AsyncIterable<Buffer>, gzip).catch(refuse);
  return gzip;
}

/**
 * Looks at every member before anything is written.
 * @errors as `patchedSdist`; ArchiveRefused for a mode or time that cannot be kept
 */
export async function checkPatchable(path: string, swap: Pick<SdistSwap, 'root' | 'patched'>): Promise<void> {
  const seen = new Set<string>();
  for await (const { inner, entry } of membersOf(path)) {
    const { type, mode = 0, mtime } = entry.header;
    newName(seen, inner);
    if (type === 'symlink') linkOf(swap, inner, entry.header);
    if ((mode & 0o7777) === 0) throw new ArchiveRefused('corrupt', 'it has no mode', inner);
    if (mtime.getTime() > timeMax) throw new ArchiveRefused('corrupt', 'its time is in the far future', inner);
    entry.resume();
  }
}

/** An archive with a member twice is another one for each reader. */
function newName(seen: Set<string>, inner: string): void {
  if (seen.has(inner)) throw new ArchiveRefused('corrupt', 'it is there twice', inner);
  if (inner.includes('\uFFFD')) throw new ArchiveRefused('corrupt', 'its name is not UTF-8', inner);
  seen.add(inner);
}

async function copyMembers(path: string, swap: SdistSwap, archive: Pack): Promise<void> {
  const seen = new Set<string>();
  for await (const { inner, entry } of membersOf(path)) {
    newName(seen, inner);
    const { header } = entry;
    const base = {
      name: inner === '' ? swap.patched.folder : `${swap.patched.folder}/${inner}`, mode: header.mode, uid: 0, gid: 0,
      type: header.type === 'contiguous-file' ? 'file' as const : header.type,
      mtime: new Date(Math.max(0, header.mtime.getTime())),
    };
    const fresh = header.type === 'directory' ? null : await replacement(swap, inner, entry);
    if (fresh !== null) {
      await finished(archive.entry(base, fresh));
      continue;
    }
    const link = header.type === 'link' || header.type === 'symlink' ? linkOf(swap, inner, header) : null;
    const own = link === null ? { size: header.size ?? 0 } : { size: 0, linkname: link };
    const sink = archive.entry({ ...base, ...own });
    if (link === null && header.type !== 'directory') await pipeline(entry, sink);
    else entry.resume();
  }
}

/** New bytes for a member that has some; a copy that says something else stays. */
async function replacement({ pkgInfo, patched }: SdistSwap, inner: string, entry: Entry): Promise<Buffer | null> {
  const text = inner === 'PKG-INFO' ? patched.pkgInfo : inner === 'pyproject.toml' ? patched.pyproject : null;
  if (text !== null) {
    entry.resume();
    return Buffer.from(text, 'utf8');
  }
  if (!isCopy(inner) || (entry.header.size ?? 0) > copyBytesMax) return null;
  const bytes = Buffer.concat(await Array.fromAsync(entry));
  return bytes.equals(Buffer.from(pkgInfo, 'utf8')) ? Buffer.from(patched.pkgInfo, 'utf8') : bytes;
}

/** Where a link points below the new folder. @errors climbs: it goes by the folder's old name */
function linkOf(
  { root, patched: { folder } }: Pick<SdistSwap, 'root' | 'patched'>, inner: string, { type, linkname }: Header,
): string {
  const target = linkname ?? '';
  if (type === 'link') return `${folder}/${innerOf(target)}`;
  const place = posix.normalize(posix.join(folder, posix.dirname(inner), target));
  const old = posix.normalize(posix.join(root, posix.dirname(inner), target));
  if (place.slice(folder.length) !== old.slice(root.length)) {
    throw new ArchiveRefused('climbs', 'its link goes by the name of the folder', inner);
  }
  return target;
}

const innerOf = (name: string): string => name.replace(/^(\.\/)+/, '').replace(/\/$/, '').split('/').slice(1).join('/');

async function* membersOf(path: string): AsyncGenerator<{ inner: string; entry: Entry }> {
  const unpacker = extract();
  const fed = pipeline(createReadStream(path), createGunzip(), unpacker);
  fed.catch(() => undefined);   // the reader below ends with the same error
  for await (const entry of unpacker as unknown as AsyncIterable<Entry>) {
    const name = entry.header.name.replace(/^(\.\/)+/, '').replace(/\/$/, '');
    if (name === '' || name === '.') entry.resume();
    else yield { inner: innerOf(name), entry };
  }
  await fed;
}

/**
 * SHA-256 of `sdist-payload/1`: everything that an edit leaves alone. A line for each member in its order, without
 * the files PKG-INFO and pyproject.toml of the top folder; paths below that folder; setuptools' equal copy of PKG-INFO is
 * named as such.
 * @errors ArchiveRefused for a member twice, and for a name that is not UTF-8
 */
export async function sdistPayload(path: string): Promise<string> {
  const lines: { inner: string; head: string; sha256: string }[] = [];
  const seen = new Set<string>();
  let own = '';
  for await (const { inner, entry } of membersOf(path)) {
    newName(seen, inner);
    const { header } = entry;
    const kind = header.type === 'contiguous-file' ? 'file' : header.type;
    const hash: Hash = createHash('sha256');
    for await (const chunk of entry) hash.update(chunk);
    const sha256 = hash.digest('hex');
    if (inner === 'PKG-INFO') own = sha256;
    if (kind === 'file' && (inner === 'PKG-INFO' || inner === 'pyproject.toml')) continue;
    const link = header.type === 'link' ? innerOf(header.linkname ?? '') : header.linkname ?? '';
    const mode = ((header.mode ?? 0) & 0o7777).toString(8);
    const seconds = Math.max(0, Math.floor(header.mtime.getTime() / 1000));
    lines.push({ inner, sha256, head: `${kind} ${mode} ${seconds} ${JSON.stringify(inner)} ${JSON.stringify(link)}` });
  }
  const text = lines.map(({ inner, head, sha256 }) => `${head} ${isCopy(inner) && sha256 === own ? 'PKG-INFO' : sha256}\n`);
  return createHash('sha256').update(`sdist-payload/1\n${text.join('')}`).digest('hex');
}
