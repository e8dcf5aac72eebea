/** Control activities of imports: thin adapters from the contract to ports, safe to deliver twice. */
import { Context } from '@temporalio/activity';
import type { ImportActivities } from '../contract/activities.ts';
import { failure } from '../domain/failure.ts';
import type { ImportRecords } from '../edit-ports.ts';
import type { Index, Records, Signer } from '../ports.ts';
import { knownCode } from './control.ts';
import { beating } from './edits.ts';

export interface ImportPorts {
  readonly imports: ImportRecords;
  readonly records: Pick<Records, 'saveAttestations'>;
  readonly signer: Pick<Signer, 'signImports'>;
  readonly index: Pick<Index, 'publish'>;
}

/** The activities of the workflow `importRelease` over their ports. */
export const importActivities = ({ imports, records, signer, index }: ImportPorts): ImportActivities => ({
  fetchImport: ({ importId }) => beating(() => imports.fetchAll(importId, Context.current().cancellationSignal)),

  attestImport: ({ importId }) => beating(async () => {
    const origins = await imports.toSign(importId);
    if (origins.length > 0) await records.saveAttestations(await signer.signImports(origins));
  }),

  publishImport: ({ importId }) => beating(async () => {
    await index.publish(await imports.toPublish(importId));
    await imports.end(importId, 'published');
  }),

  endImport: ({ importId, code, why }) => beating(async () => {
    if (code === undefined) return imports.end(importId, 'cancelled');
    const base = failure(knownCode(code), 'fetch', { why: why ?? '' });
    return imports.end(importId, 'failed', { ...base, message: why ?? base.message });
  }),
});
