import { createHash } from 'node:crypto';
import { canonicalText } from '../../domain/plan.ts';
import { farmNames } from '../../domain/statement.ts';
import type { AuthorityRecord, KeyRecord, KeyUse } from './authority-files.ts';

/** A trust configuration as bytes to serve and the fingerprint to compare over another channel. */
export interface TrustConfig {
  /** ClientTrustConfig JSON: what `python -m sigstore --trust-config` reads. */
  readonly text: string;
  /** SHA-256 of the text, 64 lower-case hex digits. */
  readonly sha256: string;
  /** The `trustedRoot` member alone, as a value. */
  readonly trustedRoot: unknown;
}

/**
 * What a client needs to verify everything the authority ever signed. Retired keys stay, with their end; oldest first.
 * The addresses in it are names under `.invalid`: verification is offline, and a farm that moves keeps its fingerprint.
 */
export function trustConfigOf(record: AuthorityRecord): TrustConfig {
  const names = farmNames(record.farmId);
  const trustedRoot = {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: keysOf(record, 'log').map((key) => logInstance(key, `https://${names.logOrigin}`)),
    certificateAuthorities: keysOf(record, 'ca').map((key) => ({
      subject: { organization: 'wheelfarm', commonName: key.name ?? '' },
      uri: `${names.issuer}/ca`,
      certChain: { certificates: [{ rawBytes: key.certificate ?? '' }] },
      validFor: validityOf(key),
    })),
    ctlogs: keysOf(record, 'ct').map((key) => logInstance(key, `${names.issuer}/ct`)),
    timestampAuthorities: [],
  };
  const start = keysOf(record, 'ca')[0]?.start ?? '';
  const service = (url: string): object =>
    ({ url, majorApiVersion: 1, validFor: { start }, operator: new URL(names.issuer).host });
  const text = canonicalText({
    mediaType: 'application/vnd.dev.sigstore.clienttrustconfig.v0.1+json',
    trustedRoot,
    signingConfig: {
      mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
      caUrls: [service(`${names.issuer}/ca`)],
      oidcUrls: [service(names.issuer)],
      rekorTlogUrls: [service(`https://${names.logOrigin}`)],
      rekorTlogConfig: { selector: 'ANY' },
      tsaUrls: [],
      tsaConfig: { selector: 'ANY' },
    },
  });
  return { text, sha256: createHash('sha256').update(text).digest('hex'), trustedRoot };
}

const keysOf = (record: AuthorityRecord, use: KeyUse): KeyRecord[] => record.keys.filter((key) => key.use === use);

const validityOf = (key: KeyRecord): object => (key.end ? { start: key.start, end: key.end } : { start: key.start });

function logInstance(key: KeyRecord, baseUrl: string): object {
  const logId = createHash('sha256').update(Buffer.from(key.spki, 'base64')).digest('base64');
  return {
    baseUrl,   // verifiers look for the name of a checkpoint's signature in it
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes: key.spki, keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor: validityOf(key) },
    logId: { keyId: logId },
  };
}
