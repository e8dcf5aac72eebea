import { atMost, BinaryReader, Misformed, reading } from './binary-reader.ts';
import type { BinaryFault } from './binary-reader.ts';
import { signatureFault } from './macho-signature.ts';
import type { DigestBytes } from './macho-signature.ts';
import type { Result } from './result.ts';

/** One architecture of a Mach-O file. @source Apple mach-o/loader.h */
export type MachOSlice = {
  /** cputype: 0x01000007 is x86_64, 0x0100000C is arm64. */
  readonly cpuType: number;
  /** 6 dylib, 8 bundle, 2 program. */
  readonly fileType: number;
  /** Oldest macOS that it says it runs on; null where it says none. */
  readonly minimum: readonly [major: number, minor: number] | null;
  /** 1 macOS, 2 iOS, …; of LC_BUILD_VERSION, 1 for the older command. */
  readonly platform: number | null;
  readonly installName: string | null;
  readonly libraries: readonly string[];
  readonly searchPaths: readonly string[];
  /** Null for none; why it is not valid, or '' for a valid one. */
  readonly signature: { readonly fault: string } | null;
};

const commandsMax = 5_000;
const slicesMax = 16;
const [thinMagic, thinMagic64, fatMagic, fatMagic64] = [0xfeedface, 0xfeedfacf, 0xcafebabe, 0xcafebabf];
const requiredByLoader = 0x80000000;
const [idDylib, loadDylib, segment64, codeSignature, minimumMacos, runPath, buildVersion] = [0xd, 0xc, 0x19, 0x1d, 0x24, 0x1c, 0x32];
/** LC_LOAD_DYLIB and its weak, re-exported, lazy and upward kinds. */
const libraryCommands: ReadonlySet<number> = new Set([loadDylib, 0x18, 0x1f, 0x20, 0x23]);

/**
 * Reads every architecture of a Mach-O file, thin or fat, and recomputes the page hashes of signatures.
 * @param digest SHA-256 (algorithm 2) or SHA-1 (1) of bytes
 * @errors a file that is cut, empty, or whose parts lie outside of it
 */
export function readMachO(bytes: Uint8Array, digest: DigestBytes): Result<readonly MachOSlice[], BinaryFault> {
  return reading(() => {
    const big = new BinaryReader(bytes, false);
    const magic = big.u32(0);
    if (magic !== fatMagic && magic !== fatMagic64) return [readSlice(bytes, digest)];
    const wide = magic === fatMagic64;
    const count = atMost(big.u32(4), slicesMax, 'architectures');
    if (count === 0) throw new Misformed('it has no architecture');
    return Array.from({ length: count }, (_, index) => {
      const at = 8 + index * (wide ? 32 : 20);
      const [offset, size] = wide ? [big.u64(at + 8), big.u64(at + 16)] : [big.u32(at + 8), big.u32(at + 12)];
      return readSlice(big.part(offset, size), digest);
    });
  });
}

type Draft = {
  minimum: readonly [number, number] | null; platform: number | null; installName: string | null;
  libraries: string[]; searchPaths: string[]; signature: { fault: string } | null;
};

function readSlice(bytes: Uint8Array, digest: DigestBytes): MachOSlice {
  const littleEndian = isLittleEndian(bytes);
  const file = new BinaryReader(bytes, littleEndian);
  const wide = file.u32(0) === thinMagic64;
  const count = atMost(file.u32(16), commandsMax, 'load commands');
  if (count === 0) throw new Misformed('it has no load commands');
  const draft: Draft = { minimum: null, platform: null, installName: null, libraries: [], searchPaths: [], signature: null };
  let at = wide ? 32 : 28;
  const end = at + file.u32(20);
  for (let index = 0; index < count; index += 1) {
    const size = file.u32(at + 4);
    if (size < 8 || at + size > end) throw new Misformed('a load command lies outside of its table');
    readCommand(file, { at, size, kind: file.u32(at) }, draft, digest);
    at += size;
  }
  return { cpuType: file.u32(4), fileType: file.u32(12), ...draft };
}

function isLittleEndian(bytes: Uint8Array): boolean {
  const first = new BinaryReader(bytes, true).u32(0);
  if (first === thinMagic || first === thinMagic64) return true;
  const other = new BinaryReader(bytes, false).u32(0);
  if (other === thinMagic || other === thinMagic64) return false;
  throw new Misformed('it does not start as a Mach-O file');
}

type Command = { readonly at: number; readonly size: number; readonly kind: number };

function readCommand(file: BinaryReader, { at, size, kind }: Command, draft: Draft, digest: DigestBytes): void {
  const plain = kind >= requiredByLoader ? kind - requiredByLoader : kind;
  const text = (): string => {
    const offset = file.u32(at + 8);
    if (offset >= size) throw new Misformed('a name lies outside of its load command');
    return file.name(at + offset);
  };
  const version = (word: number): readonly [number, number] => [word >>> 16, (word >>> 8) & 0xff];
  if (plain === idDylib) draft.installName = text();
  else if (libraryCommands.has(plain)) draft.libraries.push(text());
  else if (plain === runPath) draft.searchPaths.push(text());
  else if (plain === minimumMacos) [draft.minimum, draft.platform] = [version(file.u32(at + 8)), 1];
  else if (plain === buildVersion) [draft.minimum, draft.platform] = [version(file.u32(at + 12)), file.u32(at + 8)];
  else if (plain === codeSignature) draft.signature = { fault: signatureFault(file, file.u32(at + 8), file.u32(at + 12), digest) };
  else if (plain === segment64) file.part(file.u64(at + 40), file.u64(at + 48));
}
