/** Control activities of edits: thin adapters from the contract to ports, safe to deliver twice. */
import { Context } from '@temporalio/activity';
import type { EditActivities } from '../contract/activities.ts';
import { limits } from '../contract/limits.ts';
import { fail, failure } from '../domain/failure.ts';
import type { EditChecks, EditRecords } from '../edit-ports.ts';
import type { Index, Records, Signer } from '../ports.ts';
import { bordered, knownCode } from './control.ts';

export interface EditPorts {
  readonly edits: EditRecords;
  readonly checks: EditChecks;
  readonly records: Pick<Records, 'saveAttestations'>;
  readonly signer: Pick<Signer, 'signRespins'>;
  readonly index: Pick<Index, 'publish'>;
}

/** The activities of the workflow `edit` over their ports. */
export const editActivities = (ports: EditPorts): EditActivities => {
  const { edits, index } = ports;
  return {
    prepareEdit: ({ editId }) => beating(() => edits.prepare(editId)),
    checkEdit: ({ editId }) => beating(() => check(ports, editId)),
    attestEdit: ({ editId }) => beating(() => attest(ports, editId)),

    readyEdit: ({ editId }) => beating(async () => {
      await edits.prepare(editId);
      await check(ports, editId);
      await attest(ports, editId);
    }),

    publishEdit: ({ editId }) => beating(async () => {
      await index.publish(await edits.toPublish(editId));
      await edits.end(editId, 'published');
    }),

    endEdit: ({ editId, code, why }) => beating(async () => {
      if (code === undefined) return edits.end(editId, 'cancelled');
      const base = failure(knownCode(code), 'publish', { why: why ?? '' });
      return edits.end(editId, 'failed', { ...base, message: why ?? base.message });
    }),
  };
};

async function check({ checks }: EditPorts, editId: string): Promise<void> {
  const { conflicts, accepted } = await checks.check(editId);
  const [first] = conflicts;
  if (first === undefined || accepted) return;
  const targets = conflicts.map(({ target }) => target).join(', ');
  fail('FARM_EDIT_CONFLICT', 'publish', { targets, why: first.says });
}

async function attest({ edits, records, signer }: EditPorts, editId: string): Promise<void> {
  const origins = await edits.toSign(editId);
  if (origins.length > 0) await records.saveAttestations(await signer.signRespins(origins));
}

/** Tells Temporal that this process lives while it works. */
export async function beating<T>(work: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), limits.heartbeatMs);
  try {
    return await bordered(work);
  } finally {
    clearInterval(beat);
  }
}
