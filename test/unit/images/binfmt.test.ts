import { describe, expect, it } from 'vitest';
import { registerLine } from '../../../images/binfmt.ts';

/** Unescapes one field of a register line. */
const hex = (field: string): string => field.replaceAll('\\x', '');

// Debian's own registrations of these machines (qemu-user-binfmt), as /proc/sys/fs/binfmt_misc shows them.
describe('the line that registers QEMU', () => {
  it.each([
    ['arm', 32, 'little', 40, '7f454c4601010100000000000000000002002800', 'ffffffffffffff00fffffffffffffffffeffffff'],
    ['aarch64', 64, 'little', 183, '7f454c460201010000000000000000000200b700', 'ffffffffffffff00fffffffffffffffffeffffff'],
    ['riscv64', 64, 'little', 243, '7f454c460201010000000000000000000200f300', 'ffffffffffffff00fffffffffffffffffeffffff'],
    ['s390x', 64, 'big', 22, '7f454c4602020100000000000000000000020016', 'ffffffffffffff00fffffffffffffffffffeffff'],
  ] as const)('knows programs of %s as Debian does', (qemu, bits, order, elfMachine, magic, mask) => {
    const fields = registerLine({ qemu, class: bits, order, elfMachine }, '/usr/bin/q').split(':');
    expect(fields.slice(0, 4)).toEqual(['', `qemu-${qemu}`, 'M', '']);
    expect(hex(fields[4]!)).toBe(magic);
    expect(hex(fields[5]!)).toBe(mask);
    expect(fields.slice(6)).toEqual(['/usr/bin/q', 'F']);
  });
});
