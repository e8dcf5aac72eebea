import { createHash, randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, type FailureCode } from '../domain/failure.ts';
import { parseMetadata, readCoreMetadata } from '../domain/metadata.ts';
import { normalizeName } from '../domain/names.ts';
import { requirementDifference } from '../domain/requirement.ts';
import { printSbom, sbomOf } from '../domain/sbom.ts';
import { genericUrl } from '../domain/statement.ts';
import type { BlobStore, Catalogue, DescribeInput, Describer, Described } from '../ports.ts';
import { describeWheel, type DescribedWheel, type WheelFacts } from './archive/describe.ts';

const tarsKeptMax = 200;

/**
 * Port Describer over blobs: reads the built wheel, writes the final one.
 * @shape folder: scratch of this process, in the blobs' file system
 */
export function wheelDescriber(
  { blobs, catalogue, folder }: { readonly blobs: BlobStore; readonly catalogue: Catalogue; readonly folder: string },
): Describer {
  const made = mkdir(folder, { recursive: true });
  made.catch(() => undefined);
  /** An image never changes under its key. */
  const tars = new Map<string, string>();
  const tarOf = async ({ name, key }: DescribeInput['image']): Promise<string> => {
    const known = tars.get(`${name} ${key}`) ?? (await catalogue.image(name, key)).tarSha256;
    if (tars.size >= tarsKeptMax) tars.clear();
    tars.set(`${name} ${key}`, known);
    return known;
  };
  return {
    async describe(input) {
      await made;
      const outPath = join(folder, `${randomUUID()}.whl`);
      const imageSha256 = await tarOf(input.image);
      let sbom = '';
      let inMemory = false;
      try {
        const wheel = await describeWheel({
          wheelPath: await blobs.path(input.builtSha256),
          filename: input.builtFilename,
          outPath, small: 'memory',
          expected: { name: input.plan.project, version: input.plan.version, targetId: input.target },
          ...floorOf(input),
          ...(input.plan.rebuild?.buildTag === undefined ? {} : { buildTag: input.plan.rebuild.buildTag }),
          sbom: (facts) => (sbom = sbomText(input, imageSha256, facts)),
          sourceDateEpoch: input.plan.source.sourceDateEpoch,
        });
        if (!wheel.ok) fail(wheel.error.code, 'describe', { ...wheel.error.words, target: input.target, version: input.plan.version });
        inMemory = wheel.value.whole !== null;
        await sameRequirements(blobs, input, wheel.value);
        return await keep(blobs, outPath, wheel.value, sbom);
      } finally {
        if (!inMemory) await rm(outPath, { force: true });
      }
    },
  };
}

/**
 * The floor of the row that the attempt was for: the rows of a cell differ by their images. Binaries of Debian, which the
 * lock then names, may have raised it; the wheel's tag is judged in any case.
 */
function floorOf({ plan, target, image, floor, lock }: DescribeInput): { floor?: string } {
  if (floor !== undefined && lock.some(({ filename }) => filename.endsWith('.deb'))) return { floor };
  const rows = plan.cells.find((cell) => cell.target === target)?.rows ?? [];
  const row = rows.find((one) => one.image === image.name && one.imageKey === image.key);
  return row === undefined ? {} : { floor: row.floor };
}

/** The SBOM that goes into the wheel: the same wheel, requirements and image give the same text. */
function sbomText(input: DescribeInput, imageSha256: string, facts: WheelFacts): string {
  return printSbom(sbomOf({
    name: normalizeName(input.plan.project),
    version: input.plan.version,
    licence: facts.checked.core.licenseExpression,
    binaries: facts.binaries,
    known: input.grafted.flatMap(({ path, library }) => (library ? [{ path, ...library, evidence: 'recipe' }] : [])),
    linked: input.linked ?? [],
    buildRequirements: input.lock.map((one) =>
      ({ name: normalizeName(one.name), version: one.version, sha256: one.sha256, ...purlOf(one) })),
    image: { key: input.image.key, sha256: imageSha256 },
    farmVersion: input.plan.builder,
    timestamp: input.plan.source.sourceDateEpoch,
    digestOf: (text) => createHash('sha256').update(text, 'utf8').digest('hex'),
  }));
}

/** What no wheel is, is a package of Debian or the source of an external library. */
const purlOf = ({ name, version, filename }: DescribeInput['lock'][number]): { purl?: string } =>
  (filename.endsWith('.whl') ? {}
    : { purl: filename.endsWith('.deb') ? `pkg:deb/debian/${name}@${encodeURIComponent(version)}` : genericUrl(name, version) });

/** uv.lock stores one dependency list for a version, so the wheels of a release must agree. @errors FARM_REQUIRES_DIFFER */
async function sameRequirements(
  blobs: BlobStore, input: DescribeInput, { requiresDist, metadataSha256 }: Pick<DescribedWheel, 'requiresDist' | 'metadataSha256'>,
): Promise<void> {
  const [sibling] = input.siblings;
  if (!sibling || sibling.metadataSha256 === metadataSha256) return;
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
  const { sha256, whole } = wheel;
  const [, metadata, document] = await Promise.all([
    whole ? blobs.put(whole, { sha256 }) : blobs.putFile(path, { sha256 }),
    blobs.put(Buffer.from(wheel.metadata, 'utf8')), blobs.put(Buffer.from(sbom, 'utf8')),
  ]);
  return {
    wheelSha256: wheel.sha256, wheelFilename: wheel.filename, bytes: wheel.bytes,
    metadataSha256: metadata.sha256, sbomSha256: document.sha256,
  };
}
