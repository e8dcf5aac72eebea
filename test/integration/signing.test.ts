/** Stock verifiers judge what the local authority signs. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toPep740, type SigstoreBundle } from '../../orchestrator/adapters/sigstore/bundle.ts';
import { localSigner } from '../../orchestrator/adapters/sigstore/local-signer.ts';
import { openLocalAuthority, rotateLocalAuthority } from '../../orchestrator/adapters/sigstore/local.ts';
import { memoryLogStore, type LogStore } from '../../orchestrator/adapters/sigstore/log-store.ts';
import type { SignedStatement, Signer } from '../../orchestrator/ports.ts';
import { clientVenv } from '../support/clients.ts';
import { aReleaseToSign } from '../support/release-to-sign.ts';

const dayMs = 24 * 60 * 60_000;

/** What pypi-attestations offers for a private root: its objects and Sigstore's verifier, then the subject by hand. */
const judgePep740 = `
import hashlib, json, pathlib, sys
from pypi_attestations import Attestation
from sigstore.models import ClientTrustConfig
from sigstore.verify import Verifier, policy
trust, attestation, file, identity, issuer = sys.argv[1:]
root = ClientTrustConfig.from_json(pathlib.Path(trust).read_text()).trusted_root
bundle = Attestation.model_validate_json(pathlib.Path(attestation).read_bytes()).to_bundle()
_, payload = Verifier(trusted_root=root).verify_dsse(bundle, policy.Identity(identity=identity, issuer=issuer))
[subject] = json.loads(payload)['subject']
path = pathlib.Path(file)
assert subject['name'] == path.name, subject
assert subject['digest']['sha256'] == hashlib.sha256(path.read_bytes()).hexdigest(), subject
`;

let folder: string;
let python: string;
let log: LogStore;
let signer: Signer;
let signed: readonly SignedStatement[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wheelfarm-signing-'));
  python = join(await clientVenv('sigstore', ['sigstore==4.5.1', 'pypi-attestations==0.0.30']), 'python');
  log = memoryLogStore();
  signer = await signerAt(new Date());
  signed = await signer.signRelease(await aReleaseToSign(folder, 'first'));
  await writeFile(join(folder, 'trust.json'), (await signer.trustConfig()).json);
}, 600_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The farm's signer, opened from disk as after a start at that moment. */
async function signerAt(moment: Date, name = 'keys'): Promise<Signer> {
  const authority = await openLocalAuthority({ folder: join(folder, name), farmId: 'farm-test', now: () => moment });
  return localSigner({ authority, log });
}

/** Exit status and words of a client. */
function ask(...line: readonly string[]): Promise<{ status: number; words: string }> {
  return new Promise((resolve) => {
    // Wide columns: messages are wrapped to the terminal and would break in the middle of what a test looks for.
    execFile(python, [...line], { env: { ...process.env, COLUMNS: '2000' } }, (error, stdout, stderr) => {
      resolve({ status: error ? Number(error.code ?? 1) : 0, words: `${stdout}${stderr}` });
    });
  });
}

interface Question {
  readonly statement: SignedStatement;
  readonly file?: string;
  readonly trust?: string;
  readonly identity?: string;
  readonly issuer?: string;
  readonly bundle?: unknown;
}

let questions = 0;

/** `python -m sigstore verify identity`, offline, as the farm prints it for users. */
async function askSigstore(question: Question): Promise<{ status: number; words: string }> {
  const bundle = join(folder, `${questions += 1}.sigstore.json`);
  await writeFile(bundle, JSON.stringify(question.bundle ?? question.statement.bundle));
  return ask('-m', 'sigstore', '--trust-config', join(folder, question.trust ?? 'trust.json'), 'verify', 'identity',
    '--offline', '--bundle', bundle, '--cert-identity', question.identity ?? signer.identity,
    '--cert-oidc-issuer', question.issuer ?? signer.issuer, join(folder, question.file ?? question.statement.filename));
}

const ofKind = (kind: SignedStatement['kind'], filename: string): SignedStatement => {
  const found = signed.find((one) => one.kind === kind && one.filename === filename);
  if (!found) throw new Error(`no ${kind} statement of ${filename}`);
  return found;
};

const sdist = 'demo-1.0.tar.gz';
const wheel = 'demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl';

describe('python -m sigstore', { timeout: 60_000 }, () => {
  it('accepts every file of a release', async () => {
    expect(signed.map((one) => one.kind)).toEqual(['publish', 'publish', 'provenance', 'publish', 'provenance']);
    for (const statement of signed) {
      const answer = await askSigstore({ statement });
      expect(answer, `${statement.kind} of ${statement.filename}`).toMatchObject({ status: 0 });
      expect(answer.words).toContain(statement.predicateType);
    }
  });

  it('refuses a file with a flipped byte', async () => {
    const bytes = await readFile(join(folder, wheel));
    bytes.writeUInt8(bytes.readUInt8(3) ^ 1, 3);
    await writeFile(join(folder, 'flipped.whl'), bytes);
    const { status, words } = await askSigstore({ statement: ofKind('provenance', wheel), file: 'flipped.whl' });
    expect(status).not.toBe(0);
    expect(words).toContain('in-toto statement has no subject for digest');
  });

  it('refuses another identity and another issuer', async () => {
    const statement = ofKind('publish', sdist);
    const identity = signer.identity.replace('farm-test', 'farm-other');
    const issuer = signer.issuer.replace('farm-test', 'farm-other');
    const answers = [await askSigstore({ statement, identity }), await askSigstore({ statement, issuer })];
    expect(answers.map((answer) => answer.status)).not.toContain(0);
    expect(answers[0]?.words).toContain('SANs do not match');
    expect(answers[1]?.words).toContain('OIDCIssuer does not match');
  });

  it('refuses a bundle under the trust of a farm that only has the same name', async () => {
    const twin = await signerAt(new Date(Date.now() - dayMs), 'keys-of-a-twin');   // older, so time is no reason
    await writeFile(join(folder, 'twin.json'), (await twin.trustConfig()).json);
    const { status, words } = await askSigstore({ statement: ofKind('publish', sdist), trust: 'twin.json' });
    expect(status).not.toBe(0);
    expect(words).toContain('failed to build timestamp certificate chain');
    expect(words).not.toContain('not valid at validation time');
  });

  it('refuses a bundle whose checkpoint speaks of another tree', async () => {
    const statement = ofKind('publish', sdist);
    const bundle = structuredClone(statement.bundle) as { verificationMaterial: SigstoreBundle['verificationMaterial'] };
    const checkpoint = bundle.verificationMaterial.tlogEntries[0]?.inclusionProof.checkpoint as { envelope: string };
    checkpoint.envelope = checkpoint.envelope.replace(/\n5\n/, '\n6\n');
    const { status, words } = await askSigstore({ statement, bundle });
    expect(status).not.toBe(0);
    expect(words).toContain('checkpoint: invalid signature');
  });
});

describe('over time', { timeout: 60_000 }, () => {
  it("keeps yesterday's bundles valid after a restart, beside today's", async () => {
    const yesterday = await signerAt(new Date(Date.now() - dayMs), 'kept-keys');
    const [old] = await yesterday.signRelease(await aReleaseToSign(join(folder, 'old'), 'yesterday'));
    const today = await signerAt(new Date(), 'kept-keys');
    const [fresh] = await today.signRelease(await aReleaseToSign(join(folder, 'new'), 'today'));
    expect(await today.trustConfig()).toEqual(await yesterday.trustConfig());
    await writeFile(join(folder, 'kept.json'), (await today.trustConfig()).json);
    if (!old || !fresh) throw new Error('nothing was signed');
    const both = [
      await askSigstore({ statement: old, file: join('old', old.filename), trust: 'kept.json' }),
      await askSigstore({ statement: fresh, file: join('new', fresh.filename), trust: 'kept.json' }),
    ];
    expect(both).toMatchObject([{ status: 0 }, { status: 0 }]);
  });

  it('keeps what retired keys signed', async () => {
    const first = await openLocalAuthority(
      { folder: join(folder, 'rotated'), farmId: 'farm-test', now: () => new Date(Date.now() - dayMs) },
    );
    const [old] = await localSigner({ authority: first, log })
      .signRelease(await aReleaseToSign(join(folder, 'r1'), 'before rotation'));
    const second = await rotateLocalAuthority({ ...first, now: () => new Date() });
    const rotated = localSigner({ authority: second, log });
    const [fresh] = await rotated.signRelease(await aReleaseToSign(join(folder, 'r2'), 'after rotation'));
    await writeFile(join(folder, 'rotated.json'), (await rotated.trustConfig()).json);
    if (!old || !fresh) throw new Error('nothing was signed');
    const both = [
      await askSigstore({ statement: old, file: join('r1', old.filename), trust: 'rotated.json' }),
      await askSigstore({ statement: fresh, file: join('r2', fresh.filename), trust: 'rotated.json' }),
    ];
    expect(both).toMatchObject([{ status: 0 }, { status: 0 }]);
  });
});

describe('pypi-attestations', { timeout: 60_000 }, () => {
  const judge = async (statement: SignedStatement, file = statement.filename): ReturnType<typeof ask> => {
    const path = join(folder, `${questions += 1}.attestation`);
    await writeFile(path, JSON.stringify(toPep740(statement.bundle as SigstoreBundle)));
    return ask('-c', judgePep740, join(folder, 'trust.json'), path, join(folder, file), signer.identity, signer.issuer);
  };

  it('accepts both attestations of a wheel and the one of the sdist', async () => {
    for (const statement of [ofKind('publish', wheel), ofKind('provenance', wheel), ofKind('publish', sdist)]) {
      expect(await judge(statement)).toEqual({ status: 0, words: '' });
    }
  });

  it('refuses the attestation of another file', async () => {
    expect((await judge(ofKind('publish', wheel), sdist)).words).toContain('AssertionError');
  });
});
