import { err, ok } from './result.ts';
import type { Result } from './result.ts';

/** One line of RECORD. `hash` is `sha256=<base64url without padding>` or empty; `size` is null where it is empty. */
export type RecordEntry = { readonly path: string; readonly hash: string; readonly size: number | null };

/** What a member of the archive really is. */
export type MemberDigest = { readonly path: string; readonly sha256: string; readonly size: number };

/** @errors FARM_RECORD_BROKEN with the line, from 1 */
export type RecordError = { code: 'FARM_RECORD_BROKEN'; line: number; why: string };

/** Parses RECORD (CSV with quotes). @errors FARM_RECORD_BROKEN */
export function parseRecord(text: string): Result<RecordEntry[], RecordError> {
  const entries: RecordEntry[] = [];
  const rows = splitCsv(text);
  if (rows === null) return err({ code: 'FARM_RECORD_BROKEN', line: 1, why: 'a quote is not closed' });
  for (const [index, row] of rows.entries()) {
    const [path, hash = '', size = ''] = row;
    if (row.length === 1 && path === '') continue;
    if (path === undefined || path === '' || row.length !== 3 || !/^\d{0,15}$/.test(size)) {
      return err({ code: 'FARM_RECORD_BROKEN', line: index + 1, why: 'a line is not path, hash, size' });
    }
    entries.push({ path, hash, size: size === '' ? null : Number(size) });
  }
  return ok(entries);
}

function splitCsv(text: string): string[][] | null {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const match of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)|([^])/g)) {
    const [, quoted, plain, end, stray] = match;
    if (stray !== undefined) return null;
    row.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
    if (end === ',') continue;
    rows.push(row);
    row = [];
    if (end === '') break;
  }
  return rows;
}

/** Writes RECORD with line feeds; quotes where a path needs it. */
export function printRecord(entries: readonly RecordEntry[]): string {
  return entries.map(({ path, hash, size }) => `${quote(path)},${hash},${size ?? ''}\n`).join('');
}

function quote(path: string): string {
  return /[",\r\n]/.test(path) ? `"${path.replaceAll('"', '""')}"` : path;
}

/** The line of a member. @shape sha256 in 64 lower-case hex digits */
export function recordEntry(member: MemberDigest): RecordEntry {
  return { path: member.path, hash: `sha256=${base64UrlOfHex(member.sha256)}`, size: member.size };
}

/** Base64 for URLs, without padding, of bytes given in hex. */
export function base64UrlOfHex(hex: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  let text = '';
  for (let at = 0; at < hex.length; at += 6) {
    const chunk = hex.slice(at, at + 6);
    const bits = Number.parseInt(chunk.padEnd(6, '0'), 16);
    const digits = Math.ceil((chunk.length * 4) / 6);
    for (let digit = 0; digit < digits; digit += 1) text += alphabet[(bits >> (18 - 6 * digit)) & 63];
  }
  return text;
}

/** Files that RECORD lists without a hash, or that may be missing from it. @source PEP 427, PEP 815 */
export function isRecordFile(path: string): boolean {
  return /^[^/]+\.dist-info\/RECORD(\.jws|\.p7s)?$/.test(path);
}

/**
 * Compares RECORD with the members of an archive; one sentence for each difference, none when all agree.
 * Hashes other than SHA-256 are differences too: the farm cannot judge them.
 */
export function recordDifferences(entries: readonly RecordEntry[], members: readonly MemberDigest[]): string[] {
  const differences: string[] = [];
  const listed = new Map<string, RecordEntry>();
  for (const entry of entries) {
    if (listed.has(entry.path)) differences.push(`${entry.path} is listed twice`);
    listed.set(entry.path, entry);
  }
  for (const member of members) {
    const entry = listed.get(member.path);
    listed.delete(member.path);
    if (isRecordFile(member.path)) continue;
    if (entry === undefined) differences.push(`${member.path} is not listed`);
    else if (entry.hash !== recordEntry(member).hash) differences.push(`${member.path} has another hash`);
    else if (entry.size !== null && entry.size !== member.size) differences.push(`${member.path} has another size`);
  }
  for (const path of listed.keys()) if (!isRecordFile(path)) differences.push(`${path} is listed and not there`);
  return differences;
}
