import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import {
  PolicyError, toSignedEntity, toTrustMaterial, VerificationError, Verifier, type TrustMaterial,
} from '@sigstore/verify';
import { publishType, provenanceType, statementType, type Statement } from '../../domain/statement.ts';
import { fromPep740, statementPayloadType, type Pep740Attestation } from './bundle.ts';

const trustedRootMediaType = 'application/vnd.dev.sigstore.trustedroot';

/** Why a file is not to be believed. Codes are stable; `why` is for people. */
export type VerifyCode =
  | 'FARM_VERIFY_TRUST'       // the trusted root cannot be read
  | 'FARM_VERIFY_SHAPE'       // bundle, attestation or statement is not what the standards describe
  | 'FARM_VERIFY_SIGNATURE'   // certificate, timestamp, log entry or signature does not hold
  | 'FARM_VERIFY_IDENTITY'    // it holds, but somebody else signed
  | 'FARM_VERIFY_SUBJECT';    // it holds, but speaks of another file

export type Verdict =
  | { readonly ok: true; readonly statement: Statement }
  /** `unknown`: there is no rule for who may sign. */
  | { readonly ok: false; readonly code: VerifyCode; readonly why: string; readonly unknown?: boolean };

/** What must hold of a file. */
export interface AnySigner {
  /** `trustedRoot` of a trust configuration whose fingerprint was compared. */
  readonly trustedRoot: unknown;
  /** Of the file at hand, 64 lower-case hex digits. */
  readonly sha256: string;
  readonly filename: string;
}

/** What must hold of a file, and who must have signed. */
export interface Expectation extends AnySigner {
  /** Exact subject alternative name and issuer of the signing certificate; no patterns. */
  readonly identity: string;
  readonly issuer: string;
}

/** Subject alternative name and issuer of a certificate whose signature held. */
interface SignerNames { readonly subject: string; readonly issuer: string }
type Judge = (signer: SignerNames) => { readonly why: string; readonly unknown: boolean } | null;

/**
 * Whether a Sigstore bundle proves that `identity` made its statement about exactly this file.
 * Offline: certificate chain at the logged time, certificate timestamp, entry promise, inclusion proof and checkpoint,
 * signature, identity and issuer, then the statement's one subject.
 */
export function verifyBundle({ bundle, ...expected }: Expectation & { readonly bundle: unknown }): Verdict {
  const wanted = `${expected.identity} (issuer ${expected.issuer})`;
  // Compared here and not by the library's policy, which takes the name for a pattern.
  return verifySigned(bundle, expected, ({ subject, issuer }) => (subject === expected.identity && issuer === expected.issuer ? null
    : { why: `signed by ${subject} (issuer ${issuer}), not by ${wanted}`, unknown: false }));
}

function verifySigned(bundle: unknown, expected: AnySigner, judge: Judge): Verdict {
  const trust = attempt(() => trustOf(expected.trustedRoot));
  if (!trust.ok) return refused('FARM_VERIFY_TRUST', `the trusted root cannot be read: ${trust.why}`);
  const parsed = attempt(() => bundleFromJSON(bundle));
  if (!parsed.ok) return refused('FARM_VERIFY_SHAPE', `not a Sigstore bundle: ${parsed.why}`);
  const { content } = parsed.value;
  if (content.$case !== 'dsseEnvelope') return refused('FARM_VERIFY_SHAPE', 'the bundle holds no statement');
  const counts = [content.dsseEnvelope.signatures.length, parsed.value.verificationMaterial.tlogEntries.length];
  // Stricter than the library, as sigstore-python is: what is not looked at must not travel along.
  if (!counts.every((count) => count === 1)) {
    return refused('FARM_VERIFY_SHAPE', 'the bundle must have exactly one signature and one log entry');
  }
  try {
    // Thresholds are given although they are the defaults: a default of 0 would switch a check off.
    const verifier = new Verifier(trust.value, { ctlogThreshold: 1, tlogThreshold: 1, timestampThreshold: 1 });
    const { identity } = verifier.verify(toSignedEntity(parsed.value));
    const wrong = judge({ subject: identity?.subjectAlternativeName ?? '', issuer: identity?.extensions?.issuer ?? '' });
    if (wrong !== null) return { ok: false, code: 'FARM_VERIFY_IDENTITY', ...wrong };
  } catch (error) {
    // Bytes that lead a parser astray are as untrue as a wrong signature: no exception leaves here.
    const known = error instanceof VerificationError || error instanceof PolicyError;
    const why = (error as Error).message;
    return refused('FARM_VERIFY_SIGNATURE', known ? why : `unreadable: ${why}`);
  }
  const { payload, payloadType } = content.dsseEnvelope;
  if (payloadType !== statementPayloadType) return refused('FARM_VERIFY_SHAPE', `a payload of type ${payloadType}`);
  return judgeSubject(payload, expected);
}

type Pep740Question = AnySigner & {
  readonly attestation: unknown;
  /** Why the certificate is not that of who should have signed; null where it is. */
  readonly accepts: (signer: SignerNames & { readonly attestation: Pep740Attestation }) => ReturnType<Judge>;
};

/** The same for a PEP 740 attestation, which may only say "published" or "built". */
export function verifyPep740({ attestation, ...expected }: (Expectation & { readonly attestation: unknown }) | Pep740Question): Verdict {
  const version = (attestation as Partial<Pep740Attestation> | null)?.version;
  if (version !== 1) return refused('FARM_VERIFY_SHAPE', `not a PEP 740 attestation of version 1: ${String(version)}`);
  const bundle = attempt(() => fromPep740(attestation as Pep740Attestation));
  if (!bundle.ok) return refused('FARM_VERIFY_SHAPE', `not a PEP 740 attestation: ${bundle.why}`);
  const verdict = 'accepts' in expected
    ? verifySigned(bundle.value, expected, (signer) => expected.accepts({ ...signer, attestation: attestation as Pep740Attestation }))
    : verifyBundle({ bundle: bundle.value, ...expected });
  if (!verdict.ok || [publishType, provenanceType].includes(verdict.statement.predicateType)) return verdict;
  return refused('FARM_VERIFY_SHAPE', `PEP 740 knows no attestation of type ${verdict.statement.predicateType}`);
}

/** The library reads any object as an empty trusted root; one that could never accept anything is a mistake to name. */
function trustOf(json: unknown): TrustMaterial {
  const root = TrustedRoot.fromJSON(json);
  if (!root.mediaType.startsWith(trustedRootMediaType)) throw new TypeError(`its media type is '${root.mediaType}'`);
  if ([root.tlogs, root.certificateAuthorities, root.ctlogs].some((keys) => keys.length === 0)) {
    throw new TypeError('it lacks a log, a certificate authority or a certificate log');
  }
  return toTrustMaterial(root);
}

function judgeSubject(payload: Buffer, expected: AnySigner): Verdict {
  const parsed = attempt(() => JSON.parse(payload.toString('utf8')) as Statement);
  if (!parsed.ok || parsed.value?._type !== statementType || !Array.isArray(parsed.value.subject)) {
    return refused('FARM_VERIFY_SHAPE', 'the signed text is not an in-toto statement');
  }
  const [subject, ...more] = parsed.value.subject as readonly { name?: string; digest?: { sha256?: string } }[];
  if (!subject || more.length > 0) return refused('FARM_VERIFY_SHAPE', 'the statement must have exactly one subject');
  if (subject.name !== expected.filename) {
    return refused('FARM_VERIFY_SUBJECT',
      `the statement is about ${subject.name ?? 'no file'}, not about ${expected.filename}`);
  }
  if (subject.digest?.sha256 !== expected.sha256) {
    return refused('FARM_VERIFY_SUBJECT',
      `${expected.filename} has SHA-256 ${expected.sha256}, but ${subject.digest?.sha256 ?? 'none'} was signed`);
  }
  return { ok: true, statement: parsed.value };
}

const refused = (code: VerifyCode, why: string): Verdict => ({ ok: false, code, why });

function attempt<T>(parse: () => T): { ok: true; value: T } | { ok: false; why: string } {
  try {
    return { ok: true, value: parse() };
  } catch (error) {
    return { ok: false, why: (error as Error).message };
  }
}
