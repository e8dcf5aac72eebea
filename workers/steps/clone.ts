/** Step fetch of a repository: cloned at one commit in a fetch box, in which nothing of the repository runs. */
import { limits } from '../../orchestrator/contract/limits.ts';
import type { GitSpec } from '../../orchestrator/contract/worker.ts';
import type { StepCommand } from '../backend/types.ts';
import { place, scriptCommand, systemPython } from './box-layout.ts';
import { judgeOf } from './judge.ts';
import { CloneResult } from './shapes.ts';

/** Leaves the clone with its history as `place.clone`. */
export function cloneCommand({ url, commit, subdirectory }: GitSpec): StepCommand {
  return scriptCommand({
    step: 'fetch', script: 'clone.py', name: 'clone', msMax: limits.cloneMsMax, python: systemPython,
    order: {
      url, commit, subdirectory, folder: place.cloned, out: place.clone,
      bytesMax: limits.cloneBytesMax, submodulesMax: limits.submodulesMax,
    },
  });
}

/** @errors FARM_REPOSITORY_UNKNOWN, _NO_PROJECT, FARM_COMMIT_GONE, FARM_CLONE_FAILED, _TOO_BIG, FARM_SUBMODULE_REFUSED */
export const judgeClone = judgeOf(CloneResult);
