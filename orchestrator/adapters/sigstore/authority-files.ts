import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, mkdtemp, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cannotSign } from './cannot-sign.ts';
import { rootCertificate, spkiOf } from './certificate.ts';

/** What a key of the authority signs: certificates, certificate timestamps, log heads and entries. */
export type KeyUse = 'ca' | 'ct' | 'log';

/** One key of the authority's history. `authority.json` lists them oldest first; the newest of each use has no end. */
export interface KeyRecord {
  readonly use: KeyUse;
  /** Of the private key, beside `authority.json`. */
  readonly file: string;
  /** Base64 of the DER public key. */
  readonly spki: string;
  /** Common name and base64 DER certificate: only where use is `ca`. */
  readonly name?: string;
  readonly certificate?: string;
  /** RFC 3339. Verifiers accept what was signed from `start` until `end`. */
  readonly start: string;
  readonly end?: string;
}

/** The content of `authority.json`. */
export interface AuthorityRecord {
  readonly version: 1;
  readonly farmId: string;
  readonly keys: readonly KeyRecord[];
}

const uses: readonly KeyUse[] = ['ca', 'ct', 'log'];
const rootYears = 25;

/**
 * Reads the authority in a folder, creating it at first use: folder 0700, files 0600, complete or not there at all.
 * Two processes that start together agree: the folder appears by one rename, and the later one reads the earlier's.
 * @errors FARM_SIGN_FAILED when the folder belongs to another farm, is damaged, or is readable by other users
 */
export async function readOrCreateAuthority(folder: string, farmId: string, now: Date): Promise<AuthorityRecord> {
  const found = await readAuthority(folder);
  if (!found) await createAuthority(folder, farmId, now);
  const record = found ?? await readAuthority(folder);
  if (!record) return cannotSign(`no signing authority could be made in ${folder}`);
  if (record.farmId !== farmId) {
    return cannotSign(`the keys in ${folder} belong to farm ${record.farmId}, not to ${farmId}`);
  }
  return record;
}

/**
 * Ends every key and begins new ones. What the old ones signed before `now` stays valid: verifiers keep them with
 * their end. The old private keys stay, so that an entry of their time whose bundle was never stored can be given out;
 * delete the files when a key is no longer secret.
 */
export async function rotateAuthority(folder: string, record: AuthorityRecord, now: Date): Promise<AuthorityRecord> {
  const at = wholeSecond(now);
  const generation = record.keys.filter((key) => key.use === 'ca').length + 1;
  const ended = record.keys.map((key) => (key.end ? key : { ...key, end: at.toISOString() }));
  const order = { generation, farmId: record.farmId, start: at };
  const fresh = await Promise.all(uses.map((use) => writeKey(folder, { use, ...order })));
  const next: AuthorityRecord = { ...record, keys: [...ended, ...fresh] };
  await writeDurably(join(folder, 'authority.json'), `${JSON.stringify(next, null, 2)}\n`);
  return next;
}

/**
 * The private key of a record.
 * @errors FARM_SIGN_FAILED when the file is gone, is readable by others, or does not belong to the recorded public key
 */
export async function privateKeyOf(folder: string, record: KeyRecord): Promise<KeyObject> {
  const path = join(folder, record.file);
  try {
    await refuseLooseMode(path);
    const key = createPrivateKey(await readFile(path, 'utf8'));
    if (spkiOf(createPublicKey(key)).toString('base64') === record.spki) return key;
  } catch (error) {
    return cannotSign(`the key ${path} cannot be used: ${(error as Error).message}`);
  }
  return cannotSign(`the key ${path} is not the one that authority.json names`);
}

async function readAuthority(folder: string): Promise<AuthorityRecord | undefined> {
  const path = join(folder, 'authority.json');
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text) as AuthorityRecord;
    const current = (use: KeyUse): boolean => record.keys.some((key) => key.use === use && !key.end);
    if (record.version === 1 && uses.every(current)) return record;
  } catch {
    // Falls through: half a file and a file of another shape are the same trouble.
  }
  return cannotSign(`${path} is damaged; restore it from a backup, it names the keys that users trust`);
}

async function createAuthority(folder: string, farmId: string, now: Date): Promise<void> {
  const start = wholeSecond(now);
  await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
  const draft = await mkdtemp(`${folder}.new-`);   // mode 0700, and so is the folder after the rename
  const keys = await Promise.all(uses.map((use) => writeKey(draft, { use, generation: 1, farmId, start })));
  const record: AuthorityRecord = { version: 1, farmId, keys };
  await writeDurably(join(draft, 'authority.json'), `${JSON.stringify(record, null, 2)}\n`);
  try {
    await rename(draft, folder);
    await syncFolder(dirname(folder));
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
}

interface KeyOrder {
  readonly use: KeyUse;
  readonly generation: number;
  readonly farmId: string;
  readonly start: Date;
}

async function writeKey(folder: string, order: KeyOrder): Promise<KeyRecord> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: order.use === 'ca' ? 'P-384' : 'P-256' });
  const file = `${order.use}-${order.generation}.pem`;
  await writeDurably(join(folder, file), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const record = { use: order.use, file, spki: spkiOf(publicKey).toString('base64'), start: order.start.toISOString() };
  if (order.use !== 'ca') return record;
  const name = `${order.farmId} root ${order.generation}`;
  const notAfter = new Date(order.start);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + rootYears);
  const certificate = rootCertificate({ key: privateKey, publicKey, name }, { notBefore: order.start, notAfter });
  return { ...record, name, certificate: certificate.toString('base64') };
}

/** Whole file or the old one, on disk before it has its name. */
async function writeDurably(path: string, content: string | Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await syncFolder(dirname(path));
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function refuseLooseMode(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) throw new Error(`other users can read it; chmod 600 ${path}`);
}

/** Certificates and log entries count in seconds: a start with a fraction would lie after what that second signed. */
const wholeSecond = (moment: Date): Date => new Date(Math.floor(moment.getTime() / 1000) * 1000);
