/** Step build: build_wheel in the sealed box, in the environment of the target. */
import type { StepCommand } from '../backend/types.ts';
import { scriptCommand } from './box-layout.ts';
import { hookMembers } from './hook-order.ts';
import type { HookOrder } from './hook-order.ts';
import { judgeOf } from './judge.ts';
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

/** @errors FARM_WHEEL_NONE, _MANY, _NAME, _VERSION, _BROKEN, and what classify finds in the log */
export const judgeBuild = judgeOf(BuildResult);
