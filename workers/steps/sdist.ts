/** Step sdist: build_sdist of a source folder in the sealed box, on the build machine's own interpreter. */
import { limits } from '../../orchestrator/contract/limits.ts';
import type { StepCommand } from '../backend/types.ts';
import { scriptCommand } from './box-layout.ts';
import { hookMembers } from './hook-order.ts';
import type { HookOrder } from './hook-order.ts';
import { judgeOf } from './judge.ts';
import { SdistResult } from './shapes.ts';

/** Leaves one sdist in `place.out`. @shape anew: the source is an sdist that gets another version */
export function sdistCommand({ anew, ...order }: Omit<HookOrder, 'target'> & { readonly anew: boolean }): StepCommand {
  return scriptCommand({
    step: 'sdist', script: 'hooks.py', name: 'sdist', msMax: limits.stepMsMax.sdist,
    order: { hook: 'sdist', anew, ...hookMembers({ ...order, target: null }) },
  });
}

/** @errors FARM_BACKEND_MISSING, FARM_BUILD_FAILED and what the log shows */
export const judgeSdist = judgeOf(SdistResult);
