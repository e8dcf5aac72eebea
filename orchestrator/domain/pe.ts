import { atMost, BinaryReader, Misformed, reading } from './binary-reader.ts';
import type { BinaryFault } from './binary-reader.ts';
import type { Result } from './result.ts';

/** What an audit asks of a PE file (a .pyd, .dll or .exe). @source Microsoft "PE Format" */
export type PeFile = {
  /** COFF machine: 0x8664 is x86-64, 0xAA64 is ARM64, 0x14C is x86. */
  readonly machine: number;
  readonly isDll: boolean;
  /** DLLs of the import and delay-import tables, as written, each once. */
  readonly imports: readonly string[];
};

type Section = { readonly address: number; readonly size: number; readonly offset: number };

const sectionsMax = 96;
const importsMax = 2_000;
const importDirectory = 1;
const delayDirectory = 13;

/** True where the bytes start as a PE file does: `MZ`, and `PE` where that header points. */
export function isPe(bytes: Uint8Array): boolean {
  return reading(() => headerOffset(new BinaryReader(bytes, true))).ok;
}

function headerOffset(file: BinaryReader): number {
  if (file.u16(0) !== 0x5a4d) throw new Misformed('it does not start with MZ');
  const at = file.u32(0x3c);
  if (file.u32(at) !== 0x4550) throw new Misformed('it has no PE header');
  return at;
}

/** Reads headers and import tables. @errors a file that is cut, or whose tables point outside of it */
export function readPe(bytes: Uint8Array): Result<PeFile, BinaryFault> {
  return reading(() => {
    const file = new BinaryReader(bytes, true);
    const header = headerOffset(file);
    const optional = header + 24;
    const wide = file.u16(optional) === 0x20b;
    if (!wide && file.u16(optional) !== 0x10b) throw new Misformed('its optional header is of no known kind');
    const directories = optional + (wide ? 112 : 96);
    const count = file.u32(directories - 4);
    const sections = readSections(file, optional + file.u16(header + 20), file.u16(header + 6));
    const table = (index: number): number => (index < count ? file.u32(directories + 8 * index) : 0);
    const imports = [
      ...importNames(file, sections, table(importDirectory), { stride: 20, name: 12 }),
      ...importNames(file, sections, table(delayDirectory), { stride: 32, name: 4 }),
    ];
    return { machine: file.u16(header + 4), isDll: (file.u16(header + 22) & 0x2000) !== 0, imports: [...new Set(imports)] };
  });
}

function readSections(file: BinaryReader, at: number, count: number): Section[] {
  atMost(count, sectionsMax, 'sections');
  return Array.from({ length: count }, (_, index) => {
    const start = at + 40 * index;
    return { address: file.u32(start + 12), size: Math.max(file.u32(start + 8), file.u32(start + 16)), offset: file.u32(start + 20) };
  });
}

function importNames(
  file: BinaryReader, sections: readonly Section[], table: number, entry: { readonly stride: number; readonly name: number },
): string[] {
  const names: string[] = [];
  if (table === 0) return names;
  for (let at = toOffset(sections, table); file.u32(at + entry.name) !== 0; at += entry.stride) {
    atMost(names.length, importsMax, 'imported libraries or more');
    names.push(file.name(toOffset(sections, file.u32(at + entry.name))));
  }
  return names;
}

function toOffset(sections: readonly Section[], address: number): number {
  const section = sections.find((one) => address >= one.address && address < one.address + one.size);
  if (section === undefined) throw new Misformed('a table lies in no section');
  return address - section.address + section.offset;
}
