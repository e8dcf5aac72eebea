/** Provenance of an imported file: where it came from, and what was known of it there. @source SLSA provenance v1 */
import { farmNames, packageUrl, provenanceType, statementType } from './statement.ts';
import type { NamedDigest, Statement } from './statement.ts';

/** Whether attestations of the place it came from hold: nobody's, checked, or not to be checked here. */
export type Attested = 'none' | 'verified' | 'unverified';

/** Everything that the statement says; recorded before it is signed. */
export interface ImportOrigin {
  readonly file: NamedDigest;
  readonly project: string;
  readonly version: string;
  readonly importId: string;
  readonly requestedBy: string;
  /** Where the bytes were fetched, without credentials. */
  readonly url: string;
  /** RFC 3339; null where upstream does not say. */
  readonly uploadTime: string | null;
  readonly attested: Attested;
  /** Who signed upstream, or why that was not checked. */
  readonly attestedWhy: string | null;
  readonly builderVersion: string;
  readonly startedOn: string;
  readonly finishedOn: string;
}

/** The build type of files that nothing was done to. */
export const importBuildType = (farmId: string): string =>
  farmNames(farmId).wheelBuildType.replace('/buildtypes/wheel/', '/buildtypes/import/');

/** The statement: the file is its own only material. */
export function importProvenance(farmId: string, origin: ImportOrigin): Statement {
  const names = farmNames(farmId);
  const { name, sha256 } = origin.file;
  return {
    _type: statementType,
    subject: [{ name, digest: { sha256 } }],
    predicateType: provenanceType,
    predicate: {
      buildDefinition: {
        buildType: importBuildType(farmId),
        externalParameters: { project: origin.project, version: origin.version, requestedBy: origin.requestedBy },
        internalParameters: {
          url: origin.url, uploadTime: origin.uploadTime, builderVersion: origin.builderVersion,
          upstreamAttestations: { state: origin.attested, ...(origin.attestedWhy === null ? {} : { why: origin.attestedWhy }) },
        },
        resolvedDependencies: [{ name, uri: packageUrl(origin.project, origin.version), digest: { sha256 } }],
      },
      runDetails: {
        builder: { id: names.identity, version: { wheelfarm: origin.builderVersion } },
        metadata: { invocationId: origin.importId, startedOn: origin.startedOn, finishedOn: origin.finishedOn },
        byproducts: [],
      },
    },
  };
}
