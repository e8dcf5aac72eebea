import { describe, expect, it } from 'vitest';
import {
  allowsPython, compareVersions, newestVersion, normalizeVersion, parseSpecifiers, parseVersion, printSpecifiers,
  satisfies,
} from '../../../orchestrator/domain/version.ts';
import type { Version } from '../../../orchestrator/domain/version.ts';

function version(text: string): Version {
  const parsed = parseVersion(text);
  if (!parsed.ok) throw new Error(`no version: ${text}`);
  return parsed.value;
}

function allowed(text: string, specifiers: string): boolean {
  const parsed = parseSpecifiers(specifiers);
  if (!parsed.ok) throw new Error(`no specifiers: ${specifiers}`);
  return satisfies(version(text), parsed.value);
}

describe('versions', () => {
  it.each([
    ['1.0', '1.0'], ['v1.0', '1.0'], ['1.0ALPHA1', '1.0a1'], ['1.0-beta.2', '1.0b2'], ['1.0.c3', '1.0rc3'],
    ['1.0-1', '1.0.post1'], ['1.0.rev2', '1.0.post2'], ['1.0_dev', '1.0.dev0'], ['01.02', '1.2'], ['2!1.0', '2!1.0'],
    ['1.0+Ubuntu-1', '1.0+ubuntu.1'], ['1.0preview', '1.0rc0'], [' 1.0 ', '1.0'],
    ['1.0a1.post2.dev3', '1.0a1.post2.dev3'],
  ])('normalises %s to %s', (text, normal) => expect(normalizeVersion(text)).toBe(normal));

  it.each(['', 'latest', '1.0+', '1..0', '1.0-x', '1.0.post1.post2', '1.99999999999999999'])('refuses %j', (text) =>
    expect(normalizeVersion(text)).toBeNull());

  it('orders as the specification lists them', () => {
    const ordered = ['1.dev0', '1.0.dev456', '1.0a1', '1.0a2.dev456', '1.0a12.dev456', '1.0a12', '1.0b1.dev456', '1.0b2',
      '1.0b2.post345.dev456', '1.0b2.post345', '1.0rc1.dev456', '1.0rc1', '1.0', '1.0+abc.5', '1.0+abc.7', '1.0+5',
      '1.0.post456.dev34', '1.0.post456', '1.0.15', '1.1.dev1', '1!0.1'];
    const shuffled = ordered.toReversed().toSorted((a, b) => compareVersions(version(a), version(b)));
    expect(shuffled).toEqual(ordered);
  });

  it.each([
    ['1.0', '==1.0.0', true], ['1.0.post1', '==1.0', false], ['1.0+x', '==1.0', true], ['1.0', '==1.0+x', false],
    ['1.0.post1', '==1.0.*', true], ['1.0.post1', '>1.0', false], ['1.0.1', '>1.0', true],
    ['1.0.post2', '>1.0.post1', true],
    ['1.0a1', '<1.0', false], ['0.9a1', '<1.0', true], ['1.0a1', '<1.0rc1', true], ['1.0+x', '>1.0', false],
    ['2.2.post3', '~=2.2', true], ['2.9', '~=2.2', true], ['3.0', '~=2.2', false], ['1.4.5', '~=1.4.5a4', true],
    ['1.5', '~=1.4.5', false], ['1.0.post1', '<=1.0', false], ['1.1', '!=1.0.*', true], ['1.0.3', '!=1.0.*', false],
    ['1.0', '===1.0', true], ['1.0.0', '===1.0', false], ['3.13', '>=3.9,<4', true], ['1!1.0', '>=2', true],
    ['1.0a5', '==1.0.*', true],
  ])('%s against %s is %s', (text, specifiers, expected) => expect(allowed(text, specifiers)).toBe(expected));

  it.each(['>=1.0.*', '==1.0a5.*', '~=1', '~1', '>=x', '>= 1.0 2'])('refuses the specifier %j', (text) =>
    expect(parseSpecifiers(text).ok).toBe(false));

  it('prints clauses in one order', () => {
    const parsed = parseSpecifiers('<4, >=3.9.0 ,!=3.9.*');
    expect(parsed.ok && printSpecifiers(parsed.value)).toBe('!=3.9.*,<4,>=3.9.0');
  });

  it('picks the newest, pre-releases only where nothing else is', () => {
    expect(newestVersion(['1.0', '2.0a1', '1.10', 'nonsense', '1.9'])).toBe('1.10');
    expect(newestVersion(['2.0a1', '2.0a2'])).toBe('2.0a2');
    expect(newestVersion([])).toBeNull();
  });

  it.each([
    ['>=3.9', '3.13', true], ['>=3.8.1', '3.8', true], ['<3.13', '3.13', false], ['>=3.10,<3.13', '3.12', true],
    ['!=3.9.*', '3.9', false], [null, '3.9', true], ['>=3.13.2', '3.13.1', false],
    ['>=2.7, !=3.0.*, !=3.1.*', '3.11', true],
  ])('Requires-Python %s and %s: %s', (bounds, python, expected) => expect(allowsPython(bounds, python)).toBe(expected));
});
