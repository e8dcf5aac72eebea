import { createHash } from 'node:crypto';
import type { Plan } from '../../domain/plan.ts';
import {
  packageUrl, publishStatement, statementText, wheelProvenance, type Statement, type WheelOrigin,
} from '../../domain/statement.ts';
import { wheelRespinProvenance, type RespinOrigin } from '../../domain/edit-statement.ts';
import { importProvenance, type ImportOrigin } from '../../domain/import-statement.ts';
import type { FileToSign, KeepSigned, SignedStatement, Signer } from '../../ports.ts';
import { cannotSign } from './cannot-sign.ts';
import { signRelease, trustConfig, type LocalAuthority, type LoggedBundle } from './local.ts';
import type { LogStore } from './log-store.ts';

/** The signer port on the farm's own authority. */
export function localSigner(
  { authority, log }: { readonly authority: LocalAuthority; readonly log: LogStore },
): Signer {
  return {
    identity: authority.names.identity,
    issuer: authority.names.issuer,
    async trustConfig() {
      const { text, sha256 } = trustConfig(authority);
      return { json: text, fingerprint: sha256 };
    },
    async signRelease({ plan, planSha256, files }, keep) {
      return signClaims(files.flatMap((file) => claimsOf(authority.record.farmId, { plan, planSha256 }, file)), keep);
    },
    signImports: (origins) => signClaims(origins.flatMap((origin) => importClaims(authority.record.farmId, origin))),
    signRespins: (origins) => signClaims(origins.flatMap((origin) => respinClaims(authority.record.farmId, origin))),
  };

  async function signClaims(claims: readonly Claim[], keep?: KeepSigned): Promise<readonly SignedStatement[]> {
    const about = new Map(claims.map((claim) => [claim.about.statementSha256, claim.about]));
    const named = (signed: readonly LoggedBundle[]): SignedStatement[] =>
      signed.flatMap(({ statementSha256, bundle }) => {
        const known = about.get(statementSha256);
        return known ? [{ ...known, bundle }] : [];
      });
    const order = { authority, log, statements: claims.map((claim) => claim.text) };
    return named(await signRelease(keep ? { ...order, keep: (part) => keep(named(part)) } : order));
  }
}

interface PlanToSign { readonly plan: Plan; readonly planSha256: string }

interface Claim { readonly text: string; readonly about: Omit<SignedStatement, 'bundle'> }

/** What is claimed of a file: that the farm published it and, of a wheel, how it was built. */
function claimsOf(farmId: string, planned: PlanToSign, file: FileToSign): Claim[] {
  const subject = { name: file.filename, sha256: file.sha256 };
  const published = claimOf(file, 'publish', publishStatement(subject));
  if (file.kind === 'sdist') return [published];
  return [published, claimOf(file, 'provenance', wheelProvenance(farmId, originOf(planned, file)))];
}

/** What is claimed of a wheel with edited metadata. */
function respinClaims(farmId: string, origin: RespinOrigin): Claim[] {
  const { name, sha256 } = origin.wheel;
  const file = { filename: name, sha256 };
  return [
    claimOf(file, 'publish', publishStatement(origin.wheel)),
    claimOf(file, 'provenance', wheelRespinProvenance(farmId, origin)),
  ];
}

/** What is claimed of a file that was imported as it was. */
function importClaims(farmId: string, origin: ImportOrigin): Claim[] {
  const file = { filename: origin.file.name, sha256: origin.file.sha256 };
  return [
    claimOf(file, 'publish', publishStatement(origin.file)),
    claimOf(file, 'provenance', importProvenance(farmId, origin)),
  ];
}

function claimOf(file: Pick<FileToSign, 'filename' | 'sha256'>, kind: SignedStatement['kind'], statement: Statement): Claim {
  const text = statementText(statement);
  return {
    text,
    about: {
      filename: file.filename,
      fileSha256: file.sha256,
      kind,
      predicateType: statement.predicateType,
      statementSha256: createHash('sha256').update(text, 'utf8').digest('hex'),
    },
  };
}

function originOf({ plan, planSha256 }: PlanToSign, file: FileToSign): WheelOrigin {
  const { attempt, target } = file;
  if (!attempt || target === null) return cannotSign(`no attempt is recorded for the wheel ${file.filename}`);
  const row = plan.cells.find((cell) => cell.target === target)?.rows.find(({ image }) => image === attempt.image.name);
  if (!row) return cannotSign(`the plan has no row with image ${attempt.image.name} for ${target}`);
  const { sdistFilename, sdistSha256, origin, git } = plan.source;
  return {
    wheel: { name: file.filename, sha256: file.sha256 },
    project: plan.project,
    version: plan.version,
    target,
    imageKey: attempt.image.key,
    imageSha256: attempt.image.tarSha256,
    attemptKey: attempt.attemptKey,
    planSha256,
    builderVersion: plan.builder,
    ...(plan.recipes ? { recipes: plan.recipes } : {}),
    hermetic: row.build !== 'host',   // every container is sealed; a host of its own kind cannot be
    sdist: {
      name: sdistFilename,
      sha256: sdistSha256,
      ...(origin === 'index' ? { uri: packageUrl(plan.project, plan.version) } : {}),
    },
    ...(git ? { git } : {}),
    ...(plan.rebuild ? { rebuild: plan.rebuild } : {}),
    requirements: attempt.lock,
    invocationId: attempt.id,
    startedOn: attempt.startedAt,
    finishedOn: attempt.endedAt,
    logSha256: attempt.logSha256,
    sbomSha256: attempt.sbomSha256,
  };
}
