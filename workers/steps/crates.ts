/** Part of step fetch: the crates that a project's Cargo.lock names. */
import { Type } from 'typebox';
import { limits } from '../../orchestrator/contract/limits.ts';
import type { StepCommand } from '../backend/types.ts';
import { inputPath, place, scriptCommand } from './box-layout.ts';
import { judgeOf } from './judge.ts';
import { Lock } from './shapes.ts';

/** Writes `place.crateBundle`. @param sdist its file name in the input folder */
export function cratesCommand(sdist: string): StepCommand {
  return scriptCommand({
    step: 'fetch', script: 'cargo.py', name: 'crates', msMax: limits.stepMsMax.fetch,
    order: { sdist: inputPath(sdist), src: place.src, crates: place.crates, bundle: place.crateBundle },
  });
}

const CratesResult = Type.Object({ ok: Type.Literal(true), lock: Lock });

/** @errors FARM_CRATES_UNLOCKED, FARM_FETCH_FAILED */
export const judgeCrates = judgeOf(CratesResult);
