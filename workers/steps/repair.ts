/** Steps repair and audit, one program: auditwheel to the row's policy, and what is in the wheel against what the row promises. */
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
  readonly project: string;
  readonly version: string;
  /** Binaries of Debian are among the libraries: the floor may rise. */
  readonly mayRise?: boolean;
}

/** Leaves one audited wheel in `place.repaired`. */
export function repairCommand({ wheel, target, sourceDateEpoch, project, version, mayRise = false }: RepairOrder): StepCommand {
  return scriptCommand({
    step: 'repair', script: 'repair.py', name: 'repair', msMax: limits.stepMsMax.repair + limits.stepMsMax.audit,
    order: { wheel: `${place.out}/${wheel}`, out: place.repaired, target, sourceDateEpoch, project, version, external: place.externalBundles, ...(mayRise ? { mayRise } : {}) },
  });
}

/** @errors FARM_REPAIR_FAILED, FARM_WHEEL_BROKEN; of the audit FARM_AUDIT_MACHINE, _FLOOR, _SUFFIX, FARM_WHEEL_TAG, _BROKEN, _NAME, _VERSION */
export const judgeRepair = judgeOf(RepairResult);
