/** Our own verifier: accepts what was signed, refuses every single change of it. */
import { chmod, mkdtemp, readdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { createPublicKey } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { provenanceObject, toPep740, type SigstoreBundle } from '../../orchestrator/adapters/sigstore/bundle.ts';
import { privateKeyOf } from '../../orchestrator/adapters/sigstore/authority-files.ts';
import { madeBundles } from '../../orchestrator/adapters/sigstore/check-made.ts';
import {
  openLocalAuthority, rotateLocalAuthority, signRelease, type LocalAuthority,
} from '../../orchestrator/adapters/sigstore/local.ts';
import { memoryLogStore } from '../../orchestrator/adapters/sigstore/log-store.ts';
import {
  verifyBundle, verifyPep740, type Expectation, type VerifyCode,
} from '../../orchestrator/adapters/sigstore/verify.ts';
import { publishStatement, statementText } from '../../orchestrator/domain/statement.ts';

const filename = 'demo-1.0-py3-none-any.whl';
const farm = 'https://farm-test.wheelfarm.invalid';
const sha256 = 'ab'.repeat(32);
const moment = new Date('2026-11-21T08:00:00.500Z');
const texts = [filename, 'b.whl', 'c.whl', 'd.whl', 'e.whl']
  .map((name) => statementText(publishStatement({ name, sha256 })));

let folder: string;
let authority: LocalAuthority;
let bundle: SigstoreBundle;
let expected: Expectation;

const open = (name: string, now = moment, farmId = 'farm-test'): Promise<LocalAuthority> =>
  openLocalAuthority({ folder: join(folder, name), farmId, now: () => now });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wheelfarm-tamper-'));
  authority = await open('keys');
  const [first] = await signRelease({ authority, log: memoryLogStore(), statements: texts });
  if (!first) throw new Error('nothing was signed');
  bundle = first.bundle;
  const { identity, issuer } = authority.names;
  expected = { trustedRoot: authority.trust.trustedRoot, sha256, filename, identity, issuer };
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A bundle whose members can be changed. */
type Draft = {
  verificationMaterial: {
    certificate: { rawBytes: string };
    tlogEntries: {
      logIndex: string;
      integratedTime: string;
      inclusionPromise?: { signedEntryTimestamp: string };
      inclusionProof?: { logIndex: string; hashes: string[]; checkpoint: { envelope: string } };
      canonicalizedBody: string;
    }[];
  };
  dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string }[] };
};

type Entry = Draft['verificationMaterial']['tlogEntries'][number];

/** The last bit of the byte in the middle. */
function flipped(base64: string): string {
  const bytes = Buffer.from(base64, 'base64');
  const middle = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  return bytes.toString('base64');
}

/** The signed log head with its signature flipped, or its root. */
function flippedNote(envelope: string, part: 'root' | 'signature'): string {
  const lines = envelope.split('\n');
  if (part === 'root') lines[2] = flipped(lines[2] ?? '');
  const [dash, name, signature = ''] = (lines[4] ?? '').split(' ');
  if (part === 'signature') lines[4] = `${dash} ${name} ${flipped(signature)}`;
  return lines.join('\n');
}

const inEntry = (change: (entry: Entry) => void) => (draft: Draft): void => {
  for (const entry of draft.verificationMaterial.tlogEntries) change(entry);
};

const inProof = (change: (proof: NonNullable<Entry['inclusionProof']>) => void): ((draft: Draft) => void) =>
  inEntry((entry) => { if (entry.inclusionProof) change(entry.inclusionProof); });

const changes: Record<string, (draft: Draft) => void> = {
  'a byte of the payload': (draft) => { draft.dsseEnvelope.payload = flipped(draft.dsseEnvelope.payload); },
  'a byte of the signature': (draft) => {
    for (const signature of draft.dsseEnvelope.signatures) signature.sig = flipped(signature.sig);
  },
  'a byte of the certificate': (draft) => {
    draft.verificationMaterial.certificate.rawBytes = flipped(draft.verificationMaterial.certificate.rawBytes);
  },
  'a byte of the entry promise': inEntry((entry) => {
    if (entry.inclusionPromise) {
      entry.inclusionPromise.signedEntryTimestamp = flipped(entry.inclusionPromise.signedEntryTimestamp);
    }
  }),
  'the time of the entry': inEntry((entry) => { entry.integratedTime = String(Number(entry.integratedTime) + 1); }),
  'the index of the entry': inEntry((entry) => { entry.logIndex = '1'; }),
  'a byte of the entry': inEntry((entry) => { entry.canonicalizedBody = flipped(entry.canonicalizedBody); }),
  'the signature of the checkpoint': inProof((proof) => {
    proof.checkpoint.envelope = flippedNote(proof.checkpoint.envelope, 'signature');
  }),
  'the root in the checkpoint': inProof((proof) => {
    proof.checkpoint.envelope = flippedNote(proof.checkpoint.envelope, 'root');
  }),
  'a hash of the inclusion proof': inProof((proof) => { proof.hashes[1] = flipped(proof.hashes[1] ?? ''); }),
  'a missing hash of the inclusion proof': inProof((proof) => { proof.hashes.pop(); }),
  'the place in the inclusion proof': inProof((proof) => { proof.logIndex = '1'; }),
  'no entry promise, so no signed time': inEntry((entry) => { delete entry.inclusionPromise; }),
  'no inclusion proof': inEntry((entry) => { delete entry.inclusionProof; }),
  'no log entry': (draft) => { draft.verificationMaterial.tlogEntries = []; },
  'no signature': (draft) => { draft.dsseEnvelope.signatures = []; },
  'two log entries': ({ verificationMaterial }) => {
    verificationMaterial.tlogEntries.push(...structuredClone(verificationMaterial.tlogEntries));
  },
  'two signatures': ({ dsseEnvelope }) => { dsseEnvelope.signatures.push(...dsseEnvelope.signatures); },
  'another payload type': (draft) => { draft.dsseEnvelope.payloadType = 'text/plain'; },
};

function refusal(verdict: ReturnType<typeof verifyBundle>): VerifyCode | 'accepted' {
  return verdict.ok ? 'accepted' : verdict.code;
}

describe('the verifier', () => {
  it('accepts what was signed and gives the statement', () => {
    const verdict = verifyBundle({ bundle, ...expected });
    expect(verdict).toMatchObject({ ok: true, statement: { subject: [{ name: filename, digest: { sha256 } }] } });
    expect(verifyPep740({ attestation: toPep740(bundle), ...expected })).toEqual(verdict);
  });

  it.each(Object.entries(changes))('refuses %s', (_, change) => {
    const draft = structuredClone(bundle) as unknown as Draft;
    change(draft);
    expect(draft).not.toEqual(bundle);
    expect(refusal(verifyBundle({ bundle: draft, ...expected }))).toMatch(/^FARM_VERIFY_(SIGNATURE|SHAPE)$/);
  });

  const kept = ['no signature', 'two signatures', 'another payload type'];   // PEP 740 has no place for these
  it.each(Object.entries(changes).filter(([name]) => !kept.includes(name)))('refuses %s in PEP 740', (_, change) => {
    const draft = structuredClone(bundle) as unknown as Draft;
    change(draft);
    const attestation = toPep740(draft as unknown as SigstoreBundle);
    expect(refusal(verifyPep740({ attestation, ...expected }))).toMatch(/^FARM_VERIFY_(SIGNATURE|SHAPE)$/);
  });

  it.each<[string, Partial<Expectation>, VerifyCode]>([
    ['another file', { sha256: 'cd'.repeat(32) }, 'FARM_VERIFY_SUBJECT'],
    ['another name', { filename: 'demo-1.1-py3-none-any.whl' }, 'FARM_VERIFY_SUBJECT'],
    ['a longer identity', { identity: `${farm}/builders/docker/v11` }, 'FARM_VERIFY_IDENTITY'],
    ['a part of the identity', { identity: farm }, 'FARM_VERIFY_IDENTITY'],
    ['a pattern for the identity', { identity: '.*' }, 'FARM_VERIFY_IDENTITY'],
    ['another issuer', { issuer: `${farm}/` }, 'FARM_VERIFY_IDENTITY'],
    ['a trusted root that is none', { trustedRoot: { tlogs: 'none' } }, 'FARM_VERIFY_TRUST'],
    ['a missing trusted root', { trustedRoot: undefined }, 'FARM_VERIFY_TRUST'],
  ])('refuses %s', (_, otherwise, code) => {
    expect(refusal(verifyBundle({ bundle, ...expected, ...otherwise }))).toBe(code);
    expect(refusal(verifyPep740({ attestation: toPep740(bundle), ...expected, ...otherwise }))).toBe(code);
  });

  const junks: [unknown][] = [[null], ['text'], [{}], [[]], [{ version: 1 }], [{ mediaType: 'x' }]];
  it.each(junks)('refuses %j instead of a bundle', (junk) => {
    expect(refusal(verifyBundle({ bundle: junk, ...expected }))).toBe('FARM_VERIFY_SHAPE');
    expect(refusal(verifyPep740({ attestation: junk, ...expected }))).toBe('FARM_VERIFY_SHAPE');
  });

  it("refuses a twin's signature: same names, other keys", async () => {
    const twin = await open('twin');
    const [signed] = await signRelease({ authority: twin, log: memoryLogStore(), statements: texts });
    expect(refusal(verifyBundle({ bundle: signed?.bundle, ...expected }))).toBe('FARM_VERIFY_SIGNATURE');
  });
});

describe('signing a release', () => {
  it('uses one certificate and one checkpoint, in the order of the statements', async () => {
    const signed = await signRelease({ authority, log: memoryLogStore(), statements: texts });
    const entries = signed.map((one) => one.bundle.verificationMaterial.tlogEntries[0]);
    expect(entries.map((entry) => entry?.logIndex)).toEqual(['0', '1', '2', '3', '4']);
    expect(new Set(entries.map((entry) => entry?.inclusionProof.checkpoint.envelope)).size).toBe(1);
    expect(new Set(signed.map((one) => one.bundle.verificationMaterial.certificate.rawBytes)).size).toBe(1);
  });

  it('finds the first entry when a statement comes again, also at once and in another order', async () => {
    const log = memoryLogStore();
    const rounds = await Promise.all([texts, [...texts].reverse(), texts].map((statements) =>
      signRelease({ authority, log, statements })));
    const again = await signRelease({ authority: await open('keys', new Date('2026-12-01')), log, statements: texts });
    const seen = new Map<string, Set<string>>();
    for (const { statementSha256, bundle: made } of [...rounds.flat(), ...again]) {
      const { certificate, tlogEntries: [entry] } = made.verificationMaterial;
      const mark = JSON.stringify([certificate, entry?.logIndex, entry?.integratedTime, made.dsseEnvelope]);
      seen.set(statementSha256, (seen.get(statementSha256) ?? new Set()).add(mark));
    }
    expect([...seen.values()].map((marks) => marks.size)).toEqual([1, 1, 1, 1, 1]);
  });

  it('gives out an entry of a retired key that was logged but never stored', async () => {
    const log = memoryLogStore();
    const before = await open('retired');
    await signRelease({ authority: before, log, statements: texts });
    const after = await rotateLocalAuthority({ ...before, now: () => new Date('2026-12-01') });
    const late = statementText(publishStatement({ name: 'late.whl', sha256 }));
    const signed = await signRelease({ authority: after, log, statements: [late, ...texts.slice(0, 1)] });
    expect(signed).toHaveLength(2);   // each was judged by our verifier under the new trust before it came out
    const logIds = signed.map((one) => one.bundle.verificationMaterial.tlogEntries[0]?.logId.keyId);
    expect(new Set(logIds).size).toBe(2);
  });

  it('says so when the clock went back behind the keys', async () => {
    const early = await open('keys', new Date('2026-11-20'));
    const signing = signRelease({ authority: early, log: memoryLogStore(), statements: texts });
    await expect(signing).rejects.toThrow('but the keys begin at 2026-11-21T08:00:00.000Z');
  });

  it('makes a provenance object with the publisher kind of the farm', () => {
    expect(provenanceObject(authority.names, [toPep740(bundle)])).toMatchObject({
      version: 1,
      attestation_bundles: [{
        publisher: { kind: 'farm', claims: null, identity: expected.identity, issuer: expected.issuer },
        attestations: [{ version: 1, verification_material: { transparency_entries: [{ logIndex: '0' }] } }],
      }],
    });
  });
});

describe('the keys on disk', () => {
  it('are for the owner alone, and nothing else lies about', async () => {
    expect((await stat(authority.folder)).mode & 0o777).toBe(0o700);
    const names = (await readdir(authority.folder)).sort();
    expect(names).toEqual(['authority.json', 'ca-1.pem', 'ct-1.pem', 'log-1.pem']);
    for (const name of names) expect((await stat(join(authority.folder, name))).mode & 0o777).toBe(0o600);
  });

  it('are the same for everyone who starts at once', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => open('together')));
    expect(new Set(all.map((one) => one.trust.sha256)).size).toBe(1);
    expect((await readdir(folder)).filter((name) => name.startsWith('together'))).toEqual(['together']);
  });

  it('never say host or port', () => {
    const hosts = authority.trust.text.match(/https?:\/\/[^"/]+/g);
    expect(new Set(hosts)).toEqual(new Set([farm]));
  });

  it.each<[string, (at: string) => Promise<void>, string]>([
    ['of another farm', async (at) => {
      const path = join(at, 'authority.json');
      await writeFile(path, (await readFile(path, 'utf8')).replace('"farm-test"', '"farm-other"'));
    }, 'belong to farm farm-other'],
    ['that others can read', (at) => chmod(join(at, 'ca-1.pem'), 0o644), 'other users can read it'],
    ['with one lost', (at) => unlink(join(at, 'log-1.pem')), 'cannot be used'],
    ['with a damaged list', (at) => writeFile(join(at, 'authority.json'), '{"version":1,'), 'is damaged'],
    ['without a list', (at) => unlink(join(at, 'authority.json')), 'no signing authority could be made'],
    ['that were exchanged', async (at) => writeFile(join(at, 'ct-1.pem'), await readFile(join(at, 'log-1.pem'))),
      'is not the one that authority.json names'],
  ])('are refused: keys %s', async (name, damage, words) => {
    await open(name);
    await damage(join(folder, name));
    await expect(open(name)).rejects.toThrow(words);
  });
});

describe('bundles that were just made', () => {
  const bundles = async (): Promise<SigstoreBundle[]> =>
    (await signRelease({ authority, log: memoryLogStore(), statements: texts })).map((one) => one.bundle);
  const other = (base64: string): string => {
    const bytes = Buffer.from(base64, 'base64');
    bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1;
    return bytes.toString('base64');
  };
  const changes: Readonly<Record<string, (draft: Draft, entry: Entry) => void>> = {
    signature: ({ dsseEnvelope: { signatures: [one] } }) => { if (one) one.sig = other(one.sig); },
    payload: ({ dsseEnvelope }) => { dsseEnvelope.payload = other(dsseEnvelope.payload); },
    promise: (_, { inclusionPromise }) => { if (inclusionPromise) inclusionPromise.signedEntryTimestamp = other(inclusionPromise.signedEntryTimestamp); },
    'place in the log': (_, { inclusionProof }) => { if (inclusionProof) inclusionProof.logIndex = '0'; },
    path: (_, { inclusionProof }) => { inclusionProof?.hashes.pop(); },
    checkpoint: (_, { inclusionProof }) => { if (inclusionProof) inclusionProof.checkpoint.envelope = inclusionProof.checkpoint.envelope.replace(/\n\d+\n/, '\n999\n'); },
    certificate: ({ verificationMaterial: { certificate } }) => { certificate.rawBytes = other(certificate.rawBytes); },
    time: (_, entry) => { entry.integratedTime = String(Number(entry.integratedTime) + 1); },
  };

  it('are accepted one after the other, by the whole verifier too', async () => {
    const made = await bundles();
    const check = await checker();
    for (const [place, one] of made.entries()) {
      expect(check(one)).toBe(one);
      const name = [filename, 'b.whl', 'c.whl', 'd.whl', 'e.whl'][place] ?? '';
      expect(verifyBundle({ bundle: one, ...expected, filename: name }).ok).toBe(true);
    }
  });

  it.each(Object.keys(changes))('are refused after the first one, too, with another %s', async (name) => {
    const [first, second] = await bundles();
    if (!first || !second) throw new Error('nothing was signed');
    const check = await checker();
    check(first);
    const draft = structuredClone(second) as unknown as Draft;
    changes[name]?.(draft, draft.verificationMaterial.tlogEntries[0] as Entry);
    expect(() => check(draft as unknown as SigstoreBundle)).toThrow();
  });

  it('are refused with the body of a sibling', async () => {
    const [first, second, third] = (await bundles()) as [SigstoreBundle, SigstoreBundle, SigstoreBundle];
    const check = await checker();
    check(first);
    const swapped = { ...second, verificationMaterial: third.verificationMaterial };
    expect(() => check(swapped)).toThrow('another statement');
  });

  async function checker(): Promise<(bundle: SigstoreBundle) => SigstoreBundle> {
    const record = authority.record.keys.find(({ use }) => use === 'log');
    if (!record) throw new Error('no log key');
    const logKey = createPublicKey(await privateKeyOf(authority.folder, record));
    const check = madeBundles({ trustedRoot: expected.trustedRoot, identity: expected.identity, issuer: expected.issuer });
    return (one) => check(one, logKey);
  }
});
