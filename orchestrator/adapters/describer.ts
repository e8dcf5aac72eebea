import { createHash, randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, type FailureCode } from '../domain/failure.ts';
import { parseMetadata, readCoreMetadata } from '../domain/metadata.ts';
import { normalizeName } from '../domain/names.ts';
import { requirementDifference } from '../domain/requirement.ts';
import { printSbom, sbomOf } from '../domain/sbom.ts';
import type { BlobStore, Catalogue, DescribeInput, Describer, Described } from '../ports.ts';
import { describeWheel, type DescribedWheel, type WheelFacts } from './archive/describe.ts';

/**
 * Port Describer over blobs: reads the built wheel, writes the final one.
 * @shape folder: scratch of this process, in the blobs' file system
 */
export function wheelDescriber(
  { blobs, catalogue, folder }: { readonly blobs: BlobStore; readonly catalogue: Catalogue; readonly folder: string },
): Describer {
  return {
    async describe(input) {
      await mkdir(folder, { recursive: true });
      const outPath = join(folder, `${randomUUID()}.whl`);
      const image = await catalogue.image(input.image.name, input.image.key);
      let sbom = '';
      try {
        const wheel = await describeWheel({
          wheelPath: await blobs.path(input.builtSha256),
          filename: input.builtFilename,
          outPath,
          expected: { name: input.plan.project, version: input.plan.version, targetId: input.target },
          sbom: (facts) => (sbom = sbomText(input, image.tarSha256, facts)),
          sourceDateEpoch: input.plan.source.sourceDateEpoch,
        });
        if (!wheel.ok) fail(wheel.error.code, 'describe', { ...wheel.error.words, target: input.target, version: input.plan.version });
        await sameRequirements(blobs, input, wheel.value.requiresDist);
        return await keep(blobs, outPath, wheel.value, sbom);
      } finally {
        await rm(outPath, { force: true });
      }
    },
  };
}

/** The SBOM that goes into the wheel: the same wheel, requirements and image give the same text. */
function sbomText(input: DescribeInput, imageSha256: string, facts: WheelFacts): string {
  return printSbom(sbomOf({
    name: normalizeName(input.plan.project),
    version: input.plan.version,
    licence: facts.checked.core.licenseExpression,
    binaries: facts.binaries,
    known: [],
    buildRequirements: input.lock.map(({ name, version, sha256 }) => ({ name: normalizeName(name), version, sha256 })),
    image: { key: input.image.key, sha256: imageSha256 },
    farmVersion: input.plan.builder,
    timestamp: input.plan.source.sourceDateEpoch,
    digestOf: (text) => createHash('sha256').update(text, 'utf8').digest('hex'),
  }));
}

/** uv.lock stores one dependency list for a version, so the wheels of a release must agree. @errors FARM_REQUIRES_DIFFER */
async function sameRequirements(blobs: BlobStore, input: DescribeInput, requiresDist: readonly string[]): Promise<void> {
  const [sibling] = input.siblings;
  if (!sibling) return;
  const parsed = parseMetadata(Buffer.from(await blobs.bytes(sibling.metadataSha256)).toString('utf8'));
  const core = parsed.ok ? readCoreMetadata(parsed.value) : parsed;
  if (!core.ok) return;
  const { onlyLeft, onlyRight } = requirementDifference(requiresDist, core.value.requiresDist);
  if (onlyLeft.length + onlyRight.length === 0) return;
  const code: FailureCode = 'FARM_REQUIRES_DIFFER';
  fail(code, 'describe', {
    why: [
      ...onlyLeft.map((one) => `only ${input.target} needs ${one}`),
      ...onlyRight.map((one) => `only ${sibling.target} needs ${one}`),
    ].join('; '),
  });
}

async function keep(blobs: BlobStore, path: string, wheel: DescribedWheel, sbom: string): Promise<Described> {
  await blobs.putFile(path, { sha256: wheel.sha256 });
  const metadata = await blobs.put(Buffer.from(wheel.metadata, 'utf8'));
  const document = await blobs.put(Buffer.from(sbom, 'utf8'));
  return {
    wheelSha256: wheel.sha256, wheelFilename: wheel.filename, bytes: wheel.bytes,
    metadataSha256: metadata.sha256, sbomSha256: document.sha256,
  };
}
