import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { constants, crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import {
  centralHeaderBytes, endRecordBytes, fromDosTime, localHeaderBytes, signatures,
} from '../../domain/zip-layout.ts';
import type { ZipMember } from '../../domain/zip-layout.ts';
import type { ByteSource } from './byte-source.ts';
import { ArchiveRefused, checkMemberPath, checkTotals } from './limits.ts';
import type { ArchiveLimits } from './limits.ts';

/** A file in a zip: `dataOffset` is where its packed bytes start. */
export type ZipEntry = ZipMember & {
  readonly headerOffset: number;
  readonly dataOffset: number;
  readonly dataDescriptor: boolean;
  /** Its entry in the directory as it lies in the file, extra fields and comment included. */
  readonly central: Uint8Array;
};

/** An opened zip. Folders are not entries. `slack` counts bytes that belong to no member (prefix, gaps, comment). */
export type ZipArchive = {
  readonly source: ByteSource;
  readonly entries: readonly ZipEntry[];
  /** Members whose names end in a slash, in the order of the file like `entries`. */
  readonly folderEntries: readonly ZipEntry[];
  readonly folders: number;
  readonly directoryOffset: number;
  readonly slack: number;
};

/** What a member is made of: its digest and its first bytes, enough to tell the kind of file. */
export type MemberScan = { readonly sha256: string; readonly head: Buffer };

type CentralEntry = ZipMember & { headerOffset: number; flags: number; central: Uint8Array };

const commentBytesMax = 0xffff;
const chunkBytes = 2 ** 20;
const inMemoryBytesMax = 4 * 2 ** 20;
const headBytes = 64;
/** Reads of local headers at the same time. */
const headersAtOnce = 64;
/** Local headers that lie this near are one read, which costs more than the bytes between them; runs have an end, too. */
const headerGapMax = 16 * 1024;
const headerRunMax = 256 * 1024;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads and checks the directory of a zip: limits, paths, duplicates, encryption, links, overlaps, and that every local
 * header says what the directory says. Data descriptors are read; zip64 is read only in member fields.
 * @errors throws ArchiveRefused
 */
export async function openZip(source: ByteSource, limits: ArchiveLimits): Promise<ZipArchive> {
  if (source.size > limits.archiveBytesMax) {
    throw new ArchiveRefused('too-big', `more than ${limits.archiveBytesMax} bytes`);
  }
  const end = await findEnd(source);
  if (end.count > limits.entriesMax) throw new ArchiveRefused('too-big', `more than ${limits.entriesMax} members`);
  const central = parseDirectory(await source.read(end.directoryOffset, end.directoryBytes), end.count);
  checkTotals({
    entries: central.length, packed: source.size, unpacked: central.reduce((sum, one) => sum + one.bytes, 0),
  }, limits);
  checkNames(central);
  const entries: ZipEntry[] = [];
  const folderEntries: ZipEntry[] = [];
  let position = 0;
  let covered = end.directoryBytes + endRecordBytes;
  const sorted = central.toSorted((left, right) => left.headerOffset - right.headerOffset);
  const runs = headerRuns(sorted);
  for (let first = 0; first < runs.length; first += headersAtOnce) {
    const some = runs.slice(first, first + headersAtOnce);
    const read = await Promise.all(some.map(async ({ start, end, members }) => ({ start, members, bytes: await source.read(start, end - start) })));
    for (const { one, header } of read.flatMap(headersIn)) {
      if (one.headerOffset < position) throw new ArchiveRefused('corrupt', 'it overlaps another member', one.name);
      const entry = readLocal(header, one);
      position = entry.dataOffset + entry.compressedBytes;
      covered += position - one.headerOffset;
      if (position > end.directoryOffset) throw new ArchiveRefused('corrupt', 'it runs into the directory', one.name);
      (one.name.endsWith('/') ? folderEntries : entries).push(entry);
    }
  }
  return {
    source, entries, folderEntries, folders: folderEntries.length, directoryOffset: end.directoryOffset,
    slack: source.size - covered,
  };
}

/** Members whose local headers are one read, `start` to `end` of the file. */
type HeaderRun = { readonly start: number; readonly end: number; readonly members: readonly CentralEntry[] };

const headerEnd = ({ headerOffset, nameBytes }: CentralEntry): number => headerOffset + localHeaderBytes + nameBytes.length;

/** @shape sorted: by their place in the file */
function headerRuns(sorted: readonly CentralEntry[]): HeaderRun[] {
  const runs: { start: number; end: number; members: CentralEntry[] }[] = [];
  for (const one of sorted) {
    const run = runs.at(-1);
    const near = run !== undefined && one.headerOffset - run.end < headerGapMax && headerEnd(one) - run.start < headerRunMax;
    if (near) {
      run.members.push(one);
      run.end = Math.max(run.end, headerEnd(one));
    } else runs.push({ start: one.headerOffset, end: headerEnd(one), members: [one] });
  }
  return runs;
}

const headersIn = ({ start, members, bytes }: Pick<HeaderRun, 'start' | 'members'> & { readonly bytes: Buffer }) =>
  members.map((one) => ({ one, header: bytes.subarray(one.headerOffset - start, headerEnd(one) - start) }));

type EndRecord = { readonly count: number; readonly directoryBytes: number; readonly directoryOffset: number };

async function findEnd(source: ByteSource): Promise<EndRecord> {
  if (source.size < endRecordBytes) throw new ArchiveRefused('truncated', 'it is too short for a zip');
  const tailBytes = Math.min(source.size, endRecordBytes + commentBytesMax);
  const tail = await source.read(source.size - tailBytes, tailBytes);
  for (let at = tailBytes - endRecordBytes; at >= 0; at -= 1) {
    if (tail.readUInt32LE(at) !== signatures.end) continue;
    if (at + endRecordBytes + tail.readUInt16LE(at + 20) !== tailBytes) continue;
    const [disk, count, total] = [tail.readUInt16LE(at + 4), tail.readUInt16LE(at + 8), tail.readUInt16LE(at + 10)];
    const [directoryBytes, directoryOffset] = [tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)];
    if (disk !== 0 || count !== total) throw new ArchiveRefused('unsupported', 'it has several parts');
    if (count === 0xffff || directoryOffset === 0xffffffff) throw new ArchiveRefused('too-big', 'it needs zip64');
    if (directoryOffset + directoryBytes !== source.size - tailBytes + at) {
      if (hasZip64End(tail, at)) throw new ArchiveRefused('unsupported', 'it has a zip64 end record');
      throw new ArchiveRefused('corrupt', 'its directory is not where its end record says');
    }
    return { count, directoryBytes, directoryOffset };
  }
  throw new ArchiveRefused('truncated', 'it has no end record');
}

function hasZip64End(tail: Buffer, endAt: number): boolean {
  return endAt >= 20 && tail.readUInt32LE(endAt - 20) === signatures.zip64Locator;
}

function parseDirectory(bytes: Buffer, count: number): CentralEntry[] {
  const entries: CentralEntry[] = [];
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    if (at + centralHeaderBytes > bytes.length || bytes.readUInt32LE(at) !== signatures.central) {
      throw new ArchiveRefused('corrupt', `entry ${index + 1} of its directory is damaged`);
    }
    const lengths = [bytes.readUInt16LE(at + 28), bytes.readUInt16LE(at + 30), bytes.readUInt16LE(at + 32)] as const;
    const size = centralHeaderBytes + lengths[0] + lengths[1] + lengths[2];
    if (at + size > bytes.length) throw new ArchiveRefused('corrupt', `entry ${index + 1} of its directory is cut off`);
    entries.push(parseCentral(bytes.subarray(at, at + size), lengths[0], lengths[1]));
    at += size;
  }
  if (at !== bytes.length) throw new ArchiveRefused('corrupt', 'its directory has more entries than it says');
  return entries;
}

function parseCentral(bytes: Buffer, nameLength: number, extraLength: number): CentralEntry {
  const nameBytes = Uint8Array.from(bytes.subarray(centralHeaderBytes, centralHeaderBytes + nameLength));
  const name = decodeName(nameBytes);
  const [flags, method] = [bytes.readUInt16LE(8), bytes.readUInt16LE(10)];
  const externalAttributes = bytes.readUInt32LE(38);
  checkMemberPath(name);
  if ((flags & 0x2041) !== 0) throw new ArchiveRefused('unsupported', 'it is encrypted', name);
  if (method !== 0 && method !== 8) throw new ArchiveRefused('unsupported', `it is packed by method ${method}`, name);
  const kind = (externalAttributes >>> 16) & 0o170000;
  if (kind !== 0 && kind !== 0o100000 && kind !== 0o040000) {
    throw new ArchiveRefused('climbs', 'it is a link or a device', name);
  }
  const extra = bytes.subarray(centralHeaderBytes + nameLength, centralHeaderBytes + nameLength + extraLength);
  const wide = zip64Fields(extra, [bytes.readUInt32LE(24), bytes.readUInt32LE(20), bytes.readUInt32LE(42)], name);
  const [size = 0, compressedBytes = 0, headerOffset = 0] = wide;
  if (method === 0 && size !== compressedBytes) throw new ArchiveRefused('corrupt', 'its two sizes differ', name);
  return {
    name, nameBytes, method, flags, externalAttributes, central: bytes, headerOffset, compressedBytes, bytes: size,
    crc32: bytes.readUInt32LE(16), modified: fromDosTime(bytes.readUInt16LE(14), bytes.readUInt16LE(12)),
  };
}

function decodeName(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ArchiveRefused('unsupported', 'a member name is not UTF-8');
  }
}

/** Replaces fields of all ones by the values of the zip64 extra field, in its order. */
function zip64Fields(extra: Buffer, values: readonly number[], name: string): number[] {
  if (!values.includes(0xffffffff)) return [...values];
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    const field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
    let next = 0;
    return values.map((value) => {
      if (value !== 0xffffffff) return value;
      if (next + 8 > field.length) throw new ArchiveRefused('corrupt', 'its zip64 field is too short', name);
      next += 8;
      return Number(field.readBigUInt64LE(next - 8));
    });
  }
  throw new ArchiveRefused('corrupt', 'its zip64 field is missing', name);
}

function checkNames(entries: readonly CentralEntry[]): void {
  const names = new Set<string>();
  for (const { name } of entries) {
    const bare = name.replace(/\/$/, '');
    if (names.has(bare)) throw new ArchiveRefused('corrupt', 'there are two members of this name', name);
    names.add(bare);
  }
  const files = new Set(entries.filter(({ name }) => !name.endsWith('/')).map(({ name }) => name));
  for (const { name } of entries) {
    for (let slash = name.indexOf('/'); slash !== -1; slash = name.indexOf('/', slash + 1)) {
      const folder = name.slice(0, slash);
      if (files.has(folder)) throw new ArchiveRefused('corrupt', 'it is a file and a folder', folder);
    }
  }
}

function readLocal(header: Buffer, entry: CentralEntry): ZipEntry {
  const { name, nameBytes, headerOffset } = entry;
  const flags = header.readUInt16LE(6);
  const dataDescriptor = (flags & 8) !== 0;
  if ((flags & 0x2041) !== 0) throw new ArchiveRefused('unsupported', 'it is encrypted', name);
  const sizes = [header.readUInt32LE(14), header.readUInt32LE(18), header.readUInt32LE(22)];
  const expected = [entry.crc32, entry.compressedBytes, entry.bytes];
  const agrees = sizes.every((size, index) => size === expected[index] || (index > 0 && size === 0xffffffff));
  const same = header.readUInt32LE(0) === signatures.local && header.readUInt16LE(8) === entry.method
    && header.readUInt16LE(26) === nameBytes.length && header.subarray(localHeaderBytes).equals(nameBytes);
  if (!same || (!dataDescriptor && !agrees)) {
    throw new ArchiveRefused('corrupt', 'its header and the directory differ', name);
  }
  const { flags: _, ...member } = entry;
  const dataOffset = headerOffset + header.length + header.readUInt16LE(28);
  return { ...member, dataDescriptor, dataOffset };
}

/** The packed bytes of a member as they lie in the file, in chunks. */
export async function* rawChunks(archive: ZipArchive, entry: ZipEntry): AsyncGenerator<Buffer> {
  for (let done = 0; done < entry.compressedBytes;) {
    const length = Math.min(chunkBytes, entry.compressedBytes - done);
    yield await archive.source.read(entry.dataOffset + done, length);
    done += length;
  }
}

/** Unpacks a member into memory and checks size and CRC. @errors throws ArchiveRefused, too-big above `bytesMax` */
export async function readMember(archive: ZipArchive, entry: ZipEntry, bytesMax: number): Promise<Buffer> {
  if (entry.bytes > bytesMax) throw new ArchiveRefused('too-big', `it has more than ${bytesMax} bytes`, entry.name);
  return unpack(entry, await archive.source.read(entry.dataOffset, entry.compressedBytes));
}

function unpack(entry: ZipEntry, packed: Buffer): Buffer {
  let bytes = packed;
  if (entry.method === 8) {
    try {
      bytes = inflateRawSync(packed, { maxOutputLength: Math.max(entry.bytes, 1), finishFlush: constants.Z_FINISH });
    } catch {
      throw new ArchiveRefused('corrupt', 'it cannot be unpacked to the size it states', entry.name);
    }
  }
  if (bytes.length !== entry.bytes || crc32(bytes) !== entry.crc32) {
    throw new ArchiveRefused('corrupt', 'its size or checksum is wrong', entry.name);
  }
  return bytes;
}

/**
 * Reads a member once: hands its packed bytes on, unpacks them, checks size and CRC, and hashes what comes out.
 * Large members are streamed. @errors throws ArchiveRefused
 */
export async function scanMember(
  archive: ZipArchive, entry: ZipEntry, onRaw: (chunk: Buffer) => Promise<void> = async () => undefined,
): Promise<MemberScan> {
  if (Math.max(entry.compressedBytes, entry.bytes) > inMemoryBytesMax) return scanStream(archive, entry, onRaw);
  const packed = await archive.source.read(entry.dataOffset, entry.compressedBytes);
  const bytes = unpack(entry, packed);
  await onRaw(packed);
  return { sha256: createHash('sha256').update(bytes).digest('hex'), head: Buffer.from(bytes.subarray(0, headBytes)) };
}

async function scanStream(
  archive: ZipArchive, entry: ZipEntry, onRaw: (chunk: Buffer) => Promise<void>,
): Promise<MemberScan> {
  const hash = createHash('sha256');
  let [size, sum, head] = [0, 0, Buffer.alloc(0)];
  const take = async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      size += chunk.length;
      if (size > entry.bytes) throw new ArchiveRefused('corrupt', 'it is larger than it states', entry.name);
      sum = crc32(chunk, sum);
      hash.update(chunk);
      if (head.length < headBytes) head = Buffer.concat([head, chunk.subarray(0, headBytes - head.length)]);
    }
  };
  async function* packed(): AsyncGenerator<Buffer> {
    for await (const chunk of rawChunks(archive, entry)) {
      await onRaw(chunk);
      yield chunk;
    }
  }
  try {
    if (entry.method === 0) await take(packed());
    else await pipeline(packed, createInflateRaw({ chunkSize: 256 * 1024 }), take);
  } catch (error) {
    if ((error as { code?: unknown }).code?.toString().startsWith('Z_') !== true) throw error;
    throw new ArchiveRefused('corrupt', 'it cannot be unpacked', entry.name);
  }
  if (size !== entry.bytes || sum !== entry.crc32) {
    throw new ArchiveRefused('corrupt', 'its size or checksum is wrong', entry.name);
  }
  return { sha256: hash.digest('hex'), head };
}
