/** Zips with every oddity that the format allows, written byte by byte: what no tool would make is made here. */
import { createHash } from 'node:crypto';
import { crc32, deflateRawSync } from 'node:zlib';

export interface OddMember {
  readonly name: string | Buffer;
  readonly content: Buffer | string;
  readonly stored?: boolean;
  readonly mode?: number;
  /** Extra bits of the general purpose flags. */
  readonly flags?: number;
  /** `signed` and `bare` of four-byte sizes, `wide` of eight. */
  readonly descriptor?: 'signed' | 'bare' | 'wide';
  readonly localExtra?: Buffer;
  readonly centralExtra?: Buffer;
  readonly comment?: string;
  readonly madeBy?: number;
  /** Bytes that belong to nobody, before the member. */
  readonly gap?: Buffer;
  /** Sizes stand in a zip64 field of the local header. */
  readonly zip64?: boolean;
}

/** @source APPNOTE.TXT 6.3.10 */
export function oddZip(members: readonly OddMember[], comment = ''): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const member of members) {
    const name = Buffer.from(member.name as string);
    const content = Buffer.from(member.content as string);
    const packed = member.stored === true ? content : deflateRawSync(content);
    const utf8 = typeof member.name === 'string' && name.some((byte) => byte > 0x7f) ? 0x800 : 0;
    const flags = utf8 | (member.flags ?? 0) | (member.descriptor === undefined ? 0 : 8);
    const shared = (sizes: readonly [number, number, number], extra: number): Buffer => {
      const bytes = Buffer.alloc(26);
      bytes.writeUInt16LE(20, 0);
      bytes.writeUInt16LE(flags, 2);
      bytes.writeUInt16LE(member.stored === true ? 0 : 8, 4);
      bytes.writeUInt32LE(0x5821_0000, 6);
      sizes.forEach((size, at) => bytes.writeUInt32LE(size, 10 + at * 4));
      bytes.writeUInt16LE(name.length, 22);
      bytes.writeUInt16LE(extra, 24);
      return bytes;
    };
    const sizes = [crc32(content), packed.length, content.length] as const;
    const wide = Buffer.alloc(20);
    wide.writeUInt32LE(0x0010_0001, 0);
    wide.writeBigUInt64LE(BigInt(content.length), 4);
    wide.writeBigUInt64LE(BigInt(packed.length), 12);
    const localExtra = Buffer.concat([member.localExtra ?? Buffer.alloc(0), member.zip64 === true ? wide : Buffer.alloc(0)]);
    const localSizes = member.descriptor !== undefined ? [0, 0, 0] as const
      : member.zip64 === true ? [sizes[0], 0xffff_ffff, 0xffff_ffff] as const : sizes;
    const gap = member.gap ?? Buffer.alloc(0);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), shared(localSizes, localExtra.length), name, localExtra, packed, descriptorOf(member, sizes)]);
    const centralExtra = member.centralExtra ?? Buffer.alloc(0);
    const rest = Buffer.alloc(14);
    rest.writeUInt16LE(Buffer.byteLength(member.comment ?? ''), 0);
    rest.writeUInt32LE(((member.mode ?? 0o100644) * 0x10000) >>> 0, 6);
    rest.writeUInt32LE(offset + gap.length, 10);
    central.push(Buffer.from('PK\x01\x02'), Buffer.from([20, member.madeBy ?? 3]), shared(sizes, centralExtra.length), rest, name,
      centralExtra, Buffer.from(member.comment ?? ''));
    parts.push(gap, local);
    offset += gap.length + local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, directory, end, Buffer.from(comment)]);
}

function descriptorOf(member: OddMember, [crc, packed, size]: readonly [number, number, number]): Buffer {
  if (member.descriptor === undefined) return Buffer.alloc(0);
  const width = member.descriptor === 'wide' ? 8 : 4;
  const bytes = Buffer.alloc(8 + 2 * width);
  bytes.write('PK\x07\x08', 'latin1');
  bytes.writeUInt32LE(crc, 4);
  for (const [at, value] of [packed, size].entries()) {
    if (width === 8) bytes.writeBigUInt64LE(BigInt(value), 8 + at * 8);
    else bytes.writeUInt32LE(value, 8 + at * 4);
  }
  return member.descriptor === 'bare' ? bytes.subarray(4) : bytes;
}

export const oddName = 'demo-1.0-py3-none-any.whl';
export const oddInfo = 'demo-1.0.dist-info';
export const oddMetadata = 'Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: six<2\n\nbody\n';
export const oddWheel = 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n';

/** A wheel of these payload members; METADATA, WHEEL and RECORD stand where `at` says, RECORD right for all. */
export function oddWheelZip(payload: readonly OddMember[], at = payload.length, more: readonly OddMember[] = []): Buffer {
  const texts: OddMember[] = [{ name: `${oddInfo}/METADATA`, content: oddMetadata }, { name: `${oddInfo}/WHEEL`, content: oddWheel }, ...more];
  const files = [...payload, ...texts].filter(({ name }) => !name.toString().endsWith('/'));
  const quoted = (name: string) => (/[",]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);
  const lines = files.map(({ name, content }) =>
    `${quoted(name.toString())},sha256=${createHash('sha256').update(content).digest('base64url')},${Buffer.byteLength(content)}\n`);
  const record: OddMember = { name: `${oddInfo}/RECORD`, content: `${lines.join('')}${oddInfo}/RECORD,,\n` };
  return oddZip([...payload.slice(0, at), ...texts, record, ...payload.slice(at)]);
}

/** Numbers from a seed: the same seed gives the same wheel. */
export function seeded(seed: number): (below: number) => number {
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}
