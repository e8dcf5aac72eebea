import { atMost, BinaryReader, Misformed, reading } from './binary-reader.ts';
import type { BinaryFault } from './binary-reader.ts';
import { readElfKind } from './elf.ts';
import type { Result } from './result.ts';

/** What an ELF file asks of the system that loads it. */
export type ElfNeeds = {
  readonly libraries: readonly string[];
  /** Versions of symbols by `.gnu.version_r`: `GLIBC_2.17`, `GCC_3.0`. */
  readonly versions: readonly string[];
  /** DT_RPATH and DT_RUNPATH, taken apart. */
  readonly searchPaths: readonly string[];
};

type Segment = { readonly kind: number; readonly offset: number; readonly address: number; readonly bytes: number };

const segmentsMax = 256;
const entriesMax = 20_000;
const [loadSegment, dynamicSegment] = [1, 2];
const [dtNeeded, dtStrtab, dtRpath, dtRunpath, dtVerneed, dtVerneedNum] = [1, 5, 15, 29, 0x6ffffffe, 0x6fffffff];

/**
 * Reads the dynamic segment, as the loader does: section headers may be missing or lie.
 * @errors a file that is cut, or whose tables point outside of it
 * @source ELF gABI; LSB "Symbol Versioning" for Verneed and Vernaux
 */
export function readElfNeeds(bytes: Uint8Array): Result<ElfNeeds, BinaryFault> {
  return reading(() => {
    const kind = readElfKind(bytes);
    if (kind === null) throw new Misformed('it has no ELF header');
    const file = new BinaryReader(bytes, kind.littleEndian);
    const wide = kind.bits === 64;
    const segments = readSegments(file, wide);
    const dynamic = segments.find((one) => one.kind === dynamicSegment);
    if (dynamic === undefined) return { libraries: [], versions: [], searchPaths: [] };
    const entries = readDynamic(file, dynamic, wide);
    const of = (tag: number): number[] => entries.filter(([found]) => found === tag).map(([, value]) => value);
    const [strings] = of(dtStrtab);
    const text = (offset: number): string => file.name(toOffset(segments, (strings ?? 0) + offset));
    const [needs, count] = [of(dtVerneed)[0], of(dtVerneedNum)[0] ?? 0];
    return {
      libraries: of(dtNeeded).map(text),
      versions: needs === undefined ? [] : readVersions(file, toOffset(segments, needs), count, text),
      searchPaths: [...of(dtRpath), ...of(dtRunpath)].flatMap((offset) => text(offset).split(':')),
    };
  });
}

function readSegments(file: BinaryReader, wide: boolean): Segment[] {
  const [table, size, count] = wide ? [file.u64(32), file.u16(54), file.u16(56)] : [file.u32(28), file.u16(42), file.u16(44)];
  return Array.from({ length: atMost(count, segmentsMax, 'segments') }, (_, index) => {
    const at = table + index * size;
    return wide
      ? { kind: file.u32(at), offset: file.u64(at + 8), address: file.u64(at + 16), bytes: file.u64(at + 32) }
      : { kind: file.u32(at), offset: file.u32(at + 4), address: file.u32(at + 8), bytes: file.u32(at + 16) };
  });
}

function readDynamic(file: BinaryReader, { offset, bytes }: Segment, wide: boolean): (readonly [tag: number, value: number])[] {
  const size = wide ? 16 : 8;
  const entries: (readonly [number, number])[] = [];
  for (let at = offset; at + size <= offset + bytes; at += size) {
    // Tags are signed; those above the line are of no interest here, and a value may be any 64 bits.
    const tag = file.u32(file.littleEndian || !wide ? at : at + 4);
    if (tag === 0) return entries;
    entries.push([tag, wanted.has(tag) ? (wide ? file.u64(at + 8) : file.u32(at + 4)) : 0]);
    atMost(entries.length, entriesMax, 'dynamic entries or more');
  }
  return entries;
}

const wanted: ReadonlySet<number> = new Set([dtNeeded, dtStrtab, dtRpath, dtRunpath, dtVerneed, dtVerneedNum]);

function readVersions(file: BinaryReader, start: number, count: number, text: (offset: number) => string): string[] {
  const versions = new Set<string>();
  let [at, seen] = [start, 0];
  for (let index = 0; index < count; index += 1) {
    atMost(seen += 1, entriesMax, 'version needs or more');
    let aux = at + file.u32(at + 8);
    for (let left = file.u16(at + 2); left > 0; left -= 1) {
      atMost(seen += 1, entriesMax, 'version needs or more');
      versions.add(text(file.u32(aux + 8)));
      const next = file.u32(aux + 12);
      if (next === 0) break;
      aux += next;
    }
    const next = file.u32(at + 12);
    if (next === 0) break;
    at += next;
  }
  return [...versions];
}

function toOffset(segments: readonly Segment[], address: number): number {
  const found = segments.find((one) => one.kind === loadSegment && address >= one.address && address < one.address + one.bytes);
  if (found === undefined) throw new Misformed('a table lies in no segment');
  return address - found.address + found.offset;
}
