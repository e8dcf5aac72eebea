/** Step audit: what is in the repaired wheel, against what the row promises. */
import { limits } from '../../orchestrator/contract/limits.ts';
import type { StepCommand } from '../backend/types.ts';
import { place, scriptCommand } from './box-layout.ts';
import { judgeOf } from './judge.ts';
import { AuditResult } from './shapes.ts';

export interface AuditOrder {
  /** File name in `place.repaired`. */
  readonly wheel: string;
  readonly target: string;
  readonly project: string;
  readonly version: string;
  /** Of the C library, where repair raised that of the row. */
  readonly floor?: readonly number[] | undefined;
}

export function auditCommand({ wheel, target, project, version, floor }: AuditOrder): StepCommand {
  return scriptCommand({
    step: 'audit', script: 'audit.py', name: 'audit', msMax: limits.stepMsMax.audit,
    order: { wheel: `${place.repaired}/${wheel}`, target, project, version, ...(floor ? { floor } : {}) },
  });
}

/** @errors FARM_AUDIT_MACHINE, _FLOOR, _SUFFIX, FARM_WHEEL_TAG, _BROKEN, _NAME, _VERSION */
export const judgeAudit = judgeOf(AuditResult);
