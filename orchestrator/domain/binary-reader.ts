import { err, ok } from './result.ts';
import type { Result } from './result.ts';

/** Why a binary cannot be read, in words. */
export type BinaryFault = { readonly why: string };

/** Longest name of a library or symbol that is believed. @unit bytes */
const nameBytesMax = 1_024;

/** Thrown by a reader for what the format does not allow; `reading` turns it into a value. */
export class Misformed extends Error {}

/** Numbers and names at places of a file. Reading outside of it ends the reading with a value (`reading`). */
export class BinaryReader {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, littleEndian: boolean) {
    this.bytes = bytes;
    this.littleEndian = littleEndian;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(at: number): number {
    return this.#view.getUint8(at);
  }

  u16(at: number): number {
    return this.#view.getUint16(at, this.littleEndian);
  }

  u32(at: number): number {
    return this.#view.getUint32(at, this.littleEndian);
  }

  /** @errors Misformed above 2^53: no file is that long */
  u64(at: number): number {
    const value = this.#view.getBigUint64(at, this.littleEndian);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Misformed('a number is too large');
    return Number(value);
  }

  /** A text that ends with a zero byte, as Latin-1. */
  name(at: number): string {
    const end = this.bytes.indexOf(0, at);
    if (at < 0 || at >= this.bytes.length || end < 0 || end - at > nameBytesMax) throw new Misformed('a name does not end');
    return latin1(this.bytes.subarray(at, end));
  }

  /** @errors Misformed where the part is not wholly in the file */
  part(at: number, length: number): Uint8Array {
    if (at < 0 || length < 0 || at + length > this.bytes.length) throw new Misformed('a part lies outside of the file');
    return this.bytes.subarray(at, at + length);
  }
}

/** Bytes as text, one character each. */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Refuses counts that no real file has. @errors Misformed */
export function atMost(count: number, most: number, what: string): number {
  if (count > most) throw new Misformed(`it has ${count} ${what}`);
  return count;
}

/** Runs a reader; places outside of the file and what it throws as misformed become a value. */
export function reading<T>(read: () => T): Result<T, BinaryFault> {
  try {
    return ok(read());
  } catch (error) {
    if (error instanceof Misformed) return err({ why: error.message });
    if (error instanceof RangeError) return err({ why: 'it ends too early' });
    throw error;
  }
}
