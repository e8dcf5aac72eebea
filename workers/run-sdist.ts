/** Activity `sdist`: makes the sdist of a folder, with the project's own backend, in a sealed box. */
import { join } from 'node:path';
import { limits } from '../orchestrator/contract/limits.ts';
import type { SdistOutcome, SdistSpec } from '../orchestrator/contract/worker.ts';
import { delivered } from './delivery.ts';
import { digestOf } from './input-cache.ts';
import { environmentOf, prepareSealed } from './requirements.ts';
import { inLease } from './scope.ts';
import type { Delivery, Ending, Scope, WorkerPorts } from './scope.ts';
import { place } from './steps/box-layout.ts';
import { judgeSdist, sdistCommand } from './steps/sdist.ts';

type Order = { readonly sourceId: string };
type Answer = { readonly state: 'succeeded' | 'failed' | 'cancelled' };

/** The activity. @errors see `delivered` */
export async function makeSdist(ports: WorkerPorts, order: Order): Promise<Answer> {
  const ending = await delivered((delivery) => runSdist(ports, delivery, order));
  return { state: ending.state === 'posted' ? ending.outcome.state : 'cancelled' };
}

/** One delivery of the activity, without Temporal. */
export function runSdist(ports: WorkerPorts, delivery: Delivery, { sourceId }: Order): Promise<Ending<SdistOutcome>> {
  return inLease<SdistSpec, SdistOutcome>(ports, delivery, { kind: 'sdist', id: sourceId, target: '' }, {
    work: sdistInScope,
    failed: (failure) => ({ kind: 'sdist', state: 'failed', failure }),
    cancelled: { kind: 'sdist', state: 'cancelled' },
  });
}

async function sdistInScope(scope: Scope<SdistSpec>): Promise<SdistOutcome> {
  const { spec } = scope;
  prepareSealed(scope, spec.image);
  const { box, buildSystem } = await environmentOf(scope, null);
  const { sdist } = await scope.step(box,
    sdistCommand({ buildSystem, sourceDateEpoch: spec.sourceDateEpoch }), judgeSdist);
  const file = join(scope.folder, 'sdist');
  await box.take(`${place.out}/${sdist}`, file, limits.sdistBytesMax);
  const { sha256, bytes } = await digestOf(file);
  await scope.output(file, sha256, bytes);
  return { kind: 'sdist', state: 'succeeded', sdist: { sha256, filename: sdist, bytes } };
}
