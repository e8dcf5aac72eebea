/** How much an archive may hold. Every reader takes these; nothing is unpacked before they were checked. */
export type ArchiveLimits = {
  /** @unit bytes of the archive itself */
  readonly archiveBytesMax: number;
  /** @unit members, folders included */
  readonly entriesMax: number;
  /** @unit bytes of all members together, unpacked */
  readonly unpackedBytesMax: number;
  /** Unpacked bytes for each packed byte, of the whole archive. */
  readonly ratioMax: number;
  /** @unit unpacked bytes below which the ratio is not judged: small texts pack very well */
  readonly ratioFloorBytes: number;
};

/** @source the ratio is what the largest public index accepts; the sizes are four times the largest wheels seen there */
export const archiveLimits: ArchiveLimits = {
  archiveBytesMax: 2 ** 31,
  entriesMax: 60_000,
  unpackedBytesMax: 2 ** 33,
  ratioMax: 50,
  ratioFloorBytes: 16 * 2 ** 20,
};

export type ArchiveFaultKind = 'corrupt' | 'truncated' | 'climbs' | 'too-big' | 'unsupported';

/** Why an archive is refused. `member` is empty where the whole archive is meant. */
export type ArchiveFault = { readonly kind: ArchiveFaultKind; readonly why: string; readonly member: string };

/** Carries a fault out of a reader; caught at the edge of this folder and returned as a value. */
export class ArchiveRefused extends Error {
  readonly fault: ArchiveFault;

  constructor(kind: ArchiveFaultKind, why: string, member = '') {
    super(member === '' ? why : `${member}: ${why}`);
    this.name = 'ArchiveRefused';
    this.fault = { kind, why, member };
  }
}

/** Throws where a member name could leave the folder it is unpacked into. @errors climbs */
export function checkMemberPath(path: string): void {
  const parts = path.replace(/\/$/, '').split('/');
  const wrong = path.includes('\\') || path.includes('\0') || path.startsWith('/') || /^[A-Za-z]:/.test(path)
    || parts.some((part) => part === '' || part === '.' || part === '..');
  if (wrong) throw new ArchiveRefused('climbs', 'its path leaves the folder', path);
}

/** Members, bytes of the archive and bytes unpacked, as far as they are known. */
export type ArchiveTotals = { readonly entries: number; readonly packed: number; readonly unpacked: number };

/** Throws where totals are over the limits. @errors too-big */
export function checkTotals(totals: ArchiveTotals, limits: ArchiveLimits): void {
  const { entries, packed, unpacked } = totals;
  if (entries > limits.entriesMax) throw new ArchiveRefused('too-big', `more than ${limits.entriesMax} members`);
  if (unpacked > limits.unpackedBytesMax) {
    throw new ArchiveRefused('too-big', `more than ${limits.unpackedBytesMax} bytes unpacked`);
  }
  if (unpacked > limits.ratioFloorBytes && unpacked > packed * limits.ratioMax) {
    throw new ArchiveRefused('too-big', `it grows more than ${limits.ratioMax} times`);
  }
}
