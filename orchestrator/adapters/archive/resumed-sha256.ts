/**
 * SHA-256 that can stop after a wheel's payload and go on with another tail. What is kept is the standard's own state
 * (H0 to H7, byte count, open block) with what it was computed of, so no library's version or memory layout is in it.
 * @source FIPS 180-4; docs/spec-respin.md, "Saved prefix"
 */
import { createHash } from 'node:crypto';
import { canonicalText } from '../../domain/plan.ts';
import { err, ok } from '../../domain/result.ts';
import type { Result } from '../../domain/result.ts';
import { blockBytes, compressBlocks, initialState } from './sha256-block.ts';

/** Bytes of a file. */
export type ByteRange = { readonly offset: number; readonly bytes: number };

/** SHA-256 after some bytes. @shape state: 64 hex digits; openBlock: hex of the last `bytes % 64` bytes */
export type ShaState = { readonly state: string; readonly bytes: number; readonly openBlock: string };

/** A state bound to what it was computed of. Plain JSON. */
export type SavedPrefix = ShaState & {
  readonly form: 'sha256-prefix/1';
  /** The file that the ranges lie in. */
  readonly ofSha256: string;
  readonly ranges: readonly ByteRange[];
  /** SHA-256 of the prefix alone, by another implementation. */
  readonly prefixSha256: string;
  /** SHA-256 of the canonical text of everything else here. */
  readonly check: string;
};

/** @errors why a saved prefix cannot be used; it is then computed again from the file */
export type PrefixFault = { readonly code: 'FARM_PREFIX_BROKEN'; readonly why: string };

/** SHA-256 with a state that can be read and set. */
export class ResumableSha256 {
  readonly #state: Uint32Array;
  #open: Uint8Array;
  #bytes: number;

  constructor(from?: ShaState) {
    this.#state = new Uint32Array(8);
    for (const index of this.#state.keys()) {
      this.#state[index] = Number.parseInt((from?.state ?? initialState).slice(index * 8, index * 8 + 8), 16);
    }
    this.#open = Uint8Array.from(Buffer.from(from?.openBlock ?? '', 'hex'));
    this.#bytes = from?.bytes ?? 0;
  }

  update(chunk: Uint8Array): this {
    this.#bytes += chunk.length;
    let rest = chunk;
    if (this.#open.length > 0) {
      const take = Math.min(blockBytes - this.#open.length, rest.length);
      const joined = Buffer.concat([this.#open, rest.subarray(0, take)]);
      rest = rest.subarray(take);
      if (joined.length < blockBytes) {
        this.#open = joined;
        return this;
      }
      compressBlocks(this.#state, joined);
    }
    const whole = rest.length - (rest.length % blockBytes);
    if (whole > 0) compressBlocks(this.#state, rest.subarray(0, whole));
    this.#open = Uint8Array.from(rest.subarray(whole));
    return this;
  }

  /** Where it stands; it can go on afterwards. */
  save(): ShaState {
    const state = [...this.#state].map((word) => word.toString(16).padStart(8, '0')).join('');
    return { state, bytes: this.#bytes, openBlock: Buffer.from(this.#open).toString('hex') };
  }

  /** The digest in hex of what was given so far; it can go on afterwards. */
  digest(): string {
    const last = new ResumableSha256(this.save());
    const padding = new Uint8Array(blockBytes - ((this.#bytes + 9) % blockBytes || blockBytes) + 9);
    padding[0] = 0x80;
    new DataView(padding.buffer).setBigUint64(padding.length - 8, BigInt(this.#bytes) * 8n);
    return last.update(padding).save().state;
  }
}

const checkOf = (saved: Omit<SavedPrefix, 'check'> & { readonly check?: string }): string => {
  const { check: _, ...rest } = saved;
  return createHash('sha256').update(canonicalText(rest)).digest('hex');
};

/** Hashes ranges by both implementations at once. Feed the bytes of the ranges in their order, then `save`. */
export class PrefixRecorder {
  readonly #own = new ResumableSha256();
  readonly #native = createHash('sha256');

  update(chunk: Uint8Array): this {
    this.#own.update(chunk);
    this.#native.update(chunk);
    return this;
  }

  /** @errors throws where the two implementations differ: a bug, never an input */
  save(ofSha256: string, ranges: readonly ByteRange[]): SavedPrefix {
    const prefixSha256 = this.#native.digest('hex');
    if (this.#own.digest() !== prefixSha256) throw new Error('the two SHA-256 implementations differ');
    const rest = { form: 'sha256-prefix/1', ...this.#own.save(), ofSha256, ranges, prefixSha256 } as const;
    return { ...rest, check: checkOf(rest) };
  }
}

/**
 * Judges a saved prefix before it is used: its form, its checksum, what it is bound to, and that finishing it without a
 * tail gives the digest that another implementation computed.
 * @errors FARM_PREFIX_BROKEN
 */
export function checkPrefix(
  saved: SavedPrefix, bound: { readonly ofSha256: string; readonly ranges: readonly ByteRange[] },
): Result<SavedPrefix, PrefixFault> {
  const wrong = (why: string) => err<PrefixFault>({ code: 'FARM_PREFIX_BROKEN', why });
  if (saved.form !== 'sha256-prefix/1') return wrong(`its form is ${String(saved.form)}`);
  if (!/^[0-9a-f]{64}$/.test(saved.state) || !Number.isSafeInteger(saved.bytes) || saved.bytes < 0
    || !/^([0-9a-f]{2})*$/.test(saved.openBlock) || saved.openBlock.length !== (saved.bytes % blockBytes) * 2) {
    return wrong('it is not a state of SHA-256');
  }
  if (saved.check !== checkOf(saved)) return wrong('its checksum is wrong');
  if (saved.ofSha256 !== bound.ofSha256) return wrong('it belongs to another file');
  if (canonicalText(saved.ranges) !== canonicalText(bound.ranges)) return wrong('it belongs to other ranges');
  if (saved.ranges.reduce((sum, one) => sum + one.bytes, 0) !== saved.bytes) return wrong('its byte count is wrong');
  return finishPrefix(saved, new Uint8Array()) === saved.prefixSha256 ? ok(saved) : wrong('its state is wrong');
}

/** The digest of prefix and tail. The prefix must have been checked. */
export function finishPrefix(saved: ShaState, tail: Uint8Array): string {
  return new ResumableSha256(saved).update(tail).digest();
}

/**
 * Finishes the original's own tail: where the prefix starts the original, this must give the original's digest.
 * @errors FARM_PREFIX_BROKEN
 */
export function checkAgainstOriginal(saved: SavedPrefix, originalTail: Uint8Array): Result<SavedPrefix, PrefixFault> {
  return finishPrefix(saved, originalTail) === saved.ofSha256
    ? ok(saved)
    : err({ code: 'FARM_PREFIX_BROKEN', why: 'with the original’s tail it does not give the original’s digest' });
}
