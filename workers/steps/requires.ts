/** Step requires: asks the backend, in the sealed box, what else it needs for a wheel or an sdist. */
import { limits } from '../../orchestrator/contract/limits.ts';
import type { StepCommand } from '../backend/types.ts';
import { scriptCommand } from './box-layout.ts';
import { hookMembers } from './hook-order.ts';
import type { HookOrder } from './hook-order.ts';
import { judgeOf } from './judge.ts';
import { RequiresResult } from './shapes.ts';

export function requiresCommand(order: HookOrder, forWhat: 'wheel' | 'sdist' = 'wheel'): StepCommand {
  return scriptCommand({
    step: 'requires', script: 'hooks.py', name: 'requires', msMax: limits.stepMsMax.requires,
    order: requiresOrder(order, forWhat),
  });
}

/** The script's order; the build system is left out where whoever calls it finds it out. */
export const requiresOrder = (order: Omit<HookOrder, 'buildSystem'>, forWhat: 'wheel' | 'sdist'): Record<string, unknown> =>
  ({ hook: forWhat === 'wheel' ? 'requires' : 'requires-sdist', ...hookMembers(order) });

/** @errors FARM_BACKEND_MISSING, FARM_REQUIRES_HOOK and what the log shows */
export const judgeRequires = judgeOf(RequiresResult);
