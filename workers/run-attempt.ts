/** Activity `build`: one cell, from its sdist to an audited wheel. */
import { limits } from '../orchestrator/contract/limits.ts';
import type { CellAnswer } from '../orchestrator/contract/messages.ts';
import type { BlobInput, BuildOutcome, BuildSpec, GraftedFrom } from '../orchestrator/contract/worker.ts';
import type { Evidence } from '../orchestrator/domain/failure.ts';
import { parseWheelFilename } from '../orchestrator/domain/filename.ts';
import { delivered } from './delivery.ts';
import { digestOf } from './input-cache.ts';
import { libraryOf, linkedIn } from './external.ts';
import type { CellLibraries } from './external.ts';
import { environmentOf, optionsOf, prepareSealed } from './requirements.ts';
import { inLease } from './scope.ts';
import type { Delivery, Ending, Scope, WorkerPorts } from './scope.ts';
import { place } from './steps/box-layout.ts';
import { buildCommand, judgeBuild } from './steps/build.ts';
import { withoutCommands } from './steps/hook-order.ts';
import { judgeRepair, repairCommand } from './steps/repair.ts';
import type { BuildResult, RepairResult } from './steps/shapes.ts';

type Order = { readonly buildId: string; readonly target: string };
const notesMax = 20;

/** The activity. @errors see `delivered` */
export async function buildCell(ports: WorkerPorts, order: Order): Promise<CellAnswer> {
  return cellAnswer(await delivered((delivery) => runBuild(ports, delivery, order)));
}

/** One delivery of the activity, without Temporal. */
export function runBuild(
  ports: WorkerPorts, delivery: Delivery, { buildId, target }: Order,
): Promise<Ending<BuildOutcome>> {
  return inLease<BuildSpec, BuildOutcome>(ports, delivery, { kind: 'build', id: buildId, target }, {
    work: buildInScope,
    failed: (failure) => ({ kind: 'build', state: 'failed', failure }),
    cancelled: { kind: 'build', state: 'cancelled' },
  });
}

/** What the workflow is told: where an equal attempt is known its wheel may be of any kind, so `cover` is asked. */
export function cellAnswer(ending: Ending<BuildOutcome>): CellAnswer {
  if (ending.state === 'known') return { state: 'succeeded', wide: true };
  if (ending.state !== 'posted') return { state: 'cancelled', wide: false };
  const { outcome } = ending;
  return { state: outcome.state, wide: outcome.state === 'succeeded' && isWide(outcome.wheel.filename) };
}

/** True where other targets accept the wheel too: pure, for any ABI, or for the stable one. */
export function isWide(filename: string): boolean {
  const parsed = parseWheelFilename(filename);
  return parsed.ok && parsed.value.tags.abis.some((abi: string) => abi === 'none' || abi === 'abi3');
}

/** fetch · requires · fetch · lock · build · repair · audit; null where the lock's key is known. */
async function buildInScope(scope: Scope<BuildSpec>): Promise<BuildOutcome | null> {
  const { spec } = scope;
  const { target, project, version, sourceDateEpoch } = spec;
  prepareSealed(scope, spec.image);
  const { box, buildSystem, lock, libraries } = await environmentOf(scope, target);
  if (await scope.locked(lock)) {
    scope.say('== an attempt with these very inputs has succeeded before; its wheel is taken');
    return null;
  }
  prepareSealed(scope, spec.image);
  const built = await scope.step(box, buildCommand({
    buildSystem, target, sourceDateEpoch, project, version, msMax: spec.limits.stepMsMax, options: withoutCommands(optionsOf(spec)),
  }), judgeBuild);
  // The build ran as the same user: what it left in place of the farm's scripts must not judge its wheel, and what it
  // left in place of a library must not be grafted under that library's name.
  await box.put([...scope.ports.scripts, ...libraries.files]);
  const repaired = await scope.step(box, repairCommand({
    wheel: built.wheel, target, sourceDateEpoch, project, version, mayRise: libraries.binaries.length > 0,
  }), judgeRepair);
  scope.within('audit', repaired.auditMs);
  const file = scope.file('wheel');
  await box.take(`${place.repaired}/${repaired.wheel}`, file, limits.wheelBytesMax);
  const { sha256, bytes } = await digestOf(file);
  await scope.output(file, sha256, bytes);
  const outcome = outcomeOf({ sha256, filename: repaired.wheel, bytes }, built, { ...repaired, grafted: repaired.grafted.map((one) => withLibrary(one, libraries)) });
  const linked = repaired.pure ? [] : linkedIn(target, libraries.libraries);
  return {
    ...outcome, ...(linked.length > 0 ? { linked } : {}), ...(repaired.floor ? { floor: `glibc ${repaired.floor.join('.')}` } : {}),
  };
}

type Grafted = RepairResult['grafted'][number] & { library?: GraftedFrom };

function withLibrary(one: Grafted, libraries: CellLibraries): Grafted {
  const library = libraryOf(one.path, libraries);
  return library === null ? one : { ...one, library };
}

function outcomeOf(
  wheel: BlobInput, built: BuildResult & { swallowed: Evidence | null }, repaired: Omit<RepairResult, 'grafted'> & { grafted: Grafted[] },
): BuildOutcome {
  const { notes: auditNotes, ...audit } = repaired.audit;
  return {
    kind: 'build', state: 'succeeded', wheel, audit: {
      ...audit, policy: repaired.policy, pure: repaired.pure, ...(built.swallowed ? { compilerEvidence: built.swallowed } : {}),
    },
    compilerCalls: built.compilerCalls, compilerFailures: built.compilerFailures, grafted: repaired.grafted,
    notes: [...new Set([...built.notes, ...repaired.notes, ...auditNotes])].slice(0, notesMax),
  };
}
