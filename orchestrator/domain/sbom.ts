import type { NormalizedName } from './names.ts';
import { isoTime } from './utc.ts';

/** A shared object or program inside the wheel. `grafted`: put there by the repair tool. */
export type SbomBinary = { readonly path: string; readonly sha256: string; readonly grafted: boolean };

/** What is known of the origin of a grafted file, by its path in the wheel. */
export type KnownLibrary = {
  readonly path: string;
  readonly name: string;
  readonly version: string | null;
  /** Package URL of the package or source it comes from. */
  readonly purl: string;
  /** SPDX expression. */
  readonly licence: string | null;
  /** How it was found out, such as `dpkg -S` or `recipe`. */
  readonly evidence: string;
};

/** A library that was linked into the binaries of the wheel; `sha256` is of its source. */
export type LinkedLibrary = {
  readonly name: string; readonly version: string; readonly purl: string; readonly licence: string; readonly sha256: string;
};

/** A file that went into the build and not into the wheel. */
export type BuildRequirement = {
  readonly name: NormalizedName; readonly version: string; readonly sha256: string;
  /** Absent for a release of the index. */
  readonly purl?: string;
};

export type SbomInput = {
  readonly name: NormalizedName;
  readonly version: string;
  /** SPDX expression from License-Expression. */
  readonly licence: string | null;
  readonly binaries: readonly SbomBinary[];
  readonly known: readonly KnownLibrary[];
  readonly linked?: readonly LinkedLibrary[];
  readonly buildRequirements: readonly BuildRequirement[];
  /** The image that the build ran in, by key and digest of its root tar; null for a native host. */
  readonly image: { readonly key: string; readonly sha256: string } | null;
  readonly farmVersion: string;
  /** @unit seconds since 1970: SOURCE_DATE_EPOCH */
  readonly timestamp: number;
  /** SHA-256 of a text in hex; the serial number is derived from the document by it. */
  readonly digestOf: (text: string) => string;
};

/** A CycloneDX component as far as the farm writes it. */
export type Component = {
  readonly type: 'library' | 'file' | 'container' | 'application';
  readonly 'bom-ref'?: string;
  readonly name: string;
  readonly version?: string;
  readonly hashes?: readonly { alg: 'SHA-256'; content: string }[];
  readonly licenses?: readonly { expression: string }[];
  readonly purl?: string;
  readonly evidence?: unknown;
  readonly properties?: readonly { name: string; value: string }[];
};

/** A CycloneDX 1.6 document. */
export type Sbom = {
  readonly $schema: string;
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: '1.6';
  readonly serialNumber: string;
  readonly version: 1;
  readonly metadata: unknown;
  readonly components: readonly Component[];
  readonly dependencies: readonly { ref: string; dependsOn: readonly string[] }[];
  readonly compositions: readonly { aggregate: 'complete' | 'unknown'; assemblies: readonly string[] }[];
  readonly formulation?: readonly unknown[];
};

/** Package URL of a project's release. @source purl specification, type pypi */
export function pypiPurl(name: NormalizedName, version: string): string {
  return `pkg:pypi/${name}@${encodeURIComponent(version).replaceAll('!', '%21')}`;
}

/**
 * The farm's own SBOM of a wheel. It names no filename and no Requires-Dist, so that an edit of metadata keeps it.
 * Equal input gives an equal document; the order of the lists does not matter.
 * @source PEP 770; CycloneDX 1.6
 */
export function sbomOf(input: SbomInput): Sbom {
  const primary: Component = {
    type: 'library', 'bom-ref': pypiPurl(input.name, input.version), name: input.name, version: input.version,
    ...licences(input.licence), purl: pypiPurl(input.name, input.version),
  };
  const components = [
    ...input.binaries.toSorted(byPath).map((binary) => binaryComponent(binary, input.known)),
    ...(input.linked ?? []).toSorted((a, b) => byPath({ path: a.purl }, { path: b.purl })).map(linkedComponent),
  ];
  const refs = components.map(refOf);
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX', specVersion: '1.6', version: 1,
    metadata: {
      timestamp: isoTime(input.timestamp),
      lifecycles: [{ phase: 'build' }],
      tools: { components: [{ type: 'application', name: 'wheelfarm', version: input.farmVersion }] },
      component: primary,
    },
    components,
    dependencies: [{ ref: refOf(primary), dependsOn: refs }, ...refs.map((ref) => ({ ref, dependsOn: [] }))],
    compositions: compositionsOf(primary, components),
    ...formulationOf(input),
  } as const;
  const { $schema, bomFormat, specVersion, ...rest } = document;
  return { $schema, bomFormat, specVersion, serialNumber: serialOf(input.digestOf(JSON.stringify(document))), ...rest };
}

/**
 * The farm's SBOM of a wheel under another version: only the primary component and the serial number differ.
 * @errors SyntaxError for a text that is no JSON
 */
export function withVersion(text: string, release: { readonly name: NormalizedName; readonly from: string; readonly to: string }, digestOf: SbomInput['digestOf']): string {
  const [from, to] = [pypiPurl(release.name, release.from), pypiPurl(release.name, release.to)];
  const renamed = JSON.parse(text, (_key, value: unknown) => (value === from ? to : value)) as Sbom & { metadata: { component: { version: string } } };
  renamed.metadata.component.version = release.to;
  const { serialNumber: _old, ...document } = renamed;
  return printSbom({ ...renamed, serialNumber: serialOf(digestOf(JSON.stringify(document))) });
}

/** Text of the document as it stands in the wheel. */
export function printSbom(sbom: Sbom): string {
  return `${JSON.stringify(sbom, null, 2)}\n`;
}

function byPath(left: { path: string }, right: { path: string }): number {
  return left.path < right.path ? -1 : Number(left.path > right.path);
}

function refOf(component: Component): string {
  return component['bom-ref'] ?? component.name;
}

function licences(expression: string | null): Pick<Component, 'licenses'> {
  return expression === null ? {} : { licenses: [{ expression }] };
}

function binaryComponent(binary: SbomBinary, known: readonly KnownLibrary[]): Component {
  const hashes = [{ alg: 'SHA-256', content: binary.sha256 }] as const;
  const occurrences = [{ location: binary.path }];
  const origin = known.find((one) => one.path === binary.path);
  if (origin === undefined) {
    const value = binary.grafted ? 'unknown' : 'built here';
    return {
      type: binary.grafted ? 'library' : 'file', 'bom-ref': `file:${binary.path}`,
      name: binary.grafted ? (binary.path.split('/').at(-1) ?? binary.path) : binary.path,
      hashes, evidence: { occurrences }, properties: [{ name: 'wheelfarm:origin', value }],
    };
  }
  const methods = [{ technique: 'manifest-analysis', confidence: 1, value: origin.evidence }];
  return {
    type: 'library', 'bom-ref': `${origin.purl}#${binary.path}`, name: origin.name,
    ...(origin.version === null ? {} : { version: origin.version }),
    hashes, ...licences(origin.licence), purl: origin.purl,
    evidence: { identity: [{ field: 'purl', confidence: 1, methods }], occurrences },
  };
}

function linkedComponent({ name, version, purl, licence, sha256 }: LinkedLibrary): Component {
  return {
    type: 'library', 'bom-ref': `linked:${purl}`, name, version, hashes: [{ alg: 'SHA-256', content: sha256 }], ...licences(licence), purl,
    properties: [{ name: 'wheelfarm:origin', value: 'given to the linker as a static library; the digest is of its source' }],
  };
}

/** What else is linked statically into a binary is not known; a wheel without binaries is known whole. */
function compositionsOf(primary: Component, components: readonly Component[]): Sbom['compositions'] {
  const aggregate = components.length === 0 ? 'complete' : 'unknown';
  return [{ aggregate, assemblies: [primary, ...components].map(refOf) }];
}

function formulationOf(input: SbomInput): Pick<Sbom, 'formulation'> {
  const components: Component[] = input.buildRequirements.map(({ name, version, sha256, purl = pypiPurl(name, version) }) => ({
    type: 'library', 'bom-ref': `build:${purl}#${sha256}`, name, version, hashes: [{ alg: 'SHA-256', content: sha256 }], purl,
  }));
  if (input.image !== null) {
    const { key, sha256 } = input.image;
    components.push({
      type: 'container', 'bom-ref': `build:image#${sha256}`, name: key, version: sha256.slice(0, 12),
      hashes: [{ alg: 'SHA-256', content: sha256 }],
    });
  }
  if (components.length === 0) return {};
  const unique = new Map(components.map((component) => [refOf(component), component]));
  const refs = [...unique.keys()].toSorted();
  const build = { name: 'build', taskTypes: ['build'], resourceReferences: refs.map((ref) => ({ ref })) };
  return { formulation: [{
    'bom-ref': 'build:formula',
    components: refs.flatMap((ref) => unique.get(ref) ?? []),
    workflows: [{
      'bom-ref': 'build:workflow', uid: 'build', taskTypes: ['build'],
      tasks: [{ 'bom-ref': 'build:step', uid: 'build-wheel', ...build }],
    }],
  }] };
}

/** A version 8 UUID made of the first 122 free bits of a digest. @source RFC 9562, section 5.8 */
function serialOf(hex: string): string {
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  const groups = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `${variant}${hex.slice(17, 20)}`, hex.slice(20, 32)];
  return `urn:uuid:${groups.join('-')}`;
}
