import { X509Certificate } from '@sigstore/core';
import type { Attested } from '../../domain/import-statement.ts';
import { misfit, publisherWords, type CertificateClaims, type Publisher } from '../../domain/publisher.ts';
import type { Pep740Attestation } from './bundle.ts';
import type { PublicRoot } from './public-root.ts';
import { verifyPep740 } from './verify.ts';

/** What was found of a file's attestations. `lie`: they hold, and speak of another file or signer; such a file is refused. */
export interface Judged { readonly attested: Attested; readonly why: string; readonly lie: boolean }

interface Bundle { readonly publisher: Publisher; readonly attestations: readonly unknown[] }

/** Fulcio's arc of certificate extensions. */
const fulcioArc = '1.3.6.1.4.1.57264.1';
const bundlesMax = 10;
const attestationsMax = 10;

/**
 * Judges a PEP 740 provenance object of another index: every attestation must be about this file and be signed by the
 * publisher that stands beside it.
 * @shape object: as it was answered
 */
export function judgeProvenance(
  object: unknown, file: { readonly filename: string; readonly sha256: string }, root: PublicRoot,
): Judged {
  const bundles = bundlesOf(object);
  if (bundles === null) return { attested: 'unverified', why: 'what upstream answers is no provenance object', lie: false };
  const signers: string[] = [];
  for (const { publisher, attestations } of bundles) {
    for (const attestation of attestations) {
      const verdict = verifyPep740({
        attestation, ...file, trustedRoot: root.trustedRoot, accepts: (certificate) => misfit(publisher, claimsOf(certificate)),
      });
      if (verdict.ok) continue;
      // An older root may not know the keys of a newer signature: that is no lie yet.
      const lie = verdict.code === 'FARM_VERIFY_SUBJECT' || (verdict.code === 'FARM_VERIFY_IDENTITY' && verdict.unknown !== true)
        || (verdict.code === 'FARM_VERIFY_SIGNATURE' && root.fresh);
      const old = root.fresh ? '' : ' (the trusted root could not be refreshed; the one that came with the library was used)';
      return { attested: 'unverified', why: `${publisherWords(publisher)}: ${verdict.why}${old}`, lie };
    }
    signers.push(publisherWords(publisher));
  }
  return { attested: 'verified', why: `signed by ${[...new Set(signers)].join(', ')}`, lie: false };
}

function bundlesOf(object: unknown): readonly Bundle[] | null {
  const { version, attestation_bundles: bundles } = (object ?? {}) as { version?: unknown; attestation_bundles?: unknown };
  if (version !== 1 || !Array.isArray(bundles) || bundles.length === 0 || bundles.length > bundlesMax) return null;
  const good = bundles.every((one: Partial<Bundle> | null) => typeof one?.publisher === 'object' && one.publisher !== null
    && Array.isArray(one.attestations) && one.attestations.length > 0 && one.attestations.length <= attestationsMax);
  return good ? bundles as readonly Bundle[] : null;
}

/** The certificate of an attestation whose signature held. */
function claimsOf({ attestation, subject, issuer }: { attestation: Pep740Attestation; subject: string; issuer: string }): CertificateClaims {
  const certificate = X509Certificate.parse(Buffer.from(attestation.verification_material.certificate, 'base64'));
  return {
    subject, issuer,
    extension(number) {
      const value = certificate.extension(`${fulcioArc}.${number}`)?.valueObj.subs[0]?.value;
      return value === undefined ? null : Buffer.from(value).toString('utf8');
    },
  };
}
