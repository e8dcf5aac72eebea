import type { Pool } from 'pg';
import type { IndexStatements } from '../index-ports.ts';
import { provenanceObject, toPep740, type SigstoreBundle } from './sigstore/bundle.ts';

/**
 * Reads what was signed about published files from table `attestation`.
 * @shape publisher: identity and issuer of the farm's signing certificates
 */
export function indexStatements(
  pool: Pool, publisher: { readonly identity: string; readonly issuer: string },
): IndexStatements {
  return {
    async bundle(fileSha256, kind) {
      const { rows } = await pool.query<{ kind: string; bundle: SigstoreBundle }>(
        `select kind, bundle from attestation where file_sha256 = $1 order by kind = 'provenance' desc`, [fileSha256]);
      const row = kind === 'best' ? rows[0] : rows.find((one) => one.kind === kind);
      return row ? JSON.stringify(row.bundle) : null;
    },
    async provenance(project, version, filename) {
      const { rows } = await pool.query<{ bundle: SigstoreBundle }>(
        `select attestation.bundle from attestation join file on file.sha256 = attestation.file_sha256
         where file.project = $1 and file.version = $2 and file.filename = $3 order by attestation.kind desc`,
        [project, version, filename]);
      return rows.length === 0 ? null
        : JSON.stringify(provenanceObject(publisher, rows.map((row) => toPep740(row.bundle))));
    },
  };
}
