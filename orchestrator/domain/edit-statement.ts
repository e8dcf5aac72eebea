/** Provenance of a respun wheel: the original, the edit, who agreed. @source docs/spec-respin.md, SLSA provenance v1 */
import type { EditDelivery } from './edit-delivery.ts';
import type { EditOperation, FieldDiff } from './edit.ts';
import type { SdistBuild } from './sdist-build.ts';
import { farmNames, packageUrl, provenanceType, statementType } from './statement.ts';
import type { NamedDigest, Statement } from './statement.ts';

/** Somebody's yes. `self`: by the one who made the edit, where a farm has one admin. */
export interface EditApproval {
  readonly by: string;
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly kind: 'edit' | 'added-dependency';
  readonly self: boolean;
}

/**
 * Everything that a respin's provenance says; recorded before it is signed. `wheel` is the new file: a post-release has
 * an sdist, too.
 */
export interface RespinOrigin {
  readonly wheel: NamedDigest;
  /** `uri` says where it came from: a package URL for an imported file. */
  readonly original: NamedDigest & { readonly uri?: string };
  readonly project: string;
  readonly version: string;
  readonly delivery: EditDelivery;
  readonly editId: string;
  readonly operations: readonly EditOperation[];
  /** What they changed in this wheel. */
  readonly changes: readonly FieldDiff[];
  readonly why: string;
  readonly requestedBy: string;
  readonly approvals: readonly EditApproval[];
  readonly metadataSha256: string;
  readonly originalMetadataSha256: string;
  /** Of `payloadForm`; equal in original and respin. */
  readonly payloadDigest: string;
  /** `wheel-payload/1` where absent. */
  readonly payloadForm?: 'wheel-payload/1' | 'sdist-payload/1';
  /** Of a patched sdist: what its one build says; absent where nobody asked. */
  readonly sdistBuilt?: SdistBuild;
  readonly builderVersion: string;
  readonly startedOn: string;
  readonly finishedOn: string;
}

/** The build type of respins and post-releases made without a build. */
export const respinBuildType = (farmId: string): string =>
  farmNames(farmId).wheelBuildType.replace('/buildtypes/wheel/', '/buildtypes/wheel-respin/');

/**
 * The statement. What the requester chose stands in `externalParameters`, what the farm computed in
 * `internalParameters`, so a verifier can judge the first and recompute the second.
 * @errors TypeError where an added dependency lacks its second approval: such an edit must not be signed
 */
export function wheelRespinProvenance(farmId: string, origin: RespinOrigin): Statement {
  const names = farmNames(farmId);
  const needsSecond = origin.changes.some(({ risk }) => risk === 'add-dependency');
  if (needsSecond && !origin.approvals.some(({ kind }) => kind === 'added-dependency')) {
    throw new TypeError('an added dependency has no approval of its own');
  }
  const { name, sha256, uri } = origin.original;
  return {
    _type: statementType,
    subject: [{ name: origin.wheel.name, digest: { sha256: origin.wheel.sha256 } }],
    predicateType: provenanceType,
    predicate: {
      buildDefinition: {
        buildType: respinBuildType(farmId),
        externalParameters: {
          project: origin.project, version: origin.version, delivery: origin.delivery, editId: origin.editId,
          operations: origin.operations, why: origin.why, requestedBy: origin.requestedBy, approvals: origin.approvals,
        },
        internalParameters: {
          changes: origin.changes.map(({ field, before, after, risk }) => ({ field, before, after, risk })),
          metadataSha256: origin.metadataSha256, originalMetadataSha256: origin.originalMetadataSha256,
          payload: { form: origin.payloadForm ?? 'wheel-payload/1', sha256: origin.payloadDigest },
          builderVersion: origin.builderVersion, ...(origin.sdistBuilt ? { sdistBuilt: builtClaim(origin.sdistBuilt) } : {}),
        },
        resolvedDependencies: [{ name, uri: uri ?? packageUrl(origin.project, origin.version), digest: { sha256 } }],
      },
      runDetails: {
        builder: { id: names.identity, version: { wheelfarm: origin.builderVersion } },
        metadata: { invocationId: origin.editId, startedOn: origin.startedOn, finishedOn: origin.finishedOn },
        byproducts: [],
      },
    },
  };
}

/** The build without what says nothing: a wheel that was never made has no digest. */
function builtClaim(build: SdistBuild): Record<string, unknown> {
  return Object.fromEntries(Object.entries(build).filter(([, value]) => value !== null && value !== '' && !(Array.isArray(value) && value.length === 0)));
}
