import { parseTargetId } from './tags.ts';

/** What an ELF file is for. @shape machine: e_machine; littleEndian: EI_DATA */
export interface ElfKind {
  readonly machine: number;
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
}

/** e_machine, class and byte order by the architecture of a target id. @source ELF gABI, registry of e_machine */
const expectedKinds: Readonly<Record<string, readonly [machine: number, bits: 32 | 64, littleEndian: boolean]>> = {
  x86_64: [62, 64, true], i686: [3, 32, true], aarch64: [183, 64, true], armv7l: [40, 32, true],
  ppc64le: [21, 64, true], s390x: [22, 64, false], riscv64: [243, 64, true], loongarch64: [258, 64, true],
};
const linuxFamilies: ReadonlySet<string> = new Set(['manylinux', 'musllinux']);

/** Reads the header of an ELF file; null where these bytes are none. @shape head: its first 20 bytes or more */
export function readElfKind(head: Uint8Array): ElfKind | null {
  if (head.length < 20 || head[0] !== 0x7f || head[1] !== 0x45 || head[2] !== 0x4c || head[3] !== 0x46) return null;
  const littleEndian = head[5] === 1;
  const [first = 0, second = 0] = [head[18], head[19]];
  return { machine: littleEndian ? first + 256 * second : 256 * first + second, bits: head[4] === 2 ? 64 : 32, littleEndian };
}

/**
 * How an ELF file is not for a target, in words; null where it is, and for targets whose files are not ELF.
 * @shape head as for `readElfKind`; bytes that are no ELF header are not for any target
 */
export function elfFault(targetId: string, head: Uint8Array): { readonly found: string; readonly expected: string } | null {
  const target = parseTargetId(targetId);
  const wanted = target.ok && linuxFamilies.has(target.value.family) ? expectedKinds[target.value.arch] : undefined;
  if (!target.ok || wanted === undefined) return null;
  const [machine, bits, littleEndian] = wanted;
  const found = readElfKind(head);
  if (found?.machine === machine && found.bits === bits && found.littleEndian === littleEndian) return null;
  return { found: found === null ? 'no machine' : wordsOf(found), expected: target.value.arch };
}

function wordsOf(kind: ElfKind): string {
  const known = Object.entries(expectedKinds).find(([, [machine, bits, littleEndian]]) =>
    machine === kind.machine && bits === kind.bits && littleEndian === kind.littleEndian);
  return known?.[0] ?? `machine ${kind.machine} with ${kind.bits} bits`;
}
