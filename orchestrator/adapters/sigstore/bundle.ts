/** The JSON forms of what was signed: Sigstore bundle, PEP 740 attestation, PEP 740 provenance object. */

/** Protobuf JSON of a Rekor entry: bytes are base64, 64-bit integers are strings. */
export interface TlogEntry {
  readonly logIndex: string;
  readonly logId: { readonly keyId: string };
  readonly kindVersion: { readonly kind: 'dsse'; readonly version: '0.0.1' };
  /** Seconds since 1970. */
  readonly integratedTime: string;
  readonly inclusionPromise: { readonly signedEntryTimestamp: string };
  readonly inclusionProof: {
    readonly logIndex: string;
    readonly rootHash: string;
    readonly treeSize: string;
    readonly hashes: readonly string[];
    readonly checkpoint: { readonly envelope: string };
  };
  readonly canonicalizedBody: string;
}

/** Sigstore bundle v0.3 with one DSSE envelope, one certificate, one log entry. */
export interface SigstoreBundle {
  readonly mediaType: typeof bundleMediaType;
  readonly verificationMaterial: {
    readonly certificate: { readonly rawBytes: string };
    readonly tlogEntries: readonly TlogEntry[];
  };
  readonly dsseEnvelope: {
    readonly payload: string;
    readonly payloadType: typeof statementPayloadType;
    readonly signatures: readonly { readonly sig: string }[];
  };
}

/** PEP 740 attestation object. */
export interface Pep740Attestation {
  readonly version: 1;
  readonly verification_material: {
    readonly certificate: string;
    readonly transparency_entries: readonly TlogEntry[];
  };
  readonly envelope: { readonly statement: string; readonly signature: string };
}

/** Who published, in the farm's own publisher kind. PEP 740 leaves kinds open; we impersonate nobody else's. */
export interface FarmPublisher {
  readonly kind: 'farm';
  readonly claims: null;
  /** Exact subject alternative name and issuer of the signing certificates. */
  readonly identity: string;
  readonly issuer: string;
}

/** PEP 740 provenance object: what a file's `provenance` link leads to. */
export interface ProvenanceObject {
  readonly version: 1;
  readonly attestation_bundles: readonly {
    readonly publisher: FarmPublisher;
    readonly attestations: readonly Pep740Attestation[];
  }[];
}

export const bundleMediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
export const statementPayloadType = 'application/vnd.in-toto+json';
/** Content type of a provenance object. */
export const provenanceMediaType = 'application/vnd.pypi.integrity.v1+json';

/**
 * The same claim as a PEP 740 object. Only v1 log entries survive this: the object has no place for other timestamps.
 * @errors TypeError for a bundle with more or fewer than one signature
 */
export function toPep740(bundle: SigstoreBundle): Pep740Attestation {
  const [only, ...more] = bundle.dsseEnvelope.signatures;
  if (!only || more.length > 0) throw new TypeError('a PEP 740 attestation has exactly one signature');
  return {
    version: 1,
    verification_material: {
      certificate: bundle.verificationMaterial.certificate.rawBytes,
      transparency_entries: bundle.verificationMaterial.tlogEntries,
    },
    envelope: { statement: bundle.dsseEnvelope.payload, signature: only.sig },
  };
}

/** The same claim as a Sigstore bundle, for verifiers that know no PEP 740. */
export const fromPep740 = (attestation: Pep740Attestation): SigstoreBundle => ({
  mediaType: bundleMediaType,
  verificationMaterial: {
    certificate: { rawBytes: attestation.verification_material.certificate },
    tlogEntries: attestation.verification_material.transparency_entries,
  },
  dsseEnvelope: {
    payload: attestation.envelope.statement,
    payloadType: statementPayloadType,
    signatures: [{ sig: attestation.envelope.signature }],
  },
});

/** The provenance object of one file, from its attestations. */
export const provenanceObject = (
  publisher: { readonly identity: string; readonly issuer: string }, attestations: readonly Pep740Attestation[],
): ProvenanceObject => ({
  version: 1,
  attestation_bundles: [{
    publisher: { kind: 'farm', claims: null, identity: publisher.identity, issuer: publisher.issuer },
    attestations,
  }],
});

/** The bytes that a DSSE signature is over. @source https://github.com/secure-systems-lab/dsse, protocol.md */
export function preAuthEncoding(payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${statementPayloadType.length} ${statementPayloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head, 'utf8'), payload]);
}
