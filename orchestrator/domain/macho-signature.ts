import { atMost, BinaryReader } from './binary-reader.ts';

/** Digest of bytes by an algorithm of the CodeDirectory: 1 SHA-1, 2 SHA-256. */
export type DigestBytes = (algorithm: 1 | 2, bytes: Uint8Array) => Uint8Array;

const [embeddedSignature, codeDirectory] = [0xfade0cc0, 0xfade0c02];
const blobsMax = 64;
const pagesMax = 2 ** 20;
const digestBytes: Readonly<Record<number, number>> = { 1: 20, 2: 32 };

/**
 * What is wrong with an embedded code signature; '' where every page of the file has the hash that it was signed with.
 * An ad-hoc signature has no certificate: the pages are all that it promises, and all that is judged.
 * @param at place of the signature, of LC_CODE_SIGNATURE
 * @source Apple cs_blobs.h; numbers in a signature are big-endian
 */
export function signatureFault(file: BinaryReader, at: number, size: number, digest: DigestBytes): string {
  const blob = new BinaryReader(file.part(at, size), false);
  if (blob.u32(0) !== embeddedSignature) return 'it does not start as a signature does';
  const count = atMost(blob.u32(8), blobsMax, 'parts of a signature');
  const faults: string[] = [];
  let directories = 0;
  for (let index = 0; index < count; index += 1) {
    const start = blob.u32(12 + 8 * index + 4);
    if (blob.u32(start) !== codeDirectory) continue;
    directories += 1;
    faults.push(directoryFault(file, new BinaryReader(blob.part(start, blob.u32(start + 4)), false), at, digest));
  }
  return directories === 0 ? 'it has no code directory' : faults.find((fault) => fault !== '') ?? '';
}

function directoryFault(file: BinaryReader, directory: BinaryReader, signatureAt: number, digest: DigestBytes): string {
  const [hashOffset, slots, limit] = [directory.u32(16), directory.u32(28), directory.u32(32)];
  const [hashSize, algorithm, pageBits] = [directory.u8(36), directory.u8(37), directory.u8(39)];
  if ((algorithm !== 1 && algorithm !== 2) || hashSize !== digestBytes[algorithm]) return `its hashes are of the unknown kind ${algorithm}`;
  if (limit !== signatureAt) return `it covers ${limit} bytes of the ${signatureAt} before it`;
  const page = pageBits === 0 ? limit : 2 ** pageBits;
  if (page < 1024 || slots > pagesMax || slots !== Math.ceil(limit / page)) return 'its pages do not cover the file';
  for (let slot = 0; slot < slots; slot += 1) {
    const found = digest(algorithm, file.part(slot * page, Math.min(page, limit - slot * page)));
    const signed = directory.part(hashOffset + slot * hashSize, hashSize);
    if (!signed.every((byte, index) => byte === found[index])) return `page ${slot} was changed after it was signed`;
  }
  return '';
}
