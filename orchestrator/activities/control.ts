/** Control activities: thin adapters from the contract to ports, safe to deliver twice. */
import { ApplicationFailure } from '@temporalio/activity';
import type { ControlActivities } from '../contract/activities.ts';
import { cards } from '../domain/failure-cards.ts';
import { failure, FarmError, type Failure, type FailureCode, type Step } from '../domain/failure.ts';
import { parseWheelFilename } from '../domain/filename.ts';
import { judgeRelease } from '../domain/release.ts';
import { targetAcceptsWheel } from '../domain/tags.ts';
import type { LateEdits } from '../edit-ports.ts';
import type { Describer, Index, Records, Signer } from '../ports.ts';

export interface ControlPorts {
  readonly records: Records;
  readonly signer: Signer;
  readonly index: Index;
  readonly describer: Describer;
  readonly lateEdits: LateEdits;
}

/** The one place where an expected failure becomes Temporal's: its code is the type, `never` is not retried. */
export function asApplicationFailure(error: unknown): unknown {
  if (!(error instanceof FarmError)) return error;
  const { code, message, retry } = error.failure;
  return ApplicationFailure.create({ type: code, message, nonRetryable: retry === 'never', details: [error.failure] });
}

/** Work whose expected failures become Temporal's. */
export async function bordered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asApplicationFailure(error);
  }
}

/** A code that crossed Temporal as text. */
export const knownCode = (code: string): FailureCode => (code in cards ? code as FailureCode : 'FARM_INTERNAL');

/** The control activities over their ports. */
export const controlActivities = ({ records, signer, index, describer, lateEdits }: ControlPorts): ControlActivities => ({
  describe: ({ buildId, target }) => bordered(async () => {
    try {
      for (;;) {
        const input = await records.describeInput(buildId, target);
        if (!input) return { state: 'failed', wide: false };
        const described = await describer.describe(input);
        if (!await records.recordDescribed(buildId, target, described, input.siblings.length === 0)) continue;
        return { state: 'succeeded', wide: isWide(described.wheelFilename) };
      }
    } catch (error) {
      if (!(error instanceof FarmError) || error.failure.blame !== 'project') throw error;
      await records.recordFailure(buildId, target, error.failure);
      return { state: 'failed', wide: false };
    }
  }),

  cover: ({ buildId, targets }) => bordered(async () => {
    const wheels = (await records.cellsOf(buildId)).flatMap(({ target, state, wheelFilename }) => {
      const parsed = state === 'failed' || wheelFilename === null ? null : parseWheelFilename(wheelFilename);
      return parsed?.ok ? [{ target, tags: parsed.value.tags }] : [];
    });
    const covered = targets.flatMap((target) => {
      const by = wheels.find((wheel) => targetAcceptsWheel(target, wheel.tags));
      return by ? [{ target, by: by.target }] : [];
    });
    await records.coverCells(buildId, covered);
    const done = new Set(covered.map(({ target }) => target));
    return targets.filter((target) => !done.has(target));
  }),

  giveUp: ({ buildId, target, step, code, why }) => bordered(async () => {
    const base = failure(knownCode(code), step as Step, { why });
    // A cell that is given up was never the project's fault: that would have been recorded as a value.
    const given: Failure = { ...base, message: why, blame: base.blame === 'project' ? 'farm' : base.blame };
    if (step === 'sdist') await records.recordSdistFailure(buildId, given);
    else if (step === 'test') await records.recordTestGivenUp(buildId, target, given);
    else await records.recordFailure(buildId, target, given);
  }),

  attest: ({ buildId }) => bordered(async () => {
    const { plan, planSha256 } = await records.planOf(buildId);
    if (!judgeRelease(plan, await records.cellsOf(buildId)).installable) return;
    const files = await records.filesToSign(buildId);
    if (files.length === 0) return;
    const rest = await signer.signRelease({ plan, planSha256, buildId, files }, (signed) => records.saveAttestations(signed));
    if (rest.length > 0) await records.saveAttestations(rest);
  }),

  publish: ({ buildId }) => bordered(async () => {
    const { plan } = await records.planOf(buildId);
    const verdict = judgeRelease(plan, await records.cellsOf(buildId));
    if (!verdict.installable) {
      await records.endBuild(buildId, 'failed', failure('FARM_TIER_MISSED', 'publish', { targets: verdict.missing.join(', ') }));
      return { state: 'failed' };
    }
    try {
      const order = {
        project: plan.project, displayName: plan.displayName, version: plan.version, buildId,
        files: await records.filesToPublish(buildId),
      };
      const late = await lateEdits.of(order);
      if (late.origins.length > 0) await records.saveAttestations(await signer.signRespins(late.origins));
      await index.publish({ ...order, files: [...order.files, ...late.files] });
    } catch (error) {
      if (!(error instanceof FarmError) || error.failure.retry !== 'never') throw error;
      await records.endBuild(buildId, 'failed', error.failure);
      return { state: 'failed' };
    }
    await records.endBuild(buildId, 'succeeded');
    return { state: 'succeeded' };
  }),

  cancelled: ({ buildId }) => bordered(() => records.endBuild(buildId, 'cancelled')),
});

/** Whether a wheel may serve other targets than its own: anything but one CPython with its own ABI. */
function isWide(filename: string): boolean {
  const parsed = parseWheelFilename(filename);
  if (!parsed.ok) return false;
  const { pythons, abis } = parsed.value.tags;
  return !(pythons.length === 1 && abis.length === 1 && pythons[0] === abis[0]?.replace(/t$/, ''));
}
