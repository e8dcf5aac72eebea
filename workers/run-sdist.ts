/**
 * Activity `sdist`: makes the sdist of a folder or a clone, with the project's own backend, in a sealed box. Of a patched
 * sdist it builds the wheel, whose METADATA is compared.
 */
import { limits } from '../orchestrator/contract/limits.ts';
import type { BuildSpec, GitSpec, SdistOutcome, SdistSpec } from '../orchestrator/contract/worker.ts';
import { delivered } from './delivery.ts';
import { digestOf } from './input-cache.ts';
import { environmentOf, optionsOf, prepareSealed } from './requirements.ts';
import type { GivenSource } from './requirements.ts';
import { inLease } from './scope.ts';
import type { Delivery, Ending, Scope, WorkerPorts } from './scope.ts';
import { place } from './steps/box-layout.ts';
import { buildCommand, judgeBuild } from './steps/build.ts';
import { cloneCommand, judgeClone } from './steps/clone.ts';
import { withoutCommands } from './steps/hook-order.ts';
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
  if (spec.wheel && spec.source) return builtOnce(scope, { ...spec, kind: 'build', source: spec.source, ...spec.wheel });
  const cloned = spec.git ? await clone(scope, spec.git) : null;
  prepareSealed(scope, spec.image);
  const { box, buildSystem, options } = await environmentOf(scope, null, cloned?.source);
  const sourceDateEpoch = cloned?.git.commitTime ?? spec.sourceDateEpoch;
  const { sdist } = await scope.step(box,
    sdistCommand({ buildSystem, sourceDateEpoch, options, anew: options !== undefined, subdirectory: spec.git?.subdirectory ?? '' }), judgeSdist);
  const file = scope.file('sdist');
  await box.take(`${place.out}/${sdist}`, file, limits.sdistBytesMax);
  const { sha256, bytes } = await digestOf(file);
  await scope.output(file, sha256, bytes);
  return { kind: 'sdist', state: 'succeeded', sdist: { sha256, filename: sdist, bytes }, ...(cloned ? { git: cloned.git } : {}) };
}

/** The wheel as its back end makes it: it is not published, so nothing is repaired. */
async function builtOnce(scope: Scope<SdistSpec>, spec: BuildSpec): Promise<SdistOutcome> {
  const { target, project, version, sourceDateEpoch } = spec;
  const cell: Scope<BuildSpec> = { ...scope, spec };
  prepareSealed(cell, spec.image);
  const { box, buildSystem } = await environmentOf(cell, target);
  const built = await cell.step(box, buildCommand({
    buildSystem, target, sourceDateEpoch, project, version, msMax: spec.limits.stepMsMax,
    options: withoutCommands(optionsOf(spec)),
  }), judgeBuild);
  const file = scope.file('wheel');
  await box.take(`${place.out}/${built.wheel}`, file, limits.wheelBytesMax);
  const { sha256, bytes } = await digestOf(file);
  await scope.output(file, sha256, bytes);
  return { kind: 'sdist', state: 'succeeded', sdist: { sha256, filename: built.wheel, bytes } };
}

type Cloned = { readonly source: GivenSource; readonly git: NonNullable<Extract<SdistOutcome, { state: 'succeeded' }>['git']> };

/**
 * Clones in a box with network and takes the clone out as one tar, and git itself: backends ask it for the version and
 * for the list of files, and build images have none. It is one program; what it links to is in every image.
 */
async function clone(scope: Scope<SdistSpec>, spec: GitSpec): Promise<Cloned> {
  const box = await scope.open(spec.image, 'fetch');
  await box.put([...scope.ports.scripts]);
  const { commit, commitTime, submodules } = await scope.step(box, cloneCommand(spec), judgeClone);
  const [file, git] = [scope.file('source.tar'), scope.file('git')];
  await box.take(place.clone, file, 2 * limits.cloneBytesMax);
  await box.take('/usr/bin/git', git, limits.cloneBytesMax);
  await box.close();
  const { sha256, bytes } = await digestOf(file);
  return {
    source: { blob: { sha256, filename: 'source.tar', bytes }, file, subdirectory: spec.subdirectory, tools: [{ name: 'git', file: git }] },
    git: { commit, commitTime, submodules },
  };
}
