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
      if (rows.length === 0) return null;
      const own = provenanceObject(publisher, rows.map((row) => toPep740(row.bundle)));
      // What the index said of it that an imported file came from stays beside what this farm says.
      const { rows: [came] } = await pool.query<{ provenance: { attestation_bundles: never[] } | null }>(
        `select import_file.provenance from import_file join file
           on file.import_id = import_file.import_id and file.filename = import_file.filename
         where file.filename = $1 and import_file.provenance is not null`, [filename]);
      const theirs = Array.isArray(came?.provenance?.attestation_bundles) ? came.provenance.attestation_bundles : [];
      return JSON.stringify({ ...own, attestation_bundles: [...own.attestation_bundles, ...theirs] });
    },
  };
}
