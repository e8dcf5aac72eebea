/** Step build: build_wheel in the sealed box, in the environment of the target. */
import type { Evidence } from '../../orchestrator/domain/failure.ts';
import type { StepCommand, StepExit } from '../backend/types.ts';
import type { StepContext } from '../classify.ts';
import { swallowedError } from '../log-evidence.ts';
import { scriptCommand } from './box-layout.ts';
import { hookMembers } from './hook-order.ts';
import type { HookOrder } from './hook-order.ts';
import { judgeOf } from './judge.ts';
import type { Verdict } from './judge.ts';
import { BuildResult } from './shapes.ts';

export interface BuildOrder extends HookOrder {
  readonly project: string;
  readonly version: string;
  readonly msMax: number;
}

/** Leaves one wheel in `place.out`. */
export function buildCommand(order: BuildOrder): StepCommand {
  return scriptCommand({
    step: 'build', script: 'hooks.py', name: 'build', msMax: order.msMax,
    order: { hook: 'build', project: order.project, version: order.version, ...hookMembers(order) },
  });
}

const judgeResult = judgeOf(BuildResult);

/**
 * The result, with the compiler error that the build swallowed, if it did.
 * @errors FARM_WHEEL_NONE, _MANY, _NAME, _VERSION, _BROKEN, and what classify finds in the log
 */
export const judgeBuild = (context: StepContext) => (exit: StepExit): Verdict<BuildResult & { swallowed: Evidence | null }> => {
  const verdict = judgeResult(context)(exit);
  return verdict.ok ? { ok: true, value: { ...verdict.value, swallowed: swallowedError(exit.logTail) } } : verdict;
};
