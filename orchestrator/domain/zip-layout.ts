import { civilTime } from './utc.ts';

/** Byte layout of the zips that the farm writes. Everything is little endian. @source APPNOTE.TXT 6.3.10, 4.3 and 4.4 */

/** A member as a zip stores it. Times are seconds since 1970; the upper half of `externalAttributes` is the Unix mode. */
export type ZipMember = {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly method: 0 | 8;
  readonly crc32: number;
  readonly compressedBytes: number;
  readonly bytes: number;
  readonly modified: number;
  readonly externalAttributes: number;
};

/** A member and where its local header starts. */
export type PlacedMember = { readonly member: ZipMember; readonly offset: number };

export const signatures = {
  local: 0x04034b50, central: 0x02014b50, end: 0x06054b50, descriptor: 0x08074b50, zip64Locator: 0x07064b50,
} as const;

/** Bytes of a local header before the name. */
export const localHeaderBytes = 30;
/** Bytes of a central directory entry before the name. */
export const centralHeaderBytes = 46;
/** Bytes of the end record without a comment. */
export const endRecordBytes = 22;

const madeByUnix = (3 << 8) | 20;
const versionNeeded = 20;
const utf8Flag = 0x800;
const regularFile = 0o100644 * 0x10000;
const earliest = Date.UTC(1980, 0, 1) / 1000;
const latest = Date.UTC(2107, 11, 31, 23, 59, 58) / 1000;

/** MS-DOS date and time of a moment, UTC, in steps of two seconds; moments before 1980 become 1980-01-01. */
export function dosTime(seconds: number): { date: number; time: number } {
  const { year, month, day, hour, minute, second } = civilTime(Math.min(Math.max(seconds, earliest), latest));
  return { date: ((year - 1980) << 9) | (month << 5) | day, time: (hour << 11) | (minute << 5) | (second >> 1) };
}

/** Seconds since 1970 of an MS-DOS date and time, read as UTC. */
export function fromDosTime(date: number, time: number): number {
  const [year, month, day] = [(date >> 9) + 1980, ((date >> 5) & 15) - 1, date & 31];
  return Date.UTC(year, month, day, time >> 11, (time >> 5) & 63, (time & 31) * 2) / 1000;
}

function flagsOf(member: ZipMember): number {
  return member.nameBytes.some((byte) => byte > 0x7f) ? utf8Flag : 0;
}

/** The fields that local and central header share, from "version needed" to the extra length. */
function writeShared(view: DataView, at: number, member: ZipMember): void {
  const { date, time } = dosTime(member.modified);
  view.setUint16(at, versionNeeded, true);
  view.setUint16(at + 2, flagsOf(member), true);
  view.setUint16(at + 4, member.method, true);
  view.setUint16(at + 6, time, true);
  view.setUint16(at + 8, date, true);
  view.setUint32(at + 10, member.crc32, true);
  view.setUint32(at + 14, member.compressedBytes, true);
  view.setUint32(at + 18, member.bytes, true);
  view.setUint16(at + 22, member.nameBytes.length, true);
}

/** Local header with name; no extra field, sizes and CRC inside (no data descriptor). */
export function localHeader(member: ZipMember): Uint8Array {
  const bytes = new Uint8Array(localHeaderBytes + member.nameBytes.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, signatures.local, true);
  writeShared(view, 4, member);
  bytes.set(member.nameBytes, localHeaderBytes);
  return bytes;
}

/** Central directory entry; a member without a Unix mode becomes a regular file 0644. */
export function centralEntry({ member, offset }: PlacedMember): Uint8Array {
  const bytes = new Uint8Array(centralHeaderBytes + member.nameBytes.length);
  const view = new DataView(bytes.buffer);
  const hasMode = member.externalAttributes >= 0x10000;
  view.setUint32(0, signatures.central, true);
  view.setUint16(4, madeByUnix, true);
  writeShared(view, 6, member);
  view.setUint32(38, hasMode ? member.externalAttributes : regularFile, true);
  view.setUint32(42, offset, true);
  bytes.set(member.nameBytes, centralHeaderBytes);
  return bytes;
}

/** End of central directory without a comment. */
export function endRecord(members: number, directoryBytes: number, directoryOffset: number): Uint8Array {
  const bytes = new Uint8Array(endRecordBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, signatures.end, true);
  view.setUint16(8, members, true);
  view.setUint16(10, members, true);
  view.setUint32(12, directoryBytes, true);
  view.setUint32(16, directoryOffset, true);
  return bytes;
}

/** Bytes that a member takes in the file, header included. */
export function placedBytes(member: ZipMember): number {
  return localHeaderBytes + member.nameBytes.length + member.compressedBytes;
}

/** The farm's own SBOM inside a wheel, relative to `.dist-info`. */
export const farmSbomPath = 'sboms/farm.cdx.json';

const rewritten = ['METADATA', 'WHEEL', 'RECORD', 'RECORD.jws', 'RECORD.p7s', farmSbomPath];

/** Whether a member is part of the payload: everything that an edit of metadata leaves alone. */
export function isPayload(path: string, distInfo: string): boolean {
  return !rewritten.some((name) => path === `${distInfo}/${name}`);
}

/** Order of the payload: the packages first, then `.dist-info`, each by code point. */
export function payloadOrder(distInfo: string): (left: { name: string }, right: { name: string }) => number {
  const rank = (name: string) => Number(name.startsWith(`${distInfo}/`));
  return (left, right) =>
    rank(left.name) - rank(right.name) || (left.name < right.name ? -1 : Number(left.name > right.name));
}
