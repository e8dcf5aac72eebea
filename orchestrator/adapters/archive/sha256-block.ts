/**
 * The compression function of SHA-256, made as WebAssembly when this module is loaded: 64 rounds without a loop, the
 * message schedule in sixteen locals. Node's own hash is faster but does not let its state be kept; this one's state is
 * eight words in memory that we can read and set.
 * @source FIPS 180-4, 6.2.2; https://webassembly.github.io/spec/core/binary
 */

/** Bytes of a block. */
export const blockBytes = 64;
/** H0 to H7 before the first block, big endian in hex. */
export const initialState = '6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19';

const inputAt = 64;
const pageBytes = 65_536;
const pages = 17;
const inputBytesMax = pageBytes * 16;
const [i32, void_, end] = [0x7f, 0x40, 0x0b];
const op = {
  loop: 0x03, brIf: 0x0d, get: 0x20, set: 0x21, tee: 0x22, load: 0x28, store: 0x36, constant: 0x41, lessUnsigned: 0x49,
  add: 0x6a, and: 0x71, or: 0x72, xor: 0x73, shiftRight: 0x76, rotateLeft: 0x77, rotateRight: 0x78,
} as const;

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
function roundConstants(): number[] {
  const constants: number[] = [];
  for (let candidate = 2; constants.length < 64; candidate += 1) {
    let prime = true;
    for (let divisor = 2; divisor * divisor <= candidate; divisor += 1) if (candidate % divisor === 0) prime = false;
    if (prime) constants.push(((Math.cbrt(candidate) % 1) * 2 ** 32) | 0);
  }
  return constants;
}

function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function constant(value: number): number[] {
  const bytes: number[] = [op.constant];
  for (let rest = value | 0; ;) {
    const low = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

const get = (local: number): number[] => [op.get, local];
const turned = (local: number, by: number): number[] => [...get(local), ...constant(by), op.rotateRight];
const shifted = (local: number, by: number): number[] => [...get(local), ...constant(by), op.shiftRight];
const xor3 = (a: number[], b: number[], c: number[]): number[] => [...a, ...b, op.xor, ...c, op.xor];

const [pointer, limit, firstWorking, firstWord, scratch] = [0, 1, 2, 10, 26];

/** Loads a big-endian word of the block into its local. */
function loadWord(index: number): number[] {
  const half = (by: number, mask: number) => [...get(scratch), ...constant(by), op.rotateLeft, ...constant(mask), op.and];
  return [
    ...get(pointer), op.load, 2, ...unsigned(index * 4), op.set, scratch,
    ...half(8, 0x00ff00ff), ...half(24, 0xff00ff00), op.or, op.set, firstWord + index,
  ];
}

function scheduleWord(index: number): number[] {
  const word = (at: number) => firstWord + (at & 15);
  const [early, late] = [word(index - 15), word(index - 2)];
  return [
    ...get(word(index - 16)), ...get(word(index - 7)), op.add,
    ...xor3(turned(early, 7), turned(early, 18), shifted(early, 3)), op.add,
    ...xor3(turned(late, 17), turned(late, 19), shifted(late, 10)), op.add, op.set, word(index),
  ];
}

/** One round; the eight working locals change places by name and not by moves. */
function round(index: number, k: number): number[] {
  const local = (letter: number) => firstWorking + ((letter - index) & 7);
  const [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map(local) as [
    number, number, number, number, number, number, number, number];
  return [
    ...get(h), ...xor3(turned(e, 6), turned(e, 11), turned(e, 25)), op.add,
    ...get(f), ...get(g), op.xor, ...get(e), op.and, ...get(g), op.xor, op.add,
    ...constant(k), op.add, ...get(firstWord + (index & 15)), op.add, op.tee, scratch,
    ...get(d), op.add, op.set, d,
    ...get(scratch), ...xor3(turned(a, 2), turned(a, 13), turned(a, 22)), op.add,
    ...get(a), ...get(b), op.or, ...get(c), op.and, ...get(a), ...get(b), op.and, op.or, op.add, op.set, h,
  ];
}

function body(): number[] {
  const letters = [0, 1, 2, 3, 4, 5, 6, 7];
  const stateAt = (letter: number) => [op.load, 2, ...unsigned(letter * 4)];
  return [
    1, ...unsigned(25), i32,
    op.loop, void_,
    ...letters.flatMap((letter) => [...constant(0), ...stateAt(letter), op.set, firstWorking + letter]),
    ...Array.from({ length: 16 }, (_, index) => loadWord(index)).flat(),
    ...roundConstants().flatMap((k, index) => [...(index < 16 ? [] : scheduleWord(index)), ...round(index, k)]),
    ...letters.flatMap((letter) => [
      ...constant(0), ...constant(0), ...stateAt(letter), ...get(firstWorking + letter), op.add,
      op.store, 2, ...unsigned(letter * 4),
    ]),
    ...get(pointer), ...constant(blockBytes), op.add, op.tee, pointer, ...get(limit), op.lessUnsigned, op.brIf, 0,
    end, end,
  ];
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const section = (id: number, content: number[]) => [id, ...unsigned(content.length), ...content];
  const name = (text: string) => [text.length, ...new TextEncoder().encode(text)];
  const code = body();
  return Uint8Array.from([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, 2, i32, i32, 0]), ...section(3, [1, 0]), ...section(5, [1, 0, pages]),
    ...section(7, [2, ...name('memory'), 2, 0, ...name('blocks'), 0, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ]);
}

/** Node has it; the library that types it describes browsers. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

const made = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes())).exports as unknown as {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly blocks: (from: number, to: number) => void;
};
const memory = new Uint8Array(made.memory.buffer);
const words = new DataView(made.memory.buffer);

/**
 * Runs whole blocks through the function. Synchronous, so one memory serves all hashes.
 * @shape state: eight words, changed in place; bytes: a multiple of 64 bytes long
 */
export function compressBlocks(state: Uint32Array, bytes: Uint8Array): void {
  for (const [index, word] of state.entries()) words.setUint32(index * 4, word, true);
  for (let done = 0; done < bytes.length; done += inputBytesMax) {
    const part = bytes.subarray(done, done + inputBytesMax);
    memory.set(part, inputAt);
    made.blocks(inputAt, inputAt + part.length);
  }
  for (const index of state.keys()) state[index] = words.getUint32(index * 4, true);
}
