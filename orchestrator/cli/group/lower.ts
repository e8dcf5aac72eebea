import { setTimeout as sleep } from 'node:timers/promises';
import { engineOf, removeContainers } from '../../../infra/setup/docker-socket.ts';
import { alive, signalGroup } from '../../../infra/setup/processes.ts';
import { FarmError, failure } from '../../domain/failure.ts';
import type { Context } from '../command.ts';
import { readKept } from './kept.ts';
import { endOrphans, orphansOf, readRecord } from './supervisor.ts';
import { talk } from './talk.ts';

/** An orderly stop takes 7 s at most (worker and control plane 3 s, then the database 4 s). @unit milliseconds */
const stopMsMax = 7_500;

export interface Lowered {
  readonly parts: number;
  /** Processes that had to be ended because no supervisor did. */
  readonly orphans: number;
  readonly containers: number;
}

/**
 * Stops the group: parts in reverse order, then leftovers, then containers of this farm.
 * @errors FARM_INTERNAL when something of the farm still runs after all that
 */
export async function lowerGroup({ places, env }: Context): Promise<Lowered> {
  const { home } = places;
  const kept = readKept(home);
  if (!kept) return { parts: 0, orphans: 0, containers: 0 };
  const supervisor = readRecord(home)?.supervisor;
  const reply = await talk(home, { ask: 'stop' }, stopMsMax);
  if (supervisor) {
    for (let wait = 0; reply && wait < 40 && alive(supervisor); wait += 1) await sleep(25);
    if (alive(supervisor)) signalGroup(supervisor.pid, 'SIGKILL');
  }
  const orphans = await endOrphans(home, kept.identity.farmId);
  const containers = await removeContainers(engineOf(env), `wheelfarm.farm=${kept.identity.farmId}`);
  const left = orphansOf(home, kept.identity.farmId);
  if (left.length > 0) {
    const why = `${left.length} processes cannot be ended: ${left.map(({ pid }) => pid).join(', ')}`;
    throw new FarmError(failure('FARM_INTERNAL', 'plan', { why }));
  }
  return { parts: reply?.ok ? reply.parts.filter(({ name }) => name !== 'migrate').length : 0, orphans, containers };
}
