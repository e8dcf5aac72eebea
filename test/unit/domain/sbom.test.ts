import { createHash } from 'node:crypto';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { describe, expect, it } from 'vitest';
import { normalizeName } from '../../../orchestrator/domain/names.ts';
import { printSbom, pypiPurl, sbomOf, withVersion } from '../../../orchestrator/domain/sbom.ts';
import type { Component, SbomInput } from '../../../orchestrator/domain/sbom.ts';
import { isoTime } from '../../../orchestrator/domain/utc.ts';

const input: SbomInput = {
  name: normalizeName('Demo'), version: '1.0+x', licence: 'MIT OR Apache-2.0', farmVersion: '0.1.0',
  timestamp: 1_700_000_000,
  binaries: [
    { path: 'demo/_c.so', sha256: 'aa'.repeat(32), grafted: false },
    { path: 'demo.libs/libjpeg-1.so.62', sha256: 'bb'.repeat(32), grafted: true },
    { path: 'demo.libs/libodd-2.so.1', sha256: 'cc'.repeat(32), grafted: true },
  ],
  known: [{ path: 'demo.libs/libjpeg-1.so.62', name: 'libjpeg-turbo', version: '1.5.3', licence: 'IJG', evidence: 'dpkg -S',
    purl: 'pkg:deb/debian/libjpeg62-turbo@1.5.3?arch=amd64' }],
  buildRequirements: [
    { name: normalizeName('setuptools'), version: '80.0', sha256: 'dd'.repeat(32) },
    { name: normalizeName('cython'), version: '3.1', sha256: 'ee'.repeat(32) },
  ],
  image: { key: 'cross-debian-trixie-cp313', sha256: 'ff'.repeat(32) },
  digestOf: (text) => createHash('sha256').update(text).digest('hex'),
};

async function complaints(change: Partial<SbomInput>): Promise<unknown> {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
  return validator.validate(printSbom(sbomOf({ ...input, ...change })));
}

describe('the SBOM', () => {
  it('is a valid CycloneDX 1.6 document, full and nearly empty', async () => {
    expect(await complaints({})).toBeNull();
    expect(await complaints({ binaries: [], known: [], buildRequirements: [], image: null, licence: null })).toBeNull();
    expect(await complaints({ timestamp: Number.NaN })).not.toBeNull();
  });

  it('under another version is what it would have been from the start', () => {
    const renamed = withVersion(printSbom(sbomOf({ ...input, version: '1.0' })), { name: input.name, from: '1.0', to: '1.0.post1' }, input.digestOf);
    expect(renamed).toBe(printSbom(sbomOf({ ...input, version: '1.0.post1' })));
  });

  it('is the same for the same input, whatever the order of its lists', () => {
    const turned = { ...input, binaries: input.binaries.toReversed(), buildRequirements: input.buildRequirements.toReversed() };
    expect(printSbom(sbomOf(turned))).toBe(printSbom(sbomOf(input)));
  });

  it('has another serial number for other content', () => {
    const serial = sbomOf(input).serialNumber;
    expect(serial).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(sbomOf({ ...input, timestamp: 1_700_000_001 }).serialNumber).not.toBe(serial);
  });

  it('reaches every component from the package, by unique references', () => {
    const sbom = sbomOf(input);
    const refs = sbom.components.map((one: Component) => one['bom-ref']);
    expect(new Set(refs).size).toBe(3);
    expect(sbom.dependencies[0]).toEqual({ ref: 'pkg:pypi/demo@1.0%2Bx', dependsOn: refs });
    expect(sbom.dependencies.map(({ ref }) => ref)).toEqual(['pkg:pypi/demo@1.0%2Bx', ...refs]);
  });

  it('says what is known and what is not', () => {
    const [jpeg, odd, own] = sbomOf(input).components;
    expect(jpeg).toMatchObject({ name: 'libjpeg-turbo', version: '1.5.3', licenses: [{ expression: 'IJG' }],
      hashes: [{ alg: 'SHA-256', content: 'bb'.repeat(32) }] });
    expect(odd).toMatchObject({ type: 'library', name: 'libodd-2.so.1', properties: [{ value: 'unknown' }] });
    expect(odd).not.toHaveProperty('purl');
    expect(own).toMatchObject({ type: 'file', name: 'demo/_c.so' });
    expect(sbomOf(input).compositions).toMatchObject([{ aggregate: 'unknown' }]);
    expect(sbomOf({ ...input, binaries: [] }).compositions).toMatchObject([{ aggregate: 'complete' }]);
  });

  it('keeps build requirements apart from what is inside', () => {
    const sbom = sbomOf({ ...input, name: normalizeName('setuptools'), version: '80.0' });
    expect(JSON.stringify(sbom.components)).not.toContain('pkg:pypi/');
    expect(sbom.formulation).toMatchObject([{ components: [
      { 'bom-ref': `build:image#${'ff'.repeat(32)}` }, { name: 'cython' }, { name: 'setuptools', purl: 'pkg:pypi/setuptools@80.0' }] }]);
  });

  it('spells purls and times', () => {
    expect(pypiPurl(normalizeName('A.b'), '1!2.0')).toBe('pkg:pypi/a-b@1%212.0');
    expect(isoTime(1_700_000_000)).toBe('2023-11-14T22:13:20Z');
    expect(isoTime(0)).toBe('1970-01-01T00:00:00Z');
    expect(isoTime(951_782_400)).toBe('2000-02-29T00:00:00Z');
  });
});
