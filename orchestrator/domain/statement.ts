/**
 * In-toto statements about published files, as values and as their one canonical text.
 * Every name in them comes from the farm's id: a farm that moves to another host or port keeps its identity.
 */

import { canonicalText, type GitOrigin } from './plan.ts';
import type { Rebuild } from './rebuild.ts';

/** https://github.com/in-toto/attestation, spec/v1/statement.md */
export const statementType = 'https://in-toto.io/Statement/v1';
/** https://slsa.dev/spec/v1.0/provenance */
export const provenanceType = 'https://slsa.dev/provenance/v1';
/** Identifier of PEP 740's publish attestation; an identifier, never an address to call, hence in parts. */
export const publishType = ['https://docs.pypi', 'org/attestations/publish/v1'].join('.');

/** The names by which verifiers know a farm. */
export interface FarmNames {
  /** Subject alternative name of every signing certificate, and the builder id of provenance. */
  readonly identity: string;
  readonly issuer: string;
  /** First line of the log's checkpoints; also the name of its signature, so without spaces. */
  readonly logOrigin: string;
  readonly wheelBuildType: string;
  readonly imageBase: string;
}

/**
 * The names of a farm, from its id alone.
 * @shape farmId: lower-case letters, digits, inner hyphens, 1 to 63 characters (a DNS label)
 * @errors TypeError for any other id; ids are made by the farm, so this is a bug and not an input error
 * @source RFC 2606 reserves `.invalid`: these names can never become somebody's host
 */
export function farmNames(farmId: string): FarmNames {
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(farmId)) throw new TypeError(`not a farm id: ${farmId}`);
  const domain = `${farmId}.wheelfarm.invalid`;
  return {
    identity: `https://${domain}/builders/docker/v1`,
    issuer: `https://${domain}`,
    logOrigin: `${domain}/log`,
    wheelBuildType: `https://${domain}/buildtypes/wheel/v1`,
    imageBase: `https://${domain}/images/`,
  };
}

/** A file by name and content. @shape sha256: 64 lower-case hex digits */
export interface NamedDigest {
  readonly name: string;
  readonly sha256: string;
}

/** A requirement that was installed to build with. */
export interface BuildRequirement extends NamedDigest {
  readonly version: string;
  /** Absent for a wheel; what is no wheel, is the source of an external library. */
  readonly filename?: string;
}

/** Everything that provenance of a wheel says; all of it is recorded on the attempt before signing. */
export interface WheelOrigin {
  readonly wheel: NamedDigest;
  readonly project: string;
  readonly version: string;
  readonly target: string;
  readonly imageKey: string;
  /** Of the image's root tar; never an engine's own image id, which differs between machines. */
  readonly imageSha256: string;
  readonly attemptKey: string;
  readonly planSha256: string;
  readonly builderVersion: string;
  readonly hermetic: boolean;
  /** Recipes that were laid over the project's own files, lowest first; absent where there are none. */
  readonly recipes?: readonly { readonly by: string; readonly sha256: string }[];
  /** `uri` says where it came from: a package URL for an index; absent for a file that somebody handed in. */
  readonly sdist: NamedDigest & { readonly uri?: string };
  /** The repository that the sdist was made of, where it was. */
  readonly git?: GitOrigin;
  /** Why a published release was built again, where it was. */
  readonly rebuild?: Rebuild;
  readonly requirements: readonly BuildRequirement[];
  readonly invocationId: string;
  /** RFC 3339, UTC. */
  readonly startedOn: string;
  readonly finishedOn: string;
  /** null where the attempt left none. */
  readonly logSha256: string | null;
  readonly sbomSha256: string | null;
}

export interface ResourceDescriptor {
  readonly name: string;
  readonly uri?: string;
  /** `gitCommit` of a repository. @source in-toto attestation, spec/v1/digest_set.md */
  readonly digest: { readonly sha256: string } | { readonly gitCommit: string };
}

/** @source https://github.com/in-toto/attestation, spec/v1/statement.md; one subject as PEP 740 demands */
export interface Statement {
  readonly _type: string;
  readonly subject: readonly [{ readonly name: string; readonly digest: { readonly sha256: string } }];
  readonly predicateType: string;
  readonly predicate: Readonly<Record<string, unknown>>;
}

/** "This farm published this file": PEP 740's publish attestation, for wheels and sdists alike. */
export const publishStatement = (file: NamedDigest): Statement => statementOf(file, publishType, {});

/**
 * How a wheel was built: SLSA provenance v1.
 * Requirements are ordered by name, version and digest, so the order of installation leaves no trace.
 */
export function wheelProvenance(farmId: string, origin: WheelOrigin): Statement {
  const names = farmNames(farmId);
  return statementOf(origin.wheel, provenanceType, {
    buildDefinition: {
      buildType: names.wheelBuildType,
      externalParameters: {
        project: origin.project, version: origin.version, target: origin.target,
        ...(origin.recipes ? { recipes: origin.recipes } : {}),
        ...(origin.rebuild ? { rebuild: rebuildOf(origin.rebuild) } : {}),
        ...(origin.git ? { repository: origin.git.url, ref: origin.git.ref, commit: origin.git.commit } : {}),
      },
      internalParameters: {
        imageKey: origin.imageKey,
        attemptKey: origin.attemptKey,
        planSha256: origin.planSha256,
        builderVersion: origin.builderVersion,
        hermetic: origin.hermetic,
      },
      resolvedDependencies: dependenciesOf(names, origin),
    },
    runDetails: {
      builder: { id: names.identity, version: { wheelfarm: origin.builderVersion } },
      metadata: { invocationId: origin.invocationId, startedOn: origin.startedOn, finishedOn: origin.finishedOn },
      byproducts: [...byproduct('build.log', origin.logSha256), ...byproduct('sbom', origin.sbomSha256)],
    },
  });
}

const rebuildOf = ({ why, by, buildTag, setVersion }: Rebuild): Record<string, unknown> =>
  ({ why, requestedBy: by, ...(buildTag === undefined ? {} : { buildTag }), ...(setVersion === undefined ? {} : { setVersion }) });

function dependenciesOf(names: FarmNames, origin: WheelOrigin): ResourceDescriptor[] {
  const { name, uri, sha256 } = origin.sdist;
  const sortKey = (one: BuildRequirement): string => `${one.name} ${one.version} ${one.sha256}`;
  const sorted = [...origin.requirements].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  return [
    { name, ...(uri === undefined ? {} : { uri }), digest: { sha256 } },
    ...(origin.rebuild?.setVersion === undefined ? [] : [{ name: origin.rebuild.from.filename, digest: { sha256: origin.rebuild.from.sha256 } }]),
    ...gitDependencies(origin.git),
    { name: 'image', uri: `${names.imageBase}${origin.imageKey}`, digest: { sha256: origin.imageSha256 } },
    ...sorted.map((one) => ({
      name: one.name, uri: (isWheel(one) ? packageUrl : genericUrl)(one.name, one.version), digest: { sha256: one.sha256 },
    })),
  ];
}

/** The repository and its submodules, each at the commit that was checked out. @source SLSA v1: `git+https://…@ref` */
function gitDependencies(git: GitOrigin | undefined): ResourceDescriptor[] {
  if (!git) return [];
  const at = `${git.ref === null ? '' : `@${git.ref}`}${git.subdirectory === '' ? '' : `#subdirectory=${git.subdirectory}`}`;
  return [
    { name: 'repository', uri: `git+${git.url}${at}`, digest: { gitCommit: git.commit } },
    ...git.submodules.map(({ path, url, commit }) => ({ name: `submodule ${path}`, uri: `git+${url}`, digest: { gitCommit: commit } })),
  ];
}

const isWheel = ({ filename = '.whl' }: BuildRequirement): boolean => filename.endsWith('.whl');

const byproduct = (name: string, sha256: string | null): ResourceDescriptor[] =>
  (sha256 === null ? [] : [{ name, digest: { sha256 } }]);

/**
 * The package URL of a Python distribution, its name normalised.
 * @source https://github.com/package-url/purl-spec, type `pypi`
 */
export const packageUrl = (name: string, version: string): string =>
  `pkg:pypi/${name.toLowerCase().replace(/[-_.]+/g, '-')}@${encodeURIComponent(version)}`;

/** The package URL of the source of an external library, type `generic`. */
export const genericUrl = (name: string, version: string): string => `pkg:generic/${name}@${encodeURIComponent(version)}`;

/** The one text of a statement: what is signed and what its digest is taken of. */
export const statementText = (statement: Statement): string => canonicalText(statement);

function statementOf(file: NamedDigest, predicateType: string, predicate: Statement['predicate']): Statement {
  return {
    _type: statementType,
    subject: [{ name: file.name, digest: { sha256: file.sha256 } }],
    predicateType,
    predicate,
  };
}
