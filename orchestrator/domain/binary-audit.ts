import { elfFault } from './elf.ts';
import { readElfNeeds } from './elf-needs.ts';
import { readMachO } from './macho.ts';
import type { MachOSlice } from './macho.ts';
import type { DigestBytes } from './macho-signature.ts';
import { readPe } from './pe.ts';
import { parseTargetId } from './tags.ts';
import type { TagSet, TargetParts } from './tags.ts';
import { isSystemDll } from './windows-dlls.ts';

export type BinaryFormat = 'elf' | 'mach-o' | 'pe';

/** What a shared object is judged by. */
export type BinaryOrder = {
  readonly targetId: string;
  /** Of the row: `glibc 2.17`, `musl 1.2`, `macos 11.0`, `windows 10`. Null where the row is not known: not judged then. */
  readonly floor: string | null;
  /** Tags of the wheel that it lies in. */
  readonly tags: TagSet;
  readonly member: string;
  readonly format: BinaryFormat;
  /** Last path parts of the wheel's other shared objects: libraries that it brings along. */
  readonly companions: ReadonlySet<string>;
  readonly digest: DigestBytes;
};

/** `words` fill the card of the code. */
export type AuditFault = {
  readonly code: 'FARM_AUDIT_MACHINE' | 'FARM_AUDIT_FLOOR' | 'FARM_AUDIT_SUFFIX' | 'FARM_AUDIT_LIBRARY' | 'FARM_AUDIT_SIGNATURE'
    | 'FARM_AUDIT_BROKEN';
  readonly words: Readonly<Record<string, string>>;
};

const formats: Readonly<Record<string, BinaryFormat>> = { manylinux: 'elf', musllinux: 'elf', win: 'pe', win32: 'pe', macosx: 'mach-o' };
const formatWords: Readonly<Record<BinaryFormat, string>> = { elf: 'Linux (ELF)', 'mach-o': 'macOS (Mach-O)', pe: 'Windows (PE)' };
const coffMachines: Readonly<Record<string, number>> = { amd64: 0x8664, arm64: 0xaa64, '': 0x14c };
const cpuTypes: Readonly<Record<string, number>> = { x86_64: 0x01000007, arm64: 0x0100000c };
/** Triples in the names of extension modules. @source PEP 3149 and CPython's configure */
const triples: Readonly<Record<string, string>> = {
  x86_64: 'x86_64-linux', i686: 'i386-linux', aarch64: 'aarch64-linux', armv7l: 'arm-linux', ppc64le: 'powerpc64le-linux',
  s390x: 's390x-linux', riscv64: 'riscv64-linux', loongarch64: 'loongarch64-linux',
};

/**
 * Judges one shared object: machine, what it imports, what it needs of the system, its name and its signature.
 * Targets of families that have no rule here are not judged.
 */
export function auditBinary(order: BinaryOrder, bytes: Uint8Array): AuditFault | null {
  const target = parseTargetId(order.targetId);
  const wanted = target.ok ? formats[target.value.family] : undefined;
  if (!target.ok || wanted === undefined) return null;
  if (order.format !== wanted) return machineFault(order, formatWords[order.format], order.targetId);
  const suffix = suffixFault(order, target.value);
  if (suffix !== null) return suffix;
  if (wanted === 'elf') return auditElf(order, bytes);
  return wanted === 'pe' ? auditPe(order, target.value, bytes) : auditMachO(order, target.value, bytes);
}

const machineFault = ({ member }: BinaryOrder, found: string, expected: string): AuditFault =>
  ({ code: 'FARM_AUDIT_MACHINE', words: { member, found, expected } });
const brokenFault = ({ member }: BinaryOrder, why: string): AuditFault => ({ code: 'FARM_AUDIT_BROKEN', words: { member, why } });
const libraryFault = ({ member, targetId }: BinaryOrder, library: string): AuditFault =>
  ({ code: 'FARM_AUDIT_LIBRARY', words: { member, library, target: targetId } });
const floorFault = ({ member, floor }: BinaryOrder, found: string): AuditFault =>
  ({ code: 'FARM_AUDIT_FLOOR', words: { found: `${found} (${member})`, expected: floor ?? '' } });

/** The numbers of a version text, for comparison. */
const numbers = (text: string): number[] => text.split('.').map(Number);

/** Whether version `a` is above `b`, part by part; missing parts are zero. */
export function isAbove(a: readonly number[], b: readonly number[]): boolean {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

/** What the file may need at most: the row's floor, or the wheel's own tag where that promises less. */
function leastPromised(order: BinaryOrder, rowFloor: string | undefined, tag: RegExp): number[] | null {
  const tagged = order.tags.platforms.flatMap((platform) => {
    const found = tag.exec(platform);
    return found === null ? [] : [[Number(found[1]), Number(found[2])]];
  });
  const all = rowFloor === undefined ? tagged : [numbers(rowFloor), ...tagged];
  return all.length === 0 ? null : all.reduce((least, one) => (isAbove(least, one) ? one : least));
}

/** A name with an interpreter in it must name the target's; `.abi3.so`, `.so` and `.pyd` name none. */
function suffixFault(order: BinaryOrder, target: TargetParts): AuditFault | null {
  const name = order.member.slice(order.member.lastIndexOf('/') + 1);
  const digits = `${target.major}${target.minor}${target.freeThreaded ? 't' : ''}`;
  const expected = target.family.startsWith('win')
    ? `.cp${digits}-${target.arch === '' ? target.family : `${target.family}_${target.arch}`}.pyd`
    : target.family === 'macosx' ? `.cpython-${digits}-darwin.so` : `.cpython-${digits}-${triples[target.arch] ?? target.arch}`;
  const found = /\.(?:cpython-\d|cp\d+t?-|pypy\d|graalpy\d)[^/]*$/.exec(name)?.[0];
  // Windows imports nothing that is named .so: setuptools calls the stable ABI so where it does not know its target.
  if (target.family.startsWith('win') && name.endsWith('.so')) return { code: 'FARM_AUDIT_SUFFIX', words: { member: order.member, expected } };
  if (found === undefined || !/\.(?:so|pyd)$/.test(found) || target.interpreter !== 'cp') return null;
  const fits = expected.startsWith('.cpython-') && !expected.endsWith('.so') ? found.startsWith(`${expected}-`) : found === expected;
  return fits ? null : { code: 'FARM_AUDIT_SUFFIX', words: { member: order.member, expected } };
}

const glibcLibraries: ReadonlySet<string> = new Set(['libc.so.6', 'libm.so.6', 'libpthread.so.0', 'libdl.so.2', 'librt.so.1', 'libutil.so.1']);

function auditElf(order: BinaryOrder, bytes: Uint8Array): AuditFault | null {
  const machine = elfFault(order.targetId, bytes.subarray(0, 64));
  if (machine !== null) return machineFault(order, machine.found, machine.expected);
  const needs = readElfNeeds(bytes);
  if (!needs.ok) return brokenFault(order, needs.error.why);
  const absolute = needs.value.searchPaths.find((path) => path.startsWith('/'));
  if (absolute !== undefined) return libraryFault(order, `the search path ${absolute}`);
  const [libc, least] = (order.floor ?? '').split(' ');
  if (libc === 'musl') {
    const foreign = needs.value.libraries.find((name) => glibcLibraries.has(name))
      ?? needs.value.versions.find((name) => name.startsWith('GLIBC_'));
    return foreign === undefined ? null : floorFault(order, `glibc: ${foreign}`);
  }
  if (libc !== 'glibc') return null;
  const promised = leastPromised(order, least, /^manylinux_(\d+)_(\d+)_/);
  const above = needs.value.versions.find((name) =>
    promised !== null && /^GLIBC_\d[\d.]*$/.test(name) && isAbove(numbers(name.slice(6)), promised));
  return above === undefined ? null : floorFault(order, above);
}

function auditPe(order: BinaryOrder, target: TargetParts, bytes: Uint8Array): AuditFault | null {
  const file = readPe(bytes);
  if (!file.ok) return brokenFault(order, file.error.why);
  const wanted = coffMachines[target.arch];
  if (file.value.machine !== wanted) return machineFault(order, `machine 0x${file.value.machine.toString(16)}`, order.targetId);
  const stable = target.freeThreaded ? 'python3t.dll' : 'python3.dll';
  const own = `python${target.major}${target.minor}${target.freeThreaded ? 't' : ''}.dll`;
  // An extension for the stable ABI is loaded by other versions too: those have no DLL of this one's name.
  const versioned = !order.tags.abis.some((abi) => abi.startsWith('abi3')) && !order.tags.abis.includes('none');
  const foreign = file.value.imports.map((name) => name.toLowerCase()).find((name) =>
    !(name === stable || (name === own && versioned) || isSystemDll(name) || order.companions.has(name)));
  return foreign === undefined ? null : libraryFault(order, foreign);
}

function auditMachO(order: BinaryOrder, target: TargetParts, bytes: Uint8Array): AuditFault | null {
  const slices = readMachO(bytes, order.digest);
  if (!slices.ok) return brokenFault(order, slices.error.why);
  const archs = target.arch === 'universal2' ? ['x86_64', 'arm64'] : [target.arch];
  const missing = archs.find((arch) => !slices.value.some(({ cpuType }) => cpuType === cpuTypes[arch]));
  if (missing !== undefined) return machineFault(order, slices.value.map(({ cpuType }) => cpuName(cpuType)).join(', '), missing);
  for (const slice of slices.value) {
    const fault = auditSlice(order, slice);
    if (fault !== null) return fault;
  }
  return null;
}

const cpuName = (type: number): string =>
  Object.entries(cpuTypes).find(([, known]) => known === type)?.[0] ?? `processor 0x${type.toString(16)}`;

function auditSlice(order: BinaryOrder, slice: MachOSlice): AuditFault | null {
  const { member } = order;
  if (slice.platform !== null && slice.platform !== 1) return machineFault(order, `Apple platform ${slice.platform}`, order.targetId);
  if (slice.minimum === null) return brokenFault(order, 'it names no oldest macOS');
  const promised = leastPromised(order, /^macos (.+)$/.exec(order.floor ?? '')?.[1], /^macosx_(\d+)_(\d+)_/);
  if (promised !== null && isAbove(slice.minimum, promised)) return floorFault(order, `macOS ${slice.minimum.join('.')}`);
  const foreign = [...slice.libraries, ...slice.installName === null ? [] : [slice.installName]].find((name) => !isHome(name, order.companions))
    ?? slice.searchPaths.find((path) => !path.startsWith('@'));
  if (foreign !== undefined) return libraryFault(order, foreign);
  const fault = slice.signature?.fault ?? (slice.cpuType === cpuTypes['arm64'] ? 'it has none' : '');
  return fault === '' ? null : { code: 'FARM_AUDIT_SIGNATURE', words: { member, why: fault } };
}

/** The system's libraries, and those of the wheel by a path that begins where the wheel lies. */
function isHome(name: string, companions: ReadonlySet<string>): boolean {
  if (/^\/(?:usr\/lib|System\/Library)\/(?!.*\.\.)/.test(name)) return true;
  if (name.startsWith('/')) return false;
  return companions.has(name.slice(name.lastIndexOf('/') + 1).toLowerCase());
}
