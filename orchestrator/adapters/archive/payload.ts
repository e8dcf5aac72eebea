/**
 * The payload of a wheel: what an edit of metadata leaves alone, byte for byte. Reading it is the one slow pass over a
 * wheel, done once; edits afterwards touch only the tail.
 * @source docs/spec-respin.md, "Payload"
 */
import { createHash } from 'node:crypto';
import { crc32, deflateRawSync, constants } from 'node:zlib';
import { holdsControl } from '../../domain/edit-text.ts';
import { parseRecord, printRecord } from '../../domain/record.ts';
import type { RecordEntry } from '../../domain/record.ts';
import { err, ok } from '../../domain/result.ts';
import type { Result } from '../../domain/result.ts';
import { checkIdentity, checkRecord } from '../../domain/wheel-check.ts';
import type { CheckedWheel, ExpectedWheel, WheelFault, WheelTexts } from '../../domain/wheel-check.ts';
import { farmSbomPath, isPayload, signatures } from '../../domain/zip-layout.ts';
import type { ByteSource } from './byte-source.ts';
import { readTexts } from './describe.ts';
import { ArchiveRefused, archiveLimits } from './limits.ts';
import type { ArchiveLimits } from './limits.ts';
import { PrefixRecorder, checkAgainstOriginal, checkPrefix } from './resumed-sha256.ts';
import type { ByteRange, SavedPrefix } from './resumed-sha256.ts';
import { openZip, readMember, scanMember } from './zip-read.ts';
import type { ZipArchive, ZipEntry } from './zip-read.ts';
import { newMember } from './zip-write.ts';
import type { NewMember } from './zip-write.ts';

/** A member of the payload. @shape mode: upper half of the external attributes; packedSha256: of the compressed bytes */
export type PayloadMember = {
  readonly name: string;
  readonly mode: number;
  readonly method: number;
  readonly crc32: number;
  readonly bytes: number;
  readonly packedBytes: number;
  readonly packedSha256: string;
};

/** A payload member and the bytes it takes: header, packed bytes, data descriptor. */
export type PlacedPayload = { readonly entry: ZipEntry; readonly bytes: number };

/** What is kept of a payload, so that the next edit need not read it. Plain JSON. */
export type StoredPayload = {
  /** SHA-256 of `payloadText`, the same before and after every edit. */
  readonly digest: string;
  /** SHA-256 of the original's directory, which states every member's CRC, size, method and mode. */
  readonly directorySha256: string;
  readonly prefix: SavedPrefix;
};

/** The part of RECORD that a respin does not change, packed so that the rest can follow it. */
export type RecordHead = { readonly packed: Buffer; readonly crc32: number; readonly bytes: number };

/** A wheel made ready for edits; everything but the payload is in memory. */
export type OpenedWheel = {
  readonly filename: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly checked: CheckedWheel;
  readonly texts: WheelTexts;
  readonly archive: ZipArchive;
  readonly payload: readonly PlacedPayload[];
  readonly ranges: readonly ByteRange[];
  readonly stored: StoredPayload;
  /** Lines of RECORD about the payload. */
  readonly record: readonly RecordEntry[];
  readonly recordHead: RecordHead;
  /** Directory entries of the payload with the offsets that they have when the payload comes first. */
  readonly directory: Buffer;
  /** The farm's own SBOM, packed, and its line of RECORD. */
  readonly sbom: { readonly one: NewMember; readonly line: RecordEntry } | null;
  /** What an edit will not carry over, in words: signatures of RECORD, bytes outside members. */
  readonly notes: readonly string[];
};

export type OpenOrder = {
  readonly source: ByteSource;
  readonly filename: string;
  readonly sha256: string;
  readonly expected: ExpectedWheel;
  readonly limits?: ArchiveLimits;
};

const sbomBytesMax = 32 * 2 ** 20;
const chunkBytes = 2 ** 20;
const descriptorBytesMax = 24;

/**
 * Reads a wheel whole, once: every member is unpacked and compared with its CRC, size and RECORD; the payload's digest
 * and the state of SHA-256 behind it are computed on the way. Close the source yourself, when no edit needs it any more.
 * @errors FARM_WHEEL_NAME, FARM_WHEEL_VERSION, FARM_WHEEL_TAG, FARM_WHEEL_BROKEN with what cannot be handled by name
 */
export async function openWheel(order: OpenOrder): Promise<Result<OpenedWheel, WheelFault>> {
  return guarded(order.filename, async () => {
    const read = await readDirectory(order);
    if (!read.ok) return read;
    const { archive, checked, texts, payload } = read.value;
    const scanned = await scanPayload(archive, checked.distInfo, payload);
    const others = [];
    for (const entry of archive.entries.filter((one) => !isPayload(one.name, checked.distInfo))) {
      others.push({ path: entry.name, sha256: (await scanMember(archive, entry)).sha256, size: entry.bytes });
    }
    const record = checkRecord(order.filename, texts.record, [...scanned.digests, ...others]);
    if (!record.ok) return record;
    if (await digestOf(order.source, { offset: 0, bytes: order.source.size }) !== order.sha256) {
      throw new ArchiveRefused('corrupt', 'its digest is not the one it is kept under');
    }
    const stored = {
      digest: payloadDigest(scanned.members, checked.distInfo),
      directorySha256: await directoryDigest(archive),
      prefix: scanned.recorder.save(order.sha256, rangesOf(payload)),
    };
    return ok(await complete(order, read.value, stored));
  });
}

/**
 * Opens a wheel again without reading its payload: what was stored is checked against the directory, against itself and,
 * where the payload starts the file, by finishing the original's own tail.
 * @errors as `openWheel`; FARM_WHEEL_BROKEN too where what was stored does not fit: then open it anew
 */
export async function reopenWheel(order: OpenOrder, stored: StoredPayload): Promise<Result<OpenedWheel, WheelFault>> {
  return guarded(order.filename, async () => {
    const read = await readDirectory(order);
    if (!read.ok) return read;
    const ranges = rangesOf(read.value.payload);
    const prefix = checkPrefix(stored.prefix, { ofSha256: order.sha256, ranges });
    if (!prefix.ok) throw new ArchiveRefused('corrupt', `the kept state of its payload: ${prefix.error.why}`);
    if (await directoryDigest(read.value.archive) !== stored.directorySha256) {
      throw new ArchiveRefused('corrupt', 'its directory is not the one that was read before');
    }
    if (ranges.length === 1 && ranges[0]?.offset === 0) {
      const { bytes } = stored.prefix;
      const tail = checkAgainstOriginal(stored.prefix, await order.source.read(bytes, order.source.size - bytes));
      if (!tail.ok) throw new ArchiveRefused('corrupt', `the kept state of its payload: ${tail.error.why}`);
    }
    return ok(await complete(order, read.value, stored));
  });
}

async function guarded<T>(
  file: string, body: () => Promise<Result<T, WheelFault>>,
): Promise<Result<T, WheelFault>> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof ArchiveRefused)) throw error;
    return err({ code: 'FARM_WHEEL_BROKEN', words: { file, why: error.message } });
  }
}

type ReadWheel = {
  readonly archive: ZipArchive;
  readonly checked: CheckedWheel;
  readonly texts: WheelTexts;
  readonly payload: readonly PlacedPayload[];
};

async function readDirectory(order: OpenOrder): Promise<Result<ReadWheel, WheelFault>> {
  const archive = await openZip(order.source, order.limits ?? archiveLimits);
  const all = [...archive.entries, ...archive.folderEntries].toSorted((a, b) => a.headerOffset - b.headerOffset);
  for (const entry of all) refuseOdd(entry);
  const texts = await readTexts(order.filename, archive);
  if (!texts.ok) return texts;
  const checked = checkIdentity(order.filename, texts.value.distInfo, texts.value, order.expected);
  if (!checked.ok) return checked;
  const payload: PlacedPayload[] = [];
  for (const [index, entry] of all.entries()) {
    if (!isPayload(entry.name, checked.value.distInfo)) continue;
    const end = entry.dataOffset + entry.compressedBytes;
    const room = (all[index + 1]?.headerOffset ?? archive.directoryOffset) - end;
    const descriptor = entry.dataDescriptor ? await descriptorBytes(order.source, entry, end, room) : 0;
    payload.push({ entry, bytes: end + descriptor - entry.headerOffset });
  }
  return ok({ archive, checked: checked.value, texts: texts.value, payload });
}

/** What could be kept only by changing it, or would be read differently by different installers. */
function refuseOdd(entry: ZipEntry): void {
  const view = new DataView(entry.central.buffer, entry.central.byteOffset, entry.central.byteLength);
  const nonAscii = entry.nameBytes.some((byte) => byte > 0x7f);
  if (nonAscii && (view.getUint16(8, true) & 0x800) === 0) {
    throw new ArchiveRefused('unsupported', 'its name is not ASCII and not marked as UTF-8', entry.name);
  }
  if (holdsControl(entry.name)) {
    throw new ArchiveRefused('unsupported', 'its name holds a control character', entry.name);
  }
  if (view.getUint32(42, true) === 0xffffffff) {
    throw new ArchiveRefused('unsupported', 'its place stands in a zip64 field', entry.name);
  }
  if (entry.name.endsWith('/') && entry.bytes > 0) {
    throw new ArchiveRefused('unsupported', 'it is a folder with content', entry.name);
  }
}

/** Length of a data descriptor: with or without signature, sizes of four or eight bytes. @source APPNOTE 4.3.9 */
async function descriptorBytes(source: ByteSource, entry: ZipEntry, at: number, room: number): Promise<number> {
  const bytes = await source.read(at, Math.min(room, descriptorBytesMax));
  const forms = [[16, 4, false], [24, 8, false], [12, 4, true], [20, 8, true]] as const;
  for (const [length, width, bare] of forms) {
    if (bytes.length < length) continue;
    const start = bare ? 0 : 4;
    if (!bare && bytes.readUInt32LE(0) !== signatures.descriptor) continue;
    const size = (offset: number) => (width === 4 ? bytes.readUInt32LE(offset) : Number(bytes.readBigUInt64LE(offset)));
    if (bytes.readUInt32LE(start) === entry.crc32 && size(start + 4) === entry.compressedBytes
      && size(start + 4 + width) === entry.bytes) return length;
  }
  throw new ArchiveRefused('corrupt', 'its data descriptor is missing or differs from the directory', entry.name);
}

/** The farm's own SBOM of an opened wheel, or null. */
export async function sbomText({ archive, checked: { distInfo } }: OpenedWheel): Promise<string | null> {
  const entry = archive.entries.find(({ name }) => name === `${distInfo}/${farmSbomPath}`);
  return entry === undefined ? null : (await readMember(archive, entry, sbomBytesMax)).toString('utf8');
}

/** Where the payload lies, neighbours joined. */
function rangesOf(payload: readonly PlacedPayload[]): ByteRange[] {
  const ranges: { offset: number; bytes: number }[] = [];
  for (const { entry, bytes } of payload) {
    const last = ranges.at(-1);
    if (last !== undefined && last.offset + last.bytes === entry.headerOffset) last.bytes += bytes;
    else ranges.push({ offset: entry.headerOffset, bytes });
  }
  return ranges;
}

async function scanPayload(archive: ZipArchive, distInfo: string, payload: readonly PlacedPayload[]) {
  const recorder = new PrefixRecorder();
  const members: PayloadMember[] = [];
  const digests: { path: string; sha256: string; size: number }[] = [];
  for (const { entry, bytes } of payload) {
    recorder.update(await archive.source.read(entry.headerOffset, entry.dataOffset - entry.headerOffset));
    const packed = createHash('sha256');
    const { sha256 } = await scanMember(archive, entry, async (chunk) => {
      recorder.update(chunk);
      packed.update(chunk);
    });
    const end = entry.dataOffset + entry.compressedBytes;
    recorder.update(await archive.source.read(end, entry.headerOffset + bytes - end));
    members.push({
      name: entry.name, mode: entry.externalAttributes >>> 16, method: entry.method, crc32: entry.crc32,
      bytes: entry.bytes, packedBytes: entry.compressedBytes, packedSha256: packed.digest('hex'),
    });
    if (!entry.name.endsWith('/')) digests.push({ path: entry.name, sha256, size: entry.bytes });
  }
  return { recorder, members, digests };
}

/**
 * The text that the payload's digest is taken of: independent of offsets, times and of the version in folder names.
 * @source docs/spec-respin.md, "Payload digest"
 */
export function payloadText(members: readonly PayloadMember[], distInfo: string): string {
  const lines = members.map((one) => {
    const name = nameInDigest(one.name, distInfo);
    const crc = one.crc32.toString(16).padStart(8, '0');
    return `${one.mode.toString(8).padStart(6, '0')} ${one.method} ${crc} ${one.bytes} ${one.packedBytes} ${one.packedSha256} `
      + `${Buffer.byteLength(name)} ${name}\n`;
  });
  return `wheel-payload/1\n${lines.join('')}`;
}

/** No member's name starts with a slash, so these two cannot be met elsewhere. */
function nameInDigest(name: string, distInfo: string): string {
  const stem = distInfo.slice(0, -'.dist-info'.length);
  for (const folder of ['dist-info', 'data']) {
    if (name.startsWith(`${stem}.${folder}/`)) return `/${name.slice(stem.length + 1)}`;
  }
  return name;
}

/** SHA-256 of `payloadText`, in hex. */
export function payloadDigest(members: readonly PayloadMember[], distInfo: string): string {
  return createHash('sha256').update(payloadText(members, distInfo)).digest('hex');
}

async function digestOf(source: ByteSource, range: ByteRange): Promise<string> {
  const hash = createHash('sha256');
  for (let done = 0; done < range.bytes; done += chunkBytes) {
    hash.update(await source.read(range.offset + done, Math.min(chunkBytes, range.bytes - done)));
  }
  return hash.digest('hex');
}

const directoryDigest = ({ source, directoryOffset }: ZipArchive): Promise<string> =>
  digestOf(source, { offset: directoryOffset, bytes: source.size - directoryOffset });

/** The parts of an opened wheel that every respin of it shares. */
async function complete(order: OpenOrder, read: ReadWheel, stored: StoredPayload): Promise<OpenedWheel> {
  const { archive, checked, texts, payload } = read;
  const entries = parseRecord(texts.record);
  const lines = entries.ok ? entries.value : [];
  const record = lines.filter(({ path }) => isPayload(path, checked.distInfo));
  const head = Buffer.from(printRecord(record), 'utf8');
  const sbomPath = `${checked.distInfo}/${farmSbomPath}`;
  const [sbom, line] = [archive.entries.find(({ name }) => name === sbomPath), lines.find(({ path }) => path === sbomPath)];
  return {
    filename: order.filename, sha256: order.sha256, bytes: order.source.size, checked, texts, archive, payload, stored,
    ranges: rangesOf(payload), record, directory: placedDirectory(payload),
    recordHead: {
      packed: deflateRawSync(head, { level: 6, finishFlush: constants.Z_FULL_FLUSH }),
      crc32: crc32(head), bytes: head.length,
    },
    sbom: sbom === undefined || line === undefined ? null
      : { one: newMember(sbom.name, await readMember(archive, sbom, sbomBytesMax), sbom.modified), line },
    notes: notesOf(archive, checked.distInfo, payload),
  };
}

function placedDirectory(payload: readonly PlacedPayload[]): Buffer {
  let position = 0;
  return Buffer.concat(payload.map(({ entry, bytes }) => {
    const central = Buffer.from(entry.central);
    central.writeUInt32LE(position, 42);
    position += bytes;
    return central;
  }));
}

function notesOf(archive: ZipArchive, distInfo: string, payload: readonly PlacedPayload[]): string[] {
  const signed = archive.entries.filter(({ name }) => [`${distInfo}/RECORD.jws`, `${distInfo}/RECORD.p7s`].includes(name));
  const descriptors = payload.reduce((sum, { entry, bytes }) =>
    sum + entry.headerOffset + bytes - entry.dataOffset - entry.compressedBytes, 0);
  const loose = archive.slack - descriptors;
  return [
    ...signed.map(({ name }) => `${name} signs the old RECORD and is left out`),
    ...(loose > 0 ? [`${loose} bytes of the file belong to no member and are left out`] : []),
  ];
}
