/**
 * Wheels with edited metadata that are stored as parts of their original and a few bytes of their own.
 * @source docs/spec-respin.md, "Virtual wheel"
 */
import { createHash } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import { crc32, deflateRawSync } from 'node:zlib';
import { withHeader } from '../../domain/edit-text.ts';
import { postFilename, respinFilename } from '../../domain/edit-delivery.ts';
import { printRecord, recordEntry } from '../../domain/record.ts';
import type { RecordEntry } from '../../domain/record.ts';
import { farmSbomPath, centralEntry, endRecord, localHeader, localHeaderBytes, placedBytes } from '../../domain/zip-layout.ts';
import type { PlacedMember } from '../../domain/zip-layout.ts';
import type { ByteSource } from './byte-source.ts';
import { ArchiveRefused } from './limits.ts';
import type { OpenedWheel } from './payload.ts';
import { finishPrefix } from './resumed-sha256.ts';
import type { ByteRange } from './resumed-sha256.ts';
import { newMember } from './zip-write.ts';
import type { NewMember } from './zip-write.ts';

/** Bytes of the original wheel or of the virtual wheel's own bytes. */
export type VirtualPart = ByteRange & { readonly from: 'original' | 'own' };

/** A wheel that is not written anywhere: its file is `parts` in their order. `own` is all that must be stored. */
export type VirtualWheel = {
  readonly filename: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly originalSha256: string;
  readonly parts: readonly VirtualPart[];
  readonly own: Buffer;
  readonly metadata: string;
  readonly metadataSha256: string;
  readonly payloadDigest: string;
};

export type RespinOrder = {
  /** The whole new METADATA; its Name and Version are the original's. */
  readonly metadata: string;
  readonly buildTag: number;
  /** @unit seconds since 1970: time of the new members; equal orders give equal bytes */
  readonly sourceDateEpoch: number;
};

export type PostOrder = Omit<RespinOrder, 'buildTag'> & {
  readonly version: string;
  /** The farm's SBOM of the new version; null where the original has none. */
  readonly sbom: string | null;
};

const chunkBytes = 2 ** 20;
/** Of the members that every edit packs anew: level 6 takes twice the time for 3 % fewer bytes of METADATA. */
const tailLevel = 4;
const zipBytesMax = 0xfffffffe;

/**
 * The wheel under the same version with a build tag. Reads nothing and writes nothing: the digest comes from the saved
 * state of the payload. METADATA is taken as given; `editMetadata` made it.
 * @errors throws ArchiveRefused where it would need zip64
 */
export function respinWheel(wheel: OpenedWheel, order: RespinOrder): VirtualWheel {
  const { distInfo } = wheel.checked;
  const payloadBytes = wheel.stored.prefix.bytes;
  const wheelText = withHeader(wheel.texts.wheel, 'Build', String(order.buildTag));
  const texts = textMembers(distInfo, [['METADATA', order.metadata], ['WHEEL', wheelText]], order.sourceDateEpoch);
  const members = [...texts.members, ...(wheel.sbom === null ? [] : [wheel.sbom.one])];
  const lines = [...texts.lines, ...(wheel.sbom === null ? [] : [wheel.sbom.line])];
  const record = recordAfterHead(wheel, distInfo, lines, order.sourceDateEpoch);
  const own = tailOf(payloadBytes, [...members, record], wheel.payload.length, wheel.directory);
  const originals = wheel.ranges.map((range) => ({ ...range, from: 'original' as const }));
  return {
    filename: respinFilename(wheel.filename, order.buildTag), sha256: finishPrefix(wheel.stored.prefix, own),
    bytes: payloadBytes + own.length, originalSha256: wheel.sha256, own,
    parts: [...originals, { from: 'own', offset: 0, bytes: own.length }],
    metadata: order.metadata, metadataSha256: texts.metadataSha256, payloadDigest: wheel.stored.digest,
  };
}

function textMembers(distInfo: string, texts: readonly (readonly [string, string])[], epoch: number) {
  const members: NewMember[] = [];
  const lines: RecordEntry[] = [];
  let metadataSha256 = '';
  for (const [name, text] of texts) {
    const path = `${distInfo}/${name}`;
    const bytes = Buffer.from(text, 'utf8');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (name === 'METADATA') metadataSha256 = sha256;
    members.push(newMember(path, bytes, epoch, tailLevel));
    lines.push(recordEntry({ path, sha256, size: bytes.length }));
  }
  return { members, lines, metadataSha256 };
}

/** RECORD: the payload's lines were packed once; a full flush lets a second stream end what the first began. */
function recordAfterHead(wheel: OpenedWheel, distInfo: string, lines: readonly RecordEntry[], epoch: number): NewMember {
  const rest = Buffer.from(printRecord([...lines, { path: `${distInfo}/RECORD`, hash: '', size: null }]), 'utf8');
  const packed = Buffer.concat([wheel.recordHead.packed, deflateRawSync(rest, { level: tailLevel })]);
  const { member } = newMember(`${distInfo}/RECORD`, Buffer.alloc(0), epoch);
  return {
    packed,
    member: {
      ...member, method: 8, crc32: crc32(rest, wheel.recordHead.crc32), compressedBytes: packed.length,
      bytes: wheel.recordHead.bytes + rest.length,
    },
  };
}

/** New members behind the payload, then the directory of all. */
function tailOf(start: number, members: readonly NewMember[], payloadMembers: number, directory: Buffer): Buffer {
  let position = start;
  const placed: PlacedMember[] = [];
  const chunks: Uint8Array[] = [];
  for (const { member, packed } of members) {
    placed.push({ member, offset: position });
    chunks.push(localHeader(member), packed);
    position += placedBytes(member);
  }
  const entries = placed.map(centralEntry);
  const directoryBytes = directory.length + entries.reduce((sum, one) => sum + one.length, 0);
  if (position + directoryBytes > zipBytesMax) throw new ArchiveRefused('too-big', 'it would need zip64');
  return Buffer.concat([
    ...chunks, directory, ...entries, endRecord(payloadMembers + members.length, directoryBytes, position),
  ]);
}

/**
 * The wheel as a post-release: `.dist-info` and `.data` are renamed, so some headers are new bytes between ranges of the
 * original. Its digest is taken of all bytes.
 * @errors throws ArchiveRefused where the SBOM of the new version is missing, or it would need zip64
 */
export async function postWheel(wheel: OpenedWheel, order: PostOrder): Promise<VirtualWheel> {
  if (wheel.sbom !== null && order.sbom === null) {
    throw new ArchiveRefused('unsupported', 'its SBOM names the old version and no new one was given');
  }
  const stem = wheel.checked.distInfo.slice(0, -'.dist-info'.length);
  const fresh = `${stem.slice(0, stem.lastIndexOf('-'))}-${order.version.replaceAll('-', '_')}`;
  const folders = [`${stem}.dist-info/`, `${stem}.data/`];
  const rename = (path: string) => (folders.some((one) => path.startsWith(one)) ? fresh + path.slice(stem.length) : path);
  const moved = await movedPayload(wheel, rename);
  const wheelText = withHeader(wheel.texts.wheel, 'Build', null);
  const distInfo = `${fresh}.dist-info`;
  const metadata = withHeader(order.metadata, 'Version', order.version);
  const texts = textMembers(distInfo, [
    ['METADATA', metadata], ['WHEEL', wheelText], ...(order.sbom === null ? [] : [[farmSbomPath, order.sbom] as const]),
  ], order.sourceDateEpoch);
  const lines = [...wheel.record.map((one) => ({ ...one, path: rename(one.path) })), ...texts.lines];
  const recordText = printRecord([...lines, { path: `${distInfo}/RECORD`, hash: '', size: null }]);
  const record = newMember(`${distInfo}/RECORD`, Buffer.from(recordText, 'utf8'), order.sourceDateEpoch, tailLevel);
  const tail = tailOf(moved.bytes, [...texts.members, record], wheel.payload.length, moved.directory);
  const ownBefore = moved.own.reduce((sum, one) => sum + one.length, 0);
  const made = {
    filename: postFilename(wheel.filename, order.version), bytes: moved.bytes + tail.length,
    originalSha256: wheel.sha256, own: Buffer.concat([...moved.own, tail]), metadata,
    parts: [...moved.parts, { from: 'own' as const, offset: ownBefore, bytes: tail.length }],
    metadataSha256: texts.metadataSha256, payloadDigest: wheel.stored.digest,
  };
  const hash = createHash('sha256');
  for await (const chunk of readVirtual(made, wheel.archive.source)) hash.update(chunk);
  return { ...made, sha256: hash.digest('hex') };
}

/** The payload with renamed members: new local headers and directory entries for those, ranges for the rest. */
async function movedPayload(wheel: OpenedWheel, rename: (path: string) => string) {
  const parts: VirtualPart[] = [];
  const own: Buffer[] = [];
  const directory: Buffer[] = [];
  let [position, ownBytes] = [0, 0];
  const push = (part: VirtualPart) => {
    const last = parts.at(-1);
    if (last !== undefined && last.from === part.from && last.offset + last.bytes === part.offset) {
      parts[parts.length - 1] = { ...last, bytes: last.bytes + part.bytes };
    } else if (part.bytes > 0) parts.push(part);
  };
  for (const { entry, bytes } of wheel.payload) {
    const name = Buffer.from(rename(entry.name), 'utf8');
    const headerBytes = entry.dataOffset - entry.headerOffset;
    const central = withName(Buffer.from(entry.central), 28, 46, entry.nameBytes.length, name);
    central.writeUInt32LE(position, 42);
    directory.push(central);
    if (name.equals(entry.nameBytes)) {
      push({ from: 'original', offset: entry.headerOffset, bytes });
      position += bytes;
      continue;
    }
    const old = await wheel.archive.source.read(entry.headerOffset, headerBytes);
    const header = withName(old, 26, localHeaderBytes, entry.nameBytes.length, name);
    own.push(header);
    push({ from: 'own', offset: ownBytes, bytes: header.length });
    push({ from: 'original', offset: entry.dataOffset, bytes: bytes - headerBytes });
    ownBytes += header.length;
    position += header.length + bytes - headerBytes;
  }
  return { parts, own, directory: Buffer.concat(directory), bytes: position };
}

/** A header with another name; what stands around the name is kept. */
function withName(header: Buffer, lengthAt: number, nameAt: number, oldBytes: number, name: Buffer): Buffer {
  const renamed = Buffer.concat([header.subarray(0, nameAt), name, header.subarray(nameAt + oldBytes)]);
  renamed.writeUInt16LE(name.length, lengthAt);
  return renamed;
}

/**
 * The bytes of a virtual wheel, or a range of them, in chunks. Only the original's ranges that are asked for are read.
 * @shape range: within the wheel; absent gives all of it
 */
export async function* readVirtual(
  wheel: Pick<VirtualWheel, 'parts' | 'own' | 'bytes'>, original: ByteSource, range?: ByteRange,
): AsyncGenerator<Buffer> {
  const from = range?.offset ?? 0;
  const to = from + (range?.bytes ?? wheel.bytes);
  if (from < 0 || to > wheel.bytes) throw new RangeError(`bytes ${from} to ${to} of ${wheel.bytes}`);
  let position = 0;
  for (const part of wheel.parts) {
    const start = Math.max(from - position, 0);
    const stop = Math.min(to - position, part.bytes);
    for (let at = start; at < stop; at += chunkBytes) {
      const length = Math.min(chunkBytes, stop - at);
      yield part.from === 'own'
        ? wheel.own.subarray(part.offset + at, part.offset + at + length)
        : await original.read(part.offset + at, length);
    }
    position += part.bytes;
  }
}

/** A virtual wheel as a source, so that it can be opened, checked and edited like a file. */
export function virtualSource(wheel: VirtualWheel, original: ByteSource): ByteSource {
  return {
    size: wheel.bytes,
    async read(offset, bytes) {
      if (offset + bytes > wheel.bytes) throw new ArchiveRefused('truncated', 'the file ends too early');
      const chunks: Buffer[] = [];
      for await (const chunk of readVirtual(wheel, original, { offset, bytes })) chunks.push(chunk);
      return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    },
    close: () => original.close(),
  };
}

/**
 * Writes a virtual wheel to a file that must not exist; its digest is checked while writing.
 * @errors throws ArchiveRefused where the original is not what it was, and leaves no file
 */
export async function writeVirtual(wheel: VirtualWheel, original: ByteSource, path: string): Promise<void> {
  const handle = await open(path, 'wx');
  let whole = false;
  try {
    const hash = createHash('sha256');
    for await (const chunk of readVirtual(wheel, original)) {
      hash.update(chunk);
      for (let done = 0; done < chunk.length;) done += (await handle.write(chunk, done)).bytesWritten;
    }
    whole = hash.digest('hex') === wheel.sha256;
    if (!whole) throw new ArchiveRefused('corrupt', `${wheel.filename} does not have its digest: the original was changed`);
  } finally {
    await handle.close();
    if (!whole) await unlink(path);
  }
}
