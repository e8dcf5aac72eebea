import { describe, expect, it } from 'vitest';
import { elfFault, readElfKind } from '../../../orchestrator/domain/elf.ts';

/** The first 20 bytes of an ELF file. */
const head = (kind: 1 | 2, order: 1 | 2, machine: readonly [number, number]): Uint8Array =>
  Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, kind, order, 1, ...Array<number>(11).fill(0), ...machine]);

describe('the machine of an ELF file', () => {
  it('is read in either byte order', () => {
    expect(readElfKind(head(2, 1, [183, 0]))).toEqual({ machine: 183, bits: 64, littleEndian: true });
    expect(readElfKind(head(2, 2, [0, 22]))).toEqual({ machine: 22, bits: 64, littleEndian: false });
    expect(readElfKind(Uint8Array.from([0x7f, 0x45, 0x4c, 0x46]))).toBeNull();
    expect(readElfKind(new Uint8Array(64))).toBeNull();
  });

  it('is compared with the target: machine, class and byte order', () => {
    expect(elfFault('cp313-manylinux_aarch64', head(2, 1, [183, 0]))).toBeNull();
    expect(elfFault('cp313-musllinux_x86_64', head(2, 1, [183, 0]))).toEqual({ found: 'aarch64', expected: 'x86_64' });
    expect(elfFault('cp313-manylinux_x86_64', head(1, 1, [62, 0]))?.found).toBe('machine 62 with 32 bits');
    expect(elfFault('cp313-manylinux_s390x', head(2, 1, [22, 0]))).not.toBeNull();
    expect(elfFault('cp313-manylinux_armv7l', new Uint8Array(3))?.found).toBe('no machine');
  });

  it('is nobody’s matter where files are not ELF', () => {
    expect(elfFault('cp313-win_amd64', head(2, 1, [62, 0]))).toBeNull();
  });
});
