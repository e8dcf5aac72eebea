/** Control activities of edits: thin adapters from the contract to ports, safe to deliver twice. */
import { Context, sleep } from '@temporalio/activity';
import type { EditActivities } from '../contract/activities.ts';
import { limits } from '../contract/limits.ts';
import { fail, failure } from '../domain/failure.ts';
import { sdistBuildFault } from '../domain/sdist-build.ts';
import type { EditChecks, EditRecords, EditSdistBuilds } from '../edit-ports.ts';
import type { Index, Records, Signer } from '../ports.ts';
import { bordered, knownCode } from './control.ts';

const buildPollMs = 500;

export interface EditPorts {
  readonly edits: EditRecords;
  readonly checks: EditChecks;
  readonly sdists: EditSdistBuilds;
  readonly records: Pick<Records, 'saveAttestations'>;
  readonly signer: Pick<Signer, 'signRespins'>;
  readonly index: Pick<Index, 'publish'>;
}

/** The activities of the workflow `edit` over their ports. */
export const editActivities = (ports: EditPorts): EditActivities => {
  const { edits, index } = ports;
  return {
    prepareEdit: ({ editId }) => beating(() => edits.prepare(editId)),
    checkEdit: ({ editId }) => beating(async () => {
      await check(ports, editId);
      await built(ports, editId);
    }),
    attestEdit: ({ editId }) => beating(() => attest(ports, editId)),

    readyEdit: ({ editId }) => beating(async () => {
      await edits.prepare(editId);
      await check(ports, editId);
      await built(ports, editId);
      await attest(ports, editId);
    }),

    deliverEdit: ({ editId }) => bordered(async () => {
      const origins = await edits.toSign(editId);
      const signed = origins.length === 0 ? [] : await ports.signer.signRespins(origins);
      const [order] = await Promise.all([edits.toPublish(editId), ports.records.saveAttestations(signed)]);
      if (order === null) return edits.end(editId, 'cancelled');
      await index.publish(order);
      await edits.end(editId, 'published');
    }),

    publishEdit: ({ editId }) => beating(async () => {
      const order = await edits.toPublish(editId);
      if (order === null) return edits.end(editId, 'cancelled');
      await index.publish(order);
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

/** Waits for the one build of a patched sdist; a delivery that ends before it is followed by another. */
async function built({ sdists }: EditPorts, editId: string): Promise<void> {
  for (let said = await sdists.of(editId); said !== null; said = await sdists.of(editId)) {
    const fault = said.accepted ? null : sdistBuildFault(said.filename, said.found);
    if (fault !== null) fail(fault.code, 'publish', fault.words);
    if (said.found.state !== 'building') return;
    await sleep(buildPollMs);
  }
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
