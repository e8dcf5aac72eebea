/** Step requires: asks the backend, in the sealed box, what else it needs for a wheel or an sdist. */
import { limits } from '../../orchestrator/contract/limits.ts';
import type { StepCommand } from '../backend/types.ts';
import { scriptCommand } from './box-layout.ts';
import { hookMembers } from './hook-order.ts';
import type { HookOrder } from './hook-order.ts';
import { judgeOf } from './judge.ts';
import { RequiresResult } from './shapes.ts';

export function requiresCommand(order: HookOrder, forWhat: 'wheel' | 'sdist' = 'wheel'): StepCommand {
  const hook = forWhat === 'wheel' ? 'requires' : 'requires-sdist';
  return scriptCommand({
    step: 'requires', script: 'hooks.py', name: 'requires', msMax: limits.stepMsMax.requires,
    order: { hook, ...hookMembers(order) },
  });
}

/** @errors FARM_BACKEND_MISSING, FARM_REQUIRES_HOOK and what the log shows */
export const judgeRequires = judgeOf(RequiresResult);
