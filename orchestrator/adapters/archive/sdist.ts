import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, posix } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { TomlError, parse as parseToml } from 'smol-toml';
import { extract } from 'tar-stream';
import type { Header } from 'tar-stream';
import { parseSdistFilename } from '../../domain/filename.ts';
import { parseMetadata, readCoreMetadata } from '../../domain/metadata.ts';
import type { CoreMetadata } from '../../domain/metadata.ts';
import type { NormalizedName } from '../../domain/names.ts';
import { err, ok } from '../../domain/result.ts';
import type { Result } from '../../domain/result.ts';
import { fileSource } from './byte-source.ts';
import { ArchiveRefused, archiveLimits, checkMemberPath, checkTotals } from './limits.ts';
import type { ArchiveFault, ArchiveLimits } from './limits.ts';
import { openZip, readMember } from './zip-read.ts';

/** What the farm knows of a source distribution. Texts are as they lie in it. */
export type Sdist = {
  readonly name: NormalizedName;
  readonly version: string;
  readonly sha256: string;
  /** @unit bytes of the file */
  readonly bytes: number;
  readonly rootFolder: string;
  readonly pkgInfo: string;
  readonly core: CoreMetadata;
  readonly pyproject: string | null;
  /** The parsed `pyproject.toml`, empty where there is none. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** @unit seconds since 1970; 0 where the archive has no times */
  readonly newestMtime: number;
  readonly hasNativeSource: boolean;
  readonly nativeSources: readonly string[];
  readonly files: number;
  readonly unpackedBytes: number;
};

/** `words` fill the card of the code; `line` points into pyproject.toml. */
export type SdistFault = {
  readonly code: 'FARM_SDIST_CORRUPT' | 'FARM_SDIST_TRUNCATED' | 'FARM_SDIST_CLIMBS' | 'FARM_SDIST_TOO_BIG'
    | 'FARM_SDIST_NO_METADATA' | 'FARM_SDIST_NAME_MISMATCH' | 'FARM_PYPROJECT_BROKEN';
  readonly words: Readonly<Record<string, string>>;
  readonly line?: number;
};

/** A member as tar-stream hands it out; the library does not export its type. */
type Entry = AsyncIterable<Buffer> & { readonly header: Header; resume(): unknown };

type Contents = {
  sha256: string;
  roots: Set<string>;
  texts: Map<string, string>;
  nativeSources: string[];
  newestMtime: number;
  files: number;
  unpacked: number;
};

const nativeSuffix = /\.(c|cc|cpp|cxx|c\+\+|pyx|rs|f|for|ftn|f77|f90|f95|f03|f08|m|mm|cu|asm)$/i;
const nativeNamedMax = 20;
const textBytesMax = 8 * 2 ** 20;

/**
 * Reads an sdist without unpacking it to disk.
 * @shape `filename` is what it is published as; the base name of `path` where absent
 * @errors FARM_SDIST_CORRUPT, _TRUNCATED, _CLIMBS, _TOO_BIG, _NO_METADATA, _NAME_MISMATCH, FARM_PYPROJECT_BROKEN
 */
export async function readSdist(
  path: string, filename = basename(path), limits: ArchiveLimits = archiveLimits,
): Promise<Result<Sdist, SdistFault>> {
  const { size } = await stat(path);
  try {
    if (size > limits.archiveBytesMax) throw new ArchiveRefused('too-big', `more than ${limits.archiveBytesMax} bytes`);
    const contents = filename.endsWith('.zip') ? await readZip(path, limits) : await readTar(path, size, limits);
    return judge(filename, size, contents);
  } catch (error) {
    return err(asFault(filename, error));
  }
}

function asFault(file: string, error: unknown): SdistFault {
  if (error instanceof ArchiveRefused) return faultOf(file, error.fault);
  const { code = '', message = '' } = error as { code?: string; message?: string };
  if (code === 'Z_BUF_ERROR' || message.includes('Unexpected end of data')) {
    return { code: 'FARM_SDIST_TRUNCATED', words: { file } };
  }
  if (code.startsWith('Z_') || /tar header/i.test(message)) {
    return { code: 'FARM_SDIST_CORRUPT', words: { file, why: message } };
  }
  throw error;
}

function faultOf(file: string, { kind, why, member }: ArchiveFault): SdistFault {
  if (kind === 'climbs') return { code: 'FARM_SDIST_CLIMBS', words: { file, member } };
  if (kind === 'too-big') return { code: 'FARM_SDIST_TOO_BIG', words: { file, limit: why } };
  if (kind === 'truncated') return { code: 'FARM_SDIST_TRUNCATED', words: { file } };
  return { code: 'FARM_SDIST_CORRUPT', words: { file, why: member === '' ? why : `${member}: ${why}` } };
}

function emptyContents(): Contents {
  return {
    sha256: '', roots: new Set(), texts: new Map(), nativeSources: [], newestMtime: 0, files: 0, unpacked: 0,
  };
}

/** Counts a file; true where its text is wanted. */
function noteFile(contents: Contents, path: string, modified: number): boolean {
  const [root = '', ...rest] = path.split('/');
  contents.roots.add(root);
  contents.files += 1;
  if (Number.isFinite(modified)) contents.newestMtime = Math.max(contents.newestMtime, Math.floor(modified));
  if (nativeSuffix.test(path)) contents.nativeSources.push(path);
  return rest.length === 1 && (rest[0] === 'PKG-INFO' || rest[0] === 'pyproject.toml');
}

async function readTar(path: string, size: number, limits: ArchiveLimits): Promise<Contents> {
  const contents = emptyContents();
  const hash = createHash('sha256');
  const unpacker = extract();
  const hashing = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const counting = new Transform({
    transform(chunk: Buffer, _, done) {
      contents.unpacked += chunk.length;
      try {
        checkTotals({ entries: contents.files, packed: size, unpacked: contents.unpacked }, limits);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
  const [fed, taken] = await Promise.allSettled([
    pipeline(createReadStream(path), hashing, createGunzip(), counting, unpacker),
    takeEntries(unpacker as unknown as AsyncIterable<Entry>, contents, limits),
  ]);
  const reasons = [taken, fed].flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  const [reason] = reasons.toSorted((left, right) => rank(left) - rank(right));
  if (reason !== undefined) throw reason;
  return { ...contents, sha256: hash.digest('hex') };
}

/** A refusal tells more than the broken stream that follows from it. */
function rank(reason: unknown): number {
  if (reason instanceof ArchiveRefused) return 0;
  return (reason as { code?: string }).code === 'ERR_STREAM_PREMATURE_CLOSE' ? 2 : 1;
}

async function takeEntries(entries: AsyncIterable<Entry>, contents: Contents, limits: ArchiveLimits): Promise<void> {
  const links = new Set<string>();
  let count = 0;
  for await (const entry of entries) {
    const path = entry.header.name.replace(/^(\.\/)+/, '').replace(/\/$/, '');
    count += 1;
    checkTotals({ entries: count, packed: 0, unpacked: 0 }, limits);
    if (path !== '' && path !== '.') await takeEntry(entry, path, links, contents);
    else entry.resume();
  }
}

async function takeEntry(entry: Entry, path: string, links: Set<string>, contents: Contents): Promise<void> {
  const { header } = entry;
  checkMemberPath(path);
  checkLinks(header, path, links);
  const isFile = header.type === 'file' || header.type === 'contiguous-file';
  const wanted = isFile && noteFile(contents, path, header.mtime.getTime() / 1000);
  if (!wanted) {
    if (header.type === 'directory') contents.roots.add(path.split('/')[0] ?? '');
    for await (const _ of entry) { /* passed over */ }
    return;
  }
  if (header.size > textBytesMax) throw new ArchiveRefused('too-big', `${path} has more than ${textBytesMax} bytes`);
  const chunks: Buffer[] = [];
  for await (const chunk of entry) chunks.push(chunk);
  contents.texts.set(path, Buffer.concat(chunks).toString('utf8'));
}

/** Links must stay in the top folder, and no member may be written through one. @errors climbs */
function checkLinks(header: Header, path: string, links: Set<string>): void {
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
    if (links.has(path.slice(0, slash))) throw new ArchiveRefused('climbs', 'it is written through a link', path);
  }
  if (header.type === 'symlink' || header.type === 'link') {
    const target = (header.linkname as string | null) ?? '';
    const base = header.type === 'symlink' ? posix.dirname(path) : '.';
    const resolved = posix.normalize(posix.join(base, target));
    const root = path.split('/')[0] ?? '';
    const inside = resolved === root || resolved.startsWith(`${root}/`);
    if (target === '' || target.startsWith('/') || !inside) {
      throw new ArchiveRefused('climbs', 'its link leaves the folder', path);
    }
    if (header.type === 'symlink') links.add(path);
    return;
  }
  if (['character-device', 'block-device', 'fifo'].includes(header.type)) {
    throw new ArchiveRefused('climbs', 'it is a device', path);
  }
}

async function readZip(path: string, limits: ArchiveLimits): Promise<Contents> {
  const contents = emptyContents();
  const source = await fileSource(path);
  try {
    const archive = await openZip(source, limits);
    for (const entry of archive.entries) {
      contents.unpacked += entry.bytes;
      if (!noteFile(contents, entry.name, entry.modified)) continue;
      contents.texts.set(entry.name, (await readMember(archive, entry, textBytesMax)).toString('utf8'));
    }
  } finally {
    await source.close();
  }
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return { ...contents, sha256: hash.digest('hex') };
}

function judge(file: string, bytes: number, contents: Contents): Result<Sdist, SdistFault> {
  const [rootFolder = ''] = contents.roots;
  const pkgInfo = contents.texts.get(`${rootFolder}/PKG-INFO`);
  if (contents.roots.size !== 1 || pkgInfo === undefined) {
    return err({ code: 'FARM_SDIST_NO_METADATA', words: { file } });
  }
  const metadata = parseMetadata(pkgInfo);
  const core = metadata.ok ? readCoreMetadata(metadata.value) : metadata;
  if (!core.ok) return err({ code: 'FARM_SDIST_CORRUPT', words: { file, why: `PKG-INFO: ${core.error.why}` } });
  const named = parseSdistFilename(file);
  const { name, version } = core.value;
  if (!named.ok || named.value.name !== name || named.value.version !== version) {
    return err({ code: 'FARM_SDIST_NAME_MISMATCH', words: { file, found: `${name} ${version}` } });
  }
  const pyproject = contents.texts.get(`${rootFolder}/pyproject.toml`) ?? null;
  const settings = readPyproject(pyproject ?? '');
  if (!settings.ok) return settings;
  return ok({
    name, version, bytes, rootFolder, pkgInfo, core: core.value, pyproject, settings: settings.value,
    sha256: contents.sha256, newestMtime: contents.newestMtime, files: contents.files, unpackedBytes: contents.unpacked,
    hasNativeSource: contents.nativeSources.length > 0,
    nativeSources: contents.nativeSources.toSorted().slice(0, nativeNamedMax),
  });
}

/** Parses the text of a pyproject.toml. @errors FARM_PYPROJECT_BROKEN with the line, from 1 */
export function readPyproject(text: string): Result<Readonly<Record<string, unknown>>, SdistFault> {
  try {
    return ok(parseToml(text));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [first = 'not TOML'] = error.message.split('\n');
    const why = `line ${error.line}: ${first.replace(/^Invalid TOML document: /, '')}`;
    return err({ code: 'FARM_PYPROJECT_BROKEN', words: { why }, line: error.line });
  }
}
