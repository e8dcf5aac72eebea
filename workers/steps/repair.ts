/** Step repair: auditwheel to the row's policy; a pure wheel passes unchanged. */
import { limits } from '../../orchestrator/contract/limits.ts';
import type { StepCommand } from '../backend/types.ts';
import { place, scriptCommand } from './box-layout.ts';
import { judgeOf } from './judge.ts';
import { RepairResult } from './shapes.ts';

export interface RepairOrder {
  /** File name in `place.out`. */
  readonly wheel: string;
  readonly target: string;
  readonly sourceDateEpoch: number;
  /** Binaries of Debian are among the libraries: the floor may rise. */
  readonly mayRise?: boolean;
}

/** Leaves one wheel in `place.repaired`. */
export function repairCommand({ wheel, target, sourceDateEpoch, mayRise = false }: RepairOrder): StepCommand {
  return scriptCommand({
    step: 'repair', script: 'repair.py', name: 'repair', msMax: limits.stepMsMax.repair,
    order: { wheel: `${place.out}/${wheel}`, out: place.repaired, target, sourceDateEpoch, external: place.externalBundles, ...(mayRise ? { mayRise } : {}) },
  });
}

/** @errors FARM_REPAIR_FAILED, FARM_WHEEL_BROKEN */
export const judgeRepair = judgeOf(RepairResult);
