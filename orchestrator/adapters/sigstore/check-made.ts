import { createHash, verify, X509Certificate, type KeyObject } from 'node:crypto';
import { leafHash, rootFromProof } from '../../domain/merkle.ts';
import { canonicalText } from '../../domain/plan.ts';
import type { Statement } from '../../domain/statement.ts';
import { preAuthEncoding, statementPayloadType, type SigstoreBundle } from './bundle.ts';
import { cannotSign } from './cannot-sign.ts';
import { sha256 } from './log-store.ts';
import { verifyBundle } from './verify.ts';

/** What the bundles of a release have in common, checked once. */
interface Common {
  readonly signer: KeyObject;
  readonly root: Buffer;
  readonly size: number;
  /** As its log entry has it. */
  readonly verifier: string;
}

export interface CheckOrder {
  readonly trustedRoot: unknown;
  readonly identity: string;
  readonly issuer: string;
}

/**
 * Checks bundles that were just made: the farm never gives out what its own verifier would refuse. Of those that share
 * certificate, log and checkpoint the first goes through the verifier whole; of the others, what differs is checked by
 * the same rules (signature, entry, promise, inclusion, subject), because a release has thousands of statements under
 * one certificate and one checkpoint.
 * @shape logKey: the public key that the bundle's log id names
 * @errors FARM_SIGN_FAILED
 */
export function madeBundles(order: CheckOrder): (bundle: SigstoreBundle, logKey: KeyObject) => SigstoreBundle {
  const known = new Map<string, Common>();
  return (bundle, logKey) => {
    const shared = sharedText(bundle);
    const common = known.get(shared);
    const why = common ? faultOf(bundle, common, logKey) : verdictOf(bundle, order);
    if (why !== null) return cannotSign(`our own verifier refused the bundle: ${why}`);
    if (!common) known.set(shared, commonOf(bundle));
    return bundle;
  };
}

/** Everything but the statement, its signature and its place in the log; two texts are equal only where all of it is. */
function sharedText({ mediaType, verificationMaterial: { certificate, tlogEntries }, dsseEnvelope }: SigstoreBundle): string {
  const entries = tlogEntries.map(({ logId, kindVersion, integratedTime, inclusionProof: { rootHash, treeSize, checkpoint } }) =>
    ({ logId, kindVersion, integratedTime, rootHash, treeSize, checkpoint }));
  return JSON.stringify([mediaType, certificate, entries, dsseEnvelope.payloadType, dsseEnvelope.signatures.length]);
}

function commonOf({ verificationMaterial: { certificate, tlogEntries: [entry] } }: SigstoreBundle): Common {
  return {
    signer: new X509Certificate(Buffer.from(certificate.rawBytes, 'base64')).publicKey,
    root: Buffer.from(entry?.inclusionProof.rootHash ?? '', 'base64'), size: Number(entry?.inclusionProof.treeSize),
    verifier: bodyOf(Buffer.from(entry?.canonicalizedBody ?? '', 'base64')).spec?.signatures?.[0]?.verifier ?? '',
  };
}

function statementOf({ dsseEnvelope }: SigstoreBundle): Statement {
  return JSON.parse(Buffer.from(dsseEnvelope.payload, 'base64').toString('utf8')) as Statement;
}

/** The whole verifier. Null where it accepts. */
function verdictOf(bundle: SigstoreBundle, order: CheckOrder): string | null {
  const [subject] = statementOf(bundle).subject;
  const verdict = verifyBundle({ bundle, ...order, sha256: subject.digest.sha256, filename: subject.name });
  return verdict.ok ? null : verdict.why;
}

interface Body { readonly spec?: { readonly payloadHash?: { readonly value?: string }; readonly signatures?: readonly { readonly signature?: string; readonly verifier?: string }[] } }

const bodyOf = (bytes: Buffer): Body => JSON.parse(bytes.toString('utf8')) as Body;

/** What is wrong with the bundle's own part; null where nothing is. */
function faultOf(bundle: SigstoreBundle, { signer, root, size, verifier }: Common, logKey: KeyObject): string | null {
  const { verificationMaterial: { tlogEntries: [entry] }, dsseEnvelope } = bundle;
  const [signature] = dsseEnvelope.signatures;
  if (!entry || !signature || dsseEnvelope.payloadType !== statementPayloadType) return 'it has not the shape of its siblings';
  const payload = Buffer.from(dsseEnvelope.payload, 'base64');
  if (!verify('sha256', preAuthEncoding(payload), signer, Buffer.from(signature.sig, 'base64'))) return 'the signature is wrong';
  const body = Buffer.from(entry.canonicalizedBody, 'base64');
  const { spec } = bodyOf(body);
  // The certificate of the bundle is that of its siblings, and the first of them had this text in its entry.
  if (spec?.payloadHash?.value !== createHash('sha256').update(payload).digest('hex')
    || spec.signatures?.[0]?.signature !== signature.sig || spec.signatures[0].verifier !== verifier) {
    return 'the log entry is about another statement';
  }
  const promise = canonicalText({
    body: entry.canonicalizedBody, integratedTime: Number(entry.integratedTime),
    logID: Buffer.from(entry.logId.keyId, 'base64').toString('hex'), logIndex: Number(entry.logIndex),
  });
  const promised = Buffer.from(entry.inclusionPromise.signedEntryTimestamp, 'base64');
  if (!verify('sha256', Buffer.from(promise, 'utf8'), logKey, promised)) return 'the promise of the log is wrong';
  const path = entry.inclusionProof.hashes.map((hash) => Buffer.from(hash, 'base64'));
  const head = rootFromProof(sha256, leafHash(sha256, body), { index: Number(entry.inclusionProof.logIndex), size }, path);
  if (!head || !Buffer.from(head).equals(root) || entry.logIndex !== entry.inclusionProof.logIndex) return 'the entry is not in the log';
  return statementOf(bundle).subject.length === 1 ? null : 'the statement must have exactly one subject';
}
