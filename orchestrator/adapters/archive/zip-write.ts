import { createHash } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import { constants, crc32, deflateRawSync } from 'node:zlib';
import { centralEntry, endRecord, localHeader } from '../../domain/zip-layout.ts';
import type { PlacedMember, ZipMember } from '../../domain/zip-layout.ts';
import { ArchiveRefused } from './limits.ts';

/** A member to be written with its packed bytes. */
export type NewMember = { readonly member: ZipMember; readonly packed: Buffer };

/** Writes a zip front to back. Times and order are the caller's, so equal calls give equal bytes. */
export type ZipWriter = {
  /** Bytes written so far: where the next local header will stand. */
  readonly offset: () => number;
  /** Starts a member; exactly its packed bytes must follow by `write`. */
  readonly begin: (member: ZipMember) => Promise<void>;
  readonly write: (chunk: Uint8Array) => Promise<void>;
  readonly add: (one: NewMember) => Promise<void>;
  /** Bytes of an earlier zip whose members are already placed: the payload of a wheel. */
  readonly adopt: (members: readonly PlacedMember[]) => void;
  /** Writes the directory and closes. `whole`: the zip itself where it was small enough to need no file. */
  readonly finish: () => Promise<{ sha256: string; bytes: number; whole: Buffer | null }>;
  /** Closes and removes what was written. */
  readonly abandon: () => Promise<void>;
};

const bufferBytes = 2 ** 20;
const zipBytesMax = 0xfffffffe;
const membersMax = 0xfffe;

/**
 * Packs new content, stored where that is not smaller.
 * @shape modified in seconds since 1970
 */
export function newMember(name: string, content: Buffer, modified: number, level = 9): NewMember {
  const deflated = deflateRawSync(content, { level, memLevel: 9, strategy: constants.Z_DEFAULT_STRATEGY });
  const smaller = deflated.length < content.length;
  const packed = smaller ? deflated : content;
  return {
    packed,
    member: {
      name, modified, nameBytes: new TextEncoder().encode(name), method: smaller ? 8 : 0, crc32: crc32(content),
      compressedBytes: packed.length, bytes: content.length, externalAttributes: 0o100644 * 0x10000,
    },
  };
}

/**
 * Creates the file, which must not exist. SHA-256 is computed while writing.
 * @shape small: `memory` writes no file for a zip under a MiB and gives its bytes at the end
 * @errors throws ArchiveRefused at 4 GiB
 */
export async function createZip(path: string, small: 'file' | 'memory' = 'file'): Promise<ZipWriter> {
  let handle = small === 'file' ? await open(path, 'wx') : null;
  const hash = createHash('sha256');
  const placed: PlacedMember[] = [];
  let pending: Uint8Array[] = [];
  let [pendingBytes, offset] = [0, 0];

  const flush = async () => {
    if (pendingBytes === 0) return;
    const bytes = Buffer.concat(pending, pendingBytes);
    [pending, pendingBytes] = [[], 0];
    hash.update(bytes);
    handle ??= await open(path, 'wx');
    for (let done = 0; done < bytes.length;) done += (await handle.write(bytes, done)).bytesWritten;
  };
  const write = async (chunk: Uint8Array) => {
    offset += chunk.length;
    if (offset > zipBytesMax) throw new ArchiveRefused('too-big', 'it would need zip64');
    pending.push(chunk);
    pendingBytes += chunk.length;
    if (pendingBytes >= bufferBytes) await flush();
  };
  const begin = async (member: ZipMember) => {
    if (placed.length >= membersMax) throw new ArchiveRefused('too-big', 'it would need zip64');
    placed.push({ member, offset });
    await write(localHeader(member));
  };
  return {
    offset: () => offset,
    begin,
    write,
    async add({ member, packed }) {
      await begin(member);
      await write(packed);
    },
    adopt: (members) => { placed.push(...members); },
    async finish() {
      const directoryOffset = offset;
      for (const one of placed) await write(centralEntry(one));
      await write(endRecord(placed.length, offset - directoryOffset, directoryOffset));
      const whole = handle === null ? Buffer.concat(pending, pendingBytes) : null;
      if (whole) hash.update(whole);
      else await flush();
      await handle?.close();
      return { sha256: hash.digest('hex'), bytes: offset, whole };
    },
    async abandon() {
      if (handle === null) return;
      await handle.close();
      await unlink(path);
    },
  };
}
