/** Control activities of edits: thin adapters from the contract to ports, safe to deliver twice. */
import type { EditActivities } from '../contract/activities.ts';
import { failure } from '../domain/failure.ts';
import type { EditRecords, Index, Records, Signer } from '../ports.ts';
import { bordered, knownCode } from './control.ts';

export interface EditPorts {
  readonly edits: EditRecords;
  readonly records: Pick<Records, 'saveAttestations'>;
  readonly signer: Pick<Signer, 'signRespins'>;
  readonly index: Pick<Index, 'publish'>;
}

/** The activities of the workflow `edit` over their ports. */
export const editActivities = ({ edits, records, signer, index }: EditPorts): EditActivities => ({
  prepareEdit: ({ editId }) => bordered(() => edits.prepare(editId)),

  attestEdit: ({ editId }) => bordered(async () => {
    const origins = await edits.toSign(editId);
    if (origins.length > 0) await records.saveAttestations(await signer.signRespins(origins));
  }),

  publishEdit: ({ editId }) => bordered(async () => {
    await index.publish(await edits.toPublish(editId));
    await edits.end(editId, 'published');
  }),

  endEdit: ({ editId, code, why }) => bordered(async () => {
    if (code === undefined) return edits.end(editId, 'cancelled');
    const base = failure(knownCode(code), 'publish', { why: why ?? '' });
    return edits.end(editId, 'failed', { ...base, message: why ?? base.message });
  }),
});
