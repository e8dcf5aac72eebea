/** Small shared objects made byte by byte, as far as an audit reads them. */
import { createHash } from 'node:crypto';

/** A PE file that imports DLLs. @source Microsoft "PE Format" */
export function peFile({ machine = 0x8664, imports = ['python313.dll'] }: { machine?: number; imports?: readonly string[] } = {}): Buffer {
  const [header, section, address] = [0x80, 0x400, 0x1000];
  const file = Buffer.alloc(section + 0x800);
  file.write('MZ', 0, 'latin1');
  file.writeUInt32LE(header, 0x3c);
  file.write('PE\0\0', header, 'latin1');
  file.writeUInt16LE(machine, header + 4);
  file.writeUInt16LE(1, header + 6);
  file.writeUInt16LE(240, header + 20);
  file.writeUInt16LE(0x2022, header + 22);
  file.writeUInt16LE(0x20b, header + 24);
  file.writeUInt32LE(16, header + 24 + 108);
  file.writeUInt32LE(address, header + 24 + 112 + 8);
  const table = header + 24 + 240;
  [0x800, address, 0x800, section].forEach((word, index) => file.writeUInt32LE(word, table + 8 + 4 * index));
  let names = 20 * (imports.length + 1);
  imports.forEach((name, index) => {
    file.writeUInt32LE(address + names, section + 20 * index + 12);
    file.write(name, section + names, 'latin1');
    names += name.length + 1;
  });
  return file;
}

export type MachOShape = {
  readonly cpuType?: number; readonly minimum?: readonly [number, number]; readonly libraries?: readonly string[];
  readonly installName?: string; readonly searchPaths?: readonly string[]; readonly signed?: boolean;
};

const u32 = (...words: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * words.length);
  words.forEach((word, index) => bytes.writeUInt32LE(word >>> 0, 4 * index));
  return bytes;
};

function textCommand(kind: number, headBytes: number, text: string): Buffer {
  const size = Math.ceil((headBytes + text.length + 1) / 8) * 8;
  const command = Buffer.alloc(size);
  u32(kind, size, headBytes).copy(command);
  command.write(text, headBytes, 'latin1');
  return command;
}

/** A Mach-O library with an ad-hoc signature over its pages. @source Apple mach-o/loader.h, cs_blobs.h */
export function machOFile({
  cpuType = 0x0100000c, minimum = [11, 0], libraries = ['/usr/lib/libSystem.B.dylib'], installName = '@rpath/x.so', searchPaths = [],
  signed = true,
}: MachOShape = {}): Buffer {
  const commands = [
    textCommand(0xd, 24, installName), ...libraries.map((name) => textCommand(0xc, 24, name)),
    ...searchPaths.map((path) => textCommand(0x8000001c, 12, path)),
    u32(0x32, 24, 1, minimum[0] * 65536 + minimum[1] * 256, 0x0b0300, 0),
  ];
  const limit = 0x1400;
  const directory = signed ? signatureOf(limit) : Buffer.alloc(0);
  if (signed) commands.push(u32(0x1d, 16, limit, directory.length));
  const table = Buffer.concat(commands);
  const file = Buffer.concat([u32(0xfeedfacf, cpuType, 0, 6, commands.length, table.length, 0, 0), table, Buffer.alloc(limit)]).subarray(0, limit);
  return Buffer.concat([file, signed ? signPages(file, directory) : directory]);
}

const [pageBytes, hashesAt] = [4096, 44];

/** SuperBlob with one CodeDirectory, its hashes still empty. */
function signatureOf(limit: number): Buffer {
  const slots = Math.ceil(limit / pageBytes);
  const directory = Buffer.alloc(hashesAt + 32 * slots);
  [0xfade0c02, directory.length, 0x20400, 2, hashesAt, 0, 0, slots, limit].forEach((word, index) => directory.writeUInt32BE(word, 4 * index));
  directory.set([32, 2, 0, 12], 36);
  const head = Buffer.alloc(20);
  [0xfade0cc0, 20 + directory.length, 1, 0, 20].forEach((word, index) => head.writeUInt32BE(word, 4 * index));
  return Buffer.concat([head, directory]);
}

function signPages(file: Buffer, signature: Buffer): Buffer {
  for (let at = 0, slot = 0; at < file.length; at += pageBytes, slot += 1) {
    createHash('sha256').update(file.subarray(at, at + pageBytes)).digest().copy(signature, 20 + hashesAt + 32 * slot);
  }
  return signature;
}

/** A fat Mach-O file of these parts. */
export function fatFile(parts: readonly { readonly cpuType: number; readonly bytes: Buffer }[]): Buffer {
  const head = Buffer.alloc(8 + 20 * parts.length);
  head.writeUInt32BE(0xcafebabe, 0);
  head.writeUInt32BE(parts.length, 4);
  let at = head.length;
  parts.forEach(({ cpuType, bytes }, index) => {
    [cpuType, 0, at, bytes.length, 0].forEach((word, place) => head.writeUInt32BE(word, 8 + 20 * index + 4 * place));
    at += bytes.length;
  });
  return Buffer.concat([head, ...parts.map(({ bytes }) => bytes)]);
}

export type ElfShape = {
  readonly machine?: number; readonly wide?: boolean; readonly bigEndian?: boolean;
  readonly libraries?: readonly string[]; readonly versions?: readonly string[]; readonly searchPath?: string;
};

/** An ELF library with a dynamic segment and no sections. @source ELF gABI, LSB symbol versioning */
export function elfFile({
  machine = 62, wide = true, bigEndian = false, libraries = ['libc.so.6'], versions = ['GLIBC_2.17'], searchPath,
}: ElfShape = {}): Buffer {
  const file = Buffer.alloc(0x1000);
  const put = (at: number, value: number, bytes: 2 | 4 | 8): void => {
    const part = Buffer.alloc(8);
    part.writeBigUInt64BE(BigInt(value));
    const shown = part.subarray(8 - bytes);
    file.set(bigEndian ? shown : shown.toReversed(), at);
  };
  const word = wide ? 8 : 4;
  file.write('\x7fELF', 0, 'latin1');
  file.set([wide ? 2 : 1, bigEndian ? 2 : 1, 1], 4);
  put(18, machine, 2);
  const segments = 0x40;
  put(wide ? 32 : 28, segments, word);
  put(wide ? 54 : 42, wide ? 56 : 32, 2);
  put(wide ? 56 : 44, 2, 2);
  const [base, strings, needs, dynamic] = [0x10000, 0x200, 0x600, 0x800];
  const segment = (at: number, kind: number, offset: number, bytes: number): void => {
    put(at, kind, 4);
    if (wide) [offset, base + offset, 0, bytes].forEach((value, index) => put(at + 8 + 8 * index, value, 8));
    else [offset, base + offset, 0, bytes].forEach((value, index) => put(at + 4 + 4 * index, value, 4));
  };
  segment(segments, 1, 0, 0x1000);
  segment(segments + (wide ? 56 : 32), 2, dynamic, 0x400);
  let used = 1;
  const text = (value: string): number => {
    file.write(value, strings + used, 'latin1');
    used += value.length + 1;
    return used - value.length - 1;
  };
  const entries: [number, number][] = [
    ...libraries.map((name): [number, number] => [1, text(name)]), ...searchPath === undefined ? [] : [[29, text(searchPath)] as [number, number]],
    [5, base + strings], [0x6ffffffe, base + needs], [0x6fffffff, versions.length === 0 ? 0 : 1], [0, 0],
  ];
  entries.forEach(([tag, value], index) => {
    put(dynamic + 2 * word * index, tag, word);
    put(dynamic + 2 * word * index + word, value, word);
  });
  put(needs, 1, 2);
  put(needs + 2, versions.length, 2);
  put(needs + 8, 16, 4);
  versions.forEach((name, index) => {
    const at = needs + 16 + 16 * index;
    put(at + 8, text(name), 4);
    put(at + 12, index === versions.length - 1 ? 0 : 16, 4);
  });
  return file;
}
