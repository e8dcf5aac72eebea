import { createHash, createPublicKey, generateKeyPairSync, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { canonicalText } from '../../domain/plan.ts';
import { farmNames, type FarmNames } from '../../domain/statement.ts';
import {
  privateKeyOf, readOrCreateAuthority, rotateAuthority, type AuthorityRecord, type KeyRecord, type KeyUse,
} from './authority-files.ts';
import { bundleMediaType, preAuthEncoding, statementPayloadType, type SigstoreBundle } from './bundle.ts';
import { cannotSign } from './cannot-sign.ts';
import { madeBundles } from './check-made.ts';
import { leafCertificate, logIdOf, pemOf } from './certificate.ts';
import type { LogEntry, LogHead, LogStore, ProvenLeaf, SealHead } from './log-store.ts';
import { trustConfigOf, type TrustConfig } from './trust-config.ts';

/** The farm's own signing authority: certificate authority, certificate timestamp key and log key in one folder. */
export interface LocalAuthority {
  readonly names: FarmNames;
  readonly trust: TrustConfig;
  readonly folder: string;
  readonly record: AuthorityRecord;
  readonly now: () => Date;
}

/** The bundle of a signed and logged statement: what is stored and served beside the file. */
export interface LoggedBundle {
  /** SHA-256 of the statement's text, 64 lower-case hex digits: a statement is signed once. */
  readonly statementSha256: string;
  readonly bundle: SigstoreBundle;
}

/** How long a signing certificate lasts. @unit milliseconds; the same ten minutes as Sigstore's public instance */
const leafLifetimeMs = 10 * 60_000;

/**
 * Opens the authority kept in a folder, creating it at first use.
 * @errors FARM_SIGN_FAILED when the folder is damaged, readable by others, or belongs to another farm
 */
export async function openLocalAuthority(
  { folder, farmId, now }: { readonly folder: string; readonly farmId: string; readonly now: () => Date },
): Promise<LocalAuthority> {
  const names = farmNames(farmId);
  const record = await readOrCreateAuthority(folder, farmId, now());
  for (const use of ['ca', 'ct', 'log'] as const) await privateKeyOf(folder, currentKey(record, use));
  return { names, trust: trustConfigOf(record), folder, record, now };
}

/**
 * Begins new keys; see `rotateAuthority`. The trust configuration and its fingerprint change.
 * Every other process with this authority open goes on with the ended keys until it opens it again: stop them first.
 */
export async function rotateLocalAuthority(authority: LocalAuthority): Promise<LocalAuthority> {
  const record = await rotateAuthority(authority.folder, authority.record, authority.now());
  return { ...authority, record, trust: trustConfigOf(record) };
}

/** The trust configuration to serve, and its fingerprint. */
export const trustConfig = (authority: LocalAuthority): TrustConfig => authority.trust;

export interface SignOrder {
  readonly authority: LocalAuthority;
  readonly log: LogStore;
  readonly statements: readonly string[];
  /** Takes the bundles in parts as they are made; then the answer is empty. */
  readonly keep?: (part: readonly LoggedBundle[]) => Promise<void>;
}

/**
 * Signs the statements of a release: one certificate, one checkpoint, one bundle for each statement, in their order.
 * A statement that the log holds already gets the certificate, signature and entry of its first time; its proof may
 * lead to a newer head. Safe to deliver twice, also after a crash between the log and whoever stores the bundle.
 * @shape statements: canonical texts, each with one subject
 * @errors FARM_SIGN_FAILED when a key or the log cannot be used, or our own verifier refuses what was made
 */
export async function signRelease(
  { authority, log, statements, keep }: SignOrder,
): Promise<readonly LoggedBundle[]> {
  const digests = statements.map(sha256Hex);
  const known = new Set((await log.prove(digests)).leaves.map((leaf) => leaf.statementSha256));
  const fresh = statements.filter((_, place) => !known.has(digests[place] ?? ''));
  if (fresh.length > 0) await log.append(await signedEntries(authority, fresh), await sealerOf(authority));
  const { head } = await log.prove([]);
  const keys = logKeysOf(authority);
  const checked = madeBundles({
    trustedRoot: authority.trust.trustedRoot, identity: authority.names.identity, issuer: authority.names.issuer,
  });
  const bundles: LoggedBundle[] = [];
  let leafOf = new Map<string, ProvenLeaf>();
  for (const [place, text] of statements.entries()) {
    const statementSha256 = digests[place] ?? '';
    // All to the one head, but read in parts: the entries and proofs of a thousand wheels are megabytes.
    if (place % signaturesAtOnce === 0) leafOf = byStatement(await log.prove(digests.slice(place, place + signaturesAtOnce), head));
    const leaf = leafOf.get(statementSha256);
    if (!leaf) return cannotSign(`the log lost the entry of statement ${statementSha256}`);
    const { bundle, logKey } = await bundleOf(authority, text, { leaf, head, keys });
    bundles.push({ statementSha256, bundle: checked(bundle, logKey) });
    // Thousands of signatures on one thread: heartbeats and other cells get their turn.
    if (place % signaturesAtOnce !== signaturesAtOnce - 1) continue;
    if (keep) await keep(bundles.splice(0));
    else await new Promise((resolve) => { setImmediate(resolve); });
  }
  if (keep) await keep(bundles.splice(0));
  return bundles;
}

const signaturesAtOnce = 100;

const byStatement = ({ leaves }: { readonly leaves: readonly ProvenLeaf[] }): Map<string, ProvenLeaf> =>
  new Map(leaves.map((leaf) => [leaf.statementSha256, leaf]));

/** A key of the log, and what follows from it. */
interface LogKey { readonly key: KeyObject; readonly publicKey: KeyObject; readonly logId: Buffer }

/** The log's key at a time, each read once. @errors FARM_SIGN_FAILED */
function logKeysOf({ folder, record }: LocalAuthority): (at: Date) => Promise<LogKey> {
  const kept = new Map<string, LogKey>();
  return async (at) => {
    const named = keyAt(record, 'log', at);
    const known = kept.get(named.file);
    if (known) return known;
    const key = await privateKeyOf(folder, named);
    const publicKey = createPublicKey(key);
    const made = { key, publicKey, logId: logIdOf(publicKey) };
    kept.set(named.file, made);
    return made;
  };
}

/** Log entries of statements signed with one new key, whose private half is forgotten on return. */
async function signedEntries(authority: LocalAuthority, statements: readonly string[]): Promise<LogEntry[]> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const verifier = Buffer.from(pemOf(await issueLeaf(authority, publicKey)), 'ascii').toString('base64');
  return statements.map((text) => {
    const payload = Buffer.from(text, 'utf8');
    const signature = sign('sha256', preAuthEncoding(payload), privateKey).toString('base64');
    const body = canonicalText({
      apiVersion: '0.0.1',
      kind: 'dsse',
      spec: {
        envelopeHash: { algorithm: 'sha256', value: sha256Hex(canonicalText(envelopeOf(payload, signature))) },
        payloadHash: { algorithm: 'sha256', value: sha256Hex(text) },
        signatures: [{ signature, verifier }],
      },
    });
    return { statementSha256: sha256Hex(text), body: Buffer.from(body, 'utf8') };
  });
}

async function issueLeaf(authority: LocalAuthority, publicKey: KeyObject): Promise<Buffer> {
  const { folder, record, names } = authority;
  const ca = currentKey(record, 'ca');
  const caKey = await privateKeyOf(folder, ca);
  const ctKey = await privateKeyOf(folder, currentKey(record, 'ct'));
  const notBefore = new Date(Math.floor(authority.now().getTime() / 1000) * 1000);
  if (notBefore.toISOString() < ca.start) {
    return cannotSign(`the clock says ${notBefore.toISOString()}, but the keys begin at ${ca.start}`);
  }
  return leafCertificate(
    { key: caKey, publicKey: createPublicKey(caKey), name: ca.name ?? '' },
    { key: ctKey, logId: logIdOf(createPublicKey(ctKey)) },
    {
      publicKey,
      identity: names.identity,
      oidcIssuer: names.issuer,
      notBefore,
      notAfter: new Date(notBefore.getTime() + leafLifetimeMs),
    },
  );
}

/** Signs checkpoints as signed notes. @source C2SP signed-note; the key hint is Sigstore's, the start of the log id */
async function sealerOf(authority: LocalAuthority): Promise<SealHead> {
  const key = await privateKeyOf(authority.folder, currentKey(authority.record, 'log'));
  return (head) => sealed(authority.names.logOrigin, key, head);
}

function sealed(origin: string, key: KeyObject, head: { readonly size: number; readonly root: Uint8Array }): string {
  const note = `${origin}\n${head.size}\n${Buffer.from(head.root).toString('base64')}\n`;
  const keyHint = logIdOf(createPublicKey(key)).subarray(0, 4);
  const signature = Buffer.concat([keyHint, sign('sha256', Buffer.from(note, 'utf8'), key)]).toString('base64');
  return `${note}\n\u2014 ${origin} ${signature}\n`;
}

/**
 * The bundle of a logged statement. All of it follows from leaf and head, but for the random number in a signature:
 * the time of integration is the second in which the leaf's certificate began, so it needs no column of its own.
 */
async function bundleOf(
  authority: LocalAuthority, text: string,
  { leaf, head, keys }: { readonly leaf: ProvenLeaf; readonly head: LogHead; readonly keys: ReturnType<typeof logKeysOf> },
): Promise<{ bundle: SigstoreBundle; logKey: KeyObject }> {
  const { signature, verifier } = signatureIn(leaf);
  const certificate = certificateIn(verifier);
  const integratedAt = certificate.validFromDate;
  const { key, publicKey, logId } = await keys(integratedAt);
  const canonicalizedBody = Buffer.from(leaf.body).toString('base64');
  const integratedTime = integratedAt.getTime() / 1000;
  const promise = canonicalText({
    body: canonicalizedBody, integratedTime, logID: logId.toString('hex'), logIndex: leaf.index,
  });
  const bundle: SigstoreBundle = {
    mediaType: bundleMediaType,
    verificationMaterial: {
      certificate: { rawBytes: certificate.raw.toString('base64') },
      tlogEntries: [{
        logIndex: String(leaf.index),
        logId: { keyId: logId.toString('base64') },
        kindVersion: { kind: 'dsse', version: '0.0.1' },
        integratedTime: String(integratedTime),
        inclusionPromise: {
          signedEntryTimestamp: sign('sha256', Buffer.from(promise, 'utf8'), key).toString('base64'),
        },
        inclusionProof: {
          logIndex: String(leaf.index),
          rootHash: Buffer.from(head.root).toString('base64'),
          treeSize: String(head.size),
          hashes: leaf.path.map((hash) => Buffer.from(hash).toString('base64')),
          checkpoint: { envelope: checkpointFor(authority, { key, logId }, head) },
        },
        canonicalizedBody,
      }],
    },
    dsseEnvelope: envelopeOf(Buffer.from(text, 'utf8'), signature),
  };
  return { bundle, logKey: publicKey };
}

/** The statements of a release share one certificate: the last one read, by its text. */
let lastRead: { readonly text: string; readonly certificate: X509Certificate } | null = null;

function certificateIn(text: string): X509Certificate {
  if (lastRead?.text !== text) lastRead = { text, certificate: new X509Certificate(Buffer.from(text, 'base64')) };
  return lastRead.certificate;
}

/** The stored checkpoint; sealed anew for an entry whose log key was retired since, as an entry names one log id. */
function checkpointFor(authority: LocalAuthority, { key, logId }: Pick<LogKey, 'key' | 'logId'>, head: LogHead): string {
  const hint = logId.subarray(0, 4);
  const stored = head.checkpoint.split('\n\n')[1]?.trim().split(' ')[2] ?? '';
  const fits = Buffer.from(stored, 'base64').subarray(0, 4).equals(hint);
  return fits ? head.checkpoint : sealed(authority.names.logOrigin, key, head);
}

const envelopeOf = (payload: Buffer, sig: string): SigstoreBundle['dsseEnvelope'] =>
  ({ payload: payload.toString('base64'), payloadType: statementPayloadType, signatures: [{ sig }] });

function signatureIn(leaf: ProvenLeaf): { signature: string; verifier: string } {
  type Body = { spec?: { signatures?: { signature: string; verifier: string }[] } };
  const found = (JSON.parse(Buffer.from(leaf.body).toString('utf8')) as Body).spec?.signatures?.[0];
  return found ?? cannotSign(`entry ${leaf.index} of the log holds no signature`);
}

const currentKey = (record: AuthorityRecord, use: KeyUse): KeyRecord =>
  record.keys.find((key) => key.use === use && !key.end)
  ?? cannotSign(`authority.json names no current ${use} key`);

const keyAt = (record: AuthorityRecord, use: KeyUse, moment: Date): KeyRecord =>
  record.keys.filter((key) => key.use === use && key.start <= moment.toISOString()).at(-1) ?? currentKey(record, use);

const sha256Hex = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');
