import { describe, expect, it } from 'vitest';
import {
  parseMetadata, printMetadata, readCoreMetadata, readWheelFile, valueOf, valuesOf, withField,
} from '../../../orchestrator/domain/metadata.ts';
import type { Metadata } from '../../../orchestrator/domain/metadata.ts';

function parsed(text: string): Metadata {
  const result = parseMetadata(text);
  if (!result.ok) throw new Error(result.error.why);
  return result.value;
}

const text = [
  'Metadata-Version: 2.4', 'Name: Holy_Grail', 'Version: 1.00', 'Summary: naïve: ok', 'X-Unknown: kept',
  'License: line one', '        line two', 'Requires-Python: >=3.9', 'Requires-Dist: a',
  'requires-dist: b; extra == "x"',
  'License-File: LICENSE', 'Dynamic: Version', '', '# Title', '', 'Name: not a field', ''].join('\n');

describe('metadata', () => {
  it('prints what it read, unknown fields, folds and body included', () => expect(printMetadata(parsed(text))).toBe(text));

  it('reads both kinds of line end', () => expect(printMetadata(parsed(text.replaceAll('\n', '\r\n')))).toBe(text));

  it('reads the core fields', () => {
    expect(readCoreMetadata(parsed(text))).toEqual({ ok: true, value: {
      metadataVersion: '2.4', name: 'holy-grail', version: '1.0', summary: 'naïve: ok', requiresPython: '>=3.9',
      requiresDist: ['a', 'b; extra == "x"'], providesExtra: [], licenseExpression: null, licenseFiles: ['LICENSE'],
      dynamic: ['version'] } });
  });

  it.each([
    ['Name: x\nVersion: 1\n', 'Metadata-Version is missing'],
    ['Metadata-Version: 3.0\nName: x\nVersion: 1\n', 'Metadata-Version is 3.0'],
    ['Metadata-Version: 2.1\nName: x y\nVersion: 1\n', 'Name is x y'],
    ['Metadata-Version: 2.1\nName: x\n', 'Version is missing'],
  ])('refuses %j', (bad, why) => expect(readCoreMetadata(parsed(bad))).toMatchObject({ error: { why } }));

  it('names the broken line', () => {
    expect(parseMetadata('Name: x\nnonsense\n')).toMatchObject({ error: { code: 'FARM_METADATA_BROKEN', line: 2 } });
    expect(parseMetadata('  folded\n')).toMatchObject({ error: { line: 1 } });
  });

  it('sets, replaces and removes a field in its place', () => {
    const edited = withField(parsed(text), 'Requires-Dist', ['c', 'd']);
    expect(valuesOf(edited, 'Requires-Dist')).toEqual(['c', 'd']);
    expect(edited.fields.findIndex(({ value }) => value === 'c')).toBe(7);
    expect(valueOf(withField(edited, 'Requires-Dist', []), 'Requires-Dist')).toBeNull();
    expect(withField(edited, 'Build', ['1']).fields.at(-1)).toEqual({ name: 'Build', value: '1' });
  });

  it('reads WHEEL', () => {
    const wheel = parsed('Wheel-Version: 1.0\nGenerator: setuptools (80)\nRoot-Is-Purelib: true\nTag: py3-none-any\nBuild: 2\n\n');
    expect(readWheelFile(wheel)).toEqual({ ok: true, value: {
      wheelVersion: '1.0', generator: 'setuptools (80)', rootIsPurelib: true, tags: ['py3-none-any'], build: '2' } });
    expect(readWheelFile(parsed('Wheel-Version: 2.0\nTag: a-b-c\n')).ok).toBe(false);
    expect(readWheelFile(parsed('Wheel-Version: 1.0\n')).ok).toBe(false);
  });
});
