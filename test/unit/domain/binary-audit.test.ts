import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { auditBinary } from '../../../orchestrator/domain/binary-audit.ts';
import type { BinaryOrder } from '../../../orchestrator/domain/binary-audit.ts';
import { readElfNeeds } from '../../../orchestrator/domain/elf-needs.ts';
import { readMachO } from '../../../orchestrator/domain/macho.ts';
import { isPe, readPe } from '../../../orchestrator/domain/pe.ts';
import { parseTagSet } from '../../../orchestrator/domain/tags.ts';
import { elfFile, fatFile, machOFile, peFile } from '../../support/binaries.ts';

const digest = (algorithm: 1 | 2, bytes: Uint8Array): Uint8Array =>
  createHash(algorithm === 1 ? 'sha1' : 'sha256').update(bytes).digest();
const [x64, arm64] = [0x01000007, 0x0100000c];

function judge(targetId: string, floor: string | null, tag: string, bytes: Uint8Array, more: Partial<BinaryOrder> = {}) {
  const tags = parseTagSet(tag);
  if (!tags.ok) throw new Error(tag);
  const names: Record<string, string> = { win: 'x.pyd', mac: 'x.so', man: 'x.so', mus: 'x.so' };
  const member = names[targetId.split('-')[1]!.slice(0, 3)]!;
  const format = targetId.includes('win_') ? 'pe' : targetId.includes('macosx') ? 'mach-o' : 'elf';
  return auditBinary({ targetId, floor, tags: tags.value, member, format, companions: new Set([member]), digest, ...more }, bytes);
}
const win = (bytes: Uint8Array, more: Partial<BinaryOrder> = {}, tag = 'cp313-cp313-win_amd64') => judge('cp313-win_amd64', 'windows 10', tag, bytes, more);
const mac = (bytes: Uint8Array, more: Partial<BinaryOrder> = {}) =>
  judge('cp313-macosx_arm64', 'macos 11.0', 'cp313-cp313-macosx_11_0_arm64', bytes, more);
const linux = (bytes: Uint8Array, more: Partial<BinaryOrder> = {}, tag = 'cp313-cp313-manylinux_2_17_x86_64') =>
  judge('cp313-manylinux_x86_64', 'glibc 2.17', tag, bytes, more);

describe('a PE file', () => {
  it('passes with the right machine, python3XY.dll, the UCRT and system DLLs', () => {
    expect(win(peFile({ imports: ['python313.dll', 'KERNEL32.dll', 'api-ms-win-crt-heap-l1-1-0.dll', 'VCRUNTIME140.dll'] }))).toBeNull();
    expect(win(peFile({ imports: ['python3.dll'] }), {}, 'cp39-abi3-win_amd64')).toBeNull();
    expect(win(peFile({ imports: ['libz-1f2e.dll'] }), { companions: new Set(['libz-1f2e.dll']) })).toBeNull();
  });

  it.each([
    ['python311.dll', 'cp313-cp313-win_amd64'], ['python313.dll', 'cp39-abi3-win_amd64'], ['msvcp140.dll', 'cp313-cp313-win_amd64'],
    ['libgcc_s_seh-1.dll', 'cp313-cp313-win_amd64'],
  ])('is refused for %s in %s, by name', (dll, tag) => {
    expect(win(peFile({ imports: ['KERNEL32.dll', dll] }), {}, tag)).toMatchObject({ code: 'FARM_AUDIT_LIBRARY', words: { library: dll } });
  });

  it('is refused for another machine, another system and another interpreter', () => {
    expect(win(peFile({ machine: 0xaa64 }))).toMatchObject({ code: 'FARM_AUDIT_MACHINE', words: { found: 'machine 0xaa64' } });
    expect(judge('cp313-win_arm64', 'windows 10', 'cp313-cp313-win_arm64', peFile({ machine: 0xaa64 }))).toBeNull();
    expect(win(elfFile(), { format: 'elf' })).toMatchObject({ code: 'FARM_AUDIT_MACHINE', words: { found: 'Linux (ELF)' } });
    expect(win(peFile(), { member: 'x.cp311-win_amd64.pyd' })?.code).toBe('FARM_AUDIT_SUFFIX');
    expect(win(peFile(), { member: 'x.cp313-win_amd64.pyd' })).toBeNull();
    expect(win(peFile(), { member: 'x.abi3.so' })?.code).toBe('FARM_AUDIT_SUFFIX');
  });

  it('is told from other files that begin with MZ', () => {
    expect([isPe(peFile()), isPe(Buffer.from('MZ and nothing else')), isPe(Buffer.alloc(0))]).toEqual([true, false, false]);
  });
});

describe('a Mach-O file', () => {
  it('passes with the right processor, an old enough macOS, system libraries and a signature that holds', () => {
    expect(mac(machOFile())).toBeNull();
    expect(mac(fatFile([{ cpuType: x64, bytes: machOFile({ cpuType: x64, minimum: [10, 13] }) }, { cpuType: arm64, bytes: machOFile() }]))).toBeNull();
    expect(mac(machOFile({ libraries: ['@loader_path/.dylibs/libz.1.dylib'] }), { companions: new Set(['x.so', 'libz.1.dylib']) })).toBeNull();
  });

  it('is refused when one byte of any page was changed after it was signed', () => {
    const whole = machOFile();
    // Up to the end of the last signed page; the header's own bytes may make it unreadable, which refuses it as well.
    for (const at of [40, 0x3ff, 0x800, 0xfff, 0x1000, 0x13ff]) {
      const changed = Buffer.from(whole);
      changed[at] = changed[at]! ^ 1;
      expect(mac(changed)?.code, `byte ${at}`).toMatch(/^FARM_AUDIT_(?:SIGNATURE|BROKEN|LIBRARY)$/);
    }
    const changed = Buffer.from(whole);
    changed[0x1200] = 1;
    expect(mac(changed)).toEqual({ code: 'FARM_AUDIT_SIGNATURE', words: { member: 'x.so', why: 'page 1 was changed after it was signed' } });
  });

  it('needs a signature on arm64 and none on x86_64', () => {
    expect(mac(machOFile({ signed: false }))).toMatchObject({ code: 'FARM_AUDIT_SIGNATURE', words: { why: 'it has none' } });
    const plain = machOFile({ cpuType: x64, minimum: [10, 13], signed: false });
    expect(judge('cp313-macosx_x86_64', 'macos 10.13', 'cp313-cp313-macosx_10_13_x86_64', plain)).toBeNull();
  });

  it('is refused for a newer macOS than row or tag promise', () => {
    expect(mac(machOFile({ minimum: [12, 0] }))).toMatchObject({ code: 'FARM_AUDIT_FLOOR', words: { found: 'macOS 12.0 (x.so)', expected: 'macos 11.0' } });
    expect(judge('cp313-macosx_arm64', 'macos 12.0', 'cp313-cp313-macosx_11_0_arm64', machOFile({ minimum: [12, 0] }))?.code).toBe('FARM_AUDIT_FLOOR');
  });

  it.each([
    [{ libraries: ['/opt/homebrew/lib/libz.dylib'] }, '/opt/homebrew/lib/libz.dylib'], [{ installName: '/work/src/x.so' }, '/work/src/x.so'],
    [{ searchPaths: ['/work/env/lib'] }, '/work/env/lib'], [{ libraries: ['@rpath/libgone.dylib'] }, '@rpath/libgone.dylib'],
    [{ libraries: ['/usr/lib/../../opt/libz.dylib'] }, '/usr/lib/../../opt/libz.dylib'],
  ])('is refused for a path of elsewhere: %j', (shape, library) => {
    expect(mac(machOFile(shape))).toMatchObject({ code: 'FARM_AUDIT_LIBRARY', words: { library } });
  });

  it('is refused for another processor, and empty', () => {
    expect(mac(machOFile({ cpuType: x64 }))).toMatchObject({ code: 'FARM_AUDIT_MACHINE', words: { found: 'x86_64', expected: 'arm64' } });
    expect(mac(Buffer.alloc(0))).toMatchObject({ code: 'FARM_AUDIT_BROKEN', words: { why: 'it ends too early' } });
  });
});

describe('an ELF file', () => {
  it.each([[{}], [{ wide: false, machine: 40 }], [{ bigEndian: true, machine: 22 }]])('tells its needs without section headers: %j', (shape) => {
    expect(readElfNeeds(elfFile({ ...shape, versions: ['GLIBC_2.4', 'GCC_3.0'], searchPath: '$ORIGIN/../x.libs' })))
      .toEqual({ ok: true, value: { libraries: ['libc.so.6'], versions: ['GLIBC_2.4', 'GCC_3.0'], searchPaths: ['$ORIGIN/../x.libs'] } });
  });

  it('needs no newer glibc than the row, or the tag of its wheel, promises', () => {
    expect(linux(elfFile({ versions: ['GLIBC_2.2.5', 'GLIBC_2.17', 'GLIBC_PRIVATE'] }))).toBeNull();
    expect(linux(elfFile({ versions: ['GLIBC_2.2.5', 'GLIBC_2.34'] })))
      .toEqual({ code: 'FARM_AUDIT_FLOOR', words: { found: 'GLIBC_2.34 (x.so)', expected: 'glibc 2.17' } });
    expect(linux(elfFile({ versions: ['GLIBC_2.17'] }), {}, 'cp313-cp313-manylinux_2_5_x86_64')?.code).toBe('FARM_AUDIT_FLOOR');
    expect(linux(elfFile({ versions: ['GLIBC_2.17.1'] }))?.code).toBe('FARM_AUDIT_FLOOR');
  });

  it('of a musl row needs nothing of glibc', () => {
    const musl = (bytes: Uint8Array) => judge('cp313-musllinux_x86_64', 'musl 1.2', 'cp313-cp313-musllinux_1_2_x86_64', bytes);
    expect(musl(elfFile({ libraries: ['libc.musl-x86_64.so.1'], versions: [] }))).toBeNull();
    expect(musl(elfFile())?.code).toBe('FARM_AUDIT_FLOOR');
  });

  it('is refused for another machine, a foreign search path and another interpreter', () => {
    expect(linux(elfFile({ machine: 183 }))).toMatchObject({ code: 'FARM_AUDIT_MACHINE', words: { found: 'aarch64' } });
    expect(linux(elfFile({ searchPath: '$ORIGIN:/work/env/lib' }))?.code).toBe('FARM_AUDIT_LIBRARY');
    expect(linux(elfFile(), { member: 'x.cpython-311-x86_64-linux-gnu.so' })?.code).toBe('FARM_AUDIT_SUFFIX');
    expect(linux(elfFile(), { member: 'x.cpython-313-aarch64-linux-gnu.so' })?.code).toBe('FARM_AUDIT_SUFFIX');
    expect(linux(elfFile(), { member: 'x.cpython-313-x86_64-linux-gnu.so' })).toBeNull();
    expect(linux(machOFile(), { format: 'mach-o' })).toMatchObject({ words: { found: 'macOS (Mach-O)' } });
  });
});

describe('readers of strangers\' files', () => {
  /** A small generator of numbers, the same on every run. */
  const numbersFrom = (seed: number) => () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31);
  const files = { pe: peFile(), 'mach-o': machOFile(), fat: fatFile([{ cpuType: arm64, bytes: machOFile() }]), elf: elfFile(), elf32: elfFile({ wide: false }) };

  it.each(Object.entries(files))('end with a value for any %s file that is cut or has any bytes changed', (_name, whole) => {
    const next = numbersFrom(7);
    const readAll = (bytes: Uint8Array) => [readPe(bytes), readMachO(bytes, digest), readElfNeeds(bytes)].map(({ ok }) => typeof ok);
    for (let cut = 0; cut < 0x200; cut += 1) expect(readAll(whole.subarray(0, cut))).toEqual(['boolean', 'boolean', 'boolean']);
    for (let round = 0; round < 3_000; round += 1) {
      const changed = Buffer.from(whole);
      // Half of the changes hit headers, where lengths and places stand.
      for (let count = 1 + next() % 4; count > 0; count -= 1) changed[next() % (round % 2 ? 0x180 : whole.length)] = next() % 4 ? 0xff : next() % 256;
      expect(readAll(changed)).toEqual(['boolean', 'boolean', 'boolean']);
    }
  });
});
