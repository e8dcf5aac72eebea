import { describe, expect, it } from 'vitest';
import {
  base64UrlOfHex, parseRecord, printRecord, recordDifferences, recordEntry,
} from '../../../orchestrator/domain/record.ts';

const digest = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const entry = recordEntry({ path: 'a/b.py', sha256: digest, size: 0 });
const own = { path: 'd-1.dist-info/RECORD', hash: '', size: null };

describe('RECORD', () => {
  it('spells hashes as the format wants', () => {
    expect(entry.hash).toBe('sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU');
    expect(base64UrlOfHex('00ff')).toBe('AP8');
    expect(base64UrlOfHex('')).toBe('');
  });

  it('prints what it parsed, quotes and commas included', () => {
    const entries = [entry, { path: 'a,"b".py', hash: 'sha256=x', size: 3 }, own];
    const text = printRecord(entries);
    expect(text).toContain('"a,""b"".py",sha256=x,3\n');
    expect(parseRecord(text)).toEqual({ ok: true, value: entries });
    expect(parseRecord(text.replaceAll('\n', '\r\n'))).toEqual({ ok: true, value: entries });
    expect(parseRecord(text.trimEnd())).toEqual({ ok: true, value: entries });
  });

  it.each(['a,b', 'a,b,c,d', 'a,sha256=x,-1', '"a,b,1', ',,'])('refuses %j', (text) =>
    expect(parseRecord(`${text}\n`).ok).toBe(false));

  it('names each difference', () => {
    const member = { path: 'a/b.py', sha256: digest, size: 0 };
    const record = { path: own.path, sha256: digest, size: 9 };
    expect(recordDifferences([entry, own], [member, record])).toEqual([]);
    expect(recordDifferences([entry], [member, record])).toEqual([]);
    expect(recordDifferences([own], [member, record])).toEqual(['a/b.py is not listed']);
    expect(recordDifferences([entry, own], [record])).toEqual(['a/b.py is listed and not there']);
    expect(recordDifferences([entry, entry], [member])).toEqual(['a/b.py is listed twice']);
    expect(recordDifferences([{ ...entry, size: 1 }], [member])).toEqual(['a/b.py has another size']);
    expect(recordDifferences([{ ...entry, hash: 'md5=x' }], [member])).toEqual(['a/b.py has another hash']);
  });
});
