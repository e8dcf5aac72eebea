/** The environment that the build backend gets, without calling it: for a person who opens the cell. */
import { limits } from '../../orchestrator/contract/limits.ts';
import type { StepCommand } from '../backend/types.ts';
import { scriptCommand } from './box-layout.ts';
import { hookMembers } from './hook-order.ts';
import type { HookOrder } from './hook-order.ts';
import { judgeOf } from './judge.ts';
import { EnvironmentResult } from './shapes.ts';

/** Runs nothing of the project. */
export function environmentCommand(order: HookOrder): StepCommand {
  return scriptCommand({
    step: 'build', script: 'hooks.py', name: 'environment', msMax: limits.stepMsMax.requires,
    order: { hook: 'environment', ...hookMembers(order) },
  });
}

/** @errors FARM_IMAGE_MISSING where the image does not know the target */
export const judgeEnvironment = judgeOf(EnvironmentResult);
