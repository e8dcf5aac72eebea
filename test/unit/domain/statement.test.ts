import { describe, expect, it } from 'vitest';
import {
  farmNames, packageUrl, publishStatement, statementText, wheelProvenance, type WheelOrigin,
} from '../../../orchestrator/domain/statement.ts';

const digest = (digit: string): string => digit.repeat(64);

const origin: WheelOrigin = {
  wheel: { name: 'demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl', sha256: digest('1') },
  project: 'demo',
  version: '1.0',
  target: 'cp311-manylinux_x86_64',
  imageKey: 'cross-debian-bookworm-1a2b',
  imageSha256: digest('2'),
  attemptKey: digest('3'),
  planSha256: digest('4'),
  builderVersion: '0.1.0',
  hermetic: true,
  sdist: { name: 'demo-1.0.tar.gz', sha256: digest('5'), uri: 'pkg:pypi/demo@1.0' },
  requirements: [
    { name: 'wheel', version: '0.48.0', sha256: digest('6') },
    { name: 'Cython', version: '3.0.11', sha256: digest('7') },
  ],
  invocationId: 'attempt-1',
  startedOn: '2026-11-21T08:00:00Z',
  finishedOn: '2026-11-21T08:00:09Z',
  logSha256: digest('8'),
  sbomSha256: digest('9'),
};

describe('statements', () => {
  it('says that a file was published, in PEP 740 words', () => {
    expect(statementText(publishStatement({ name: 'demo-1.0.tar.gz', sha256: digest('5') }))).toBe(
      '{"_type":"https://in-toto.io/Statement/v1","predicate":{},'
      + '"predicateType":"' + 'https://docs.pypi' + '.org/attestations/publish/v1",'
      + `"subject":[{"digest":{"sha256":"${digest('5')}"},"name":"demo-1.0.tar.gz"}]}`,
    );
  });

  it('says how a wheel was built, in SLSA words', () => {
    expect(wheelProvenance('farm-1', origin)).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl', digest: { sha256: digest('1') } }],
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {
        buildDefinition: {
          buildType: 'https://farm-1.wheelfarm.invalid/buildtypes/wheel/v1',
          externalParameters: { project: 'demo', version: '1.0', target: 'cp311-manylinux_x86_64' },
          internalParameters: {
            imageKey: 'cross-debian-bookworm-1a2b',
            attemptKey: digest('3'),
            planSha256: digest('4'),
            builderVersion: '0.1.0',
            hermetic: true,
          },
          resolvedDependencies: [
            { name: 'demo-1.0.tar.gz', uri: 'pkg:pypi/demo@1.0', digest: { sha256: digest('5') } },
            {
              name: 'image',
              uri: 'https://farm-1.wheelfarm.invalid/images/cross-debian-bookworm-1a2b',
              digest: { sha256: digest('2') },
            },
            { name: 'Cython', uri: 'pkg:pypi/cython@3.0.11', digest: { sha256: digest('7') } },
            { name: 'wheel', uri: 'pkg:pypi/wheel@0.48.0', digest: { sha256: digest('6') } },
          ],
        },
        runDetails: {
          builder: { id: 'https://farm-1.wheelfarm.invalid/builders/docker/v1', version: { wheelfarm: '0.1.0' } },
          metadata: {
            invocationId: 'attempt-1', startedOn: '2026-11-21T08:00:00Z', finishedOn: '2026-11-21T08:00:09Z',
          },
          byproducts: [
            { name: 'build.log', digest: { sha256: digest('8') } },
            { name: 'sbom', digest: { sha256: digest('9') } },
          ],
        },
      },
    });
  });

  it('has one text, whatever the order of installation', () => {
    const reversed = { ...origin, requirements: [...origin.requirements].reverse() };
    expect(statementText(wheelProvenance('farm-1', reversed))).toBe(statementText(wheelProvenance('farm-1', origin)));
  });

  it('names no origin for an sdist that was handed in, and no file that an attempt did not leave', () => {
    const handedIn = { ...origin, sdist: { name: 'demo-1.0.tar.gz', sha256: digest('5') }, sbomSha256: null };
    const text = statementText(wheelProvenance('farm-1', handedIn));
    expect(text).toContain(`{"digest":{"sha256":"${digest('5')}"},"name":"demo-1.0.tar.gz"}`);
    expect(text).toContain(`"byproducts":[{"digest":{"sha256":"${digest('8')}"},"name":"build.log"}]`);
  });

  it('normalises and escapes package URLs', () => {
    expect(packageUrl('Ruamel.Yaml__clib', '1.0+local.1')).toBe('pkg:pypi/ruamel-yaml-clib@1.0%2Blocal.1');
  });
});

describe('names of a farm', () => {
  it('follow from its id alone', () => {
    expect(farmNames('farm-1')).toMatchObject({
      identity: 'https://farm-1.wheelfarm.invalid/builders/docker/v1',
      issuer: 'https://farm-1.wheelfarm.invalid',
      logOrigin: 'farm-1.wheelfarm.invalid/log',
    });
  });

  it.each(['', 'Farm', '-farm', 'farm-', 'a.b', 'a b', 'a/b', 'x'.repeat(64)])('refuse the id %j', (id) => {
    expect(() => farmNames(id)).toThrow(TypeError);
  });
});
